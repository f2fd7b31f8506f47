"""What stages, tasks and runs count, as types, and how counts are added.

Numbers are the leaves of nested dicts, so that the tallies of tasks add up to that of
the run. `RunSummary` is run.json.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any, NotRequired

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import TypeAdapter, with_config
from typing_extensions import TypedDict

from tamis.warc.reading import Reading
from tamis.warc.record import Loss

UNKNOWN_LANGUAGE = "unknown"
_LISTED = 10_000  # losses, and pages that hit a limit; the counts include all of them


@with_config(extra="forbid")
class Amount(TypedDict):
    """Documents, and code points of their texts."""

    documents: int
    characters: int


Dropped = dict[str, dict[str, Amount]]
"""{reason: {language: amount}}"""


@with_config(extra="forbid")
class StageTally(TypedDict):
    """What a stage was given, kept and dropped; barriers get `seconds` at the end."""

    documents_in: int
    documents_out: int
    characters_in: int
    characters_out: int
    seconds: NotRequired[float]
    dropped: Dropped


@with_config(extra="forbid")
class SourceTally(TypedDict):
    """What the source read; `refused` is {type: {status: {MIME type: records}}}.

    `first_start` and `next_start` say where a split began and where the next one must; the
    sum has neither.
    """

    records: int
    admitted: int
    refused: dict[str, dict[str, dict[str, int]]]
    records_lost: int
    bytes_lost: int
    named: int
    retries: int
    dates_unread: int
    losses: list[dict[str, Any]]
    first_start: NotRequired[int]
    next_start: NotRequired[int]


@with_config(extra="forbid")
class LostPage(TypedDict):
    """A page that a limit of time or memory dropped: another machine might keep it."""

    url: str | None
    warc_path: str
    warc_offset: int
    stage: str
    reason: str


@with_config(extra="forbid")
class Tally(TypedDict, total=False):
    """What a task of a pass counted, and the sum over all of them."""

    stages: dict[str, StageTally]
    columns: dict[str, dict[str, int]]  # {column: {value: documents}}
    columns_dropped: dict[str, dict[str, int]]  # the same of what the stage dropped
    source: SourceTally
    lossy: dict[str, SourceTally]  # of inputs that lost something, by name
    barriers: dict[str, dict[str, Any]]  # by label, what each counted
    pages_lost_to_limits: list[LostPage]
    split: tuple[int, int, bool, list[tuple[int, str]]]


@with_config(extra="forbid")
class SummaryInput(TypedDict):
    """An input file: what documents call it, where it is without secrets, its size (null
    if the server was not asked) and its content stamp.
    """

    name: str
    warc_path: str
    path: str
    bytes: int | None
    stamp: str


@with_config(extra="forbid")
class Lost(TypedDict):
    """What the run could not read, or only at the second attempt.

    records    that were certainly lost, by their headers and frames
    bytes      of archives that gave no record
    named      of the lost records that are in dropped/, as their header could be read
    share      of the run's records, 0 to 1; lost bytes count as what they held on average
    inputs     {name: share} of the inputs that lost more than a tenth
    heads      pages whose HTTP head could not be read; they are in dropped/
    set_aside  inputs that could not be read at all
    requests   made again because a server failed
    tasks      tried again because they failed or their worker died, by step
    """

    records: int
    bytes: int
    named: int
    share: float
    inputs: dict[str, float]
    heads: int
    set_aside: int
    requests: int
    tasks: dict[str, int]


@with_config(extra="forbid")
class RunSummary(Tally, total=False):
    """run.json: what was run, on which inputs, and with which results.

    Of the last run alone are `seconds`, `tasks_executed` by step, and `fetched`: bytes that
    its tasks received from stores and web servers by step, and the driver as `driver`.
    """

    tamis: str
    complete: bool
    recipe: dict[str, Any]
    versions: dict[str, str]
    dependencies: list[dict[str, Any]]
    models: dict[str, str]
    bill: dict[str, float]  # pages, documents, core hours ... up to the barriers
    estimated: dict[
        str, list[float]
    ]  # low, expected and high of these, if it was asked
    dated: dict[str, list[str]]  # by label: from when the files are that a stage names
    held: dict[str, dict[str, int]]  # by label: what the files hold that a stage names
    inputs: list[SummaryInput]
    missing_inputs: dict[str, str]
    lost: Lost
    tasks_executed: dict[str, int]
    fetched: dict[str, int]
    seconds: float


SUMMARY = TypeAdapter(RunSummary)


def add(total: Any, more: Mapping[str, Any]) -> Any:
    """Add `more` into `total`, key by key: numbers sum, lists append up to 10,000."""
    for key, value in more.items():
        kind = type(value)
        if kind is int or kind is float:
            total[key] = total.get(key, 0) + value
        elif isinstance(value, Mapping):
            add(total.setdefault(key, {}), value)
        elif isinstance(value, bool | str) or value is None:
            total.setdefault(key, value)
        elif isinstance(value, list):
            listed = total.setdefault(key, [])
            listed.extend(value[: _LISTED - len(listed)])
        else:
            total[key] = total.get(key, 0) + value
    return total


def stage_tally(
    before: pa.RecordBatch,
    kept: pa.RecordBatch,
    dropped: pa.RecordBatch,
    *,
    seconds: float,
) -> StageTally:
    """Counts of one stage on one batch: what went in, what it kept, what it dropped.

    Characters out are counted on what is kept: a stage that edits texts (mask_pii)
    or makes them (extract_text) changes their sum without dropping a document.
    """
    return {
        "documents_in": before.num_rows,
        "documents_out": kept.num_rows,
        "characters_in": characters_of(before),
        "characters_out": characters_of(kept),
        "seconds": seconds,
        "dropped": dropped_tally(dropped),
    }


def source_tally(reading: Reading) -> SourceTally:
    """What the source counted, its losses with their places, and where it began."""
    refused: dict[str, dict[str, dict[str, int]]] = {}
    for kind, count in reading.refused.items():
        by_status = refused.setdefault(kind.type, {}).setdefault(str(kind.status), {})
        by_status[str(kind.mime)] = count
    return {
        "records": reading.records,
        "admitted": reading.admitted,
        "refused": refused,
        "records_lost": reading.records_lost,
        "bytes_lost": reading.bytes_lost,
        "named": reading.named,
        "retries": reading.retries,
        "dates_unread": reading.dates_unread,
        "losses": [_place(loss) for loss in reading.losses],
        "first_start": reading.place.first_start,
        "next_start": reading.place.next_start,
    }


def _place(loss: Loss) -> dict[str, Any]:
    """All that is known of a loss but the record, whose row is in dropped/."""
    place = asdict(loss)
    del place["record"]
    return place


def dropped_tally(dropped: Any) -> Dropped:
    """Amounts of dropped rows by reason and language."""
    if dropped.num_rows == 0:
        return {}
    table = pa.table(
        {
            "reason": dropped["drop_reason"],
            "language": language_of(dropped),
            "characters": (
                dropped["text_chars"]
                if "text_chars" in dropped.schema.names
                else pa.nulls(dropped.num_rows, pa.int64())
            ),
        }
    )
    groups = table.group_by(["reason", "language"]).aggregate(
        [([], "count_all"), ("characters", "sum")]
    )
    result: Dropped = {}
    for row in groups.to_pylist():
        result.setdefault(row["reason"], {})[row["language"]] = {
            "documents": row["count_all"],
            "characters": row["characters_sum"] or 0,
        }
    return result


def column_tally(
    batch: pa.RecordBatch, names: Iterable[str]
) -> dict[str, dict[str, int]]:
    """{column: {value: documents}}; null counts as "null".

    `rights.tdm` is a field of a struct. A column that does not exist is not counted.
    """
    result: dict[str, dict[str, int]] = {}
    for name in names:
        column, _, field = name.partition(".")
        index = batch.schema.get_field_index(column)
        if index < 0 or (
            field and batch.schema.types[index].get_field_index(field) < 0
        ):
            continue
        values = pc.struct_field(batch[column], field) if field else batch[column]
        counts = pc.value_counts(values).to_pylist()
        result[name] = {
            "null" if entry["values"] is None else str(entry["values"]): entry["counts"]
            for entry in counts
        }
    return result


def language_of(batch: Any) -> Any:
    """The `language` column; `unknown` where no stage has identified it yet."""
    if "language" not in batch.schema.names:
        return pa.array([UNKNOWN_LANGUAGE] * batch.num_rows, pa.string())
    return pc.fill_null(batch["language"], UNKNOWN_LANGUAGE)


def characters_of(batch: pa.RecordBatch) -> int:
    """Code points of all texts; 0 before there are texts."""
    if "text_chars" not in batch.schema.names:
        return 0
    return int(pc.sum(batch["text_chars"]).as_py() or 0)
