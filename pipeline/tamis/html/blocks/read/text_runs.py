"""Text between tags: a span of the open block, and its statistics.

Counts are made while the bytes are read for the first and only time. A word may
continue across inline tags ("<b>w</b>ord" is one), never across blocks or <br>.
"""

import numpy as np
from numpy.typing import NDArray

from tamis.compiled import kernel
from tamis.html.blocks.layout import (
    BREAK,
    DISPLAYED,
    IN_CODE,
    IN_PRE,
    LINKED,
    LOWERED,
    MAX_TITLE,
    MAX_TITLE_WORDS,
    RAISED,
    ZERO,
    Page,
)
from tamis.html.blocks.read.characters import (
    COMMA,
    DIGIT,
    IDEOGRAPH,
    IGNORED,
    LETTER,
    SPACE,
    TERMINAL,
    character_at,
    class_of,
    reference_at,
)
from tamis.html.blocks.read.open_block import (
    add_title_word,
    begin_block,
    end_word,
    finish_block,
    is_in_title,
)
from tamis.html.blocks.read.tags import CODE, FNV_OFFSET, FNV_PRIME, SUB, SUP
from tamis.html.blocks.read.words import (
    begun_with_letters,
    hash_of_character,
    hash_of_word,
    with_character,
)
from tamis.html.blocks.simd import letters_at

_AMPERSAND, _A, _Z = 38, 97, 122
_BLANK, _DOLLAR, _OPENING, _BACKSLASH, _CLOSING = 32, 36, 91, 92, 93
_NONE = np.uint64(0)


@kernel
def read_text(
    data: NDArray[np.uint8],
    start: int,
    stop: int,
    page: Page,
) -> None:
    """Add the bytes start:stop to the open block."""
    state = page.state[0]
    position = start
    # In preformatted text, blanks before the first word are indentation: keep them.
    if state.has_text == 0 and not _is_preformatted(page):
        while position < stop and data[np.uint64(position)] <= 32:
            position += 1
        if position == stop:
            return
    if state.pending_breaks > 1:
        finish_block(page)
    block = page.blocks[state.blocks]
    words = digits = terminals = commas = title_words = 0
    is_visible, in_word, block_hash = state.has_text, state.in_word, block.hash
    value, piece, length = state.word_value, state.word_piece, state.word_length
    while position < stop:
        code = int(data[np.uint64(position)])
        if in_word == 0 and _A <= code | 32 <= _Z:
            end = letters_at(data, position, stop)
            value, piece, length = begun_with_letters(data, position, end)
            in_word = is_visible = 1
            words += 1
            position = end
            continue
        if code == _AMPERSAND:
            code, _, position = reference_at(data, position, stop, page)
        elif code < 0x80:
            position += 1
        else:
            code, position = character_at(data, position, stop)
        kind = class_of(code)
        if kind == IGNORED:
            continue
        if kind != SPACE:
            is_visible = 1
        if LETTER <= kind <= DIGIT:
            if in_word == 0:
                in_word = 1
                words += 1
                value, piece, length = FNV_OFFSET, _NONE, ZERO
            digits += kind == DIGIT
            value, piece, length = with_character(value, piece, length, code)
            continue
        if in_word:
            in_word = 0
            word = hash_of_word(value, piece, length)
            block_hash = (block_hash ^ word) * FNV_PRIME
            title_words += is_in_title(page, word)
        if kind == IDEOGRAPH:
            words += 1
            word = hash_of_character(code)
            block_hash = (block_hash ^ word) * FNV_PRIME
            title_words += is_in_title(page, word)
        terminals += kind == TERMINAL
        commas += kind == COMMA
    if is_visible == 0:  # white space only, so far
        if _is_preformatted(page):
            _append_span(page, start, stop, ZERO)
        return
    if state.has_text == 0:
        begin_block(page)
    state.in_word = in_word
    state.word_value, state.word_piece, state.word_length = value, piece, length
    state.pending_breaks = 0
    block.hash = block_hash
    block.words += words
    block.digits += digits
    block.terminals += terminals
    block.commas += commas
    block.title_words += title_words
    if state.link >= 0:
        block.linked_words += words
    flags = (LINKED if state.link >= 0 else 0) + ZERO
    if state.spans == block.span_start and _is_displayed(data, start, stop):
        flags |= DISPLAYED
    if page.open_tags[SUP] > 0:
        flags |= RAISED
    elif page.open_tags[SUB] > 0:
        flags |= LOWERED
    if page.open_tags[CODE] > 0:
        flags |= IN_CODE
    _append_span(page, start, stop, flags)


@kernel
def _is_displayed(data: NDArray[np.uint8], start: int, stop: int) -> bool:
    r"""Whether it is all between `\[` and `\]`, or `$$` and `$$`."""
    while start < stop and data[start] <= _BLANK:
        start += 1
    if stop - start < 5 or data[start] not in (_BACKSLASH, _DOLLAR):
        return False
    while data[stop - 1] <= _BLANK:
        stop -= 1
    first, second = data[start], data[start + 1]
    closing = _CLOSING if first == _BACKSLASH else _DOLLAR
    opening = _OPENING if first == _BACKSLASH else _DOLLAR
    return bool(
        stop - start > 4
        and second == opening
        and data[stop - 2] == first
        and data[stop - 1] == closing
    )


@kernel
def break_line(page: Page, position: int) -> None:
    """Break the line in the block, at a <br>; a second one in a row ends the block.

    In preformatted text it is an empty line.
    """
    state = page.state[0]
    if state.has_text == 0:
        return
    end_word(page)
    in_pre = _is_preformatted(page)
    state.pending_breaks += not in_pre
    if in_pre or state.pending_breaks == 1:
        _append_span(page, position, position, BREAK + ZERO)


@kernel
def read_title(
    data: NDArray[np.uint8],
    start: int,
    stop: int,
    page: Page,
) -> None:
    """Store where <title> is, and its words, with which headings are compared."""
    stop = _title_stop(data, start, stop)
    page.state[0].title_start, page.state[0].title_stop = start, stop
    value, piece, length = FNV_OFFSET, _NONE, ZERO
    in_word, position = False, start
    while position <= stop and page.state[0].title_words < MAX_TITLE_WORDS:
        code = 32
        if position == stop:
            position += 1
        elif data[position] == _AMPERSAND:
            code, _, position = reference_at(data, position, stop, page)
        else:
            code, position = character_at(data, position, stop)
        kind = class_of(code)
        if LETTER <= kind <= DIGIT:
            if not in_word:
                in_word, value, piece, length = True, FNV_OFFSET, _NONE, ZERO
            value, piece, length = with_character(value, piece, length, code)
            continue
        if kind == IGNORED:
            continue
        if in_word:
            in_word = False
            add_title_word(page, hash_of_word(value, piece, length))
        if kind == IDEOGRAPH:
            add_title_word(page, hash_of_character(code))


@kernel
def _title_stop(data: NDArray[np.uint8], start: int, stop: int) -> int:
    """Where the first MAX_TITLE characters of start:stop end."""
    position = start
    for _ in range(MAX_TITLE):
        if position >= stop:
            return stop
        _, position = character_at(data, position, stop)
    return position


@kernel
def _is_preformatted(page: Page) -> bool:
    top = page.stack[page.state[0].depth - 1]
    return bool(page.elements[top].flags & np.uint32(IN_PRE))


@kernel
def _append_span(page: Page, start: int, stop: int, flags: int) -> None:
    state = page.state[0]
    span = page.spans[state.spans]
    span.start, span.stop, span.flags = start, stop, flags
    state.spans += 1
