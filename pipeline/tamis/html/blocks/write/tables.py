"""Which tables are written as tables in Markdown, and how: one for each, with all its cells.

A table is one if most of its kept blocks are short cells, and no list, code, heading,
quotation or other table stands between its rows: those cannot be in a cell. The cells of
any other are paragraphs, those of a row on one line.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tamis.compiled import kernel
from tamis.html.blocks.layout import IN_PRE, NO, NONE, YES, ZERO, Page
from tamis.html.blocks.read import tags
from tamis.html.blocks.write.escapes import normalise, pairs_of, write_escaped
from tamis.html.blocks.write.nesting import Chain, Nodes, write_indent
from tamis.html.blocks.write.plain import join_lines, row_of
from tamis.html.blocks.write.runs import write_block

_MOST_COLUMNS: Final = 256
_LINE_FEED, _BLANK, _HYPHEN, _BAR = 10, 32, 45, 124


@kernel(inline="always")
def find_tables(page: Page, nodes: Nodes) -> None:
    """Fill `is_table`."""
    for index in range(page.state[0].blocks + ZERO):
        if page.is_kept[index]:
            _count(page, nodes, index)
    for index in range(page.state[0].elements + ZERO):
        node = nodes[index]
        node.is_table = (
            node.simple + node.other > 1
            and node.simple > 0
            and node.other <= node.simple
            and node.columns <= _MOST_COLUMNS
        )


@kernel(inline="always")
def _count(page: Page, nodes: Nodes, index: int) -> None:
    """Count a kept block in its table, and leave those around that."""
    table = table_of(page, page.blocks[index].container + ZERO)
    if table < 0:
        return
    around = table_of(page, page.elements[table].parent + ZERO)
    while around >= 0:
        nodes[around].is_left = nodes[around].simple > 0
        around = table_of(page, page.elements[around].parent + ZERO)
    node = nodes[table]
    cell = cell_of(page, index)
    if cell < 0:
        node.is_left = node.simple > 0
        return
    if node.is_left:
        node.columns = _MOST_COLUMNS + 1  # a table in two parts is none
    row = page.elements[cell].parent
    node.columns = max(node.columns, nodes[row].count)
    if row_of(page, index) >= 0:
        node.simple += 1
    else:
        node.other += 1


@kernel
def table_of(page: Page, element: int) -> int:
    """The nearest table that an element is or stands in, or -1."""
    while element >= 0 and page.elements[element].tag != tags.TABLE:
        element = page.elements[element].parent + ZERO
    return int(element)


@kernel
def cell_of(page: Page, index: int) -> int:
    """The cell of whose text a block is part; -1 for other blocks, and for what a cell
    cannot have in Markdown.
    """
    block = page.blocks[index]
    if block.flags & np.uint32(IN_PRE):
        return int(NONE)
    element = block.container + ZERO
    while element >= 0:
        tag = page.elements[element].tag
        if tag == tags.TD or tag == tags.TH:
            return int(element)
        if (
            tags.H1 <= tag <= tags.H6
            or tag in (tags.LI, tags.UL, tags.OL)
            or tag in (tags.BLOCKQUOTE, tags.TABLE, tags.CAPTION)
        ):
            return int(NONE)
        element = page.elements[element].parent + ZERO
    return int(NONE)


@kernel
def with_room(out: NDArray[np.uint8], at: int, needed: int) -> NDArray[np.uint8]:
    """The same bytes, in an array that has room for more."""
    if at + needed <= len(out):
        return out
    larger = np.empty(2 * (at + needed), np.uint8)
    for position in range(at):  # a copy by slices takes four seconds to compile
        larger[position] = out[position]
    return larger


@kernel(inline="always")
def write_table(
    data: NDArray[np.uint8],
    page: Page,
    nodes: Nodes,
    table: int,
    index: int,
    chain: Chain,
    count: int,
    text: NDArray[np.uint8],
    out: NDArray[np.uint8],
    at: int,
) -> tuple[NDArray[np.uint8], int, int]:
    """Write the table whose first kept block is `index`; returns the block behind it, too."""
    row = NONE + 0
    column = ZERO
    is_head = YES
    blocks = page.state[0].blocks + ZERO
    while index < blocks:
        if not page.is_kept[index]:
            index += 1
            continue
        cell = cell_of(page, index)
        if cell < 0 or table_of(page, cell) != table:
            break
        index, length = _read_cell(data, page, cell, index, text)
        width = nodes[table].columns + ZERO
        out = with_room(out, at, 2 * length + 8 * width + 128)
        if page.elements[cell].parent != row:
            if row >= 0:
                at = _end_row(
                    nodes, table, row, column, is_head, chain, count, page, out, at
                )
                is_head = NO
                out[at] = _LINE_FEED
                at = write_indent(page, nodes, chain, count, out, at + 1)
            row, column = page.elements[cell].parent + ZERO, ZERO
            out[at] = _BAR
            at += 1
        at = _write_empty(nodes[cell].number - column, out, at)
        column = nodes[cell].number + ZERO + 1
        pairs = pairs_of(text, ZERO, length)
        out[at] = _BLANK
        at = write_escaped(page, text, ZERO, length, YES, YES, NO, pairs, out, at + 1)
        out[at], out[at + 1] = _BLANK, _BAR
        at += 2
    out = with_room(out, at, 8 * nodes[table].columns + 128)
    at = _end_row(nodes, table, row, column, is_head, chain, count, page, out, at)
    return out, at, index


@kernel(inline="always")
def _read_cell(
    data: NDArray[np.uint8],
    page: Page,
    cell: int,
    index: int,
    text: NDArray[np.uint8],
) -> tuple[int, int]:
    """Fill `text` with a cell's kept blocks, on one line; returns the block behind them."""
    length = ZERO
    while index < page.state[0].blocks:
        if page.is_kept[index]:
            if cell_of(page, index) != cell:
                break
            if length > 0:
                text[length] = _BLANK
                length += 1
            length = write_block(data, page, index, text, length, YES)
        index += 1
    join_lines(text, ZERO, length)
    return index, normalise(text, ZERO, length)


@kernel
def _end_row(
    nodes: Nodes,
    table: int,
    row: int,
    column: int,
    is_head: bool,
    chain: Chain,
    count: int,
    page: Page,
    out: NDArray[np.uint8],
    at: int,
) -> int:
    """Fill up a row; the first one has all columns, and the line of hyphens behind it."""
    columns = nodes[table].columns + ZERO
    at = _write_empty((columns if is_head else nodes[row].count) - column, out, at)
    if is_head:
        out[at] = _LINE_FEED
        at = write_indent(page, nodes, chain, count, out, at + 1)
        out[at] = _BAR
        at += 1
        for _ in range(columns):
            out[at], out[at + 1], out[at + 2] = _HYPHEN, _HYPHEN, _HYPHEN
            out[at + 3] = _BAR
            at += 4
    return at


@kernel
def _write_empty(count: int, out: NDArray[np.uint8], at: int) -> int:
    for _ in range(count):
        out[at], out[at + 1], out[at + 2] = _BLANK, _BLANK, _BAR
        at += 3
    return at
