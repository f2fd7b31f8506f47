"""Pages to train and judge the extractor on: WARC records, with gold where there is.

Gold is JSON Lines, one object per page: `url`, `text` (the main text, whole), and
where known `source`, `site`, `page_type`, `lang`. A page without gold text can
still teach, by what other extractors make of it (`extractor_labels`).
"""

import gzip
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import numpy as np
from fastwarc.warc import ArchiveIterator, WarcRecordType
from numpy.typing import NDArray

from pipeline.errors import InputError
from pipeline.html.charset import decode

# What the weights are tested on and may not learn: the corpus' licence is unclear (see
# CARD.md beside the weights).
ONLY_JUDGES: Final = frozenset({"daniel"})
_FULL: Final = ("full", "full+snippets")
_MIN_FOUND: Final = 0.5  # gold of which less is in the page is not its gold


@dataclass(frozen=True, eq=False)
class Page:
    """One page: its UTF-8, and what is known of it."""

    url: str
    html: NDArray[np.uint8]
    source: str
    site: str
    page_type: str
    language: str
    gold: str | None  # the whole main text
    may_train: bool


def read_pages(warcs: Iterable[Path], gold: Path | None = None) -> list[Page]:
    """The HTML responses of the files, in order; a URL that returns is read once.

    Gold rows marked `made` are passed over. Every page may train but those of the
    sources in ONLY_JUDGES.
    """
    rows = {} if gold is None else _rows_by_url(gold)
    pages: dict[str, Page] = {}
    for warc in warcs:
        for url, body, content_type in _responses(warc):
            row = rows.get(url, {})
            if url not in pages and not row.get("made"):
                pages[url] = _page(url, body, content_type, row)
    return list(pages.values())


def _page(url: str, body: bytes, content_type: str | None, row: dict[str, Any]) -> Page:
    host = urlsplit(url).hostname or ""
    text = decode(body, content_type, host).text
    source = str(row.get("source", ""))
    is_full = row.get("gold_kind", "full") in _FULL and row.get("text")
    is_found = row.get("gold_found") is None or row["gold_found"] >= _MIN_FOUND
    return Page(
        url,
        np.frombuffer(text.encode("utf-8", "replace"), np.uint8),
        source,
        str(row.get("site") or host),
        str(row.get("page_type") or ""),
        str(row.get("lang") or row.get("lang_ft") or "")[:2],
        str(row["text"]) if is_full and is_found else None,
        source not in ONLY_JUDGES,
    )


def _responses(warc: Path) -> Iterator[tuple[str, bytes, str | None]]:
    try:
        with warc.open("rb") as stream:
            for record in ArchiveIterator(stream, record_types=WarcRecordType.response):
                headers = record.http_headers
                content_type = headers.get("Content-Type") if headers else None
                yield (
                    record.headers["WARC-Target-URI"],
                    record.reader.read(),
                    content_type,
                )
    except OSError as error:
        raise InputError(f"{warc} cannot be read: {error}") from error


def _rows_by_url(gold: Path) -> dict[str, dict[str, Any]]:
    opened = gzip.open if gold.suffix == ".gz" else open
    try:
        with opened(gold, "rt", encoding="utf-8") as lines:
            rows = [json.loads(line) for line in lines]
        # A made page repeats another's gold; the real one stands first.
        return {row["url"]: row for row in reversed(rows)}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{gold} is no gold file: {error!r}") from error
