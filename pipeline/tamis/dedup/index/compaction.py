"""Merge generations of the index, so that a run opens few files.

pipeline/tamis/dedup/kernels/tiers.py chooses them. Rows keep the number of the run that
added them, so merging changes nothing that any run reads. A task merges a range of a
column; the manifest of the merged generation, once it exists, replaces theirs.
"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from tamis.dedup.groups import as_numpy, packed
from tamis.dedup.index.folder import (
    BY_KEEPER,
    BY_SKETCH,
    EVER,
    SCHEMAS,
    Generation,
    PiecesTally,
    Reading,
    generations,
    index_files,
    locked,
    manifest,
    ranges_in,
    reading,
    rows_of,
)
from tamis.dedup.index.generation import write_piece
from tamis.dedup.index.turn import refuse_while_held, sweep
from tamis.dedup.kernels.tiers import to_merge
from tamis.storage import Storage
from tamis.work.commits import Outputs
from tamis.work.executors import Executor
from tamis.work.steps import Piece as TaskPiece
from tamis.work.steps import Steps
from tamis.work.tasks import Progress, Tasks

_TASK_ROWS = 1 << 24
_DATASETS = {BY_KEEPER: "keepers", BY_SKETCH: "sketches"}

Piece = tuple[str, int, int, Reading]


def compact(
    index: Storage, executor: Executor, progress: Progress | None = None
) -> list[Generation]:
    """Merge as the rule of `to_merge` says; returns the new merged generations.

    Raises StorageError while a run has begun and not published.
    """
    with locked(index):
        refuse_while_held(index)
        merged = merge_older(Tasks(index, executor, progress))
        sweep(index)
    return merged


def merge_older(tasks: Tasks, upcoming: Sequence[Generation] = ()) -> list[Generation]:
    """As `compact`, if the caller holds the lock; `upcoming` count as the newest ones."""
    merged: list[Generation] = []
    while True:
        published = generations(tasks.storage)
        sizes = [own.bytes for own in (*published, *upcoming)]
        window = to_merge(sizes)
        if window is None:
            return merged
        merged.append(_merge(tasks, published[slice(*window)]))


def merge_rows(outputs: Outputs, pieces: Sequence[Piece]) -> PiecesTally:
    """Write the rows of each range of a column; of equal keys, older rows come first."""
    from tamis.dedup.kernels.sorting import sort_pairs

    written = []
    for column, low, high, source in pieces:
        dataset = _DATASETS.get(column, "hashes")
        found = list(rows_of(source, low, high))
        table = pa.concat_tables([SCHEMAS[dataset].empty_table(), *found])
        if table.num_rows:
            keys = as_numpy(table.column(0))
            _, order = sort_pairs(keys, np.arange(len(keys), dtype=np.uint64))
            ordered = table.take(order)
            write_piece(
                outputs, dataset, column, tables=iter([ordered]), schema=ordered.schema
            )
            written.append([column, low, high])
    return {"pieces": written}


def _merge(tasks: Tasks, some: Sequence[Generation]) -> Generation:
    """Merge several generations into one."""
    index = tasks.storage
    source = reading(index, some, EVER)
    pieces: list[Piece] = []
    for column in dict.fromkeys(own.column for own in source.files):
        for low, high in ranges_in(column, source.rows(column)):
            pieces.append((column, low, high, source.of(column, low, high)))
    rows = sum(own.file.rows for own in source.files)
    runs = tuple(entry for own in some for entry in own.runs)
    steps = Steps("index", tasks, [entry.fingerprint for entry in runs], len(pieces))
    name = f"{some[0].first:06}-{some[-1].last:06}"
    work = enumerate(packed(pieces, rows, _TASK_ROWS))
    commits = steps.run(
        "merge",
        merge_rows,
        [TaskPiece(f"{name}-{number:05}", (own,)) for number, own in work],
    )
    merged = Generation(
        some[0].first, some[-1].last, runs, some[0].settings, index_files(commits)
    )
    index.write(merged.name, manifest(merged))
    # Files first: a manifest still lists what is left if this is interrupted.
    old = [file.file.path for own in some for file in own.files]
    kept = {own.file.path for own in merged.files}
    going = [*(path for path in old if path not in kept), *(own.name for own in some)]
    index.remove(name for name in going if not index.is_behind_link(name))
    return merged
