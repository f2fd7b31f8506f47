"""The stack of open elements: implied end tags, barriers, and where blocks end.

The rules are those of the HTML standard's tree construction that decide which
block a piece of text belongs to. No tree is built: an element has its parent and the
range of blocks inside it.
"""

import numpy as np

from tamis.compiled import kernel
from tamis.html.blocks.layout import (
    FLATTENED,
    IN_BUTTON,
    IN_NOSCRIPT,
    IN_PRE,
    INHERITED,
    MAX_DEPTH,
    MAX_LOOKS,
    SILENT,
    ZERO,
    Page,
)
from tamis.html.blocks.read import tags
from tamis.html.blocks.read.attributes import HAS_HREF
from tamis.html.blocks.read.meaning import end_part
from tamis.html.blocks.read.open_block import finish_block, open_block
from tamis.html.blocks.read.tags import PROPERTIES

_MIX = np.uint64(0x9E3779B97F4A7C15)


@kernel(inline="always")
def clear(page: Page) -> None:
    """Empty the workspace and open the root element."""
    page.open_tags[:] = 0
    state = page.state[0]
    state.elements = state.blocks = state.spans = state.names = 0
    state.depth = state.excess = 0
    state.looks = 0
    state.link = state.foreign = -1
    state.title_start = state.title_stop = 0
    state.title_words = 0
    page.title_bits[:] = 0
    state.flags = 0
    state.after_formula = -1
    state.has_rp = 0
    open_block(page)
    start_element(page, tags.HTML + ZERO, np.uint32(0), ZERO, ZERO)


@kernel
def start_element(
    page: Page,
    tag: int,
    own_flags: np.uint32,
    name_start: int,
    name_stop: int,
) -> None:
    """Close what the start tag implies, then push the element.

    `own_flags` may hold HAS_HREF beside those of INHERITED.
    """
    state = page.state[0]
    if state.depth > 0:
        if tag == tags.HTML or (tag == tags.BODY and page.open_tags[tag] > 0):
            return
        _close_implied(page, tag)
    properties = PROPERTIES[tag]
    if properties & np.uint32(tags.BLOCK):
        finish_block(page)
    if state.depth >= MAX_DEPTH:
        state.excess += 1
        state.flags |= np.uint32(FLATTENED)
        return
    parent = page.stack[state.depth - 1] if state.depth > 0 else -1
    index = state.elements
    element = page.elements[index]
    element.tag = tag
    element.parent = parent
    element.depth = state.depth
    element.block_start = state.blocks
    element.block_stop = state.blocks
    element.name_start = name_start
    element.name_stop = name_stop
    element.signature = np.uint64(tag + 1) * _MIX
    if name_stop > name_start:
        element.signature ^= page.names[name_start]
    flags = own_flags & np.uint32(INHERITED)
    if properties & np.uint32(tags.SILENT):
        flags |= np.uint32(SILENT)
    if tag == tags.PRE:
        flags |= np.uint32(IN_PRE)
    elif tag == tags.BUTTON:
        flags |= np.uint32(IN_BUTTON)
    elif tag == tags.NOSCRIPT:
        flags |= np.uint32(IN_NOSCRIPT)
    if parent >= 0:
        flags |= page.elements[parent].flags & np.uint32(INHERITED)
    element.flags = flags
    state.names = name_stop
    page.stack[state.depth] = index
    page.open_tags[tag] += 1
    state.depth += 1
    state.elements += 1
    if tag == tags.A:
        if own_flags & np.uint32(HAS_HREF):
            state.link = index
        else:
            state.link = -1
    elif properties & np.uint32(tags.FOREIGN) and state.foreign < 0:
        state.foreign = index
    elif tag == tags.FOREIGN_OBJECT:
        state.foreign = -1


@kernel
def end_element(page: Page, tag: int) -> None:
    """Close the nearest open element of this tag that the end tag may reach."""
    state = page.state[0]
    properties = PROPERTIES[tag]
    if properties & np.uint32(tags.VOID | tags.RAW | tags.IGNORED):
        return
    if state.excess > 0:
        state.excess -= 1
        if properties & np.uint32(tags.BLOCK):
            finish_block(page)
        return
    if tag == tags.A:
        state.link = -1
    is_heading = properties & np.uint32(tags.HEADING)
    if tag == tags.HTML or tag == tags.BODY:
        return
    is_open = _has_heading(page) if is_heading else page.open_tags[tag] > 0
    if not is_open:
        if tag == tags.P:  # `</p>` alone is an empty paragraph
            finish_block(page)
        return
    # A hidden element must end at its end tag, even if others are open in it.
    is_block = properties & np.uint32(tags.BLOCK | tags.SILENT | tags.BARRIER)
    is_table_part = properties & np.uint32(tags.TABLE_PART)
    for level in range(state.depth - 1, _outermost(page), -1):
        state.looks += 1
        open_tag = page.elements[page.stack[level]].tag
        open_properties = PROPERTIES[open_tag]
        if open_tag == tag or (
            is_heading and open_properties & np.uint32(tags.HEADING)
        ):
            _pop_to(page, level)
            return
        if not is_block and open_properties & np.uint32(tags.BLOCK):
            return
        if open_tag == tags.TEMPLATE and tag != tags.TEMPLATE:
            return
        if open_tag == tags.TABLE or (
            not is_table_part and open_properties & np.uint32(tags.BARRIER)
        ):
            return


