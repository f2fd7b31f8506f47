"""Write what a run adds to the index (see pipeline/tamis/dedup/index/folder.py).

There are two steps, as elsewhere in deduplicate. The first writes the rows of a group
of parts, sorted, under work/; the second merges a range of these into a file of the
index.

With `verify` a cluster is found by the bands of its keeper, since its documents are
similar to it; without it by the bands of all its documents, since they are the
component. Every document is also found by its text. A hash that the index has already
is not added again: its first keeper counts.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TypedDict

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tamis.dedup.groups import WORK, Group, Settings, as_numpy, ranges_of, read_between
from tamis.dedup.index.clusters import GROWN
from tamis.dedup.index.folder import (
    ALL,
    BY_KEEPER,
    HASHES,
    INPUT,
    KEEPERS,
    PiecesTally,
    Reading,
    rows_of,
)
from tamis.dedup.sorted_runs import Unit, delta_coded, load, write_run
from tamis.storage import Storage
from tamis.work.commits import File, Outputs

KEYS = pa.schema([("hash", pa.uint64()), ("keeper", pa.uint64())])
KEYS_IN, KEPT_IN = f"{WORK}/keys", f"{WORK}/kept"
# Keepers of one band hash; more are boilerplate that different texts share.
MOST_KEEPERS = 32
ROW_GROUP_ROWS = 1 << 20
_SKETCH_GROUP_ROWS = 1 << 14
_KEPT_GROUP_ROWS = 1 << 17

Hashes = NDArray[np.uint64]


class KeysTally(TypedDict):
    """Rows of each run, by column, and the crawls that documents are from."""

    rows: dict[str, int]
    crawls: list[str]


def gather_keys(
    outputs: Outputs,
    settings: Settings,
    group: Group,
    layers: Sequence[File],
    runs: Mapping[str, File],
    rows: int,
) -> KeysTally:
    """Write (hash, keeper) of the group's documents for each column, then its keepers.

    `layers` are the group's duplicates, `runs` its sorted hashes by column.
    """
    storage = outputs.storage
    size = group.stop - group.start
    keepers = np.zeros(size, np.uint64)
    is_found, is_kept = np.zeros(size, np.bool_), np.zeros(size, np.bool_)
    for (start, part), layer in zip(group.starts(), layers, strict=True):
        own = slice(start - group.start, start - group.start + part.rows)
        table = read_layer(storage, layer)
        keepers[own] = as_numpy(pc.fill_null(table["cluster"], 0))
        is_kept[own] = as_numpy(pc.fill_null(table["kept"], False))
        is_repeated = pc.equal(pc.fill_null(table["drop_reason"], ""), "duplicate_id")
        is_found[own] = as_numpy(
            pc.and_(pc.is_valid(table["kept"]), pc.invert(is_repeated))
        )
    counts = {}
    for column in settings.hash_columns:
        only_kept = settings.is_verified and column != "text_hash"
        found_by = is_kept if only_kept else is_found
        counts[column] = 0
        stem = f"{column}-{outputs.key}"
        with outputs.parquet(KEYS_IN, KEYS, stem, **delta_coded(KEYS)) as writer:
            for low, high in ranges_of(rows):
                unit = Unit(column, low, high, (runs[column],))
                hashes, ordinals = load(storage, unit)
                places = (ordinals - np.uint64(group.start)).astype(np.int64)
                stays = found_by[places]
                hashes, places = hashes[stays], places[stays]
                is_new = _differs(hashes) | _differs(keepers[places])
                own_keepers = keepers[places[is_new]]
                write_run(writer, hashes[is_new], own_keepers, [(low, high)])
                counts[column] += len(own_keepers)
    return {"rows": counts, "crawls": _write_kept(outputs, group, layers)}


def add_hashes(
    outputs: Outputs,
    run: Storage,
    settings: Settings,
    work: Sequence[tuple[Unit, Reading]],
) -> PiecesTally:
    """Write what each range adds. Each unit comes with the index's files of its range."""
    from tamis.dedup.kernels.joining import ranks_within
    from tamis.dedup.kernels.sorting import sort_pairs

    pieces = []
    for unit, source in work:
        may_repeat = settings.is_verified and unit.column != "text_hash"
        hashes, keepers = load(run, unit, "keeper")
        if may_repeat:  # lowest keeper first, in whatever groups they are
            keepers, hashes = sort_pairs(keepers, hashes)
            hashes, keepers = sort_pairs(hashes, keepers)
            is_new = _differs(hashes) | _differs(keepers)
        else:
            is_new = _differs(hashes)
        hashes, keepers = hashes[is_new], keepers[is_new]
        known = _known(hashes, source, unit)
        stays = ranks_within(hashes) + known < (MOST_KEEPERS if may_repeat else 1)
        hashes, keepers = hashes[stays], keepers[stays]
        if len(hashes):
            added = np.full(len(hashes), source.number, np.uint32)
            table = pa.table([hashes, keepers, added], schema=HASHES)
            write_piece(
                outputs, "hashes", unit.column, tables=iter([table]), schema=HASHES
            )
            pieces.append([unit.column, unit.low, unit.high])
    return {"pieces": pieces}


