"""Take one page through the stages of its recipe again.

Used by `tamis explain`, for a file or a record of an archive, and by `tamis inspect` to
show the text of a dropped document if none was kept: the text that the run would have
saved, personal data masked.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import xxhash

from tamis.addresses import without_secrets
from tamis.errors import InputError
from tamis.inputs import resolve
from tamis.pii.masking import every_mask, masked_text
from tamis.pii.regions import regions_of_row
from tamis.remote.opening import Access
from tamis.runner.places import Places
from tamis.runner.recorded import stages_for_text
from tamis.schema import RECORD
from tamis.stage import Source, Stage, Transform
from tamis.stages.mask_pii import MaskPii
from tamis.stages.read_warc import ReadWarc
from tamis.text.columns import WORDS
from tamis.warc.fetch import fetch_record
from tamis.warc.splits import Split
from tamis.work.transforms import Applied, chain_of, through

_MAX_PAGE_BYTES = 64 << 20


@dataclass(frozen=True)
class Step:
    """What a stage did to the page: the columns it wrote, and a reason if it dropped it."""

    stage: str
    columns: dict[str, Any]
    reason: str | None


def replay(record: pa.RecordBatch, stages: Sequence[Stage]) -> list[Step]:
    """The steps of a record through a recipe, ending with the stage that drops it.

    A stage that sees the whole run has a step only where it drops the document by what it
    decides of one alone, as filter_quality with `keep_share` does by its bounds: whether the
    document stays depends on the others.
    """
    reason = record["drop_reason"][0].as_py()
    steps = [Step(stages[0].label, _values(record, set()), reason)]

    def see(step: Applied) -> None:
        before = {name: step.before[name] for name in step.before.schema.names}
        same = {
            name
            for name in step.after.schema.names
            if name in before and step.after[name].equals(before[name])
        }
        reason = step.after["drop_reason"][0].as_py()
        if step.stage.kind == "barrier" and reason is None:
            return
        steps.append(Step(step.stage.label, _values(step.after, same), reason))

    if reason is None:
        transforms = [stage for stage in stages if isinstance(stage, Transform)]
        through(chain_of(transforms), record, see)
    return steps


def decoded(record: pa.RecordBatch, stages: Sequence[Stage]) -> str:
    """The page as extract_text reads it; "" if it cannot be decoded."""
    from tamis.stages.decode_html import DecodeHtml

    decoders = [stage for stage in stages if isinstance(stage, DecodeHtml)]
    if "html" not in record.schema.names:
        return ""
    html = through(chain_of(decoders), record, lambda step: None)["html"]
    page = html[0].as_py() if len(html) else None
    return page if isinstance(page, str) else ""


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
        "warc_path": path.name,
        "warc_offset": 0,
        "warc_length": len(html),
        "http_content_type": "text/html",
        "html": html,
    }
    return pa.RecordBatch.from_pylist([values], schema=RECORD)


def record_of_url(
    url: str, patterns: Sequence[str], source: Source, *, options: Mapping[str, Any]
) -> pa.RecordBatch:
    """The first record of that URL in the inputs. Raises InputError if there is none."""
    files = source.inputs() if source.names_inputs else resolve(patterns, options)
    for file in files:
        if file.problem:
            continue
        split = Split(
            file.path,
            0,
            file.size,
            file.size,
            exact=True,
            name=file.name,
            about=file.about,
        )
        for batch in source.read(split):
            urls = batch["url"].to_pylist()
            if url in urls:
                return batch.slice(urls.index(url), 1)
    where = ", ".join(map(without_secrets, patterns)) or source.label
    raise InputError(f"{url}: no such page in {where}")


def refetched(
    row: Mapping[str, Any], source: ReadWarc, places: Places
) -> pa.RecordBatch:
    """Read the record of a document again from its archive, if remote by a range request.

    Raises InputError if it cannot be read.
    """
    access = Access(source.storage_options, source.requests_per_second)
    with places.opened(row, access) as (file, wanted):
        found = fetch_record(
            file, **wanted, crawl=row["crawl"], max_html_bytes=source.max_html_bytes
        )
    values = {name: [getattr(found, name)] for name in RECORD.names}
    return pa.RecordBatch.from_pydict(values, schema=RECORD)


def text_again(
    row: Mapping[str, Any], stages: Sequence[Stage], places: Places
) -> str | None:
    """The text of a dropped document, extracted again; null if it has none.

    All stages of the recipe that change the text are applied. If one of them drops the
    page before its text is masked, it is masked here. Raises InputError if the archive
    cannot be read.
    """
    source = next((stage for stage in stages if isinstance(stage, ReadWarc)), None)
    if source is None:
        return None  # the source of another: it alone could read a document again
    text = None
    for step in replay(refetched(row, source, places), stages_for_text(stages)):
        text = step.columns.get("text", text)
    return masked_for_eyes(text, stages, regions_of_row(row)) if text else text


def masked_for_eyes(
    text: str, stages: Sequence[Stage], regions: tuple[str, ...] = ()
) -> str:
    """`text` with personal data masked as in the recipe; all kinds if it has no mask_pii.

    What is already masked does not change.
    """
    masks = [stage for stage in stages if isinstance(stage, MaskPii)]
    return masked_text(text, masks[-1].masks if masks else every_mask(), regions)


def _values(batch: pa.RecordBatch, hidden: set[str]) -> dict[str, Any]:
    return {
        name: batch[name][0].as_py()
        for name in batch.schema.names
        if name not in hidden and name not in ("html", "drop_reason", WORDS)
    }
