"""Text between tags: a span of the open block, and its statistics.

Counts are made while the bytes are read for the first and only time. A word goes
on across inline tags ("<b>w</b>ord" is one), never across blocks or <br>.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pipeline.html.blocks.characters import (
    ASCII_CLASS,
    CAPITAL,
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
from pipeline.html.blocks.layout import (
    BREAK,
    LINKED,
    MAX_TITLE_WORDS,
    ZERO,
    Page,
)
from pipeline.html.blocks.open_block import (
    begin_block,
    end_word,
    finish_block,
    is_in_title,
)
from pipeline.html.blocks.tags import FNV_OFFSET, FNV_PRIME

_AMPERSAND, _A, _Z = 38, 97, 122


@njit(cache=True, nogil=True)
def read_text(
    data: NDArray[np.uint8],
    start: int,
    stop: int,
    page: Page,
) -> None:
    """Add the bytes start:stop to the open block."""
    state = page.state[0]
    position = start
    if state.has_text == 0:
        while position < stop and data[position] <= 32:
            position += 1
        if position == stop:
            return
    if state.pending_breaks > 1:
        finish_block(page)
    block = page.blocks[state.blocks]
    characters = words = capitalised = digits = terminals = commas = title_words = 0
    in_word, after_space = state.in_word, state.after_space
    word_hash, block_hash = state.word_hash, block.hash
    first, last = block.first, block.last
    while position < stop:
        code = int(data[position])
        if in_word and _A <= code <= _Z:
            # Most of what there is to read: a letter behind another.
            word_hash = (word_hash ^ np.uint64(code)) * FNV_PRIME
            characters += 1
            last = LETTER
            position += 1
            continue
        if code == _AMPERSAND:
            code, _, position = reference_at(data, position, stop, page)
        elif code < 0x80:
            position += 1
        else:
            code, position = character_at(data, position, stop)
        kind = int(ASCII_CLASS[code]) if code < 0x80 else class_of(code)
        if kind == IGNORED:
            continue
        if kind == SPACE:
            if after_space == 0:
                characters += 1
                after_space = 1
        else:
            characters += 1
            after_space = 0
            last = kind
            if first == 0:
                first = kind
        is_of_word = LETTER <= kind <= DIGIT
        if is_of_word and not in_word:
            in_word = 1
            words += 1
            word_hash = FNV_OFFSET
            if kind == CAPITAL:
                capitalised += 1
        if is_of_word:
            digits += kind == DIGIT
            lowered = code | 32 if kind == CAPITAL and code < 0x80 else code
            word_hash = (word_hash ^ np.uint64(lowered)) * FNV_PRIME
            continue
        if in_word:
            in_word = 0
            block_hash = (block_hash ^ word_hash) * FNV_PRIME
            title_words += is_in_title(page, word_hash)
        if kind == IDEOGRAPH:
            words += 1
            word_hash = (FNV_OFFSET ^ np.uint64(code)) * FNV_PRIME
            block_hash = (block_hash ^ word_hash) * FNV_PRIME
            title_words += is_in_title(page, word_hash)
        terminals += kind == TERMINAL
        commas += kind == COMMA
    if first == 0 and block.first == 0:
        # References to white space only: nothing to see yet.
        return
    if state.has_text == 0:
        begin_block(page)
        block.characters = 0
    state.in_word, state.after_space = in_word, after_space
    state.word_hash = word_hash
    state.pending_breaks = 0
    block.hash = block_hash
    block.first, block.last = first, last
    block.characters += characters
    block.words += words
    block.capitalised += capitalised
    block.digits += digits
    block.terminals += terminals
    block.commas += commas
    block.title_words += title_words
    if state.link >= 0:
        block.linked_words += words
    _append_span(page, start, stop, (LINKED if state.link >= 0 else 0) + ZERO)


@njit(cache=True, nogil=True)
def break_line(page: Page, position: int) -> None:
    """A <br>: a line break in the block; a second one in a row ends the block."""
    state = page.state[0]
    if state.has_text == 0:
        return
    end_word(page)
    state.pending_breaks += 1
    state.after_space = 1
    if state.pending_breaks == 1:
        page.blocks[state.blocks].breaks += 1
        _append_span(page, position, position, BREAK + ZERO)


@njit(cache=True, nogil=True)
def read_title(
    data: NDArray[np.uint8],
    start: int,
    stop: int,
    page: Page,
) -> None:
    """Remember the words of <title>, by which headings are known."""
    state = page.state[0]
    word_hash, in_word, position = FNV_OFFSET, False, start
    while position <= stop:
        code = 32
        if position < stop:
            if data[position] == _AMPERSAND:
                code, _, position = reference_at(data, position, stop, page)
            else:
                code, position = character_at(data, position, stop)
        else:
            position += 1
        kind = int(ASCII_CLASS[code]) if code < 0x80 else class_of(code)
        is_of_word = LETTER <= kind <= DIGIT
        if is_of_word:
            if not in_word:
                word_hash, in_word = FNV_OFFSET, True
            lowered = code | 32 if kind == CAPITAL and code < 0x80 else code
            word_hash = (word_hash ^ np.uint64(lowered)) * FNV_PRIME
            continue
        if kind == IGNORED:
            continue
        if in_word:
            in_word = False
            _add_title_word(page, word_hash)
        if kind == IDEOGRAPH:
            _add_title_word(page, (FNV_OFFSET ^ np.uint64(code)) * FNV_PRIME)
        if state.title_words == MAX_TITLE_WORDS:
            return


@njit(cache=True, nogil=True)
def _append_span(page: Page, start: int, stop: int, flags: int) -> None:
    state = page.state[0]
    span = page.spans[state.spans]
    span.start, span.stop, span.flags = start, stop, flags
    state.spans += 1


@njit(cache=True, nogil=True)
def _add_title_word(page: Page, word_hash: np.uint64) -> None:
    state = page.state[0]
    if state.title_words < MAX_TITLE_WORDS:
        page.title_words[state.title_words] = word_hash
        state.title_words += 1
