"""Publish dropped/, a record of every dropped document.

While a pass runs, each task keeps the rows it drops beside its commit record
(`tamis.runner.dropped.rows`). At the end of a run one task per input file gathers
them, adds the documents that the layers (filters on columns, deduplicate,
mix_corpus) dropped, and publishes dropped/ sorted by place in the archive: nothing
in it depends on splits.

Columns are gathered without texts. Texts are read for a slice of the rows at a time,
and only those that are kept, so memory does not grow with the texts.
"""

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypedDict

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tamis.documents.parts import Part
from tamis.pii.masking import Masks
from tamis.pii.regions import regions_of_rows
from tamis.pii.urls import masked_urls
from tamis.runner.dropped.rows import (
    SAMPLE_KEY,
    SAMPLES_PER_GROUP,
    Group,
    as_dropped,
    beginning,
    dropped_schema,
    replace,
    sample_keys,
)
from tamis.stages.mask_pii import masked
from tamis.storage import Storage, Table
from tamis.tally import LostPage, StageTally, Tally, add, characters_of, dropped_tally
from tamis.work.commits import File, Outputs

_LIMIT_REASONS = "_(timeout|crash)$"
_LOST_LISTED = 1000  # of one input
_WHOLE_TEXTS = 4096  # rows at once if all texts are kept, and code points of these
_WHOLE_CHARACTERS = 16 << 20
_BEGINNINGS = 1 << 17  # rows at once if only samples keep some characters
_DECODED_ROWS, _DECODED_BYTES = 256, 16 << 20  # read at once to pick texts from
_GROUP = ["stage", "reason", "language"]
# The place of a row's text: which of the input's files, and the row in it.
_FILE = "_file"
_ROW = "_row"


@dataclass(frozen=True)
class DroppedWork:
    """What the tasks of this file need.

    labels  the stage of each layer, or null if the layer's rows name it
    masks   what the recipe's mask_pii masks; null if it has none
    """

    signals: pa.Schema
    keep_text: bool
    labels: tuple[str | None, ...]
    masks: Masks | None = None


@dataclass(frozen=True)
class DroppedInput:
    """One input file: the rows its passes dropped, and its documents with layers."""

    name: str
    sidecars: tuple[File, ...]
    part: Part

    @property
    def files(self) -> tuple[File, ...]:
        """All files that may have a dropped row's text."""
        return (*self.sidecars, *self.part.files)


class KeysTally(TypedDict):
    """Stage, reason and language of each group, and its smallest sample keys."""

    groups: list[list[Any]]


def smallest_keys(
    outputs: Outputs, work: DroppedWork, inputs: Sequence[DroppedInput]
) -> KeysTally:
    """The 20 smallest sample keys of each group in some inputs."""
    smallest: dict[Group, list[int]] = {}
    for source in inputs:
        fates = _fates(outputs.storage, work, source.part)
        table = _dropped_of(outputs.storage, source, fates, schema=pa.schema([]))
        for group, key in _keyed(table):
            smallest.setdefault(group, []).append(key)
        for group, keys in smallest.items():
            smallest[group] = heapq.nsmallest(SAMPLES_PER_GROUP, keys)
    return {"groups": [[*group, keys] for group, keys in sorted(smallest.items())]}


def thresholds(tallies: Sequence[Mapping[str, Any]]) -> dict[Group, int]:
    """The largest key of each group that is still among its 20 smallest."""
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
) -> Tally:
    """Write one input's file of dropped/, and count what its layers dropped."""
    schema = dropped_schema(work.signals)
    fates = _fates(outputs.storage, work, source.part)
    table = _dropped_of(outputs.storage, source, fates, schema=schema)
    table = table.sort_by([("warc_offset", "ascending"), ("id", "ascending")])
    lost = _lost_to_limits(table)
    if work.masks is not None:
        table = _masked(table, ("http_content_type",), work.masks)
        urls = masked_urls(table["url"].to_pylist(), work.masks.placeholders)
        table = replace(table, "url", pa.array(urls, pa.string()))
    texts = _Texts(outputs.storage, source.files)
    starts = _starts(table, work.keep_text)
    with outputs.parquet("dropped", schema, stem=source.name) as writer:
        for first, stop in pairwise([*starts, table.num_rows]):
            rows = table.slice(first, stop - first)
            found = (
                texts.of(rows, np.ones(rows.num_rows, bool))
                if work.keep_text
                else _beginnings(rows, texts.of(rows, _within(rows, limits)))
            )
            rows = replace(rows, "text", found)
            if work.keep_text and work.masks is not None:
                # A page that fell above mask_pii has not been masked.
                rows = _masked(rows, ("text",), work.masks)
            writer.write_table(rows.select(schema.names))
    tally = _tally(outputs.storage, work, source.part, fates=fates)
    tally["pages_lost_to_limits"] = lost
    return tally


