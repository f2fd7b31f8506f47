"""The numbers that a page gives its lists: `start` of ol, `value` of li."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tamis.compiled import kernel
from tamis.html.blocks.layout import NONE, ZERO, Page
from tamis.html.blocks.read import tags
from tamis.html.blocks.read.meaning import attribute

_START, _VALUE = (
    np.uint64(int.from_bytes(name, "little")) for name in (b"start", b"value")
)
MOST_DIGITS: Final = 9  # of a number that begins a list in CommonMark
_PLUS, _NOUGHT, _NINE, _BLANK = 43, 48, 57, 32


@kernel
def read_number(
    data: NDArray[np.uint8], position: int, stop: int, page: Page, element: int
) -> None:
    """Fill `numbers` of an ol or li whose tag's name ends at `position`."""
    is_list = page.elements[element].tag == tags.OL
    first, last = attribute(data, position, stop, _START if is_list else _VALUE)
    while first < last and (data[first] <= _BLANK or data[first] == _PLUS):
        first += 1
    value, digits = ZERO, ZERO
    while first < last and _NOUGHT <= data[first] <= _NINE and digits <= MOST_DIGITS:
        value = value * 10 + (data[first] - _NOUGHT)
        digits += 1
        first += 1
    page.numbers[element] = value if 0 < digits <= MOST_DIGITS else NONE
