"""What decides of a page's bytes before it is decoded, and counts what decoding left."""

from typing import Final

import numpy as np

from tamis.compiled import kernel
from tamis.html.blocks.simd import first_of
from tamis.text.buffers import Bytes

# Not literals: numba would compile `first_of` for each.
_ESCAPE: Final = np.uint8(0x1B)
_LEAD: Final = np.uint8(0xEF)


@kernel
def escape_and_replacements(data: Bytes, start: int, stop: int) -> tuple[bool, int]:
    """Whether the bytes start:stop have the byte 1B, and their number of U+FFFD.

    U+FFFD is EF BF BD; in valid UTF-8 these bytes mean nothing else.
    """
    has_escape = first_of(data, start, stop, _ESCAPE) < stop
    count = 0
    place = first_of(data, start, stop, _LEAD)
    while place + 2 < stop:
        count += data[place + 1] == 0xBF and data[place + 2] == 0xBD
        place = first_of(data, place + 1, stop, _LEAD)
    return has_escape, count
