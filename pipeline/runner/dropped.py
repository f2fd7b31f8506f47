"""Every dropped document, on record: what dropped/ holds and how it gets there.

While a pass runs, each task keeps the rows it drops beside its commit record. At
the end of a run one task per input file gathers them, adds the documents that the
layers (filters on columns, deduplicate, mix_corpus) dropped, and publishes
dropped/ sorted by place in the archive: nothing in it depends on splits.

Per (stage, reason, language) the 20 documents with the smallest hash of their id
keep the beginning of their text, with personal data masked. The recipe's seed has no
part in it: another seed must not cost another extraction.
"""

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.documents import Part
from pipeline.mix.order import shuffle_key
from pipeline.pii.masking import mask
from pipeline.runner.tally import add, dropped_tally, language_of
from pipeline.schema import DROPPED, PROVENANCE
from pipeline.storage import Storage
from pipeline.tasks import File, Outputs

SAMPLES_PER_GROUP = 20
_LIMIT_REASONS = "_(timeout|crash)$"
_LOST_LISTED = 1000  # of one input
SAMPLE_CHARACTERS = 1000
_SAMPLE_KEY = "sample_key"
# A seed that no recipe can have, so that samples and mix are drawn independently.
_SAMPLE_SEED = 2**63

Group = tuple[str, str, str]  # stage, reason, language


def dropped_schema(signals: pa.Schema) -> pa.Schema:
    """What dropped/ holds: provenance, the reason, the signals known by then, a text."""
    return pa.schema([*DROPPED, *signals, ("text", pa.string())])


class DroppedRows:
    """Rows that one task dropped, in memory until the task ends."""

    def __init__(self, signals: pa.Schema, *, keep_text: bool) -> None:
        self.schema = dropped_schema(signals).append(pa.field(_SAMPLE_KEY, pa.uint64()))
        self._keep_text = keep_text
        self._rows: list[pa.Table] = []
        self._count = 0
        # Per group the largest keys still kept (a heap of negated keys), and texts by row.
        self._heaps: dict[Group, list[tuple[int, int]]] = {}
        self._texts: dict[int, str] = {}

    def take(self, batch: pa.RecordBatch, stage: str) -> None:
        """Keep the rows of `batch`, all of which `stage` dropped."""
        if batch.num_rows == 0:
            return
        table = _as_dropped(
            pa.Table.from_batches([batch]), batch["drop_reason"], stage, self.schema
        )
        keys = sample_keys(batch["id"])
        table = _replace(table, _SAMPLE_KEY, pa.array(keys))
        if "text" in batch.schema.names:
            self._sample(table, batch["text"], keys)
        self._rows.append(table)
        self._count += batch.num_rows

    def table(self) -> pa.Table:
        """All rows in the order in which they were dropped."""
        table = pa.concat_tables(self._rows or [self.schema.empty_table()])
        texts: list[str | None] = [None] * self._count
        for row, text in self._texts.items():
            texts[row] = text
        return _replace(table, "text", pa.array(texts, pa.string()))

    def _sample(
        self, table: pa.Table, text: pa.StringArray, keys: np.ndarray[Any, Any]
    ) -> None:
        groups = zip(
            table["stage"].to_pylist(),
            table["reason"].to_pylist(),
            table["language"].to_pylist(),
            strict=True,
        )
        for row, group in enumerate(groups):
            if not text[row].is_valid:
                continue
            place, key = self._count + row, int(keys[row])
            if self._keep_text:
                self._texts[place] = text[row].as_py()
                continue
            heap = self._heaps.setdefault(group, [])
            if len(heap) == SAMPLES_PER_GROUP and key >= -heap[0][0]:
                continue
            heapq.heappush(heap, (-key, place))
            self._texts[place] = _beginning(text[row].as_py())
            if len(heap) > SAMPLES_PER_GROUP:
                _, evicted = heapq.heappop(heap)
                del self._texts[evicted]


def sample_keys(ids: Any) -> np.ndarray[Any, Any]:
    """The hash by which samples are drawn, uint64 per id."""
    return shuffle_key(_SAMPLE_SEED, np.asarray(ids).astype(np.uint64))


