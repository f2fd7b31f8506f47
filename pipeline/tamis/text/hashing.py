"""64-bit hashes of words, and a hash set of them for kernels.

Among 10^6 distinct words of one document a false match has odds of 3e-8.
"""

import numpy as np
from numpy.typing import NDArray

from tamis.compiled import kernel
from tamis.text.unicode import position
from tamis.text.utf8 import Integer, decode
from tamis.text.words import Words

OFFSET = np.uint64(0xCBF29CE484222325)  # FNV-1a's offset basis and prime
PRIME = np.uint64(0x100000001B3)
_MIX_1 = np.uint64(0xFF51AFD7ED558CCD)  # MurmurHash3's 64-bit finalizer
_MIX_2 = np.uint64(0xC4CEB9FE1A85EC53)
_SHIFT = np.uint64(33)


@kernel
def word_hashes(
    data: NDArray[np.uint8],
    words: Words,
    index: NDArray[np.uint16],
    lower: NDArray[np.int32],
) -> NDArray[np.uint64]:
    """Hash of every word in lower case, never 0; `lower` all 0 keeps the case."""
    hashes = np.empty(len(words.starts), np.uint64)
    for word in range(len(hashes)):
        here, stop = words.starts[word], words.ends[word]
        value = OFFSET
        while here < stop:
            code, width = decode(data, here, stop)
            value = extended(value, code + lower[position(index, code)])
            here += width
        hashes[word] = finished(value)
    return hashes


@kernel(inline="always")
def extended(value: np.uint64, code: Integer) -> np.uint64:
    """FNV-1a's step, with a whole code point at once."""
    return (value ^ np.uint64(code)) * PRIME


@kernel
def bytes_hash(data: NDArray[np.uint8], start: int, stop: int) -> np.uint64:
    """Hash of data[start:stop], eight bytes at a time."""
    if stop - start < 8:
        return finished(OFFSET ^ short_number(data, start, stop))
    value, here = OFFSET ^ np.uint64(stop - start), start
    while here + 8 < stop:
        # Mixed, not only multiplied: the last eight bytes overlap those before them.
        value = finished(value ^ eight_bytes(data, here))
        here += 8
    return finished(value ^ eight_bytes(data, stop - 8))


@kernel(inline="always")
def short_number(data: NDArray[np.uint8], start: int, stop: int) -> np.uint64:
    """Less than eight bytes and how many they are, as a number: equal only for equals."""
    size = stop - start
    number = np.uint64(0)
    if size and start + 8 <= len(data):
        unread = np.uint64(64 - 8 * size)
        number = eight_bytes(data, start) << unread >> unread
    else:
        for step in range(size):
            byte = np.uint64(data[np.uint64(start + step)])
            number |= byte << np.uint64(8 * step)
    return number | np.uint64(size) << np.uint64(56)


@kernel(inline="always")
def eight_bytes(data: NDArray[np.uint8], start: int) -> np.uint64:
    """Eight bytes as a number, the first byte lowest; LLVM makes this one load."""
    at = np.uint64(start)
    return (
        np.uint64(data[at])
        | np.uint64(data[at + np.uint64(1)]) << np.uint64(8)
        | np.uint64(data[at + np.uint64(2)]) << np.uint64(16)
        | np.uint64(data[at + np.uint64(3)]) << np.uint64(24)
        | np.uint64(data[at + np.uint64(4)]) << np.uint64(32)
        | np.uint64(data[at + np.uint64(5)]) << np.uint64(40)
        | np.uint64(data[at + np.uint64(6)]) << np.uint64(48)
        | np.uint64(data[at + np.uint64(7)]) << np.uint64(56)
    )


@kernel(inline="always")
def finished(value: np.uint64) -> np.uint64:
    """The hash with all bits mixed; 1 instead of 0, which marks an empty place."""
    value ^= value >> _SHIFT
    value *= _MIX_1
    value ^= value >> _SHIFT
    value *= _MIX_2
    value ^= value >> _SHIFT
    return max(value, np.uint64(1))


@kernel
def empty_table(entries: int) -> NDArray[np.uint64]:
    """An empty hash table that `entries` keys fill at most by half; see `place`."""
    places = 16
    while places < 2 * entries:
        places *= 2
    return np.zeros(places, np.uint64)


@kernel(inline="always")
def place(table: NDArray[np.uint64], mask: Integer, key: np.uint64) -> np.int64:
    """Place of `key` in the table's first `mask + 1` places, or an empty one for it."""
    at = np.int64(key & np.uint64(mask))
    while table[at] != np.uint64(0) and table[at] != key:
        at = (at + 1) & mask
    return at
