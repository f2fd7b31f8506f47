"""extract_text's own engine: a page's main text by classifying its blocks.

Needs no guard: reading is bounded by caps on elements, blocks and depth, every
loop consumes input, and no C library parses. How it works and how good it is:
docs/extraction.md; what it was trained on: CARD.md beside this file.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.html.blocks.kernel import Column, extract_batch
from pipeline.html.blocks.layout import FROM_STATE
from pipeline.html.blocks.shells import FEW_WORDS, state_html
from pipeline.html.blocks.weights import load_weights
from pipeline.html.blocks.workspace import Workspace, new_workspace
from pipeline.html.extract import Extracted
from pipeline.text.buffers import utf8_buffers

Comments = Literal["keep", "drop"]

_local = threading.local()


@dataclass(frozen=True)
class Extraction:
    """One row per page. A null page, or one without text, has the text ""."""

    text: pa.LargeStringArray  # one block or table row per line
    title: pa.LargeStringArray  # of <title>; "" where there is none
    markdown: pa.LargeStringArray | None
    flags: NDArray[np.uint8]  # bits: layout.TRUNCATED, FLATTENED, FROM_STATE


def build() -> Callable[[pa.StringArray], list[Extracted]]:
    """The engine as extract_text wants it: text and title of each page of a batch."""

    def extract_pages(pages: pa.StringArray) -> list[Extracted]:
        found = extract(pages)
        return [
            Extracted(text, title or None)
            for text, title in zip(
                found.text.to_pylist(), found.title.to_pylist(), strict=True
            )
        ]

    return extract_pages


def extract(
    html: pa.Array | list[str | bytes],
    *,
    comments: Comments = "drop",
    markdown: bool = False,
) -> Extraction:
    """Main text, title and flags of each page.

    `html` is a string or binary array of UTF-8, or a list of str and bytes; bytes
    that are no UTF-8 give replacement characters. Text is as the page has it: NFC
    and the like are left to the stage, which cleans every engine's text.
    """
    if isinstance(html, list):
        html = pa.array([_encoded(page) for page in html], pa.large_binary())
    data, offsets = utf8_buffers(html)
    return extract_buffers(data, offsets, comments=comments, markdown=markdown)


def extract_buffers(
    data: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    *,
    comments: Comments = "drop",
    markdown: bool = False,
    workspace: Workspace | None = None,
) -> Extraction:
    """As `extract`, for pages that lie end to end in one UTF-8 buffer.

    `workspace` brings other weights than the shipped ones.
    """
    if workspace is None:
        workspace = _own_workspace()
    # One compiled kernel for both: Arrow's buffers are read-only or not, as they come.
    data = data.view()
    data.flags.writeable = False
    keeps = comments == "keep"
    text, title, marked, flags, words = extract_batch(
        data, offsets, workspace, keeps, markdown
    )
    for row in np.flatnonzero(words < FEW_WORDS).tolist():
        state = state_html(data[offsets[row] : offsets[row + 1]], int(words[row]))
        if state is None:
            continue
        buffer = np.frombuffer(state, np.uint8)
        ends = np.array([0, len(buffer)], np.int64)
        body, _, marked_body, _, found = extract_batch(
            buffer, ends, workspace, True, markdown
        )
        if found[0] > words[row]:
            flags[row] |= FROM_STATE
            text = _replaced(text, row, body)
            marked = _replaced(marked, row, marked_body)
    return Extraction(
        _strings(text),
        _strings(title),
        _strings(marked) if markdown else None,
        flags,
    )


def _encoded(page: str | bytes) -> bytes:
    text = page if isinstance(page, str) else page.decode("utf-8", "replace")
    return text.encode("utf-8", "replace")


def _own_workspace() -> Workspace:
    """This thread's workspace with the shipped weights."""
    if not hasattr(_local, "workspace"):
        _local.workspace = new_workspace(load_weights())
    workspace: Workspace = _local.workspace
    return workspace


def _replaced(column: Column, row: int, value: Column) -> Column:
    """The column with another text in one row."""
    data, offsets = column
    start, stop = offsets[row], offsets[row + 1]
    new, _ = value
    moved = offsets.copy()
    moved[row + 1 :] += len(new) - (stop - start)
    return np.concatenate([data[:start], new, data[stop:]]), moved


def _strings(column: Column) -> pa.LargeStringArray:
    data, offsets = column
    return pa.LargeStringArray.from_buffers(
        len(offsets) - 1, pa.py_buffer(offsets), pa.py_buffer(data)
    )
