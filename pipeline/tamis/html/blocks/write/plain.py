"""The kept blocks as plain text: one block per line, one table row per line.

Cells of a row are joined by " | " if they are short and each is one block of text; empty
ones keep their place. A table that is used for layout becomes separate paragraphs.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tamis.compiled import kernel
from tamis.html.blocks.layout import NO, NONE, ZERO, Page
from tamis.html.blocks.read import tags
from tamis.html.blocks.write.runs import write_block

_CELL_WORDS: Final = 40
_MOST_CELLS: Final = 64
_LINE_FEED, _BLANK, _BAR = 10, 32, 124


@kernel(inline="always")
def write_plain(
    data: NDArray[np.uint8], page: Page, out: NDArray[np.uint8], at: int
) -> int:
    """Write the text from `at` on; returns where it ends."""
    start, previous, previous_at = at, NONE, at
    cells = ZERO  # of the row that is being written
    for index in range(page.state[0].blocks + ZERO):
        if not page.is_kept[index]:
            continue
        before = at
        is_next_cell = at > start and share_row(page, previous, index)
        if is_next_cell:
            join_lines(out, previous_at, at)
            if cells == 1 and _is_first(page, previous):
                at = _after_empty_cells(page, previous, out, previous_at, at)
            at = _write_bars(cells_between(page, previous, index), out, at)
            cells += 1
        else:
            if cells > 1:
                at = _write_last_bars(page, previous, out, at)
            if at > start:
                out[at] = _LINE_FEED
                at += 1
            cells = ZERO + (1 if row_of(page, index) >= 0 else 0)
        previous_at = at
        end = write_block(data, page, index, out, at, NO)
        if is_next_cell:
            join_lines(out, at, end)
        at = end if end > at else before
        previous = index
    if cells > 1:
        at = _write_last_bars(page, previous, out, at)
    return at


@kernel
def _is_first(page: Page, index: int) -> bool:
    """Whether the block is the first of its row that has text."""
    row = row_of(page, index)
    return bool(page.elements[row].block_start == index)


@kernel
def _write_bars(count: int, out: NDArray[np.uint8], at: int) -> int:
    for _ in range(count):
        out[at], out[at + 1], out[at + 2] = _BLANK, _BAR, _BLANK
        at += 3
    return at


@kernel
def _after_empty_cells(
    page: Page, index: int, out: NDArray[np.uint8], first: int, at: int
) -> int:
    """Move the row's first text, from `first` to `at`, behind the bars of empty cells."""
    cell = short_cell_of(page, index)
    parent = page.elements[cell].parent
    count = ZERO
    for element in range(parent + 1, cell):
        if page.elements[element].parent == parent:
            count += 1
    width = 3 * min(count, _MOST_CELLS)
    for position in range(at - 1, first - 1, -1):
        out[position + width] = out[position]
    _write_bars(width // 3, out, first)
    return int(at + width)


@kernel
def _write_last_bars(page: Page, index: int, out: NDArray[np.uint8], at: int) -> int:
    """Write the bars of the empty cells behind the last one with text."""
    cell = short_cell_of(page, index)
    parent = page.elements[cell].parent
    if page.elements[parent].block_stop != index + 1:
        return at  # there is text behind it, which is not in this line
    count = ZERO
    for element in range(cell + 1, page.state[0].elements):
        if page.elements[element].depth <= page.elements[parent].depth:
            break
        if page.elements[element].parent == parent:
            count += 1
    return _write_bars(min(count, _MOST_CELLS), out, at)


@kernel
def cells_between(page: Page, previous: int, index: int) -> int:
    """By how many cells of the row the second block comes later, 1 to 64."""
    first, last = short_cell_of(page, previous), short_cell_of(page, index)
    parent = page.elements[last].parent
    count = ZERO
    for element in range(first + 1, last + 1):
        if page.elements[element].parent == parent:
            count += 1
    return int(min(max(count, 1), _MOST_CELLS))


@kernel
def join_lines(out: NDArray[np.uint8], at: int, stop: int) -> None:
    """Replace line feeds, which <br> made, by spaces."""
    for position in range(at, stop):
        if out[position] == _LINE_FEED:
            out[position] = _BLANK


@kernel
def share_row(page: Page, previous: int, index: int) -> bool:
    """Whether two blocks are different cells of one row."""
    row = row_of(page, index)
    return bool(
        row >= 0
        and previous >= 0
        and row == row_of(page, previous)
        and page.blocks[previous].container != page.blocks[index].container
    )


@kernel
def row_of(page: Page, index: int) -> int:
    """The table row of a block that is all of a short cell, else -1."""
    cell = short_cell_of(page, index)
    return int(page.elements[cell].parent) if cell >= 0 else int(NONE)


@kernel
def short_cell_of(page: Page, index: int) -> int:
    """The cell of a block that is all of it and short, else -1.

    A paragraph may stand between them: so write Sphinx, Asciidoctor and editors.
    """
    block = page.blocks[index]
    element = block.container + ZERO
    while page.elements[element].tag in (tags.P, tags.DIV):
        element = page.elements[element].parent + ZERO
        if element < 0:
            return int(NONE)
    cell = page.elements[element]
    if cell.tag != tags.TD and cell.tag != tags.TH:
        return int(NONE)
    if cell.block_stop - cell.block_start != 1 or block.words > _CELL_WORDS:
        return int(NONE)
    return int(element)
