"""Hashes of words in lower case: eight bytes at a time where only ASCII has capitals.

Plain letters are ASCII and those of U+0800 to U+0FFF and U+3000 to U+9FFF: scripts of India,
Thai, kana, Han. Of a word whose lower case has no others the hash is that of its UTF-8, and most such words
are one load. Of another it is that of its code points. What a word is follows from its lower
case: the sign for kelvin is k.
"""

import numpy as np
from numpy.typing import NDArray

from tamis.compiled import kernel
from tamis.text.buffers import Bytes
from tamis.text.hashing import OFFSET, eight_bytes, extended, finished
from tamis.text.unicode import position
from tamis.text.utf8 import decode
from tamis.text.words import Words

_HIGH = np.uint64(0x8080808080808080)
_LOW = np.uint64(0x7F7F7F7F7F7F7F7F)
# Added to a byte below 0x80, these set its highest bit from A on, and from [ on.
_FROM_A = np.uint64(0x3F3F3F3F3F3F3F3F)
_BEHIND_Z = np.uint64(0x2525252525252525)
_FROM_E3 = np.uint64(0x1D1D1D1D1D1D1D1D)
_BEHIND_E9 = np.uint64(0x1616161616161616)
_E0, _ONE = np.uint64(0x6060606060606060), np.uint64(1)
_TO_SMALL = np.uint64(2)  # 0x80 >> 2 is what a small letter has and its capital has not


@kernel
def lower_hashes(
    data: Bytes, words: Words, index: NDArray[np.uint16], lower: NDArray[np.int32]
) -> NDArray[np.uint64]:
    """Hash of each word in lower case, never 0."""
    hashes = np.empty(len(words.starts), np.uint64)
    for word in range(len(hashes)):
        start, stop = words.starts[word], words.ends[word]
        value, is_plain = np.uint64(0), False
        # A first letter of two bytes says already that not all are plain.
        if start < stop and (data[start] < 0x80 or data[start] >= 0xE0):
            value, is_plain = _hash_of_bytes(data, start, stop)
        if not is_plain:
            value, is_plain = _hash_of_letters(data, start, stop, index, lower)
            if is_plain:
                value = _hash_of_plain(data, start, stop, index, lower)
        hashes[word] = value
    return hashes


@kernel(forceinline=True)  # inlined by numba, it counts references
def _hash_of_bytes(
    data: NDArray[np.uint8], start: int, stop: int
) -> tuple[np.uint64, bool]:
    """Hash of bytes of which ASCII is taken in lower case, and whether all are plain."""
    value = OFFSET ^ np.uint64(stop - start)
    other = np.uint64(0)
    here = start
    while here + 8 < stop:
        eight = eight_bytes(data, here)
        other |= _not_plain(eight)
        value = finished(value ^ _small(eight))
        here += 8
    eight = np.uint64(0)
    left = stop - here
    if left and here + 8 <= len(data):
        unread = np.uint64(64 - 8 * left)
        eight = eight_bytes(data, here) << unread >> unread
    else:
        for step in range(left):
            byte = np.uint64(data[np.uint64(here + step)])
            eight |= byte << np.uint64(8 * step)
    other |= _not_plain(eight)
    return finished(value ^ _small(eight)), bool(other == 0)


@kernel(inline="always")
def _not_plain(eight: np.uint64) -> np.uint64:
    """The highest bits of bytes that begin a character which is not plain."""
    # 0xE0 and 0xE3 to 0xE9, without their highest bit, begin those of plain letters.
    low = eight & _LOW
    begins = eight & eight << _ONE & _HIGH
    is_e0 = ~((low ^ _E0) + _LOW)
    return begins & ~(is_e0 | (low + _FROM_E3) & ~(low + _BEHIND_E9))


@kernel(inline="always")
def _small(eight: np.uint64) -> np.uint64:
    """Eight bytes with ASCII's capitals as small letters."""
    low = eight & _LOW
    is_capital = (low + _FROM_A) & ~(low + _BEHIND_Z) & ~eight & _HIGH
    return eight | is_capital >> _TO_SMALL


@kernel(forceinline=True)  # inlined by numba, it counts references
def _hash_of_letters(
    data: Bytes,
    start: int,
    stop: int,
    index: NDArray[np.uint16],
    lower: NDArray[np.int32],
) -> tuple[np.uint64, bool]:
    """Hash of the code points in lower case, and whether all of these are plain."""
    value, is_plain = OFFSET, True
    here = start
    while here < stop:
        first = np.int64(data[here])
        # Faster than `decode`: words are of whole characters. Bytes that are none give
        # another number, which is in the tables too.
        if first < 0x80:
            code, width = first, 1
        elif first < 0xE0 and here + 1 < stop:
            code, width = (first & 0x1F) << 6 | np.int64(data[here + 1]) & 0x3F, 2
        elif first < 0xF0 and here + 2 < stop:
            second, third = np.int64(data[here + 1]), np.int64(data[here + 2])
            code = (first & 0xF) << 12 | (second & 0x3F) << 6 | third & 0x3F
            width = 3
        else:
            code, width = decode(data, here, stop)
        code += lower[position(index, code)]
        is_plain &= code < 0x80 or 0x800 <= code < 0x1000 or 0x3000 <= code < 0xA000
        value = extended(value, code)
        here += width
    return finished(value), bool(is_plain)


@kernel
def _hash_of_plain(
    data: Bytes,
    start: int,
    stop: int,
    index: NDArray[np.uint16],
    lower: NDArray[np.int32],
) -> np.uint64:
    """Hash of a word whose lower case is plain, though the word is not: İzmir."""
    small = np.empty(3 * (stop - start), np.uint8)
    here, length = start, 0
    while here < stop:
        code, width = decode(data, here, stop)
        code += lower[position(index, code)]
        here += width
        if code < 0x80:
            small[length] = code
            length += 1
        else:
            small[length] = 0xE0 | code >> 12
            small[length + 1] = 0x80 | code >> 6 & 0x3F
            small[length + 2] = 0x80 | code & 0x3F
            length += 3
    value, _ = _hash_of_bytes(small, 0, length)
    return value
