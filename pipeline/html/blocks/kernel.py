"""From a batch's UTF-8 buffer to a batch of texts, without the interpreter.

Each page goes through the same workspace: tokenize, describe, decide, write.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pipeline.html.blocks.decide import keep_blocks, predict
from pipeline.html.blocks.features import describe_blocks
from pipeline.html.blocks.layout import COMMENT, CONTENT, Page
from pipeline.html.blocks.markdown import bytes_for_markdown, write_markdown
from pipeline.html.blocks.paths import follow_paths
from pipeline.html.blocks.plain import write_plain
from pipeline.html.blocks.regions import find_regions, forget_groups
from pipeline.html.blocks.tokenizer import tokenize
from pipeline.html.blocks.write import bytes_needed, write_run

Column = tuple[NDArray[np.uint8], NDArray[np.int64]]


@njit(cache=True, nogil=True)
def extract_batch(
    data: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    workspace: NDArray[np.void],
    keeps_comments: bool,
    writes_markdown: bool,
) -> tuple[Column, Column, Column, NDArray[np.uint8], NDArray[np.int32]]:
    """Texts, titles, Markdown, flags and kept words of the pages offsets[i:i+1]."""
    page = workspace[0]
    pages = len(offsets) - 1
    text = np.empty(4096, np.uint8)
    title = np.empty(4096, np.uint8)
    marked = np.empty(64, np.uint8)
    text_offsets = np.zeros(pages + 1, np.int64)
    title_offsets = np.zeros(pages + 1, np.int64)
    marked_offsets = np.zeros(pages + 1, np.int64)
    flags = np.zeros(pages, np.uint8)
    words = np.zeros(pages, np.int32)
    for number in range(pages):
        read_page(data, offsets[number], offsets[number + 1], page)
        words[number] = decide(page, keeps_comments)
        count = page.state[0].blocks
        at = text_offsets[number]
        text = _with_room(text, at, bytes_needed(page, 0, count))
        text_offsets[number + 1] = write_plain(data, page, text, at)
        at = title_offsets[number]
        start, stop = page.state[0].title_start, page.state[0].title_stop
        title = _with_room(title, at, 2 * (stop - start) + 16)
        title_offsets[number + 1] = _write_title(data, page, title, at)
        at = marked_offsets[number]
        if writes_markdown:
            marked = _with_room(marked, at, bytes_for_markdown(page))
            marked_offsets[number + 1] = write_markdown(data, page, marked, at)
        else:
            marked_offsets[number + 1] = at
        flags[number] = page.state[0].flags
    return (
        (text[: text_offsets[pages]], text_offsets),
        (title[: title_offsets[pages]], title_offsets),
        (marked[: marked_offsets[pages]], marked_offsets),
        flags,
        words,
    )


@njit(cache=True, nogil=True)
def read_page(data: NDArray[np.uint8], start: int, stop: int, page: Page) -> None:
    """Everything before a decision: elements, blocks, regions, features."""
    tokenize(data, start, stop, page)
    follow_paths(page)
    find_regions(page)
    describe_blocks(page)
    forget_groups(page)


@njit(cache=True, nogil=True)
def decide(page: Page, keeps_comments: bool) -> int:
    """Probabilities and `is_kept`; returns the number of words kept."""
    predict(page, CONTENT)
    predict(page, COMMENT)
    return keep_blocks(page, keeps_comments)


@njit(cache=True, nogil=True)
def _write_title(
    data: NDArray[np.uint8], page: Page, out: NDArray[np.uint8], at: int
) -> int:
    """<title> on one line; nothing where there is none."""
    state = page.state[0]
    end = write_run(data, state.title_start, state.title_stop, page, False, out, at, at)
    return end - 1 if end > at and out[end - 1] == 32 else end


@njit(cache=True, nogil=True)
def _with_room(buffer: NDArray[np.uint8], used: int, needed: int) -> NDArray[np.uint8]:
    """The buffer, or one twice as large with its bytes, if `needed` more do not fit."""
    if used + needed <= len(buffer):
        return buffer
    larger = np.empty(2 * (used + needed), np.uint8)
    larger[:used] = buffer[:used]
    return larger
