"""The kept blocks as plain text: one block per line, one table row per line.

Cells of a row are joined by " | " if they are short and each is one block of text. A
table that is used for layout becomes separate paragraphs.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tamis.compiled import kernel
from tamis.html.blocks.layout import NONE, ZERO, Page
from tamis.html.blocks.read import tags
from tamis.html.blocks.write.runs import write_block

_CELL_WORDS: Final = 40
_LINE_FEED, _BLANK, _BAR = 10, 32, 124


@kernel(inline="always")
def write_plain(
    data: NDArray[np.uint8], page: Page, out: NDArray[np.uint8], at: int
) -> int:
    """Write the text from `at` on; returns where it ends."""
    start, previous, previous_at = at, NONE, at
    for index in range(page.state[0].blocks + ZERO):
        if not page.is_kept[index]:
            continue
        before = at
        is_next_cell = at > start and share_row(page, previous, index)
        if at > start:
            if is_next_cell:
                _join_lines(out, previous_at, at)
                out[at], out[at + 1], out[at + 2] = _BLANK, _BAR, _BLANK
                at += 3
            else:
                out[at] = _LINE_FEED
                at += 1
        previous_at = at
        end = write_block(data, page, index, out, at)
        if is_next_cell:
            _join_lines(out, at, end)
        at = end if end > at else before
        previous = index
    return at


@kernel
def _join_lines(out: NDArray[np.uint8], at: int, stop: int) -> None:
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
    block = page.blocks[index]
    cell = page.elements[block.container]
    if cell.tag != tags.TD and cell.tag != tags.TH:
        return -1
    if cell.block_stop - cell.block_start != 1 or block.words > _CELL_WORDS:
        return -1
    return int(cell.parent)
