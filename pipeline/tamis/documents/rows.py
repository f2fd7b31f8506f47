"""Read rows of several files in batches, without holding a whole file in memory."""

from collections.abc import Iterator, Sequence

import pyarrow as pa

from tamis.storage import Storage
from tamis.work.commits import File


def rows_of(
    storage: Storage,
    files: Sequence[File],
    columns: Sequence[str] | None,
    *,
    start: int,
    stop: int,
    size: int,
) -> Iterator[pa.RecordBatch]:
    """Rows [start, stop) of files end to end, `size` at a time, the last batch smaller.

    Files with the same rows give the same batches, whatever their row groups.
    """
    held: list[pa.RecordBatch] = []
    count = 0
    for batch in _clipped(storage, files, columns, start=start, stop=stop, size=size):
        held.append(batch)
        count += batch.num_rows
        while count >= size:
            table = pa.Table.from_batches(held)
            yield _as_batch(table.slice(0, size))
            held = table.slice(size).to_batches()
            count -= size
    if count:
        yield _as_batch(pa.Table.from_batches(held))


def _clipped(
    storage: Storage,
    files: Sequence[File],
    columns: Sequence[str] | None,
    *,
    start: int,
    stop: int,
    size: int,
) -> Iterator[pa.RecordBatch]:
    """The rows in batches as they are read, from no more row groups than needed."""
    position = 0
    for file in files:
        if position + file.rows <= start or position >= stop:
            position += file.rows
            continue
        with storage.table(file.path) as parquet:
            names = parquet.schema.names
            wanted = (
                names if columns is None else [n for n in names if n in set(columns)]
            )
            for group in range(parquet.num_row_groups):
                rows = parquet.metadata.row_group(group).num_rows
                if position + rows <= start or position >= stop:
                    position += rows
                    continue
                for batch in parquet.iter_batches(size, groups=[group], columns=wanted):
                    first = max(start - position, 0)
                    last = min(stop - position, batch.num_rows)
                    position += batch.num_rows
                    if first < last:
                        yield batch.slice(first, last - first)


def _as_batch(table: pa.Table) -> pa.RecordBatch:
    """A few rows, copied into one batch."""
    (batch,) = table.combine_chunks().to_batches()
    return batch
