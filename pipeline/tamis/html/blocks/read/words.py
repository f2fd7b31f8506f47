"""Hash of a word while it is read, one character or many at a time.

A word is hashed in pieces of eight bytes, ASCII letters in lower case. Only the word
counts, not how it is written: "<b>w</b>ord", "wor&#100;" and "word" have the same hash.
Between characters, the state is the hash of the complete pieces, the bytes of the open
piece, and their number.
"""

import numpy as np
from numpy.typing import NDArray

from tamis.compiled import kernel
from tamis.html.blocks.read.tags import FNV_OFFSET, FNV_PRIME
from tamis.html.blocks.simd import lowered_at

_NO_BYTES = np.uint64(1 << 63)  # marks a character beyond ASCII, not a piece


@kernel(forceinline=True)
def begun_with_letters(
    data: NDArray[np.uint8], start: int, stop: int
) -> tuple[np.uint64, np.uint64, int]:
    """State of a word that begins with the ASCII letters start:stop."""
    value = FNV_OFFSET
    while stop - start >= 8:
        value = _fold(value, lowered_at(data, start, stop))
        start += 8
    return value, lowered_at(data, start, stop), stop - start


@kernel(forceinline=True)
def with_character(
    value: np.uint64, piece: np.uint64, length: int, code: int
) -> tuple[np.uint64, np.uint64, int]:
    """State with one more letter or digit."""
    if code >= 0x80:
        value = hash_of_word(value, piece, length)
        return _fold(value, _NO_BYTES | np.uint64(code)), np.uint64(0), 0
    piece |= np.uint64(code | 32) << np.uint64(8 * length)
    if length == 7:
        return _fold(value, piece), np.uint64(0), 0
    return value, piece, length + 1


@kernel(forceinline=True)
def hash_of_word(value: np.uint64, piece: np.uint64, length: int) -> np.uint64:
    """Hash of the word, which is complete."""
    return _fold(value, piece) if length else value


@kernel(forceinline=True)
def hash_of_character(code: int) -> np.uint64:
    """Hash of a word that is one character beyond ASCII."""
    return _fold(FNV_OFFSET, _NO_BYTES | np.uint64(code))


@kernel(forceinline=True)
def _fold(value: np.uint64, piece: np.uint64) -> np.uint64:
    """FNV-1a by eight bytes; the shift lets high bytes reach the low bits."""
    value = (value ^ piece) * FNV_PRIME
    return value ^ value >> np.uint64(32)
