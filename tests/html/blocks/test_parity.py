"""Against an HTML5 parser: the same visible text, in the same order."""

import html
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import turbohtml

from tamis.html.blocks.layout import LITERAL
from tamis.html.blocks.read import tags
from tamis.html.blocks.tokenizer import tokenize
from tamis.html.blocks.workspace import new_workspace
from tamis.training.extractor.pages import read_pages

_NOT_SHOWN = (
    "del,script,style,title,xmp,iframe,noembed,noframes,textarea,select,datalist,option,"
    "optgroup,template,svg,annotation,video,audio,canvas"
)
_INVISIBLE = dict.fromkeys(
    (
        0xAD,
        0xFEFF,
        *range(0x200B, 0x2010),
        *range(0x202A, 0x202F),
        *range(0x2060, 0x2070),
    )
)


_HIDING = re.compile(r"(?:^|;)\s*(?:display\s*:\s*none|visibility\s*:\s*hidden)")
_FOR_READERS = (("sr", "only"), ("screen", "reader"), ("visually", "hidden"))


def is_silent(element: Any) -> bool:
    """Whether an inline element is not shown, or for screen readers alone."""
    tag = tags.NAMES.index(element.tag) if element.tag in tags.NAMES else tags.OTHER
    if tags.PROPERTIES[tag] & tags.BLOCK:
        names = str(element.attrs.get("class") or "").lower()
        is_cell = element.tag in ("td", "th")
        return is_cell and "lineno" in re.findall(r"[a-z]+", names)
    style = str(element.attrs.get("style") or "").lower()
    if "hidden" in element.attrs or _HIDING.search(style):
        return True
    names = f"{element.attrs.get('class') or ''} {element.attrs.get('id') or ''}"
    words = set(re.findall(r"[a-z]+", names.lower()))
    return element.tag == "span" and bool(
        any(words.issuperset(pair) for pair in _FOR_READERS)
        or words & {"jax", "editsection"}
    )


def squeezed(text: str) -> str:
    return re.sub(r"[\s\x00-\x1f\ufffd]+", "", text.translate(_INVISIBLE))


@pytest.mark.shared
def test_the_text_is_that_of_a_browsers_tree(shared_data: Path) -> None:
    """On a slice of the real pages; benchmarks/extractor.py parity takes them all."""
    workspace = new_workspace()
    pages = read_pages([shared_data / "pages-dev-htmldate.warc.gz"])[:120]
    different = []
    for page in pages:
        tokenize(page.html, workspace)
        raw = page.html.tobytes()
        row = workspace[0]
        spans = row["spans"][: row["state"][0]["spans"]]
        ours = [
            html.unescape(raw[span["start"] : span["stop"]].decode())
            for span in spans
            if not span["flags"] & LITERAL
        ]
        document = turbohtml.parse(raw.decode(), allow_declarative_shadow_roots=False)
        for element in document.select(_NOT_SHOWN):
            element.decompose()
        for element in document.select("[hidden],[style],[class],[id]"):
            if is_silent(element):
                element.decompose()
        if squeezed("".join(ours)) != squeezed(document.root.text):
            different.append(page.url)
    assert len(pages) == 120
    assert len(different) <= 1, different


@pytest.mark.shared
def test_every_page_gives_text_or_has_none(shared_data: Path) -> None:
    from tamis.html.blocks.engine import extract_buffers

    pages = read_pages([shared_data / "pages-dev-htmldate.warc.gz"])
    data = np.concatenate([page.html for page in pages])
    ends = np.cumsum([0, *(len(page.html) for page in pages)])
    extraction = extract_buffers(data, ends.astype(np.int64))
    empty = [
        page.url
        for page, text in zip(pages, extraction.text.to_pylist(), strict=True)
        if not text
    ]
    assert len(empty) <= 1, empty
