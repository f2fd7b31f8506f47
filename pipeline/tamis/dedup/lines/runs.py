"""Find the lines and n-grams that too many documents have, for deduplicate_lines.

A run is a Parquet file of (hash, value), ascending, each pair once: the value is what
is counted, a domain or an ordinal. A run keeps only as many values of a hash as show
that it has too many, so a line of every page costs no more than any other. This does
not change the smallest value, which for n-grams is the first document that has it.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypedDict

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tamis.dedup.groups import Group, as_numpy, bounds_of, ranges_of, read_ascending
from tamis.dedup.lines.walk import NGRAMS, UNITS, Settings, walk
from tamis.dedup.sorted_runs import delta_coded, write_run
from tamis.storage import Storage
from tamis.work.commits import File, Outputs

WORK = "work/lines"
RUN = pa.schema([("hash", pa.uint64()), ("value", pa.uint64())])
VERDICT = pa.schema(
    [("run", pa.uint32()), ("hash", pa.uint64()), ("first", pa.uint64())]
)

# Hashes of a web page, which decide where row groups end. If the average differs, that
# costs time but no memory.
_PER_DOCUMENT = {UNITS: 40, NGRAMS: 700}
_ROW_GROUP_ROWS = 1 << 16
# Every task parses the footers of all runs. Reading a range of 2^12 rows took 0.7 to
# 0.9 ms from runs with 256 row groups, 1.4 with 64, 2.0 with 1,024, 14 with 4,096
# (one Zen 4 core, November 2026).
_MAX_ROW_GROUPS = 256

Hashes = NDArray[np.uint64]


class Range(NamedTuple):
    """Hashes within [low, high] in the runs of all groups."""

    kind: str
    low: int
    high: int
    files: tuple[File, ...]


class RunsTally(TypedDict):
    """Number of runs of a group, and of rows by kind."""

    runs: int
    rows: dict[str, int]


def gather(
    outputs: Outputs, settings: Settings, group: Group, documents: int
) -> RunsTally:
    """Write the group's runs, one file for each run and kind."""
    held: dict[str, list[tuple[Hashes, Hashes]]] = {kind: [] for kind in settings.kinds}
    current = 0
    rows = dict.fromkeys(settings.kinds, 0)

    def write() -> None:
        for kind, pairs in held.items():
            run = _distinct(pairs, settings.limit(kind) + 1)
            rows[kind] += len(run[0])
            stem = f"{kind}-{outputs.key}-{current:05}"
            expected = _ranges_of(documents * _PER_DOCUMENT[kind])
            row_groups = bounds_of(min(len(expected), _MAX_ROW_GROUPS))
            with outputs.parquet(
                dataset(kind), RUN, stem, **delta_coded(RUN)
            ) as writer:
                write_run(writer, *run, row_groups)
            pairs.clear()

    for run, _, chunk in walk(outputs.storage, settings, group):
        if run != current:
            write()
            current = run
        for kind in settings.kinds:
            is_compared = chunk.hashes[kind] != 0
            hashes, values = chunk.hashes[kind], chunk.values[kind]
            held[kind].append((hashes[is_compared], values[is_compared]))
    write()
    return {"runs": current + 1, "rows": rows}


def dataset(kind: str) -> str:
    """Folder of the runs of a kind."""
    return f"{WORK}/{kind}"


def ranges(
    files: Mapping[str, tuple[File, ...]], rows: Mapping[str, int]
) -> list[Range]:
    """Work for `count`: every kind by ranges of hashes that one task can hold."""
    return [
        Range(kind, low, high, files[kind])
        for kind in files
        for low, high in _ranges_of(rows[kind])
    ]


class CountTally(TypedDict):
    """Different hashes of a kind, and how many occur too often."""

    kind: str
    hashes: int
    over: int


