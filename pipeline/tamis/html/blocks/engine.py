"""extract_text's own engine: a page's main text by classifying its blocks.

Needs no guard: caps on elements, blocks and depth bound the reading, every
loop consumes input, and no C library parses. How it works and how good it is:
docs/extraction.md; what it was trained on: CARD.md, beside the weights.
"""

import itertools
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tamis.html.blocks.judge.page_types import PageTypes, likeliest_type
from tamis.html.blocks.judge.shipped import SHIPPED
from tamis.html.blocks.judge.weights import load_weights
from tamis.html.blocks.kernel import (
    decide,
    describe,
    markdown_text,
    plain_text,
    title_text,
)
from tamis.html.blocks.layout import (
    CUT_AT_BLOCKS,
    CUT_AT_ELEMENTS,
    CUT_AT_NAMES,
    CUT_AT_SPANS,
    FLATTENED,
    FROM_STATE,
)
from tamis.html.blocks.shells import SHORT_WORDS, state_of
from tamis.html.blocks.tokenizer import tokenize
from tamis.html.blocks.workspace import Workspace, new_workspace
from tamis.html.extract import Extracted
from tamis.text.buffers import read_only, utf8_buffers

Comments = Literal["keep", "drop"]
Title = Literal["prepend", "column"]

_NOTES: Final = {
    CUT_AT_ELEMENTS: "truncated_elements",
    CUT_AT_BLOCKS: "truncated_blocks",
    CUT_AT_SPANS: "truncated_spans",
    CUT_AT_NAMES: "truncated_names",
    FROM_STATE: "from_state",
    FLATTENED: "flattened",
}

_local = threading.local()


@dataclass(frozen=True)
class Extraction:
    """One row per page. A null page, or one without text, has the text ""."""

    text: pa.LargeStringArray  # one block or table row per line
    title: pa.LargeStringArray  # of <title>; "" where there is none
    markdown: pa.LargeStringArray | None
    flags: NDArray[np.uint8]  # bits: layout.FLATTENED and those below it


def build(
    comments: Comments = "drop",
    markdown: bool = False,
    model: str | None = None,
    title: Title = "prepend",
) -> Callable[[pa.StringArray], list[Extracted]]:
    """The engine for extract_text: a function of a batch of pages.

    `model` is a file that `tamis train extractor` wrote. Not for several threads at
    once. Raises InputError if the file holds no weights.
    """
    weights = load_weights(Path(model) if model else SHIPPED)
    workspace = new_workspace(weights)

    def extract_pages(pages: pa.StringArray) -> list[Extracted]:
        data, offsets = utf8_buffers(pages)
        data = read_only(data)
        return [
            Extracted(
                page.text.decode(),
                page.title.decode() or None,
                page.markdown.decode() if markdown else None,
                note_of(page.flags),
                page.type,
                page.type_score,
            )
            for page in (
                _extracted(
                    data[start:stop],
                    workspace,
                    comments == "keep",
                    markdown,
                    title == "prepend",
                    weights.page_types,
                )
                for start, stop in itertools.pairwise(offsets.tolist())
            )
        ]

    return extract_pages


def note_of(flags: int) -> str | None:
    """The name of the page's first flag in `_NOTES`; None if it has no flag."""
    return next((name for flag, name in _NOTES.items() if flags & flag), None)


def extract(
    html: pa.Array | list[str | bytes],
    *,
    comments: Comments = "drop",
    markdown: bool = False,
    title: Title = "prepend",
) -> Extraction:
    """Main text, title and flags of each page.

    `html` is a string or binary array of UTF-8, or a list of str and bytes; bytes
    that are not UTF-8 give replacement characters. The text is not normalised (NFC):
    the stage cleans every engine's text.
    """
    if isinstance(html, list):
        html = pa.array([_encoded(page) for page in html], pa.large_binary())
    data, offsets = utf8_buffers(html)
    return extract_buffers(
        data, offsets, comments=comments, markdown=markdown, title=title
    )


def extract_buffers(
    data: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    *,
    comments: Comments = "drop",
    markdown: bool = False,
    title: Title = "column",
    workspace: Workspace | None = None,
) -> Extraction:
    """As `extract`, for pages that follow each other in one UTF-8 buffer.

    Give a `workspace` to use other weights than the shipped ones.
    """
    if workspace is None:
        workspace = _own_workspace()
    # Arrow's buffers may be writeable or not; numba would compile a kernel for each.
    data = read_only(data)
    pages = [
        _extracted(
            data[start:stop],
            workspace,
            comments == "keep",
            markdown,
            title == "prepend",
        )
        for start, stop in itertools.pairwise(offsets.tolist())
    ]
    return Extraction(
        _strings([page.text for page in pages]),
        _strings([page.title for page in pages]),
        _strings([page.markdown for page in pages]) if markdown else None,
        np.array([page.flags for page in pages], np.uint8),
    )


class _Page(NamedTuple):
    """UTF-8 of one page's text, and its number of words."""

    text: bytes
    title: bytes
    markdown: bytes
    flags: int
    words: int
    type: str | None = None
    type_score: float | None = None


def _extracted(
    html: NDArray[np.uint8],
    workspace: Workspace,
    keeps_comments: bool,
    markdown: bool,
    keeps_title: bool,
    types: PageTypes | None = None,
) -> _Page:
    """Text of the page's markup, or of its data if the markup has hardly a word.

    A text that only asks for consent to cookies is none. The type is that of the markup.
    """
    page = _read(html, workspace, keeps_comments, markdown, keeps_title)
    if types is not None:
        kind, score = likeliest_type(html, workspace, types.model)
        page = page._replace(type=types.names[kind], type_score=score)
    if page.words >= SHORT_WORDS:
        return page
    state = state_of(html, page.words, page.text)
    if state.is_only_consent:
        page = page._replace(text=b"", markdown=b"", words=0)
    if state.html is None:
        return page
    drawn = np.frombuffer(state.html, np.uint8)
    body = _read(drawn, workspace, True, markdown, keeps_title)
    if body.words <= page.words:
        return page
    return page._replace(
        text=body.text,
        markdown=body.markdown,
        words=body.words,
        flags=page.flags | body.flags | FROM_STATE,
    )


def _read(
    html: NDArray[np.uint8],
    workspace: Workspace,
    keeps_comments: bool,
    markdown: bool,
    keeps_title: bool,
) -> _Page:
    tokenize(html, workspace)
    describe(workspace)
    words, flags = decide(workspace, keeps_comments, False, keeps_title)
    return _Page(
        plain_text(html, workspace).tobytes(),
        title_text(html, workspace).tobytes(),
        markdown_text(html, workspace).tobytes() if markdown else b"",
        flags,
        words,
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


def _strings(texts: list[bytes]) -> pa.LargeStringArray:
    """The texts as an Arrow array, without decoding: they are UTF-8 already."""
    return pa.array(texts, pa.large_binary()).cast(pa.large_string())