@kernel
def _has_heading(page: Page) -> bool:
    """Whether a heading of any level is open."""
    return bool(page.open_tags[tags.H1 : tags.H6 + 1].any())


@kernel
def _outermost(page: Page) -> int:
    """A tag may look only above this level for the element that it closes.

    The caps on elements and blocks bound tags that open or close something; this
    one bounds tags that look through the whole depth and do neither.
    """
    state = page.state[0]
    if state.looks < MAX_LOOKS:
        return 0
    state.flags |= np.uint32(FLATTENED)
    return max(int(state.depth) - 2, 0)


@kernel(inline="always")
def close_all(page: Page) -> None:
    """End of the page: finish the open block and close every element."""
    finish_block(page)
    _pop_to(page, ZERO)


@kernel
def _pop_to(page: Page, level: int) -> None:
    """Close the open elements from the innermost down to `level`."""
    state = page.state[0]
    while state.depth > level:
        index = page.stack[state.depth - 1]
        element = page.elements[index]
        if PROPERTIES[element.tag] & np.uint32(tags.BLOCK):
            finish_block(page)
        element.block_stop = state.blocks + state.has_text
        page.open_tags[element.tag] -= 1
        if element.tag >= tags.FIRST_PART:
            end_part(page, index)
        if state.link == index:
            state.link = -1
        if state.foreign == index:
            state.foreign = -1
        if element.tag == tags.FOREIGN_OBJECT:
            state.foreign = _nearest_foreign(page)
        state.depth -= 1


@kernel
def _nearest_foreign(page: Page) -> int:
    state = page.state[0]
    for level in range(state.depth - 1, -1, -1):
        index = page.stack[level]
        if PROPERTIES[page.elements[index].tag] & np.uint32(tags.FOREIGN):
            return int(index)
    return -1


@kernel(inline="always")
def _close_implied(page: Page, tag: int) -> None:
    properties = PROPERTIES[tag]
    state = page.state[0]
    if properties & np.uint32(tags.HEADING):
        top = page.stack[state.depth - 1]
        if PROPERTIES[page.elements[top].tag] & np.uint32(tags.HEADING):
            _pop_to(page, state.depth - 1)
    if tag == tags.LI:
        _close_nearest(page, tags.LI, tags.LI)
    elif tag == tags.DT or tag == tags.DD:
        _close_nearest(page, tags.DT, tags.DD)
    elif tag == tags.OPTION or tag == tags.OPTGROUP:
        top = page.elements[page.stack[state.depth - 1]].tag
        if top == tags.OPTION or top == tag:
            _pop_to(page, state.depth - 1)
    elif tag == tags.BUTTON:
        _close_nearest(page, tags.BUTTON, tags.BUTTON)
    elif tag == tags.A and page.open_tags[tags.A] > 0:
        _close_link(page)
    elif properties & np.uint32(tags.TABLE_PART) and tag != tags.TABLE:
        _close_table_parts(page, tag)
    if properties & np.uint32(tags.CLOSES_P) and page.open_tags[tags.P] > 0:
        _close_paragraph(page)


@kernel
def _close_nearest(page: Page, tag: int, other: int) -> None:
    """Close the nearest open `tag` or `other` below the next list boundary."""
    if page.open_tags[tag] == 0 and page.open_tags[other] == 0:
        return
    for level in range(page.state[0].depth - 1, _outermost(page), -1):
        page.state[0].looks += 1
        open_tag = page.elements[page.stack[level]].tag
        if open_tag in (tag, other):
            _pop_to(page, level)
            return
        if PROPERTIES[open_tag] & np.uint32(tags.LIST_BOUND | tags.BARRIER):
            return


@kernel(inline="always")
def _close_link(page: Page) -> None:
    """End the open link at the next one, unless a block has begun in it."""
    page.state[0].link = -1
    for level in range(page.state[0].depth - 1, _outermost(page), -1):
        page.state[0].looks += 1
        open_tag = page.elements[page.stack[level]].tag
        if open_tag == tags.A:
            _pop_to(page, level)
            return
        if PROPERTIES[open_tag] & np.uint32(tags.BLOCK | tags.BARRIER):
            return


@kernel(inline="always")
def _close_paragraph(page: Page) -> None:
    for level in range(page.state[0].depth - 1, _outermost(page), -1):
        page.state[0].looks += 1
        open_tag = page.elements[page.stack[level]].tag
        if open_tag == tags.P:
            _pop_to(page, level)
            return
        if PROPERTIES[open_tag] & np.uint32(tags.BARRIER) or open_tag == tags.BUTTON:
            return


@kernel(inline="always")
def _close_table_parts(page: Page, tag: int) -> None:
    """End a cell at the next cell, and a row at the next row, within their table."""
    found = ZERO
    for level in range(page.state[0].depth - 1, _outermost(page), -1):
        page.state[0].looks += 1
        open_tag = page.elements[page.stack[level]].tag
        if open_tag == tags.TABLE or open_tag == tags.TEMPLATE:
            break
        is_cell = open_tag == tags.TD or open_tag == tags.TH or open_tag == tags.CAPTION
        is_row = open_tag == tags.TR
        is_section = (
            open_tag == tags.TBODY or open_tag == tags.THEAD or open_tag == tags.TFOOT
        )
        if tag == tags.TD or tag == tags.TH:
            ends = is_cell
        elif tag == tags.TR:
            ends = is_cell or is_row
        else:
            ends = is_cell or is_row or is_section
        if ends:
            found = level
        elif is_row or is_section:
            break
    if found > 0:
        _pop_to(page, found)