def count(outputs: Outputs, settings: Settings, work: Range) -> CountTally:
    """Write, by run, the hashes over the limit, with the smallest value of each."""
    from tamis.dedup.kernels.sorting import sort_pairs

    hashes, values, runs = _load(outputs.storage, work)
    places = np.arange(len(hashes), dtype=np.uint64)
    _, by_value = sort_pairs(values, places)
    hashes, order = sort_pairs(hashes[by_value], by_value)
    values = values[order]
    is_first = np.append(True, hashes[1:] != hashes[:-1])[: len(hashes)]
    is_new = is_first | np.append(True, values[1:] != values[:-1])[: len(hashes)]
    starts = np.flatnonzero(is_first)
    distinct = (
        np.add.reduceat(is_new.astype(np.int64), starts) if len(starts) else starts
    )
    is_over = distinct > settings.limit(work.kind)
    sizes = np.diff(np.append(starts, len(hashes)))
    rows = np.repeat(is_over, sizes)
    # For units the value is unused.
    smallest = values[starts] if work.kind == NGRAMS else np.zeros_like(hashes[starts])
    table = _by_run(runs[order[rows]], hashes[rows], np.repeat(smallest, sizes)[rows])
    with outputs.parquet(
        verdicts(work.kind), VERDICT, **delta_coded(VERDICT)
    ) as writer:
        if table.num_rows:  # an empty row group has no statistics to search by
            writer.write_table(table, row_group_size=_ROW_GROUP_ROWS)
    return {"kind": work.kind, "hashes": len(starts), "over": int(is_over.sum())}


def verdicts(kind: str) -> str:
    """Folder of the hashes of a kind that `count` found over the limit."""
    return f"{WORK}/over-{kind}"


def _ranges_of(rows: int) -> list[tuple[int, int]]:
    """Ranges a quarter as large as those of deduplicate: rows also have their run."""
    return ranges_of(4 * rows)


def _by_run(runs: NDArray[np.uint32], hashes: Hashes, firsts: Hashes) -> pa.Table:
    """Rows by run and hash; a run has a hash once for each value that it kept."""
    order = np.lexsort((hashes, runs))
    runs, hashes, firsts = runs[order], hashes[order], firsts[order]
    is_same = (runs[1:] == runs[:-1]) & (hashes[1:] == hashes[:-1])
    is_new = np.append(True, ~is_same)[: len(hashes)]
    return pa.table([runs[is_new], hashes[is_new], firsts[is_new]], schema=VERDICT)


def _distinct(
    pairs: Sequence[tuple[Hashes, Hashes]], most: int
) -> tuple[Hashes, Hashes]:
    """Each pair once, ascending, with only the `most` smallest values of a hash."""
    from tamis.dedup.kernels.sorting import sort_pairs

    none = np.empty(0, np.uint64)
    hashes = np.concatenate([none, *(pair[0] for pair in pairs)])
    values = np.concatenate([none, *(pair[1] for pair in pairs)])
    values, hashes = sort_pairs(values, hashes)
    hashes, values = sort_pairs(hashes, values)
    is_same = (hashes[1:] == hashes[:-1]) & (values[1:] == values[:-1])
    is_new = np.append(True, ~is_same)[: len(hashes)]
    hashes, values = hashes[is_new], values[is_new]
    first = np.searchsorted(hashes, hashes, side="left")
    is_needed = np.arange(len(hashes)) - first < most
    return hashes[is_needed], values[is_needed]


def _load(storage: Storage, work: Range) -> tuple[Hashes, Hashes, NDArray[np.uint32]]:
    """All rows of a range, and the number of the run of each."""
    hashes, values = [np.empty(0, np.uint64)], [np.empty(0, np.uint64)]
    runs = [np.empty(0, np.uint32)]
    for number, file in enumerate(work.files):
        table = read_ascending(storage, file, "hash", low=work.low, high=work.high)
        own = as_numpy(table["hash"])
        low = np.searchsorted(own, np.uint64(work.low))
        high = np.searchsorted(own, np.uint64(work.high), side="right")
        # Copies: a slice would keep all of its row group alive.
        hashes.append(own[low:high].copy())
        values.append(as_numpy(table["value"])[low:high].copy())
        runs.append(np.full(high - low, number, np.uint32))
    return np.concatenate(hashes), np.concatenate(values), np.concatenate(runs)