def _starts(table: pa.Table, keep_text: bool) -> list[int]:
    """Where each slice begins whose texts are in memory at once."""
    if not keep_text:
        return list(range(0, table.num_rows, _BEGINNINGS))
    sizes = np.zeros(table.num_rows, np.int64)
    if "text_chars" in table.column_names:
        sizes = np.asarray(pc.fill_null(table["text_chars"], 0)).astype(np.int64)
    starts = [0] if len(sizes) else []
    size = 0
    for row, own in enumerate(sizes.tolist()):
        is_full = size + own > _WHOLE_CHARACTERS or row - starts[-1] == _WHOLE_TEXTS
        if row and is_full:
            starts.append(row)
            size = 0
        size += own
    return starts


def _masked(rows: pa.Table, names: Sequence[str], masks: Masks) -> pa.Table:
    """`rows` with personal data in some of their texts masked, if there is any."""
    for name in names:
        found, _ = masked(rows[name], masks, regions_of_rows(rows))
        rows = rows if found is None else replace(rows, name, found)
    return rows


@dataclass(frozen=True)
class _Fates:
    """What the layers decided on a part's documents, row by row.

    `layer`: int64, the first layer that dropped the document, or the number of layers;
    `reason` and `stage`: null if no layer dropped it.
    """

    layer: np.ndarray[Any, Any]
    reason: pa.ChunkedArray
    stage: pa.ChunkedArray


def _fates(storage: Storage, work: DroppedWork, part: Part) -> _Fates:
    """The decisions of all layers; each layer is read once."""
    layer = np.full(part.rows, len(work.labels), np.int64)
    reason: Any = pa.chunked_array([pa.nulls(part.rows, pa.string())])
    stage: Any = reason
    for number, label in enumerate(work.labels):
        with storage.table(part.layers[number].path) as opened:
            names = ["drop_reason"] + (["drop_stage"] if label is None else [])
            decided = opened.read(names)
        is_new = pc.and_(pc.is_null(reason), pc.is_valid(decided["drop_reason"]))
        layer[np.asarray(is_new, dtype=bool)] = number
        reason = pc.coalesce(reason, decided["drop_reason"])
        stage = pc.if_else(is_new, label or decided["drop_stage"], stage)
    return _Fates(layer, reason, stage)


def _dropped_of(
    storage: Storage, source: DroppedInput, fates: _Fates, *, schema: pa.Schema
) -> pa.Table:
    """All dropped rows of an input in the columns of `schema`, without their texts.

    Group, sample key and the place of the text are added to any schema.
    """
    named = [*schema, *(pa.field(name, pa.string()) for name in _GROUP)]
    fields = {field.name: field for field in named}
    columns = pa.schema([*fields.values(), pa.field(SAMPLE_KEY, pa.uint64())])
    tables = []
    for number, sidecar in enumerate(source.sidecars):
        rows = _read(storage, sidecar, {*columns.names} - {"text"})
        # A pass has the signals of its own stages and of those above, no others.
        known = [
            rows[field.name]
            if field.name in rows.column_names
            else pa.nulls(rows.num_rows, field.type)
            for field in columns
        ]
        lost = pa.table(known, schema=columns)
        tables.append(_placed(lost, number, np.arange(rows.num_rows)))
    part = source.part
    if part.layers:
        wanted = {*columns.names, "language", "id"} & part.columns(storage)
        is_dropped = pc.is_valid(fates.reason)
        rows = part.read(storage, sorted(wanted - {"text"})).filter(is_dropped)
        reason, stage = (c.filter(is_dropped) for c in (fates.reason, fates.stage))
        lost = as_dropped(rows, reason, stage, schema=columns)
        lost = replace(lost, SAMPLE_KEY, pa.array(sample_keys(rows["id"])))
        counts = [file.rows for file in part.files]
        file = np.repeat(np.arange(len(counts)) + len(source.sidecars), counts)
        row = np.concatenate([np.arange(count) for count in counts])
        is_lost = np.asarray(is_dropped, dtype=bool)
        tables.append(_placed(lost, file[is_lost], row[is_lost]))
    return pa.concat_tables(tables) if tables else _placed(columns.empty_table(), 0, ())


def _placed(rows: pa.Table, file: Any, row: Any) -> pa.Table:
    """`rows` with the place of each one's text."""
    files = np.broadcast_to(np.asarray(file, np.int32), rows.num_rows)
    return rows.append_column(_FILE, pa.array(files)).append_column(
        _ROW, pa.array(np.asarray(row, np.int64))
    )


