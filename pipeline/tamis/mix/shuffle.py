"""Shuffle the mix: rows into buckets, level by level, then buckets into shards.

A row's place in the mix is its shuffle key, a hash of (seed, id, epoch). Scatter and
rescatter distribute rows by the key's leading digits, gather sorts a bucket at a time
(`tamis.mix.kernels.cut` describes buckets and shards). No task holds more than some
200 MB of rows, however large the corpus:

    scatter    a group of parts          documents -> a piece, and the parts' layers
    rescatter  one way of some pieces    a piece   -> a piece of the next level
    gather     the buckets of a shard    pieces    -> the shard, or some small shards
"""

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any, NamedTuple, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tamis.documents.parts import Part
from tamis.mix.kernels.cut import Cut
from tamis.mix.pieces import piece, rows_of_way
from tamis.mix.rows import KEY, KEYED, MIX, Draw, add_counts, drawn, mixed_rows
from tamis.storage import Storage
from tamis.work.commits import File, Outputs
from tamis.work.tasks import give_memory_back

BUCKETS = "work/buckets"
# A row group ends with the row that reaches either limit.
_ROW_GROUP_ROWS, _ROW_GROUP_BYTES = 8192, 32 << 20


class Bucket(NamedTuple):
    """Where the rows of a bucket are: in one way of some pieces."""

    pieces: tuple[File, ...]
    way: int


def scatter_parts(
    outputs: Outputs, draw: Draw, parts: Sequence[Part]
) -> dict[str, Any]:
    """Distribute the rows of some parts by bucket, and write each part's layer."""
    languages: dict[str, dict[str, int]] = {}
    with piece(outputs, BUCKETS, KEYED, draw.cut.ways) as scattered:
        for part in parts:
            times, layer = drawn(outputs.storage, part, draw)
            with outputs.parquet("mixed", layer.schema, stem=part.name) as writer:
                writer.write_table(layer)
            for rows in mixed_rows(outputs.storage, part, draw, times=times):
                add_counts(languages, rows)
                scattered.add(rows, _ways(rows, draw.cut, 0))
    give_memory_back()
    return {"languages": languages}


def rescatter(outputs: Outputs, cut: Cut, level: int, source: Bucket) -> None:
    """Distribute the rows of one way of the previous level again, at `level`."""
    with piece(outputs, BUCKETS, KEYED, cut.ways) as scattered:
        for rows in rows_of_way(outputs.storage, *source, cut.ways):
            table = pa.Table.from_batches([rows])
            scattered.add(table, _ways(table, cut, level))
    give_memory_back()


def gather(outputs: Outputs, cut: Cut, buckets: Sequence[Bucket]) -> None:
    """Write the shards of the buckets, which come in their order."""
    with _Shards(outputs) as shards:
        for bucket in buckets:
            shards.add(_rows_of(outputs.storage, cut, bucket), cut)
            # Else memory would hold the next bucket and what the pool keeps of this one.
            give_memory_back()


def _ways(rows: pa.Table, cut: Cut, level: int) -> NDArray[np.int64]:
    return cut.way_of(np.asarray(rows[KEY]).astype(np.uint64), level)


def _rows_of(storage: Storage, cut: Cut, bucket: Bucket) -> pa.Table:
    batches = rows_of_way(storage, bucket.pieces, bucket.way, cut.ways)
    return pa.Table.from_batches(batches, KEYED).combine_chunks()


class _Shards:
    """Shards written one after the other, in row groups cut by the rows' order alone."""

    def __init__(self, outputs: Outputs) -> None:
        self._outputs = outputs
        self._open = ExitStack()
        self._writer: Any = None
        self._number = -1
        self._waiting: list[pa.Table] = []
        self._rows = self._bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: Any) -> None:
        if error[0] is None:
            self._write()
        self._open.__exit__(*error)

    def add(self, rows: pa.Table, cut: Cut) -> None:
        """Add the rows of one bucket, in any order; buckets come in ascending order."""
        # Keys of one seed and epoch are all different; of two epochs nearly all are.
        by = [(name, "ascending") for name in (KEY, "id", "epoch")]
        order = np.asarray(pc.sort_indices(rows, sort_keys=by))
        numbers = cut.shard_of(np.asarray(rows[KEY]).astype(np.uint64)[order])
        sizes = np.asarray(pc.fill_null(pc.binary_length(rows["text"]), 0))[order]
        rows = rows.select(MIX.names)
        starts = np.flatnonzero(np.diff(numbers, prepend=-1))
        for some in np.split(np.arange(len(order)), starts)[1:]:
            self._turn_to(int(numbers[some[0]]), cut)
            self._add(rows, order[some], sizes[some].astype(np.int64))

    def _add(
        self, rows: pa.Table, order: NDArray[np.uint64], sizes: NDArray[np.int64]
    ) -> None:
        while len(order):
            size = self._bytes + np.cumsum(sizes)
            count = int(np.searchsorted(size, _ROW_GROUP_BYTES)) + 1
            count = min(count, _ROW_GROUP_ROWS - self._rows, len(order))
            self._waiting.append(rows.take(pa.array(order[:count])))
            self._rows += count
            self._bytes = int(size[count - 1])
            if self._rows == _ROW_GROUP_ROWS or self._bytes >= _ROW_GROUP_BYTES:
                self._write()
            order, sizes = order[count:], sizes[count:]

    def _turn_to(self, number: int, cut: Cut) -> None:
        if number == self._number:
            return
        self._write()
        self._open.close()
        self._number = number
        self._writer = self._open.enter_context(
            self._outputs.parquet("mix", MIX, stem=cut.stem_of(number))
        )

    def _write(self) -> None:
        if self._waiting:
            group = pa.concat_tables(self._waiting).combine_chunks()
            self._waiting, self._rows, self._bytes = [], 0, 0
            self._writer.write_table(group, row_group_size=group.num_rows)
