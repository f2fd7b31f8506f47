"""The block that text is being added to: begin, end, and its last word.

`blocks[state.blocks]` is always the open block; it counts as one only when it
holds a visible character.
"""

import numpy as np
from numba import njit

from pipeline.html.blocks.layout import Page
from pipeline.html.blocks.tags import BLOCK, FNV_PRIME, PROPERTIES


@njit(cache=True, nogil=True)
def open_block(page: Page) -> None:
    """Make room for the next block's text."""
    state = page.state[0]
    block = page.blocks[state.blocks]
    block.span_start = state.spans
    block.span_stop = state.spans
    block.flags = 0
    block.characters = block.words = block.linked_words = block.links = 0
    block.capitalised = block.digits = block.terminals = block.commas = 0
    block.breaks = block.title_words = 0
    block.first = block.last = 0
    block.hash = 0
    state.has_text = state.in_word = 0
    state.after_space = 1
    state.pending_breaks = 0


@njit(cache=True, nogil=True)
def begin_block(page: Page) -> None:
    """The first visible text of a block decides which element it belongs to."""
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


@njit(cache=True, nogil=True)
def finish_block(page: Page) -> None:
    """End the open block; one without any visible character is forgotten."""
    state = page.state[0]
    block = page.blocks[state.blocks]
    if state.has_text:
        end_word(page)
        block.span_stop = state.spans
        state.blocks += 1
    else:
        state.spans = block.span_start
    open_block(page)


@njit(cache=True, nogil=True)
def end_word(page: Page) -> None:
    """Close the word that the open block's text ends in."""
    state = page.state[0]
    if state.in_word:
        block = page.blocks[state.blocks]
        block.hash = (block.hash ^ state.word_hash) * FNV_PRIME
        block.title_words += is_in_title(page, state.word_hash)
        state.in_word = 0


@njit(cache=True, nogil=True)
def is_in_title(page: Page, word_hash: np.uint64) -> int:
    """1 if the page's <title>, read so far, has the word, else 0."""
    for index in range(page.state[0].title_words):
        if page.title_words[index] == word_hash:
            return 1
    return 0
