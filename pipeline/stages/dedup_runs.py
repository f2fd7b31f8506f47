"""First half of deduplicate: from columns to edges (see pipeline/stages/deduplicate.py).

A run is a Parquet file of (hash, ordinal), ascending by hash, delta-coded: 9 to 11 bytes a
row. Its row groups end where a range of hashes ends, so a task reads its own and no more.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash
from numpy.typing import NDArray

from pipeline.commits import File, Outputs
from pipeline.dedup.edges import chains, later_ones, spanning_forest, without
from pipeline.dedup.sorting import sort_pairs
from pipeline.stages.dedup_job import (
    WORK,
    Group,
    Settings,
    as_numpy,
    packed,
    ranges_of,
    read_ascending,
    read_between,
)
from pipeline.storage import Storage
from pipeline.text.shingles import mixed

RUN = pa.schema([("hash", pa.uint64()), ("ordinal", pa.uint64())])
EDGES = pa.schema([("left", pa.uint64()), ("right", pa.uint64())])
ORDINALS = pa.schema([("ordinal", pa.uint64())])

ID = "id"
IDS, EXACT, NEAR = f"{WORK}/ids", f"{WORK}/exact", f"{WORK}/near"

_ROW_GROUP_ROWS = 1 << 20
_READ_VALUES = 1 << 24  # of hash columns read from a group at once
_TASK_ROWS = 1 << 23

Hashes = NDArray[np.uint64]


class Unit(NamedTuple):
    """One range of one column, in the runs of all groups."""

    column: str
    low: int
    high: int
    files: tuple[File, ...]


def delta_coded(schema: pa.Schema) -> dict[str, Any]:
    """Options of a Parquet writer for tables that ascend by their first column.

    Nothing makes hashes shorter but their order, and trying takes as long as the rest.
    """
    coding = {}
    for place, field in enumerate(schema):
        is_list = pa.types.is_list(field.type)
        name = f"{field.name}.list.element" if is_list else field.name
        is_random = field.name == "keeper" and place > 0
        coding[name] = "PLAIN" if is_random else "DELTA_BINARY_PACKED"
    has_hashes = schema.names[0] == "hash" or "sketch" in schema.names
    return {
        "use_dictionary": False,
        "column_encoding": coding,
        **({"compression": "none"} if has_hashes else {"compression_level": 1}),
    }


def gather(
    outputs: Outputs, settings: Settings, group: Group, rows: int
) -> dict[str, Any]:
    """Sorted runs of the group: ids, then each hash column. Dropped rows stay out."""
    columns = (ID, *settings.hash_columns)
    size = group.stop - group.start
    at_once = max(1, _READ_VALUES // max(size, 1))
    room = np.empty(size, np.uint64), np.empty(size, np.uint64)
    counts: dict[str, int] = {}
    for first in range(0, len(columns), at_once):
        some = columns[first : first + at_once]
        for name, hashes, ordinals in read_hashes(
            outputs.storage, settings, group, some
        ):
            counts[name] = len(hashes)
            with outputs.parquet(
                f"{WORK}/runs", RUN, f"{name}-{outputs.key}", **delta_coded(RUN)
            ) as writer:
                pairs = sort_pairs(hashes, ordinals, room)
                write_run(writer, *pairs, ranges_of(rows))
    return {"rows": counts}


def gather_pairs(
    outputs: Outputs,
    settings: Settings,
    group: Group,
    members: File,
    pairs: Sequence[tuple[int, int]],
    rows: int,
) -> dict[str, Any]:
    """Sorted runs of pairs of bands, of the documents in components above the limit."""
    table = read_between(outputs.storage, members, "ordinal", group.start, group.stop)
    table = table.filter(pc.greater(table["size"], settings.max_component))
    ordinals = as_numpy(table["ordinal"])
    bands = _bands(outputs.storage, settings, group, ordinals)
    # Cut, never joined: components differ where the language does, for one.
    components = mixed(as_numpy(table["component"]))
    for low, high in pairs:
        hashes = mixed(mixed(bands[low]) ^ bands[high] ^ components)
        stem = f"pair-{low}-{high}-{outputs.key}"
        with outputs.parquet(f"{WORK}/runs", RUN, stem, **delta_coded(RUN)) as writer:
            write_run(writer, *sort_pairs(hashes, ordinals), ranges_of(rows))
    return {"rows": len(ordinals)}


def units(
    runs: Mapping[str, tuple[File, ...]], columns: Sequence[str], rows: int
) -> list[tuple[Unit, ...]]:
    """Work for edge tasks: the units of `columns`, several to a task where small.

    `runs` has the files of every column, one for each group.
    """
    ranges = ranges_of(rows)
    every = [
        Unit(column, low, high, runs[column])
        for column in columns
        for low, high in ranges
    ]
    return packed(every, rows * len(columns), _TASK_ROWS)


def find_same_ids(outputs: Outputs, work: Sequence[Unit]) -> dict[str, Any]:
    """Write the ordinals of documents whose id an earlier one has: nearly always none."""
    found = [later_ones(*load(outputs.storage, unit)) for unit in work]
    ordinals = np.unique(np.concatenate(found))
    if len(ordinals):
        with outputs.parquet(IDS, ORDINALS, **delta_coded(ORDINALS)) as writer:
            writer.write_table(pa.table({"ordinal": ordinals}))
    return {"documents": len(ordinals)}


def find_edges(
    outputs: Outputs, work: Sequence[Unit], same_ids: Sequence[File]
) -> dict[str, Any]:
    """Write a forest of the edges of all units, those of equal texts apart."""
    excluded = read_ordinals(outputs.storage, same_ids)
    edges: dict[str, list[tuple[Hashes, Hashes]]] = {EXACT: [], NEAR: []}
    for unit in work:
        pairs = without(*load(outputs.storage, unit), excluded)
        edges[EXACT if unit.column == "text_hash" else NEAR].append(chains(*pairs))
    counts: dict[str, int] = {}
    for dataset, found in edges.items():
        left = np.concatenate([np.empty(0, np.uint64), *(pair[0] for pair in found)])
        right = np.concatenate([np.empty(0, np.uint64), *(pair[1] for pair in found)])
        if len(found) > 1:  # the chains of a single unit are a forest already
            left, right = spanning_forest(left, right)
        counts[dataset] = len(left)
        if len(left):
            right, left = sort_pairs(right, left)
            with outputs.parquet(dataset, EDGES, **delta_coded(EDGES)) as writer:
                writer.write_table(pa.table({"left": left, "right": right}))
    return counts


def read_ordinals(storage: Storage, files: Iterable[File]) -> Hashes:
    """The ordinals that `find_same_ids` wrote, ascending."""
    found = [np.empty(0, np.uint64)]
    for file in files:
        table = read_between(storage, file, "ordinal", 0, 2**64 - 1)
        found.append(as_numpy(table["ordinal"]))
    return np.unique(np.concatenate(found))


def load(storage: Storage, unit: Unit, payload: str = "ordinal") -> tuple[Hashes, Any]:
    """All pairs of a unit, sorted. Groups come in order, so ordinals ascend."""
    hashes, payloads = [np.empty(0, np.uint64)], [np.empty(0, np.uint64)]
    for file in unit.files:
        table = read_ascending(storage, file, "hash", unit.low, unit.high)
        own = as_numpy(table["hash"])
        start = int(np.searchsorted(own, np.uint64(unit.low), side="left"))
        stop = int(np.searchsorted(own, np.uint64(unit.high), side="right"))
        hashes.append(own[start:stop])
        payloads.append(as_numpy(table[payload])[start:stop])
    if len(unit.files) == 1:
        return hashes[1], payloads[1]
    return sort_pairs(np.concatenate(hashes), np.concatenate(payloads))


def write_run(
    writer: Any, hashes: Hashes, payloads: Hashes, ranges: list[tuple[int, int]]
) -> None:
    """Row groups that end where a range does."""
    schema = writer.schema
    highs = np.array([high for _, high in ranges], np.uint64)
    start = 0
    for stop in np.searchsorted(hashes, highs, side="right").tolist():
        if stop > start:
            table = pa.table([hashes[start:stop], payloads[start:stop]], schema=schema)
            writer.write_table(table, row_group_size=_ROW_GROUP_ROWS)
        start = stop


def read_hashes(
    storage: Storage, settings: Settings, group: Group, columns: Sequence[str]
) -> Iterator[tuple[str, Hashes, Hashes]]:
    """Each column's hashes in the kept rows of a group, and the rows' ordinals."""
    hashes: dict[str, list[Hashes]] = {name: [] for name in columns}
    ordinals: dict[str, list[Hashes]] = {name: [] for name in columns}
    scope = ["language"] if settings.by_language else []
    for start, part in group.starts():
        if part.rows == 0:
            continue
        table = part.read(storage, [*columns, *scope, "drop_reason"])
        is_kept = as_numpy(pc.is_null(table["drop_reason"]))
        languages = _language_hashes(table["language"]) if scope else None
        rows = np.arange(start, start + part.rows, dtype=np.uint64)
        for name in columns:
            has_hash = is_kept & as_numpy(pc.is_valid(table[name]))
            own = as_numpy(pc.fill_null(table[name], 0))[has_hash]
            if languages is not None and name != ID:
                own = mixed(own ^ languages[has_hash])
            hashes[name].append(own)
            ordinals[name].append(rows[has_hash])
    for name in columns:
        yield (
            name,
            np.concatenate([np.empty(0, np.uint64), *hashes.pop(name)]),
            np.concatenate([np.empty(0, np.uint64), *ordinals.pop(name)]),
        )


def _bands(
    storage: Storage, settings: Settings, group: Group, ordinals: Hashes
) -> Hashes:
    """Bands of some documents of a group, (bands, documents), 0 where null. A document
    without bands lies among copies of its text and nothing else.
    """
    found = [np.empty((len(settings.bands), 0), np.uint64)]
    for start, part in group.starts():
        low, high = np.searchsorted(ordinals, [start, start + part.rows]).tolist()
        if low < high:
            places = (ordinals[low:high] - np.uint64(start)).astype(np.int64)
            table = part.read(storage, settings.bands).take(places)
            columns = [as_numpy(pc.fill_null(table[b], 0)) for b in settings.bands]
            found.append(np.stack(columns))
    bands: Hashes = np.concatenate(found, axis=1)
    return bands


def _language_hashes(column: Any) -> Hashes:
    """A hash of each row's language; null is a language of its own."""
    encoded = column.combine_chunks().dictionary_encode(null_encoding="encode")
    names = encoded.dictionary.to_pylist()
    hashes = [xxhash.xxh3_64_intdigest((name or "").encode()) for name in names]
    of_rows: Hashes = np.array(hashes, np.uint64)[encoded.indices.to_numpy()]
    return of_rows
