"""One page again, stage by stage, as its recipe treats it.

Used by `tamis explain`, for a file or a record of an archive, and by `tamis inspect`
to show the text of a dropped document that kept none.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import xxhash

from pipeline.errors import InputError, StorageError
from pipeline.inputs import resolve
from pipeline.schema import RECORD
from pipeline.stage import StageConfig, build_transform, function_of, kind
from pipeline.stages.read_warc import ReadWarc
from pipeline.storage import options_for
from pipeline.warc.fetch import fetch_record
from pipeline.warc.splits import Split

_MAX_PAGE_BYTES = 64 << 20


@dataclass(frozen=True)
class Step:
    """What one stage did to the page: the columns it wrote, and why it dropped it."""

    stage: str
    columns: dict[str, Any]
    reason: str | None


def replay(record: pa.RecordBatch, stages: Sequence[StageConfig]) -> Iterator[Step]:
    """The transforms of a recipe on one record, ending with the stage that drops it."""
    batch = record
    reason = batch["drop_reason"][0].as_py()
    yield Step("read_warc", _values(batch, set()), reason)
    for config in stages:
        if reason is not None:
            return
        if kind(config) != "transform":
            continue
        before = {name: batch[name] for name in batch.schema.names}
        batch = build_transform(config)(batch)
        changed = {
            name
            for name in batch.schema.names
            if name not in before or not batch[name].equals(before[name])
        }
        reason = batch["drop_reason"][0].as_py()
        yield Step(config.label, _values(batch, set(before) - changed), reason)


def record_of_file(path: Path) -> pa.RecordBatch:
    """A saved page as if it had been read from an archive. Raises InputError."""
    try:
        with path.open("rb") as file:
            html = file.read(_MAX_PAGE_BYTES)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error
    url = path.resolve().as_uri()
    values: dict[str, Any] = dict.fromkeys(RECORD.names)
    values |= {
        "id": xxhash.xxh3_64_intdigest(f"{path.name}:0".encode()),
        "url": url,
        "fetched_at": datetime.fromtimestamp(path.stat().st_mtime, UTC),
        "warc_path": str(path),
        "warc_offset": 0,
        "warc_length": len(html),
        "http_content_type": "text/html",
        "html": html,
    }
    return pa.RecordBatch.from_pylist([values], schema=RECORD)


def record_of_url(
    url: str, patterns: Sequence[str], source: StageConfig, options: Mapping[str, Any]
) -> pa.RecordBatch:
    """The first record of that URL in the inputs. Raises InputError where there is none."""
    for file in resolve(patterns, options):
        if file.problem:
            continue
        split = Split(file.path, 0, file.size, file.size, exact=True)
        for batch in function_of(source)(source, split):
            urls = batch["url"].to_pylist()
            if url in urls:
                return batch.slice(urls.index(url), 1)
    raise InputError(f"{url}: no such page in {', '.join(patterns)}")


def refetched(
    row: Mapping[str, Any], source: ReadWarc, options: Mapping[str, Any]
) -> pa.RecordBatch:
    """The record of a document again, from its archive. Raises InputError."""
    path = row["warc_path"]
    try:
        with fsspec.open(path, "rb", **options_for(path, options)) as file:
            found = fetch_record(
                file,
                row["warc_offset"],
                row["warc_length"],
                path=path,
                id=row["id"],
                crawl=row["crawl"],
                max_html_bytes=source.max_html_bytes,
            )
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error}") from error
    values = {name: [getattr(found, name)] for name in RECORD.names}
    return pa.RecordBatch.from_pydict(values, schema=RECORD)


def text_again(
    row: Mapping[str, Any], stages: Sequence[StageConfig], options: Mapping[str, Any]
) -> str | None:
    """The text of a dropped document, extracted anew; null where it has none."""
    source = next(config for config in stages if isinstance(config, ReadWarc))
    readers = [
        config for config in stages if config.stage in ("decode_html", "extract_text")
    ]
    try:
        record = refetched(row, source, options)
    except (InputError, StorageError):
        return None
    text = None
    for step in replay(record, readers):
        text = step.columns.get("text", text)
    return text


def _values(batch: pa.RecordBatch, hidden: set[str]) -> dict[str, Any]:
    return {
        name: batch[name][0].as_py()
        for name in batch.schema.names
        if name not in hidden and name not in ("html", "drop_reason")
    }