@dataclass(frozen=True)
class DroppedWork:
    """What the tasks of this file need. `labels`: the stage of each layer, or null
    where the layer's rows name it."""

    signals: pa.Schema
    keep_text: bool
    labels: tuple[str | None, ...]


@dataclass(frozen=True)
class DroppedInput:
    """One input file: the rows its passes dropped, and its documents with layers."""

    name: str
    sidecars: tuple[File, ...]
    part: Part


def smallest_keys(
    outputs: Outputs, work: DroppedWork, inputs: Sequence[DroppedInput]
) -> dict[str, Any]:
    """Per group the 20 smallest sample keys of some inputs."""
    smallest: dict[Group, list[int]] = {}
    for source in inputs:
        table = _dropped_of(outputs.storage, work, source, with_text=False)
        columns = [table[name].to_pylist() for name in ("stage", "reason", "language")]
        for *group, key in zip(*columns, table[_SAMPLE_KEY].to_pylist(), strict=True):
            smallest.setdefault((group[0], group[1], group[2]), []).append(key)
    return {
        "groups": [
            [*group, sorted(keys)[:SAMPLES_PER_GROUP]]
            for group, keys in sorted(smallest.items())
        ]
    }


def thresholds(tallies: Sequence[Mapping[str, Any]]) -> dict[Group, int]:
    """Per group the largest key that is still among the 20 smallest of all."""
    keys: dict[Group, list[int]] = {}
    for tally in tallies:
        for stage, reason, language, smallest in tally["groups"]:
            keys.setdefault((stage, reason, language), []).extend(smallest)
    return {
        group: sorted(found)[:SAMPLES_PER_GROUP][-1] for group, found in keys.items()
    }


def publish_dropped(
    outputs: Outputs,
    work: DroppedWork,
    source: DroppedInput,
    limits: Mapping[Group, int],
) -> dict[str, Any]:
    """Write one input's file of dropped/, and count what its layers dropped."""
    table = _dropped_of(outputs.storage, work, source, with_text=True)
    table = table.sort_by([("warc_offset", "ascending"), ("id", "ascending")])
    if not work.keep_text:
        table = _replace(table, "text", _within(table, limits))
    schema = dropped_schema(work.signals)
    with outputs.parquet("dropped", schema, stem=source.name) as writer:
        writer.write_table(table.select(schema.names))
    return {
        **_tally(outputs.storage, work, source),
        "pages_lost_to_limits": _lost_to_limits(table),
    }


def _lost_to_limits(table: pa.Table) -> list[dict[str, Any]]:
    """Pages that a limit of time or memory took: another machine might keep them."""
    is_limit = pc.match_substring_regex(table["reason"], _LIMIT_REASONS)
    columns = ["url", "warc_path", "warc_offset", "stage", "reason"]
    listed: list[dict[str, Any]] = (
        table.filter(is_limit).select(columns)[:_LOST_LISTED].to_pylist()
    )
    return listed


def _tally(storage: Storage, work: DroppedWork, source: DroppedInput) -> dict[str, Any]:
    """Documents in and out of each barrier; column passes counted themselves."""
    tally: dict[str, Any] = {}
    columns = ["id", "language", "text_chars"]
    known = source.part.columns(storage)
    table = source.part.read(storage, [name for name in columns if name in known])
    for number, label in enumerate(work.labels):
        before, after = _reasons(storage, source.part, number)
        if label is None:
            continue
        is_open = pc.is_null(before)
        is_dropped = pc.and_(is_open, pc.is_valid(after))
        lost = table.append_column("drop_reason", after).filter(is_dropped)
        characters = pc.sum(table["text_chars"].filter(is_open)).as_py() or 0
        counts = {
            "documents_in": pc.sum(is_open).as_py() or 0,
            "documents_out": (pc.sum(is_open).as_py() or 0) - lost.num_rows,
            "characters_in": characters,
            "characters_out": characters - (pc.sum(lost["text_chars"]).as_py() or 0),
            "dropped": dropped_tally(lost),
        }
        add(tally, {"stages": {label: counts}})
    return tally


