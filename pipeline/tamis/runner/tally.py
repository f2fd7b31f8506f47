"""What a task counted: nested dicts with numbers at the leaves, so that they add.

{"stages": {STAGE: {"documents_in", "documents_out", "characters_in",
                    "characters_out", "seconds",
                    "dropped": {REASON: {LANGUAGE: {"documents", "characters"}}}}},
 "columns": {COLUMN: {VALUE: documents}},
 "source": what read_warc counted}
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tamis.stages.read_warc import Reading

UNKNOWN_LANGUAGE = "unknown"
_LISTED = 10_000  # of losses, of pages that hit a limit: the numbers count them all


def add(total: dict[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """Add `more` into `total`, key by key: numbers sum, lists append up to 10,000."""
    for key, value in more.items():
        if isinstance(value, Mapping):
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
    seconds: float,
) -> dict[str, Any]:
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


def source_tally(reading: Reading) -> dict[str, Any]:
    """What read_warc counted, its losses with their places, and where it stood."""
    refused: dict[str, Any] = {}
    for kind, count in reading.refused.items():
        by_status = refused.setdefault(kind.type, {}).setdefault(str(kind.status), {})
        by_status[str(kind.mime)] = count
    return {
        "records": reading.records,
        "admitted": reading.admitted,
        "refused": refused,
        "records_lost": reading.records_lost,
        "bytes_lost": reading.bytes_lost,
        "losses": [asdict(loss) for loss in reading.losses],
        "first_start": reading.place.first_start,
        "next_start": reading.place.next_start,
    }


def dropped_tally(dropped: Any) -> dict[str, Any]:
    """{reason: {language: {"documents", "characters"}}} of dropped rows."""
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
    result: dict[str, Any] = {}
    for row in groups.to_pylist():
        result.setdefault(row["reason"], {})[row["language"]] = {
            "documents": row["count_all"],
            "characters": row["characters_sum"] or 0,
        }
    return result


def column_tally(batch: pa.RecordBatch, names: Iterable[str]) -> dict[str, Any]:
    """{column: {value: documents}}; null counts as "null".

    `rights.tdm` is a field of a struct. What is not there is not counted.
    """
    result: dict[str, Any] = {}
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
    """The `language` column, `unknown` where nobody has told it yet."""
    if "language" not in batch.schema.names:
        return pa.array([UNKNOWN_LANGUAGE] * batch.num_rows, pa.string())
    return pc.fill_null(batch["language"], UNKNOWN_LANGUAGE)


def characters_of(batch: pa.RecordBatch) -> int:
    """Code points of all texts; 0 before there are texts."""
    if "text_chars" not in batch.schema.names:
        return 0
    return int(pc.sum(batch["text_chars"]).as_py() or 0)
