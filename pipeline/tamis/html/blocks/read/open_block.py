"""The block to which text is added: begin, end, and its last word.

`blocks[state.blocks]` is always the open block; it becomes a block of the page only
if it holds a visible character.
"""

import numpy as np

from tamis.compiled import kernel
from tamis.html.blocks.layout import MAX_TITLE_WORDS, TITLE_BITS, Page
from tamis.html.blocks.read.tags import BLOCK, FNV_PRIME, PROPERTIES
from tamis.html.blocks.read.words import hash_of_word

_TITLE_MASK = np.uint64(TITLE_BITS - 1)


@kernel
def open_block(page: Page) -> None:
    """Make room for the next block's text."""
    state = page.state[0]
    block = page.blocks[state.blocks]
    block.span_start = state.spans
    block.span_stop = state.spans
    block.flags = 0
    block.words = block.linked_words = block.title_words = 0
    block.digits = block.terminals = block.commas = 0
    block.hash = 0
    state.has_text = state.in_word = 0
    state.pending_breaks = 0


@kernel
def begin_block(page: Page) -> None:
    """Set the element that the block belongs to, at its first visible text."""
    state = page.state[0]
    block = page.blocks[state.blocks]
    state.has_text = 1
    level = state.depth - 1
    block.element = page.stack[level]
    block.flags = page.elements[block.element].flags
    while level > 0:
        tag = page.elements[page.stack[level]].tag
        if PROPERTIES[tag] & np.uint32(BLOCK):
            break
        level -= 1
    block.container = page.stack[level]


@kernel
def finish_block(page: Page) -> None:
    """End the open block; discard it if it has no visible character."""
    state = page.state[0]
    block = page.blocks[state.blocks]
    if state.has_text:
        end_word(page)
        block.span_stop = state.spans
        state.blocks += 1
    else:
        state.spans = block.span_start
    open_block(page)


@kernel
def end_word(page: Page) -> None:
    """Close the word at the end of the open block's text."""
    state = page.state[0]
    if state.in_word:
        word = hash_of_word(state.word_value, state.word_piece, state.word_length)
        block = page.blocks[state.blocks]
        block.hash = (block.hash ^ word) * FNV_PRIME
        block.title_words += is_in_title(page, word)
        state.in_word = 0


@kernel
def is_in_title(page: Page, word: np.uint64) -> int:
    """1 if the word is in the page's <title>, as far as that was read, else 0."""
    if page.title_bits[word & _TITLE_MASK] == 0:
        return 0
    for index in range(page.state[0].title_words):
        if page.title_words[index] == word:
            return 1
    return 0


@kernel
def add_title_word(page: Page, word: np.uint64) -> None:
    """Store the hash of a word of <title>."""
    state = page.state[0]
    if state.title_words < MAX_TITLE_WORDS:
        page.title_words[state.title_words] = word
        page.title_bits[word & _TITLE_MASK] = 1
        state.title_words += 1
