"""One pass over a page's UTF-8: elements, blocks of text, spans, statistics.

Follows the tokenization of the HTML standard (comments, raw text, attributes,
character references) and the parts of its tree construction that move text
between blocks: implied end tags, table and button barriers, what ends svg.
Not followed: foster parenting, the adoption agency (an inline end tag never
closes a block), quirks. noscript is read as markup, because forums put their
threads there; text in select, svg, template, video and canvas is left out.

Every iteration of the main loop consumes input, and MAX_LOOKS bounds all scans of the
open elements together, so a page costs O(bytes).
"""

import numpy as np
from numpy.typing import NDArray

from tamis.compiled import kernel
from tamis.html.blocks.layout import (
    CUT_AT_BLOCKS,
    CUT_AT_ELEMENTS,
    CUT_AT_NAMES,
    CUT_AT_SPANS,
    INHERITED,
    MAX_BLOCKS,
    MAX_ELEMENTS,
    MAX_NAMES,
    MAX_SPANS,
    NO,
    REVERSED,
    SILENT,
    ZERO,
    Page,
)
from tamis.html.blocks.read import tags
from tamis.html.blocks.read.attributes import (
    ARIA_HIDDEN,
    COUNTS_DOWN,
    HAS_HREF,
    NOT_SHOWN,
    NUMBERED,
    SELF_CLOSING,
    TAG_IS_CUT,
    UNSELECTED,
    read_attributes,
)
from tamis.html.blocks.read.list_numbers import read_number
from tamis.html.blocks.read.meaning import (
    begin_part,
    is_twin,
    read_image,
    read_math,
    read_named,
    read_script,
    says_nothing,
)
from tamis.html.blocks.read.open_block import finish_block
from tamis.html.blocks.read.raw_text import after_comment, after_declaration, after_raw
from tamis.html.blocks.read.tags import PROPERTIES, tag_name
from tamis.html.blocks.read.text_runs import break_line, read_text, read_title
from tamis.html.blocks.read.tree import clear, close_all, end_element, start_element
from tamis.html.blocks.simd import first_of
from tamis.html.blocks.workspace import Workspace

_LESS = np.uint8(60)  # not a literal: see layout.ZERO
_GREATER, _SLASH, _BANG, _QUESTION = 62, 47, 33, 63
_ALL_BUT_RAW = np.uint32(0xFFFFFFFF ^ tags.RAW)


@kernel
def tokenize(data: NDArray[np.uint8], workspace: Workspace) -> None:
    """Fill the workspace from a page's UTF-8; counts and flags are in its state."""
    page = workspace[0]
    clear(page)
    state = page.state[0]
    position, stop = ZERO, len(data)
    while position < stop:
        cap = _cap_reached(page)
        if cap:
            state.flags |= np.uint32(cap)
            break
        before = position
        position = _next(data, position, stop, page)
        if position <= before:  # cannot happen; an endless loop would cost the worker
            position = before + 1
    close_all(page)


@kernel(inline="always")
def _cap_reached(page: Page) -> int:
    """Flag of the first table without room for a tag (up to two rows), or 0."""
    state = page.state[0]
    if state.elements >= MAX_ELEMENTS - 2:
        return CUT_AT_ELEMENTS
    if state.blocks >= MAX_BLOCKS - 2:
        return CUT_AT_BLOCKS
    if state.spans >= MAX_SPANS - 2:
        return CUT_AT_SPANS
    return CUT_AT_NAMES if state.names >= MAX_NAMES - 2 else 0


@kernel(inline="always")
def _next(
    data: NDArray[np.uint8],
    position: int,
    stop: int,
    page: Page,
) -> int:
    """Read a run of text, a tag or a comment; returns where the next one begins."""
    if data[position] != _LESS or position + 1 >= stop:
        return _text(data, position, stop, page)
    following = data[position + 1]
    if _is_letter(following):
        return _start_tag(data, position + 1, stop, page)
    if following == _SLASH:
        if position + 2 < stop and _is_letter(data[position + 2]):
            return _end_tag(data, position + 2, stop, page)
        if position + 2 >= stop:
            return _text(data, position, stop, page)
        return after_declaration(data, position + 2, stop)
    if following == _BANG:
        is_foreign = page.state[0].foreign >= 0
        return after_comment(data, position + 2, stop, is_foreign)
    if following == _QUESTION:
        return after_declaration(data, position + 2, stop)
    return _text(data, position, stop, page)


