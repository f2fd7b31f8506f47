"""List items in Markdown: a hyphen, or a number in a numbered list.

An item's mark comes before its first kept block; its other blocks, and the lists in
it, are indented by the mark's width.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tamis.compiled import kernel
from tamis.html.blocks.layout import ZERO, Page
from tamis.html.blocks.read import tags

_MAX_NESTING: Final = 8
_BLANK, _HYPHEN, _DOT, _ZERO = 32, 45, 46, 48

# Per element: its number in a numbered list, from 1 on, else 0; and whether its mark
# was written.
ITEM = np.dtype([("number", np.int32), ("is_marked", np.bool_)], align=True)
Items = Any


@kernel
def items_of(page: Page) -> Items:
    """One ITEM per element; it stays empty if the element is no list item."""
    count = page.state[0].elements + ZERO
    items = np.zeros(count, ITEM)
    written = np.zeros(count, np.int32)  # items of a list, so far
    for index in range(count):
        parent = page.elements[index].parent
        if page.elements[index].tag != tags.LI or parent < 0:
            continue
        if page.elements[parent].tag == tags.OL:
            written[parent] += 1
            items[index].number = written[parent]
    return items


@kernel
def nesting(page: Page, items: Items, container: int) -> tuple[int, int, int]:
    """Number of open quotes, columns of indentation, and the innermost item or -1.

    Lists around a table do not count.
    """
    quotes = lists = columns = ZERO
    item = -1 + ZERO
    element = container + ZERO
    while element >= 0:
        tag = page.elements[element].tag
        if tag == tags.BLOCKQUOTE:
            quotes += 1
        elif tag == tags.LI:
            if item < 0:
                item = element
            if lists < _MAX_NESTING:
                columns += width_of_mark(items[element].number)
            lists += 1
        elif tag == tags.TABLE:
            break
        element = page.elements[element].parent + ZERO
    return min(quotes, _MAX_NESTING + ZERO), columns, item


@kernel
def write_mark(number: int, out: NDArray[np.uint8], at: int) -> int:
    """`- ` or `12. `; returns where it ends."""
    stop = at + width_of_mark(number)
    out[stop - 1] = _BLANK
    if number == 0:
        out[at] = _HYPHEN
        return stop
    out[stop - 2] = _DOT
    for position in range(stop - 3, at - 1, -1):
        out[position] = _ZERO + number % 10
        number //= 10
    return stop


@kernel
def width_of_mark(number: int) -> int:
    width = 2
    while number > 0:
        width += 1
        number //= 10
    return width
