"""Decode UTF-8 inside kernels: one code point at a time, never out of bounds.

Arrow does not check the bytes of a string column, so neither function trusts them: a
byte that begins no character counts as one replacement character of one byte.
"""

import numpy as np
from numpy.typing import NDArray

from tamis.compiled import kernel

# An integer in a kernel: the types are the same for numba, not for mypy.
Integer = int | np.int64

REPLACEMENT = np.int64(0xFFFD)


@kernel(inline="always")
def decode(
    data: NDArray[np.uint8], position: Integer, stop: Integer
) -> tuple[np.int64, int]:
    """Code point at `position` and the number of its bytes, at least 1."""
    first = np.int64(data[position])
    if first < 0x80:
        return first, 1
    if first < 0xC2 or first > 0xF4:
        return REPLACEMENT, 1
    width = 2 if first < 0xE0 else (3 if first < 0xF0 else 4)
    if position + width > stop:
        return REPLACEMENT, 1
    code = first & (0x7F >> width)
    for step in range(1, width):
        byte = np.int64(data[position + step])
        if byte & 0xC0 != 0x80:
            return REPLACEMENT, 1
        code = (code << 6) | (byte & 0x3F)
    if code > 0x10FFFF or 0xD800 <= code < 0xE000:
        return REPLACEMENT, 1
    return code, width


@kernel
def code_point_counts(
    data: NDArray[np.uint8], offsets: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Code points of each document: its bytes that do not continue a character."""
    counts = np.zeros(len(offsets) - 1, np.int64)
    for document in range(len(counts)):
        count = 0
        for byte in range(offsets[document], offsets[document + 1]):
            count += data[byte] & 0xC0 != 0x80
        counts[document] = count
    return counts
