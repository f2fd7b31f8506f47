"""Main text and title of each page.

Reads  html (UTF-8), http_content_type
Writes text, text_chars, title, drop_reason
Ends   html: no later stage sees it

The text's form is that of `pipeline.html.clean`, whatever the engine. A page that was
plain text in its archive (WET) is its own text. The reasons: html_too_deep,
html_too_many_attributes, extract_timeout, extract_crash, extract_error, no_text. A page
with a reason has neither text nor title.
"""

import re
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, field_validator

from pipeline.html.clean import clean, clean_title
from pipeline.html.extract import ENGINES, Extract, Extracted, open_engine
from pipeline.html.guard import Failure
from pipeline.html.limits import REASONS, broken_limits
from pipeline.stage import StageConfig, Transform, drop, with_columns
from pipeline.text.buffers import utf8_buffers

# What became of a page: its text, or the reason why it has none.
Outcome = Extracted | str

# A server may call a page plain text; the text of a WET record does not begin so.
_MARKUP = re.compile(r"\s{0,64}<(?:!doctype|html|head|body|\?xml)", re.IGNORECASE)


class ExtractText(StageConfig):
    """Engine and limits. The time is CPU time per page; memory is per page, too."""

    stage: Literal["extract_text"] = "extract_text"

    engine: str = "trafilatura"
    timeout_seconds: float = Field(10.0, gt=0, le=3600)
    memory_bytes: int = Field(2 << 30, ge=64 << 20)
    max_depth: int = Field(2_000, ge=1)
    max_attributes: int = Field(10_000, ge=4_096)

    @field_validator("engine")
    @classmethod
    def _is_known(cls, engine: str) -> str:
        if engine not in ENGINES:
            raise ValueError(f"no engine {engine!r}; there are {', '.join(ENGINES)}")
        return engine

    def columns_read(self) -> tuple[str, ...]:
        return ("html", "http_content_type")

    def columns_written(self) -> pa.Schema:
        return pa.schema(
            [("text", pa.string()), ("text_chars", pa.int32()), ("title", pa.string())]
        )

    def columns_removed(self) -> tuple[str, ...]:
        return ("html",)

    def depends_on(self) -> tuple[str, ...]:
        return ENGINES[self.engine].libraries


def build(config: ExtractText) -> Transform:
    """Return a transform that adds the text of `html`; see `outcomes`."""
    extract = open_engine(config.engine, config.timeout_seconds, config.memory_bytes)

    def extract_text(batch: pa.RecordBatch) -> pa.RecordBatch:
        pages = batch["html"]
        known = plain_texts(pages, batch["http_content_type"])
        if ENGINES[config.engine].needs_guard:
            known |= refused_pages(pages, config.max_depth, config.max_attributes)
        columns, reasons = written_columns(outcomes(pages, known, extract))
        return drop(with_columns(batch, columns), reasons)

    return extract_text


def plain_texts(pages: pa.Array, content_types: pa.Array) -> dict[int, Outcome]:
    """The pages, by row, that need no extraction."""
    rows = pc.indices_nonzero(
        pc.fill_null(pc.equal(content_types, "text/plain"), False)
    )
    texts = {row: pages[row].as_py() or "" for row in rows.to_pylist()}
    return {
        row: Extracted(text, None)
        for row, text in texts.items()
        if not _MARKUP.match(text)
    }


def refused_pages(
    pages: pa.Array, max_depth: int, max_attributes: int
) -> dict[int, Outcome]:
    """The pages, by row, that no parser should be given, with the reason."""
    broken = broken_limits(*utf8_buffers(pages), max_depth, max_attributes)
    reasons = {row: REASONS[broken[row]] for row in broken.nonzero()[0].tolist()}
    return {row: reason for row, reason in reasons.items() if reason is not None}


def outcomes(
    pages: pa.Array, known: dict[int, Outcome], extract: Extract
) -> list[Outcome]:
    """What became of each page: as `known`, or what the engine makes of it."""
    found = dict(known)
    rows = [row for row in range(len(pages)) if row not in known]
    results = extract(pages if not known else pages.take(pa.array(rows, pa.int64())))
    for row, result in zip(rows, results, strict=True):
        is_failure = isinstance(result, Failure)
        found[row] = f"extract_{result}" if is_failure else result
    return [found[row] for row in range(len(pages))]


def written_columns(
    outcomes: list[Outcome],
) -> tuple[dict[str, pa.Array], pa.StringArray]:
    """The columns this stage writes, and the reason of each page without a text."""
    texts: list[str | None] = []
    titles: list[str | None] = []
    reasons: list[str | None] = []
    for outcome in outcomes:
        if isinstance(outcome, str):
            text, title, reason = "", "", outcome
        else:
            text, title, reason = clean(outcome.text), outcome.title or "", "no_text"
        texts.append(text or None)
        titles.append(clean_title(title) if text else None)
        reasons.append(None if text else reason)
    text_column = pa.array(texts, pa.string())
    columns = {
        "text": text_column,
        "text_chars": pc.utf8_length(text_column),
        "title": pa.array(titles, pa.string()),
    }
    return columns, pa.array(reasons, pa.string())
