"""Find documents that share a hash with a cluster of an earlier run.

This run's sorted hashes are merge-joined with those of the index, a (column, range) at
a time, and one row group of the index at a time, whatever its size. A match is a row of
(ordinal, keeper, added). A file of matches is ascending by ordinal within each of its
row groups, so that a reader of some ordinals reads few row groups.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tamis.dedup.clusters.known import MATCHES, SURE, Hashes
from tamis.dedup.groups import as_numpy, packed, ranges_of
from tamis.dedup.index.folder import Reading, rows_of
from tamis.dedup.sorted_runs import Unit, delta_coded, load, read_ordinals
from tamis.work.commits import Counts, File, Outputs

# Of runs and index: 25 s, and a thousand tasks for 10^10 documents.
_TASK_ROWS = 1 << 28
_JOIN_ROWS = 1 << 18
_HELD_ROWS = 1 << 21
_GROUP_ROWS = 1 << 17

Rows = NDArray[np.int64]


class Lookup(NamedTuple):
    """A range of hashes in this run, and the files of the index that may have some."""

    unit: Unit
    source: Reading


def lookups(
    runs: dict[str, tuple[File, ...]],
    columns: Sequence[str],
    source: Reading,
    *,
    rows: int,
) -> list[tuple[Lookup, ...]]:
    """Work for `find_matches`: every range fits into memory."""
    every = []
    total = 0
    for column in columns:
        known = source.rows(column)
        total += rows + known
        for low, high in ranges_of(max(rows, known)):
            own = source.of(column, low, high)
            if own.files:
                every.append(Lookup(Unit(column, low, high, runs[column]), own))
    return packed(every, total, _TASK_ROWS)


def find_matches(
    outputs: Outputs,
    work: Sequence[Lookup],
    same_ids: Sequence[File],
    dataset: str,
) -> Counts:
    """Write for each document the oldest cluster with one of its hashes (`dataset` SURE),
    or every such cluster (UNSURE).
    """
    from tamis.dedup.kernels.edges import without
    from tamis.dedup.kernels.joining import oldest_of_each, oldest_of_pairs

    excluded = read_ordinals(outputs.storage, same_ids)
    held = _Held(oldest_of_each if dataset == SURE else oldest_of_pairs)
    with outputs.parquet(dataset, MATCHES, **delta_coded(MATCHES)) as writer:
        for unit, source in work:
            hashes, ordinals = without(*load(outputs.storage, unit), excluded)
            for matches in _joined(hashes, ordinals, source, unit=unit):
                held.take(writer, matches)
        held.flush(writer)
    return {"matches": held.count}


class _Held:
    """Matches that are collected before they are written, some millions at a time."""

    def __init__(self, distinct: Callable[..., Rows]) -> None:
        self.count = 0
        self._distinct = distinct
        self._tables: list[pa.Table] = []
        self._rows = 0

    def take(self, writer: Any, matches: pa.Table) -> None:
        self._tables.append(matches)
        self._rows += matches.num_rows
        if self._rows >= _HELD_ROWS:
            self.flush(writer)

    def flush(self, writer: Any) -> None:
        if not self._rows:
            return
        table = pa.concat_tables(self._tables)
        first = self._distinct(
            *(as_numpy(table[name]) for name in ("ordinal", "added", "keeper"))
        )
        writer.write_table(table.take(first), row_group_size=_GROUP_ROWS)
        self.count += len(first)
        self._tables, self._rows = [], 0


def _joined(
    hashes: Hashes, ordinals: Hashes, source: Reading, *, unit: Unit
) -> Iterable[pa.Table]:
    """Matches of one range: a slice of the run against a row group of the index."""
    from tamis.dedup.kernels.joining import matching_rows

    for known in rows_of(source, unit.low, unit.high, hashes):
        if not known.num_rows:
            continue
        others = as_numpy(known["hash"])
        start, stop = (
            int(np.searchsorted(hashes, others[0], side="left")),
            int(np.searchsorted(hashes, others[-1], side="right")),
        )
        for first in range(start, stop, _JOIN_ROWS):
            own = slice(first, min(first + _JOIN_ROWS, stop))
            rows, places = matching_rows(hashes[own], others)
            if len(rows):
                yield pa.table(
                    [
                        ordinals[own][rows],
                        as_numpy(known["keeper"])[places],
                        as_numpy(known["added"])[places],
                    ],
                    schema=MATCHES,
                )
