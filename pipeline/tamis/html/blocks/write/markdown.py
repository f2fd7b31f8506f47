"""The kept blocks as Markdown: headings, lists, quotes, tables, code.

Block structure is kept, inline marks (bold, links) are not. Characters with a
meaning in Markdown are not escaped: the text is for reading and training,
not for rendering untrusted pages.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tamis.compiled import kernel
from tamis.html.blocks.layout import IN_PRE, NO, NONE, ZERO, Page
from tamis.html.blocks.read import tags
from tamis.html.blocks.write.items import Items, nesting, width_of_mark, write_mark
from tamis.html.blocks.write.plain import cells_between, row_of, share_row
from tamis.html.blocks.write.runs import bytes_needed, write_block

_AMPERSAND: Final = 38
_LINE_FEED, _BLANK, _HASH, _HYPHEN, _QUOTE, _BAR, _TICK, _TILDE, _BACKSLASH = (
    10,
    32,
    35,
    45,
    62,
    124,
    96,
    126,
    92,
)


@kernel(inline="always")
def write_markdown(
    data: NDArray[np.uint8], page: Page, items: Items, out: NDArray[np.uint8], at: int
) -> int:
    """Write the text from `at` on; returns where it ends."""
    start, previous, previous_row = at, NONE, NONE
    cells = ZERO
    is_first_row = NO
    for index in range(page.state[0].blocks + ZERO):
        if not page.is_kept[index]:
            continue
        row = row_of(page, index)
        if row >= 0 and previous >= 0 and share_row(page, previous, index):
            at = _write_cells(page, previous, index, out, at)
            at = _write_cell(data, page, index, out, at)
            cells += cells_between(page, previous, index)
        else:
            at = _end_row(out, at, previous_row, is_first_row, cells)
            same_table = (
                row >= 0
                and previous_row >= 0
                and _table_of(page, row) == _table_of(page, previous_row)
            )
            at = _separate(page, items, previous, index, same_table, out, start, at)
            if row >= 0:
                is_first_row = not same_table
                cells = 1
                out[at], out[at + 1] = _BAR, _BLANK
                at = _write_cell(data, page, index, out, at + 2)
            else:
                at = _write_marked(data, page, items, index, out, at)
        previous, previous_row = index, row
    return _end_row(out, at, previous_row, is_first_row, cells)


@kernel(inline="always")
def bytes_for_markdown(data: NDArray[np.uint8], page: Page, items: Items) -> int:
    """The most bytes that `write_markdown` may write."""
    needed = bytes_needed(page, 0, page.state[0].blocks)
    for index in range(page.state[0].blocks + ZERO):
        if page.is_kept[index]:
            quotes, indent, _ = nesting(page, items, page.blocks[index].container)
            needed += 2 * _bytes_for_marks(data, page, index, quotes, indent)
    return needed


@kernel(inline="always")
def _separate(
    page: Page,
    items: Items,
    previous: int,
    index: int,
    same_table: bool,
    out: NDArray[np.uint8],
    start: int,
    at: int,
) -> int:
    """A blank line; only a line end within a table or between list items."""
    if at == start:
        return at
    out[at] = _LINE_FEED
    at += 1
    if same_table:
        return at
    item, other = _item_of(page, items, index), _item_of(page, items, previous)
    if (
        item >= 0
        and other >= 0
        and item != other
        and page.elements[item].parent == page.elements[other].parent
    ):
        return at
    out[at] = _LINE_FEED
    return at + 1


@kernel(inline="always")
def _write_marked(
    data: NDArray[np.uint8],
    page: Page,
    items: Items,
    index: int,
    out: NDArray[np.uint8],
    at: int,
) -> int:
    """Write a block with its marks: heading, list item, quote, indentation, fence."""
    block = page.blocks[index]
    quotes, indent, item = nesting(page, items, block.container)
    at = _write_prefix(quotes, indent, out, at)
    if item >= 0 and not items[item].is_marked:
        items[item].is_marked = True
        number = items[item].number
        at = write_mark(number, out, at - width_of_mark(number))
    tag = page.elements[block.container].tag
    is_pre = block.flags & np.uint32(IN_PRE) != 0
    is_heading = tags.H1 <= tag <= tags.H6
    if is_heading:
        for _ in range(tag - tags.H1 + 1):
            out[at] = _HASH
            at += 1
        out[at] = _BLANK
        at += 1
    # Leave room for the marks, write the block after it, then move it line by line.
    first = at + _bytes_for_marks(data, page, index, quotes, indent)
    last = write_block(data, page, index, out, first)
    fence = _TICK
    if is_pre:
        fence = _fence(out, first, last)
        at = _write_fence(fence, out, at)
        at = _write_prefix(quotes, indent, out, at)
    for position in range(first, last):
        byte = out[position]
        if byte != _LINE_FEED:
            out[at] = byte
            at += 1
        elif is_heading:
            out[at] = _BLANK
            at += 1
        else:
            if not is_pre:  # the line ends here, the paragraph goes on
                out[at] = _BACKSLASH
                at += 1
            out[at] = _LINE_FEED
            at = _write_prefix(quotes, indent, out, at + 1)
    if is_pre:
        out[at] = _LINE_FEED
        at = _write_prefix(quotes, indent, out, at + 1)
        at = _write_fence(fence, out, at) - 1
    return at


@kernel
def _bytes_for_marks(
    data: NDArray[np.uint8], page: Page, index: int, quotes: int, indent: int
) -> int:
    """The most bytes of the marks before each line of a block, and of its fences."""
    block = page.blocks[index]
    lines = 4
    for number in range(block.span_start, block.span_stop):
        span = page.spans[number]
        lines += 1
        if block.flags & np.uint32(IN_PRE):
            for position in range(span.start, span.stop):
                byte = data[position]
                # `&#10;` is a line feed, too.
                lines += (byte == _LINE_FEED) | (byte == _AMPERSAND)
    return int(lines * (2 * quotes + indent + 4) + 16)


@kernel
def _item_of(page: Page, items: Items, index: int) -> int:
    _, _, item = nesting(page, items, page.blocks[index].container)
    return int(item)


@kernel
def _write_prefix(quotes: int, indent: int, out: NDArray[np.uint8], at: int) -> int:
    for _ in range(quotes):
        out[at], out[at + 1] = _QUOTE, _BLANK
        at += 2
    for _ in range(indent):
        out[at] = _BLANK
        at += 1
    return at


@kernel
def _write_fence(byte: int, out: NDArray[np.uint8], at: int) -> int:
    """Three marks and a line feed."""
    out[at], out[at + 1], out[at + 2], out[at + 3] = byte, byte, byte, _LINE_FEED
    return at + 4


@kernel(inline="always")
def _fence(out: NDArray[np.uint8], first: int, last: int) -> int:
    """The fence's byte: a backtick, or a tilde for code that holds three backticks."""
    for position in range(first, last - 2):
        if out[position] == out[position + 1] == out[position + 2] == _TICK:
            return _TILDE
    return _TICK


