"""Turn the bytes of a page into UTF-8.

Reads  html (bytes), http_content_type, host
Writes html (UTF-8), charset, charset_source, undecodable, drop_reason

`charset_source` is one of bom, utf8, http, meta, detector, default (see
`tamis.html.charset`). `undecodable` counts replacement characters, including those that
the publisher's own software left in the page. A page that is already UTF-8
keeps its bytes: they are checked, not copied.
"""

from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from tamis.stage import BatchFunction, Transform, drop, with_columns
from tamis.text.buffers import read_only, utf8_buffers

_WRITTEN = pa.schema(
    [
        ("html", pa.string()),
        ("charset", pa.string()),
        ("charset_source", pa.string()),
        ("undecodable", pa.int32()),
    ]
)


class DecodeHtml(Transform):
    """The largest share of undecodable characters that a page may have."""

    version: ClassVar[int] = 2
    tallied: ClassVar[tuple[str, ...]] = ("charset", "charset_source")

    max_undecodable_ratio: float = Field(0.01, ge=0, le=1)

    def libraries(self) -> tuple[str, ...]:
        return ("turbohtml",)

    def columns_read(self) -> tuple[str, ...]:
        return ("html", "http_content_type", "host")

    def columns_written(self) -> pa.Schema:
        return _WRITTEN

    def build(self) -> BatchFunction:
        """Return a transform that decodes `html` and drops what is mostly not text."""

        def decode_html(batch: pa.RecordBatch) -> pa.RecordBatch:
            batch = with_columns(batch, decoded_columns(batch))
            return drop(batch, undecodable_reasons(batch, self.max_undecodable_ratio))

        return decode_html


def decoded_columns(batch: pa.RecordBatch) -> dict[str, pa.Array]:
    """The columns this stage writes; a null page stays null in all of them."""
    from tamis.html.charset import decode, is_plain_utf_8
    from tamis.html.page_bytes import escape_and_replacements

    pages, content_types, hosts = (
        batch.column(name) for name in ("html", "http_content_type", "host")
    )
    rows = batch.num_rows
    data, offsets = utf8_buffers(pages)
    data, places = read_only(data), offsets.tolist()
    is_null = np.asarray(pages.is_null())
    kept = _as_string(pages)
    pieces: list[pa.Array] = []  # decoded pages and the runs of kept ones between them
    charsets: list[str | None] = ["utf-8"] * rows
    sources: list[str | None] = ["utf8"] * rows
    undecodable = np.zeros(rows, np.int32)
    run_start = 0
    for row in range(rows):
        if is_null[row]:
            charsets[row] = sources[row] = None
            continue
        start, stop = places[row], places[row + 1]
        head = data[start : min(start + 1024, stop)].tobytes()
        if is_plain_utf_8(head) and _is_utf_8(kept.slice(row, 1)):
            has_escape, undecodable[row] = escape_and_replacements(data, start, stop)
            if not has_escape:  # with one, it may be ISO-2022-JP
                continue
        decoded = decode(
            data[start:stop].tobytes(), content_types[row].as_py(), hosts[row].as_py()
        )
        charsets[row], sources[row] = decoded.charset, decoded.source
        undecodable[row] = decoded.text.count("\ufffd")
        pieces += [
            kept.slice(run_start, row - run_start),
            pa.array([decoded.text], pa.string()),
        ]
        run_start = row + 1
    pieces.append(kept.slice(run_start))
    html = pa.concat_arrays(pieces) if len(pieces) > 1 else pieces[0]
    return {
        "html": html,
        "charset": pa.array(charsets, pa.string()),
        "charset_source": pa.array(sources, pa.string()),
        "undecodable": pa.array(undecodable, mask=is_null),
    }


def undecodable_reasons(batch: pa.RecordBatch, max_ratio: float) -> pa.StringArray:
    """`undecodable` for pages over the limit; an empty page is never over it."""
    found = batch["undecodable"]
    reasons: list[str | None] = [None] * batch.num_rows
    for row in np.flatnonzero(np.asarray(found.fill_null(0))).tolist():
        characters = pc.utf8_length(batch["html"].slice(row, 1))[0].as_py()
        if found[row].as_py() > max_ratio * characters:
            reasons[row] = "undecodable"
    return pa.array(reasons, pa.string())


def _is_utf_8(page: pa.Array) -> bool:
    """Whether the bytes of a string array are valid UTF-8."""
    try:
        page.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _as_string(pages: pa.Array) -> pa.Array:
    """A binary column as type string, unchecked, on the same buffers."""
    return pa.Array.from_buffers(
        pa.string(), len(pages), pages.buffers(), offset=pages.offset
    )
