"""The kept blocks as Markdown: headings, lists, quotes, tables, code.

Block structure is kept, inline marks (bold, links) are not. Text stays text when it is
rendered: see escapes. Formulas are TeX between dollar signs, as on the page.

A unit is what CommonMark reads as one: a table, the blocks of one `<pre>`, or a block; and
the cells of a row that is not in a table.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tamis.compiled import kernel
from tamis.html.blocks.layout import IN_PRE, NO, YES, ZERO, Page
from tamis.html.blocks.read import tags
from tamis.html.blocks.write.escapes import (
    normalise,
    pairs_of,
    write_escaped,
)
from tamis.html.blocks.write.nesting import (
    MAX_NESTING,
    PREFIX_BYTES,
    Chain,
    Nodes,
    fill_chain,
    outer,
    separate,
    without_blanks,
    write_indent,
    write_marks,
)
from tamis.html.blocks.write.plain import (
    cells_between,
    join_lines,
    row_of,
    share_row,
)
from tamis.html.blocks.write.runs import FORMULA_MARK, bytes_needed, write_block
from tamis.html.blocks.write.tables import cell_of, table_of, with_room, write_table

_FIRST_BYTES: Final = 4096
_LINE_FEED, _BLANK, _HASH, _BACKSLASH, _TICK, _BAR = 10, 32, 35, 92, 96, 124


@kernel(inline="always")
def find_owners(page: Page, nodes: Nodes) -> None:
    """Fill `is_own`; the tables must have been found."""
    for index in range(page.state[0].blocks + ZERO):
        if not page.is_kept[index]:
            continue
        element = _holder_of(page, nodes, index)
        while element >= 0 and page.elements[element].tag != tags.LI:
            element = outer(page, nodes, element)
        if element >= 0:
            nodes[element].is_own = True


@kernel(inline="always")
def write_markdown(
    data: NDArray[np.uint8], page: Page, nodes: Nodes
) -> NDArray[np.uint8]:
    """The Markdown of a page whose tables and owners have been found."""
    blocks = page.state[0].blocks + ZERO
    text = np.empty(bytes_needed(page, 0, blocks), np.uint8)  # of one unit
    out, at = np.empty(_FIRST_BYTES, np.uint8), ZERO
    chain = np.zeros(MAX_NESTING, np.int64)
    before = np.zeros(MAX_NESTING, np.int64)
    count_before = ZERO
    index = ZERO
    while index < blocks:
        if not page.is_kept[index]:
            index += 1
            continue
        holder = _holder_of(page, nodes, index)
        count = fill_chain(page, nodes, holder, chain)
        # A table may hold text of its own, before its rows: that is no part of them.
        is_table = nodes[holder].is_table and cell_of(page, index) >= 0
        first, length = index, ZERO
        if not is_table:
            index, length = _read_unit(data, page, index, text)
            if length == 0:
                continue
        out = with_room(out, at, 4 * PREFIX_BYTES)
        if at > 0:
            at = separate(page, before, count_before, chain, count, nodes, out, at)
        at = write_marks(page, nodes, before, count_before, chain, count, out, at)
        if is_table:
            out, at, index = write_table(
                data, page, nodes, holder, index, chain, count, text, out, at
            )
        else:
            out = with_room(out, at, _bytes_for(text, length))
            if page.blocks[first].flags & np.uint32(IN_PRE):
                at = _write_code(page, nodes, chain, count, text, length, out, at)
            else:
                tag = page.elements[page.blocks[first].container].tag + ZERO
                at = _write_prose(page, nodes, chain, count, tag, text, length, out, at)
        if index <= first:  # cannot happen; an endless loop would cost the worker
            index = first + 1
        for place in range(count):
            before[place] = chain[place]
        count_before = count
    return out[:at]


@kernel
def _holder_of(page: Page, nodes: Nodes, index: int) -> int:
    """The element of a block's unit: the pre or the table, or what bounds the block."""
    block = page.blocks[index]
    if block.flags & np.uint32(IN_PRE):
        return _pre_of(page, index)
    if cell_of(page, index) >= 0:
        table = table_of(page, block.container + ZERO)
        if table >= 0 and nodes[table].is_table:
            return table
    return int(block.container)


@kernel
def _pre_of(page: Page, index: int) -> int:
    """The outermost pre of a block of code."""
    element = page.blocks[index].element + ZERO
    found = page.blocks[index].container + ZERO
    while element >= 0 and page.elements[element].flags & np.uint32(IN_PRE):
        found = element
        element = page.elements[element].parent + ZERO
    return int(found)


