"""Sorted runs: Parquet files of (hash, ordinal), ascending by hash.

They are delta-coded: 9 to 11 bytes a row. Row groups end where a range of hashes ends,
so that a task reads its own rows and no others.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash
from numpy.typing import NDArray

from tamis.dedup.groups import (
    Group,
    Settings,
    as_numpy,
    packed,
    ranges_of,
    read_ascending,
    read_between,
)
from tamis.storage import Storage
from tamis.work.commits import File

RUN = pa.schema([("hash", pa.uint64()), ("ordinal", pa.uint64())])


ID = "id"


_ROW_GROUP_ROWS = 1 << 20


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

    Only their order makes hashes shorter; compressing them gains nothing and takes as
    long as the rest.
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


def read_ordinals(storage: Storage, files: Iterable[File]) -> Hashes:
    """The ordinals that `find_same_ids` wrote, ascending."""
    found = [np.empty(0, np.uint64)]
    for file in files:
        table = read_between(storage, file, "ordinal", low=0, high=2**64 - 1)
        found.append(as_numpy(table["ordinal"]))
    return np.unique(np.concatenate(found))


def load(storage: Storage, unit: Unit, payload: str = "ordinal") -> tuple[Hashes, Any]:
    """All pairs of a unit, sorted. Groups come in order, so ordinals ascend."""
    from tamis.dedup.kernels.sorting import sort_pairs

    hashes, payloads = [np.empty(0, np.uint64)], [np.empty(0, np.uint64)]
    for file in unit.files:
        table = read_ascending(storage, file, "hash", low=unit.low, high=unit.high)
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
    """Write row groups that end where a range ends."""
    schema = writer.schema
    highs = np.array([high for _, high in ranges], np.uint64)
    start = 0
    for stop in np.searchsorted(hashes, highs, side="right").tolist():
        if stop > start:
            table = pa.table([hashes[start:stop], payloads[start:stop]], schema=schema)
            writer.write_table(table, row_group_size=_ROW_GROUP_ROWS)
        start = stop


def read_hashes(
    storage: Storage, settings: Settings, group: Group, *, columns: Sequence[str]
) -> Iterator[tuple[str, Hashes, Hashes]]:
    """Each column's hashes in the kept rows of a group, and the rows' ordinals."""
    from tamis.text.shingles import mixed

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


def read_bands(
    storage: Storage, settings: Settings, group: Group, *, ordinals: Hashes
) -> Hashes:
    """Bands of some documents of a group, (bands, documents), 0 where null.

    A document without bands is in a component of copies of its text only.
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