@kernel(inline="always")
def _text(
    data: NDArray[np.uint8],
    position: int,
    stop: int,
    page: Page,
) -> int:
    """Read text up to the next `<` after `position`; a `<` at `position` is text."""
    end = first_of(data, position + 1, stop, _LESS)
    state = page.state[0]
    top = page.stack[state.depth - 1]
    if page.elements[top].flags & np.uint32(SILENT) == 0:
        read_text(data, position, end, page)
    return end


@kernel(inline="always")
def _start_tag(
    data: NDArray[np.uint8],
    position: int,
    stop: int,
    page: Page,
) -> int:
    value, name_end = tag_name(data, position, stop)
    tag = tags.tag_of_hash(value)
    state = page.state[0]
    name_start = state.names + ZERO
    properties = PROPERTIES[tag]
    # In svg and math, raw text is markup.
    closed = tags.VOID | tags.IGNORED | (tags.RAW if state.foreign < 0 else 0)
    opens = properties & np.uint32(closed) == 0
    position, name_stop, flags = read_attributes(
        data, name_end, stop, page.names, name_start, opens
    )
    if flags & TAG_IS_CUT:
        return stop
    if state.foreign >= 0:
        if properties & np.uint32(tags.BREAKOUT | tags.BLOCK):
            end_element(page, page.elements[state.foreign].tag + ZERO)
        elif flags & SELF_CLOSING:
            return position
        else:
            properties &= _ALL_BUT_RAW
    if properties & np.uint32(tags.IGNORED):
        return position
    if properties & np.uint32(tags.RAW):
        end, after = after_raw(data, position, stop, value)
        if tag == tags.TITLE and state.title_stop == 0:
            read_title(data, position, end, page)
        elif tag == tags.SCRIPT:
            read_script(data, name_end, position, end, page)
        return after
    if tag == tags.BR:
        break_line(page, position)
        return position
    if properties & np.uint32(tags.VOID):
        if properties & np.uint32(tags.BLOCK):
            finish_block(page)
        elif tag == tags.IMG:
            read_image(data, name_end, position, page)
        return position
    own = np.uint32(flags & (INHERITED | HAS_HREF))
    is_block = properties & np.uint32(tags.BLOCK) != 0
    if (not is_block and flags & NOT_SHOWN) or (
        not is_block and flags & ARIA_HIDDEN and is_twin(page)
    ):
        own |= np.uint32(SILENT)
    elif (name_stop > name_start or flags & UNSELECTED) and (
        not is_block or tag == tags.TD or tag == tags.TH or tag == tags.PRE
    ):
        unselected = flags & UNSELECTED != 0
        if says_nothing(page, tag, page.names, name_start, name_stop, unselected):
            own |= np.uint32(SILENT)
    if tag == tags.MATH:
        is_silent = (
            own | page.elements[page.stack[state.depth - 1]].flags
        ) & np.uint32(SILENT) != 0
        after = read_math(data, name_end, position, stop, page, is_silent)
        if after > 0:
            return after
    before = state.elements + ZERO
    start_element(page, tag, own, name_start, name_stop)
    if state.elements == before:
        return position  # nested too deeply
    if tag == tags.OL or tag == tags.LI:
        page.numbers[before] = -1
        if flags & NUMBERED:
            read_number(data, name_end, position, page, before)
        if flags & COUNTS_DOWN:
            page.elements[before].flags |= np.uint32(REVERSED)
    if tag >= tags.FIRST_PART:
        begin_part(page, tag)
    elif tag == tags.SPAN and name_stop > name_start:
        read_named(data, position, stop, page, before, name_start, name_stop)
    if properties & np.uint32(tags.FOREIGN) and flags & SELF_CLOSING:
        end_element(page, tag)
    return position


@kernel(inline="always")
def _end_tag(data: NDArray[np.uint8], position: int, stop: int, page: Page) -> int:
    value, position = tag_name(data, position, stop)
    tag = tags.tag_of_hash(value)
    position, _, flags = read_attributes(
        data, position, stop, page.names, page.state[0].names + ZERO, NO
    )
    if flags & TAG_IS_CUT:
        return stop
    if tag == tags.BR:
        break_line(page, position)
    else:
        end_element(page, tag)
    return position


@kernel
def _is_letter(byte: np.uint8) -> bool:
    return bool(97 <= (byte | 32) <= 122)