@kernel(inline="always")
def _read_unit(
    data: NDArray[np.uint8], page: Page, index: int, text: NDArray[np.uint8]
) -> tuple[int, int]:
    """Fill `text` with a unit that begins at a block; returns the block behind it."""
    is_pre = page.blocks[index].flags & np.uint32(IN_PRE) != 0
    is_row = not is_pre and row_of(page, index) >= 0
    first = last = index
    length = write_block(data, page, index, text, ZERO, YES)
    index += 1
    while index < page.state[0].blocks and (is_pre or is_row):
        if page.is_kept[index]:
            if is_pre:
                if not _share_pre(page, first, index):
                    break
                text[length] = _LINE_FEED
                length += 1
            else:
                if not share_row(page, last, index):
                    break
                for _ in range(cells_between(page, last, index)):
                    text[length], text[length + 1] = _BLANK, _BAR
                    text[length + 2] = _BLANK
                    length += 3
            length = write_block(data, page, index, text, length, YES)
            last = index
        index += 1
    if is_row and last > first:
        join_lines(text, ZERO, length)
    return index, normalise(text, ZERO, length)


@kernel
def _share_pre(page: Page, first: int, index: int) -> bool:
    return bool(
        page.blocks[index].flags & np.uint32(IN_PRE)
        and _pre_of(page, index) == _pre_of(page, first)
    )


@kernel(inline="always")
def _bytes_for(text: NDArray[np.uint8], length: int) -> int:
    """The most bytes of a unit: all of it escaped, and indented at each line."""
    lines = ZERO
    for position in range(length):
        lines += text[position] == _LINE_FEED
    # A fence is one byte longer than backticks in the text.
    return int(3 * length + (lines + 4) * PREFIX_BYTES + 64)


@kernel(inline="always")
def _write_code(
    page: Page,
    nodes: Nodes,
    chain: Chain,
    count: int,
    text: NDArray[np.uint8],
    length: int,
    out: NDArray[np.uint8],
    at: int,
) -> int:
    """Write code between fences that are longer than any in it."""
    ticks = _longest_run(text, length) + 1
    ticks = max(ticks, 3)
    at = _write_fence(ticks, out, at)
    out[at] = _LINE_FEED
    at = write_indent(page, nodes, chain, count, out, at + 1)
    for position in range(length):
        if text[position] == FORMULA_MARK:
            continue
        if text[position] != _LINE_FEED:
            out[at] = text[position]
            at += 1
            continue
        at = without_blanks(out, at)
        out[at] = _LINE_FEED
        at = write_indent(page, nodes, chain, count, out, at + 1)
    out[at] = _LINE_FEED
    at = write_indent(page, nodes, chain, count, out, at + 1)
    return _write_fence(ticks, out, at)


@kernel(inline="always")
def _longest_run(text: NDArray[np.uint8], length: int) -> int:
    """The length of the longest run of backticks."""
    longest = run = ZERO
    for position in range(length):
        run = run + 1 if text[position] == _TICK else ZERO
        longest = max(longest, run)
    return int(longest)


@kernel
def _write_fence(ticks: int, out: NDArray[np.uint8], at: int) -> int:
    for _ in range(ticks):
        out[at] = _TICK
        at += 1
    return at


@kernel(inline="always")
def _write_prose(
    page: Page,
    nodes: Nodes,
    chain: Chain,
    count: int,
    tag: int,
    text: NDArray[np.uint8],
    length: int,
    out: NDArray[np.uint8],
    at: int,
) -> int:
    """Write a heading, on one line, or a paragraph, with a backslash where a line breaks."""
    is_heading = tags.H1 <= tag <= tags.H6
    if is_heading:
        join_lines(text, ZERO, length)
        for _ in range(tag - tags.H1 + 1):
            out[at] = _HASH
            at += 1
        out[at] = _BLANK
        at += 1
    pairs = pairs_of(text, ZERO, length)
    start = ZERO
    while True:
        stop = start
        while stop < length and text[stop] != _LINE_FEED:
            stop += 1
        at = write_escaped(
            page, text, start, stop, start == 0, NO, is_heading, pairs, out, at
        )
        if stop == length:
            return at
        out[at], out[at + 1] = _BACKSLASH, _LINE_FEED
        at = write_indent(page, nodes, chain, count, out, at + 2)
        start = stop + 1