@kernel
def _write_cell(
    data: NDArray[np.uint8], page: Page, index: int, out: NDArray[np.uint8], at: int
) -> int:
    """Write a cell's text on one line, with `/` in place of `|`."""
    end = write_block(data, page, index, out, at)
    for position in range(at, end):
        if out[position] == _LINE_FEED:
            out[position] = _BLANK
        elif out[position] == _BAR:
            out[position] = 47
    return end


@kernel(inline="always")
def _write_cells(
    page: Page, previous: int, index: int, out: NDArray[np.uint8], at: int
) -> int:
    """Write the bars between two cells, and those of empty cells between them."""
    for _ in range(cells_between(page, previous, index)):
        out[at], out[at + 1], out[at + 2] = _BLANK, _BAR, _BLANK
        at += 3
    return at


@kernel
def _end_row(
    out: NDArray[np.uint8], at: int, row: int, is_first_row: bool, cells: int
) -> int:
    """Close a table row; after the first one, write the line of hyphens as well."""
    if row < 0:
        return at
    out[at], out[at + 1] = _BLANK, _BAR
    at += 2
    if is_first_row:
        out[at], out[at + 1] = _LINE_FEED, _BAR
        at += 2
        for _ in range(min(cells, 64)):
            out[at], out[at + 1], out[at + 2] = _HYPHEN, _HYPHEN, _HYPHEN
            out[at + 3] = _BAR
            at += 4
    return at


@kernel
def _table_of(page: Page, row: int) -> int:
    element = row
    while element >= 0 and page.elements[element].tag != tags.TABLE:
        element = page.elements[element].parent
    return int(element)
