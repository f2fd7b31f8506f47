"""Compare documents with keepers of the index by sketches, not only by a shared band.

With `index_signatures` every keeper's sketch is written into the index. A document that
shares a band with a cluster is then compared with its keeper: its sketch goes to the
task of the keeper's range, which reads the keepers' sketches and writes the matches
that are similar enough. In between, each pair takes about 1 kB on disk.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tamis.dedup.clusters.candidates import texts_at
from tamis.dedup.clusters.known import MATCHES, SURE
from tamis.dedup.groups import (
    WORK,
    Group,
    Settings,
    as_numpy,
    bounds_of,
    keeper_range,
    range_number,
    read_between,
)
from tamis.dedup.index.folder import BY_SKETCH, SKETCHES, PiecesTally, Reading, rows_of
from tamis.dedup.index.generation import read_layer, write_piece
from tamis.dedup.partitions import pieces, write_partitioned
from tamis.dedup.sorted_runs import delta_coded
from tamis.storage import Storage
from tamis.text.buffers import utf8_buffers
from tamis.work.commits import Counts, File, Outputs

SKETCHED_IN, KEPT_SKETCHES_IN = f"{WORK}/sketched", f"{WORK}/kept-sketches"

_DISTINCT_ROWS = 1 << 24

Rows = NDArray[np.int64]


def gather_sketched(
    outputs: Outputs,
    settings: Settings,
    group: Group,
    unsure: Sequence[File],
    ranges: int,
) -> Counts:
    """Write the sketch of each document once for each cluster that it may belong to."""
    pairs = _pairs(outputs.storage, unsure, group)
    if not pairs.num_rows:
        return {"pairs": 0}
    rows = _with_sketches(outputs.storage, settings, group, pairs=pairs)
    write_partitioned(
        outputs,
        SKETCHED_IN,
        rows,
        name="range",
        partitions=ranges,
        number_of=keeper_range,
    )
    return {"pairs": pairs.num_rows}


def verify_matches(
    outputs: Outputs,
    settings: Settings,
    files: Sequence[File],
    number: int,
    ranges: int,
    source: Reading,
) -> Counts:
    """Write the matches of a range of keepers that are similar enough."""
    storage = outputs.storage
    low, high = bounds_of(ranges)[number]
    known = source.of(BY_SKETCH, low, high)
    found = [MATCHES.empty_table()]
    own_piece = partial(_piece_of, ranges, number)
    for rows in pieces(
        outputs, files, storage, name="range", partition=number, piece_of=own_piece
    ):
        table = rows.sort_by([("keeper", "ascending"), ("ordinal", "ascending")])
        is_near = _is_near(table.combine_chunks(), known, settings.jaccard)
        own = table.select(MATCHES.names).filter(pa.array(is_near))
        found.append(own.cast(MATCHES))
    matches = pa.concat_tables(found).sort_by("ordinal")
    if matches.num_rows:
        with outputs.parquet(SURE, MATCHES, **delta_coded(MATCHES)) as writer:
            writer.write_table(matches, row_group_size=1 << 17)
    return {"near": matches.num_rows}


def gather_kept_sketches(
    outputs: Outputs,
    settings: Settings,
    group: Group,
    layers: Sequence[File],
    ranges: int,
) -> Counts:
    """Write the sketches of the documents that stay, by range of their id."""
    storage = outputs.storage
    kept: list[tuple[Any, Any]] = []
    for (start, _), layer in zip(group.starts(), layers, strict=True):
        table = read_layer(storage, layer)
        stays = np.flatnonzero(as_numpy(pc.fill_null(table["kept"], False)))
        ids = as_numpy(table["id"])[stays]
        kept.append((ids, np.uint64(start) + stays.astype(np.uint64)))
    if not sum(len(ids) for ids, _ in kept):
        return {"kept": 0}
    ids, ordinals = (np.concatenate(arrays) for arrays in zip(*kept, strict=True))
    pairs = pa.table({"ordinal": ordinals, "keeper": ids})
    rows = _with_sketches(storage, settings, group, pairs=pairs)
    write_partitioned(
        outputs,
        KEPT_SKETCHES_IN,
        rows,
        name="range",
        partitions=ranges,
        number_of=keeper_range,
    )
    return {"kept": len(ids)}


def add_sketches(
    outputs: Outputs,
    run: Storage,
    files: Sequence[File],
    number: int,
    ranges: int,
    added: int,
) -> PiecesTally:
    """Write the sketches of a range of keepers into the index."""
    own_piece = partial(_piece_of, ranges, number)

    def in_order() -> Iterator[pa.Table]:
        # Pieces come in the order of their keepers.
        for table in pieces(
            outputs, files, run, name="range", partition=number, piece_of=own_piece
        ):
            rows = table.sort_by("keeper").select(["keeper", "sketch"])
            yield rows.append_column(
                "added", pa.array(np.full(table.num_rows, added, np.uint32))
            )

    if not any(file.rows for file in files):
        return {"pieces": []}
    write_piece(outputs, "sketches", BY_SKETCH, tables=in_order(), schema=SKETCHES)
    return {"pieces": [[BY_SKETCH, *bounds_of(ranges)[number]]]}


def _pairs(storage: Storage, files: Sequence[File], group: Group) -> pa.Table:
    """Distinct pairs of the group's documents and clusters, ascending."""
    from tamis.dedup.kernels.joining import oldest_of_pairs

    found = MATCHES.empty_table()
    for number, file in enumerate(files):
        table = read_between(
            storage, file, "ordinal", low=group.start, high=group.stop - 1
        )
        ordinals = as_numpy(table["ordinal"])
        is_own = (ordinals >= group.start) & (ordinals < group.stop)
        found = pa.concat_tables([found, table.filter(pa.array(is_own))])
        if found.num_rows > _DISTINCT_ROWS or number == len(files) - 1:
            first = oldest_of_pairs(
                *(as_numpy(found[name]) for name in ("ordinal", "added", "keeper"))
            )
            found = found.take(first)
    return found.combine_chunks()