def _read(storage: Storage, file: File, names: set[str]) -> pa.Table:
    """The columns in `names` that the file has."""
    with storage.table(file.path) as opened:
        return opened.read([name for name in opened.schema.names if name in names])


class _Texts:
    """Texts of rows of several files; memory holds at most a few hundred of one file."""

    def __init__(self, storage: Storage, files: Sequence[File]) -> None:
        self._storage = storage
        self._files = files

    def of(self, rows: pa.Table, is_wanted: np.ndarray[Any, Any]) -> pa.Array:
        """The text of each row; null if it is not wanted or there is none."""
        files, places = np.asarray(rows[_FILE]), np.asarray(rows[_ROW])
        texts: list[str | None] = [None] * rows.num_rows
        # Read file by file, each from its first row to its last, in any order of `rows`.
        order = np.lexsort((places, files))
        wanted = order[is_wanted[order]]
        for file in np.unique(files[wanted]):
            own = wanted[files[wanted] == file]
            found = self._of_file(self._files[file], places[own])
            for row, text in zip(own, found, strict=True):
                texts[row] = text
        return pa.array(texts, pa.string())

    def _of_file(self, file: File, places: np.ndarray[Any, Any]) -> list[str | None]:
        """Texts of some rows of a file, whose places are ascending."""
        found: list[str | None] = []
        with self._storage.table(file.path, pre_buffer=False) as parquet:
            if "text" not in parquet.schema.names:
                return [None] * len(places)
            first = 0
            for group in range(parquet.num_row_groups):
                stop = first + parquet.metadata.row_group(group).num_rows
                inside = places[(places >= first) & (places < stop)]
                if len(inside):
                    found += _texts_of_group(parquet, group, inside - first)
                first = stop
        return found


def _texts_of_group(
    parquet: Table, group: int, places: np.ndarray[Any, Any]
) -> Iterator[str | None]:
    first = 0
    rows = parquet.rows_within(_DECODED_BYTES, _DECODED_ROWS)
    for batch in parquet.iter_batches(rows, groups=[group], columns=["text"]):
        stop = first + batch.num_rows
        inside = places[(places >= first) & (places < stop)] - first
        yield from batch["text"].take(pa.array(inside)).to_pylist()
        first = stop


def _keyed(table: pa.Table) -> list[tuple[Group, int]]:
    """Group and sample key of each row."""
    groups = zip(*(table[name].to_pylist() for name in _GROUP), strict=True)
    return list(zip(groups, table[SAMPLE_KEY].to_pylist(), strict=True))


def _within(rows: pa.Table, limits: Mapping[Group, int]) -> np.ndarray[Any, Any]:
    """Which rows are among the samples of their group."""
    return np.array([key <= limits[group] for group, key in _keyed(rows)], bool)


def _beginnings(rows: pa.Table, texts: pa.Array) -> pa.Array:
    pairs = zip(texts.to_pylist(), regions_of_rows(rows), strict=True)
    cut = [None if text is None else beginning(text, own) for text, own in pairs]
    return pa.array(cut, pa.string())


def _lost_to_limits(table: pa.Table) -> list[LostPage]:
    """Pages that a limit of time or memory dropped: another machine might keep them."""
    is_limit = pc.match_substring_regex(table["reason"], _LIMIT_REASONS)
    columns = ["url", "warc_path", "warc_offset", "stage", "reason"]
    listed: list[LostPage] = (
        table.filter(is_limit).select(columns)[:_LOST_LISTED].to_pylist()
    )
    urls = masked_urls([page["url"] for page in listed])
    for page, url in zip(listed, urls, strict=True):
        page["url"] = url
    return listed


def _tally(storage: Storage, work: DroppedWork, part: Part, *, fates: _Fates) -> Tally:
    """Documents in and out of each barrier; column passes have counted theirs."""
    tally: Tally = {}
    if not part.layers:
        return tally
    known = part.columns(storage)
    columns = ["id", "language", "text_chars"]
    table = part.read(storage, [name for name in columns if name in known])
    table = table.append_column("drop_reason", fates.reason)
    for number, label in enumerate(work.labels):
        if label is None:
            continue
        entered = table.filter(pa.array(fates.layer >= number))
        lost = table.filter(pa.array(fates.layer == number))
        characters = characters_of(entered)
        counts: StageTally = {
            "documents_in": entered.num_rows,
            "documents_out": entered.num_rows - lost.num_rows,
            "characters_in": characters,
            "characters_out": characters - characters_of(lost),
            "dropped": dropped_tally(lost),
        }
        add(tally, {"stages": {label: counts}})
    return tally