def add_keepers(
    outputs: Outputs,
    run: Storage,
    files: Sequence[File],
    low: int,
    high: int,
    number: int,
) -> PiecesTally:
    """Write the new keepers, and by how much clusters grew, of one range of keepers."""
    found = [GROWN.empty_table()]
    for file in files:
        table = read_between(run, file, "keeper", low=low, high=high)
        keepers = as_numpy(table["keeper"])
        is_own = (keepers >= np.uint64(low)) & (keepers <= np.uint64(high))
        found.append(table.filter(pa.array(is_own)))
    table = pa.concat_tables(found)
    if not table.num_rows:
        return {"pieces": []}
    order = np.argsort(as_numpy(table["keeper"]), kind="stable")
    added = pa.array(np.full(table.num_rows, number, np.uint32))
    table = table.take(order).append_column("added", added)
    write_piece(outputs, "keepers", BY_KEEPER, tables=iter([table]), schema=KEEPERS)
    return {"pieces": [[BY_KEEPER, low, high]]}


def add_inputs(outputs: Outputs, names: Hashes, number: int) -> PiecesTally:
    """Write the hashes of the names of the input files, ascending."""
    added = np.full(len(names), number, np.uint32)
    table = pa.table([names, np.zeros_like(names), added], schema=HASHES)
    write_piece(outputs, "hashes", INPUT, tables=iter([table]), schema=HASHES)
    return {"pieces": [[INPUT, *ALL]]}


def write_piece(
    outputs: Outputs,
    dataset: str,
    column: str,
    *,
    tables: Iterator[pa.Table],
    schema: pa.Schema,
) -> None:
    """Write a file of the index, from tables in the order of their first column."""
    stem = f"{column}-{outputs.key}"
    coded = {} if dataset == "keepers" else delta_coded(schema)
    rows = _SKETCH_GROUP_ROWS if dataset == "sketches" else ROW_GROUP_ROWS
    with outputs.parquet(dataset, schema, stem, **coded) as writer:
        for table in tables:
            writer.write_table(table.cast(schema), row_group_size=rows)


def read_layer(storage: Storage, layer: File) -> pa.Table:
    """All of a part's layer of duplicates."""
    with storage.table(layer.path) as parquet:
        return parquet.read()


def _write_kept(outputs: Outputs, group: Group, layers: Sequence[File]) -> list[str]:
    """Write the group's keepers, by id; returns the crawls that they are from."""
    kept = [GROWN.empty_table()]
    for (_, part), layer in zip(group.starts(), layers, strict=True):
        table = read_layer(outputs.storage, layer)
        crawls = part.read(outputs.storage, ["crawl"])["crawl"].dictionary_encode()
        columns = [table["cluster"], crawls, table["cluster_size"]]
        stays = pc.fill_null(table["kept"], False)
        kept.append(pa.table(columns, names=GROWN.names).filter(stays))
    table = pa.concat_tables(kept[1:] or kept).unify_dictionaries()
    with outputs.parquet(KEPT_IN, GROWN) as writer:
        order = np.argsort(as_numpy(table["keeper"]), kind="stable")
        for first in range(0, len(order), _KEPT_GROUP_ROWS):
            rows = table.take(order[first : first + _KEPT_GROUP_ROWS])
            writer.write_table(rows.cast(GROWN))
    return sorted(pc.unique(table["crawl"].drop_null()).cast(pa.string()).to_pylist())


def _known(hashes: Hashes, source: Reading, unit: Unit) -> NDArray[np.int64]:
    """Number of rows that the index has of each hash."""
    from tamis.dedup.kernels.joining import matching_rows

    counts = np.zeros(len(hashes), np.int64)
    for known in rows_of(source, unit.low, unit.high, hashes):
        rows, _ = matching_rows(hashes, as_numpy(known["hash"]))
        counts += np.bincount(rows, minlength=len(hashes))
    return counts


def _differs(values: Hashes) -> NDArray[np.bool_]:
    """Which values differ from the one before."""
    is_new = np.ones(len(values), np.bool_)
    is_new[1:] = values[1:] != values[:-1]
    return is_new