def _with_sketches(
    storage: Storage, settings: Settings, group: Group, *, pairs: pa.Table
) -> Iterator[pa.Table]:
    """`pairs`, ascending by ordinal, with the sketch of the document's text."""
    from tamis.dedup.kernels.sketches import sketches
    from tamis.text.shingles import shingles

    ordinals = as_numpy(pairs["ordinal"])
    for start, part in group.starts():
        low, high = np.searchsorted(ordinals, [start, start + part.rows]).tolist()
        if low == high:
            continue
        own = ordinals[low:high]
        documents, rows = np.unique(own, return_inverse=True)
        places = (documents - np.uint64(start)).astype(np.int64)
        for some, texts in texts_at(storage, part.files, places):
            sets = shingles(*utf8_buffers(texts), settings.ngram)
            values, starts = sketches(sets.hashes, sets.offsets)
            first, last = np.searchsorted(rows, [some.start, some.stop]).tolist()
            column = pa.ListArray.from_arrays(starts.astype(np.int32), values)
            yield pairs.slice(low + first, last - first).append_column(
                "sketch", column.take(pa.array(rows[first:last] - some.start))
            )


def _is_near(table: pa.Table, known: Reading, threshold: float) -> NDArray[np.bool_]:
    """Which rows, ascending by keeper, are similar enough to it."""
    from tamis.dedup.kernels.joining import matching_rows
    from tamis.dedup.kernels.sketches import similarities

    keepers = as_numpy(table["keeper"])
    is_near = np.zeros(len(keepers), np.bool_)
    if not len(keepers):
        return is_near
    own, own_starts = _lists(table["sketch"])
    for others in rows_of(known, int(keepers[0]), int(keepers[-1]), keepers):
        values, starts = _lists(others["sketch"])
        rows, places = matching_rows(keepers, as_numpy(others["keeper"]))
        found = similarities(rows, own, own_starts, places, values, starts)
        is_near[rows] |= found >= threshold
    return is_near


def _lists(column: pa.ChunkedArray) -> tuple[NDArray[np.uint32], Rows]:
    """Values of all lists, and where each begins."""
    lists = column.combine_chunks()
    offsets = as_numpy(lists.offsets).astype(np.int64)
    return as_numpy(lists.flatten()), offsets - offsets[0]


def _piece_of(
    ranges: int, number: int, table: pa.Table, count: int
) -> NDArray[np.uint64]:
    """Number of each keeper's piece, of `count` pieces of its range.

    `count` is rounded down to a power of two, so that pieces are in the order of
    keepers.
    """
    finer = 1 << (count.bit_length() - 1)
    numbers = range_number(as_numpy(table["keeper"]), ranges * finer)
    return numbers - np.uint64(number * finer)
