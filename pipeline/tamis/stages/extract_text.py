"""Extract the main text and the title of each page.

Reads   html (UTF-8), http_content_type
Writes  text, text_chars, title, extract_note, page_type, page_type_score, drop_reason; with
        `markdown: true` markdown
Removes html: no later stage sees it

Every engine's text has the form of `tamis.html.clean`. A page that was plain text in
its archive (WET) is its own text. The drop reasons are html_too_deep,
html_too_many_attributes, extract_timeout, extract_crash, extract_error and no_text. A
page with a reason has neither text nor title.

`extract_note` says how the engine `blocks` read an unusual page: it stopped at one of
its caps (truncated_elements, truncated_blocks, truncated_spans, truncated_names), it
read what is nested deeper than 256 elements as if it were at depth 256 (flattened), or
it took the text of a page without any from a script's data (from_state); or that the text was
UTF-8 that somebody had encoded twice and is repaired (encoded_twice), or looks a little like
that and is not (mojibake). It is null for
all others. `page_type` says what kind of page the engine `blocks` takes it for (article, forum,
documentation, product, listing, collection, service, recipe), and `page_type_score` how likely
that is; both are null for plain text and other engines. The column `truncated` is different: it says that the archive holds only a
part of the page.
"""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal, Self

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, field_validator, model_validator

from tamis.html.blocks.judge.shipped import SHIPPED
from tamis.html.extract import Extracted
from tamis.stage import BatchFunction, Bill, Stage, Transform, drop, with_columns
from tamis.text.buffers import utf8_buffers

if TYPE_CHECKING:
    from tamis.html.extract import Extract

# The outcome of a page: its text, or the reason why it has none.
Outcome = Extracted | str

# A server may call an HTML page plain text; the text of a WET record has no such start.
_MARKUP = re.compile(r"\s{0,64}<(?:!doctype|html|head|body|\?xml)", re.IGNORECASE)
# Elements that HTML does not let close themselves, and whose content it does not show, or
# reads to their end.
_SELF_CLOSED = re.compile(
    r"<(script|style|title|textarea|iframe|noscript|xmp|noembed|noframes|select|template"
    r"|div|span|p|a|i|b|em|strong|td|th|li|video|audio|object|canvas)"
    r"((?:\s[^<>]{0,4096}?)?)\s*/>",
    re.IGNORECASE,
)


class ExtractText(Transform):
    """Engine and limits. Time (CPU time) and memory are limited per page."""

    version: ClassVar[int] = 8
    path_settings: ClassVar[tuple[str, ...]] = ("model",)
    tallied: ClassVar[tuple[str, ...]] = ("extract_note", "page_type")

    engine: str = "blocks"
    timeout_seconds: float = Field(10.0, gt=0, le=3600)
    memory_bytes: int = Field(2 << 30, ge=64 << 20)
    max_depth: int = Field(2_000, ge=1)
    max_attributes: int = Field(10_000, ge=4_096)
    comments: Literal["keep", "drop"] = "drop"
    markdown: bool = False
    model: str | None = None
    # The page's own heading stands in the text too; or it is a column alone.
    title: Literal["prepend", "column"] = "prepend"

    @field_validator("engine")
    @classmethod
    def _is_known(cls, engine: str) -> str:
        from tamis.html.extract import ENGINES

        if engine not in ENGINES:
            raise ValueError(f"no engine {engine!r}; there are {', '.join(ENGINES)}")
        return engine

    @model_validator(mode="after")
    def _are_of_the_engine(self) -> Self:
        from tamis.html.extract import ENGINES

        for name in ("comments", "markdown", "model", "title"):
            is_set = getattr(self, name) != type(self).model_fields[name].default
            if is_set and name not in ENGINES[self.engine].settings:
                raise ValueError(f"the engine {self.engine!r} has no setting {name!r}")
        return self

    def columns_read(self) -> tuple[str, ...]:
        return ("html", "http_content_type")

    def columns_written(self) -> pa.Schema:
        columns = [
            ("text", pa.string()),
            ("text_chars", pa.int32()),
            ("title", pa.string()),
            ("extract_note", pa.string()),
            ("page_type", pa.string()),
            ("page_type_score", pa.float32()),
        ]
        return pa.schema(columns + [("markdown", pa.string())] * self.markdown)

    def columns_removed(self) -> tuple[str, ...]:
        return ("html",)

    def kernel_uses(self) -> tuple[str, ...]:
        return ("markdown",) if self.markdown else ()

    def libraries(self) -> tuple[str, ...]:
        # `clean` depends on Python's Unicode tables, whatever the engine.
        from tamis.html.extract import ENGINES

        return ("python", *ENGINES[self.engine].libraries)

    def files(self) -> tuple[str, ...]:
        # The packaged weights too: other weights give other texts.
        return (self.model or str(SHIPPED),) if self.engine == "blocks" else ()

    def bill(self, documents: int, above: Sequence[Stage]) -> Bill:
        # Measured over pages-dev*.warc.gz with benchmarks/throughput.py.
        from tamis.html.extract import ENGINES

        return Bill(documents * ENGINES[self.engine].page_seconds / 3600)

    def build(self) -> BatchFunction:
        """Return a transform that adds the text of `html`; see `outcomes`."""
        from tamis.html.extract import ENGINES, open_engine

        extract = open_engine(
            self.engine,
            self.model_dump(include={"comments", "markdown", "model", "title"}),
            timeout_seconds=self.timeout_seconds,
            memory_bytes=self.memory_bytes,
        )

        def extract_text(batch: pa.RecordBatch) -> pa.RecordBatch:
            pages = with_html_rules(batch["html"], batch["http_content_type"])
            known = plain_texts(pages, batch["http_content_type"])
            if ENGINES[self.engine].needs_guard:
                known |= refused_pages(pages, self.max_depth, self.max_attributes)
            columns, reasons = written_columns(
                outcomes(pages, known, extract), self.markdown
            )
            return drop(with_columns(batch, columns), reasons)

        return extract_text


