"""Pages to train and judge the extractor on: WARC records, with gold text if known.

Gold is JSON Lines, one object per page: `url`, `text` (the whole main text), and if
known `source`, `site`, `page_type`, `lang`. A page without gold text can still be
trained on, by other extractors' texts (`labels`).
"""

import gzip
import json
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tamis.errors import InputError
from tamis.html.charset import decode
from tamis.stages.decode_html import DecodeHtml
from tamis.stages.extract_text import plain_texts
from tamis.stages.read_warc import ReadWarc
from tamis.warc.splits import Split

# Sources only for testing, not for training: the corpus' licence is unclear (see
# CARD.md beside the weights).
ONLY_JUDGES: Final = frozenset({"daniel"})
_FULL: Final = ("full", "full+snippets")
_MAX_UNDECODABLE: Final = DecodeHtml().max_undecodable_ratio
# Larger than a run's limit: a run may skip long pages as expensive, but training uses
# them like short ones.
_MAX_HTML_BYTES: Final = 64 << 20
_MIN_FOUND: Final = 0.5  # if a smaller share of gold is in the page, it is not its gold


@dataclass(frozen=True, eq=False)
class Page:
    """One page: its UTF-8, and what is known about it."""

    url: str
    html: NDArray[np.uint8]
    source: str
    site: str
    page_type: str
    language: str
    gold: str | None  # the whole main text
    may_train: bool


def read_pages(warcs: Iterable[Path], gold: Path | None = None) -> list[Page]:
    """The pages of the files, in order; a repeated URL is read once.

    Pages are those that the engine will get: records that `read_warc` admits and
    `decode_html` can decode. Pages without a URL are skipped, and so are gold rows
    marked `made`. All pages may be trained on, except those of the sources in
    ONLY_JUDGES.
    """
    rows = {} if gold is None else _rows_by_url(gold)
    pages: dict[str, Page] = {}
    for warc in warcs:
        for url, host, html in _documents(warc):
            row = rows.get(url, {})
            if url not in pages and not row.get("made"):
                pages[url] = _page(url, host, html, row=row)
    return list(pages.values())


def _page(url: str, host: str, html: str, *, row: dict[str, Any]) -> Page:
    source = str(row.get("source", ""))
    is_full = row.get("gold_kind", "full") in _FULL and row.get("text")
    is_found = row.get("gold_found") is None or row["gold_found"] >= _MIN_FOUND
    return Page(
        url,
        np.frombuffer(html.encode("utf-8", "replace"), np.uint8),
        source,
        str(row.get("site") or host),
        str(row.get("page_type") or ""),
        str(row.get("lang") or row.get("lang_ft") or "")[:2],
        str(row["text"]) if is_full and is_found else None,
        source not in ONLY_JUDGES,
    )


def _documents(warc: Path) -> Iterator[tuple[str, str, str]]:
    """URL, host ("" if it has none) and text of every page that can be used."""
    try:
        size = warc.stat().st_size
        if size == 0:
            return
        split = Split(str(warc), 0, size, size, exact=True)
        for batch in ReadWarc(max_html_bytes=_MAX_HTML_BYTES).read(split):
            for row in batch.to_pylist():
                if row["url"] is None or row["drop_reason"] is not None:
                    continue
                host = row["host"] or ""
                html = decode(row["html"], row["http_content_type"], host).text
                if html.count("\ufffd") > _MAX_UNDECODABLE * len(html):
                    continue
                if not _is_plain_text(html, row["http_content_type"]):
                    yield row["url"], host, html
    except OSError as error:
        raise InputError(f"{warc} cannot be read: {error}") from error


def _is_plain_text(html: str, content_type: str | None) -> bool:
    """Whether extraction would return it unchanged, like the text of a WET record."""
    texts = pa.array([html], pa.string())
    return bool(plain_texts(texts, pa.array([content_type], pa.string())))


def _rows_by_url(gold: Path) -> dict[str, dict[str, Any]]:
    opened = gzip.open if gold.suffix == ".gz" else open
    try:
        with opened(gold, "rt", encoding="utf-8") as lines:
            rows = [json.loads(line) for line in lines]
        # A made page repeats another's gold; the real one comes first.
        return {row["url"]: row for row in reversed(rows)}
    except (
        *(OSError, EOFError, zlib.error),  # a .gz that was cut, or is damaged
        *(ValueError, KeyError, TypeError, RecursionError),
    ) as error:
        raise InputError(f"{gold} is no gold file: {error!r}") from error