def _reasons(storage: Storage, part: Part, number: int) -> tuple[Any, Any]:
    """`drop_reason` below layer `number`, and with it."""
    below = Part(part.name, part.fingerprint, part.files, part.layers[:number])
    with_it = Part(part.name, part.fingerprint, part.files, part.layers[: number + 1])
    return tuple(
        view.read(storage, ["drop_reason"])["drop_reason"] for view in (below, with_it)
    )


def _dropped_of(
    storage: Storage, work: DroppedWork, source: DroppedInput, *, with_text: bool
) -> pa.Table:
    """All dropped rows of an input, with sample keys."""
    schema = dropped_schema(work.signals).append(pa.field(_SAMPLE_KEY, pa.uint64()))
    tables = [schema.empty_table()]
    for sidecar in source.sidecars:
        with storage.open(sidecar.path) as opened:
            rows = pq.ParquetFile(opened).read()
        # A pass knows the signals of its own stages and of those above, no others.
        columns = [
            rows[field.name]
            if field.name in rows.column_names
            else pa.nulls(rows.num_rows, field.type)
            for field in schema
        ]
        tables.append(pa.table(columns, schema=schema))
    part = source.part
    known = part.columns(storage)
    wanted = {*PROVENANCE.names, *work.signals.names, "language"}
    wanted |= {"text"} if with_text else set()
    table = part.read(storage, sorted(wanted & known)) if work.labels else None
    for number, label in enumerate(work.labels):
        assert table is not None
        before, after = _reasons(storage, part, number)
        is_dropped = pc.and_(pc.is_null(before), pc.is_valid(after))
        stage: Any = label
        if label is None:
            layer = Part(
                part.name, part.fingerprint, part.files, (part.layers[number],)
            )
            stage = layer.read(storage, ["drop_stage"])["drop_stage"].filter(is_dropped)
        rows = table.filter(is_dropped)
        lost = _as_dropped(rows, after.filter(is_dropped), stage, schema)
        lost = _replace(lost, _SAMPLE_KEY, pa.array(sample_keys(rows["id"])))
        if with_text:
            lost = _replace(lost, "text", rows["text"])
        tables.append(lost)
    return pa.concat_tables(tables)


def _within(table: pa.Table, limits: Mapping[Group, int]) -> pa.Array:
    """Beginning of the text of rows whose key is within its group's limit."""
    columns = [table[name].to_pylist() for name in ("stage", "reason", "language")]
    keys = table[_SAMPLE_KEY].to_pylist()
    texts: list[str | None] = [None] * table.num_rows
    for row, (*group, key) in enumerate(zip(*columns, keys, strict=True)):
        if key <= limits[(group[0], group[1], group[2])]:
            text = table["text"][row].as_py()
            texts[row] = None if text is None else _beginning(text)
    return pa.array(texts, pa.string())


def _beginning(text: str) -> str:
    """The first characters, masked before they are cut so that no half of a value stays."""
    return mask(text[: 2 * SAMPLE_CHARACTERS])[:SAMPLE_CHARACTERS]


def _as_dropped(rows: pa.Table, reason: Any, stage: Any, schema: pa.Schema) -> pa.Table:
    """`rows` in the columns of `schema`; what they do not have is null."""
    columns: list[Any] = []
    given = {"reason": reason, "language": language_of(rows)}
    given["stage"] = (
        pa.array([stage] * rows.num_rows, pa.string())
        if isinstance(stage, str)
        else stage
    )
    for field in schema:
        if field.name in given:
            columns.append(given[field.name])
        elif field.name in rows.column_names and field.name != "text":
            columns.append(rows[field.name])
        else:
            columns.append(pa.nulls(rows.num_rows, field.type))
    return pa.table(columns, schema=schema)


def _replace(table: pa.Table, name: str, values: Any) -> pa.Table:
    position = table.column_names.index(name)
    return table.set_column(position, table.schema.field(name), values)