def with_html_rules(pages: pa.Array, content_types: pa.Array) -> pa.Array:
    """The pages; in those of XHTML's type, elements that close themselves get end tags.

    HTML has no such elements: `<script/>` would take the rest of the page for a script.
    """
    types = pc.utf8_lower(pc.fill_null(content_types, ""))
    rows = pc.indices_nonzero(pc.starts_with(types, "application/xhtml+xml"))
    if len(rows) == 0:
        return pages
    texts = pages.to_pylist()
    for row in rows.to_pylist():
        if texts[row] is not None:
            texts[row] = _SELF_CLOSED.sub(r"<\1\2></\1>", texts[row])
    return pa.array(texts, pages.type)


def plain_texts(pages: pa.Array, content_types: pa.Array) -> dict[int, Outcome]:
    """The texts, by row, of pages that need no extraction."""
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
    """The reasons, by row, of pages that are over a limit and must not be parsed."""
    from tamis.html.limits import REASONS, broken_limits

    broken = broken_limits(*utf8_buffers(pages), max_depth, max_attributes)
    reasons = {row: REASONS[broken[row]] for row in broken.nonzero()[0].tolist()}
    return {row: reason for row, reason in reasons.items() if reason is not None}


def outcomes(
    pages: pa.Array, known: dict[int, Outcome], extract: "Extract"
) -> list[Outcome]:
    """The outcome of each page: from `known`, else from the engine."""
    from tamis.html.guard import Failure

    found = dict(known)
    rows = [row for row in range(len(pages)) if row not in known]
    results = extract(pages if not known else pages.take(pa.array(rows, pa.int64())))
    for row, result in zip(rows, results, strict=True):
        is_failure = isinstance(result, Failure)
        found[row] = f"extract_{result}" if is_failure else result
    return [found[row] for row in range(len(pages))]


def written_columns(
    outcomes: list[Outcome], with_markdown: bool
) -> tuple[dict[str, pa.Array], pa.StringArray]:
    """The columns this stage writes, and the reason of each page without a text.

    A text without Markdown of its own (plain text) is its own Markdown.
    """
    from tamis.html.clean import clean, clean_title
    from tamis.html.clean_texts import clean_texts

    none = Extracted("", None)
    pages = [none if isinstance(outcome, str) else outcome for outcome in outcomes]
    pages = [_as_it_was(page) for page in pages]
    texts = [text or None for text in clean_texts([page.text for page in pages])]
    titles = [clean_title(page.title or "") for page in pages]
    notes = [page.note for page in pages]
    reasons = [
        None if text else outcome if isinstance(outcome, str) else "no_text"
        for text, outcome in zip(texts, outcomes, strict=True)
    ]
    text_column = pa.array(texts, pa.string())
    columns = {
        "text": text_column,
        "text_chars": pc.utf8_length(text_column),
        "title": _where(texts, titles),
        "extract_note": _where(texts, notes),
        "page_type": _where(texts, [page.page_type for page in pages]),
        "page_type_score": pa.array(
            [
                page.page_type_score if text else None
                for text, page in zip(texts, pages, strict=True)
            ],
            pa.float32(),
        ),
    }
    if with_markdown:
        marked = [
            text if page.markdown is None else clean(page.markdown, is_markdown=True)
            for text, page in zip(texts, pages, strict=True)
        ]
        columns["markdown"] = _where(texts, marked)
    return columns, pa.array(reasons, pa.string())


def _as_it_was(page: Extracted) -> Extracted:
    """The page without UTF-8 that was encoded twice; its note says so, or that it may be."""
    if page.text.isascii():
        return page
    from tamis.html.mojibake import repaired

    text, is_repaired, is_doubtful = repaired(page.text)
    if not is_repaired:
        return page._replace(note=page.note or "mojibake") if is_doubtful else page
    title, markdown = (
        None if one is None else repaired(one).text
        for one in (page.title, page.markdown)
    )
    note = page.note or "encoded_twice"
    return page._replace(text=text, title=title, markdown=markdown, note=note)


def _where(texts: list[str | None], values: list[str | None]) -> pa.StringArray:
    """The values, null for pages without a text."""
    return pa.array(
        [value if text else None for text, value in zip(texts, values, strict=True)],
        pa.string(),
    )
