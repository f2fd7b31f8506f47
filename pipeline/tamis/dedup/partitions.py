"""Send rows to the one task that needs them, by partitions and pieces of partitions.

A file of rows has row groups of one partition each, whose number is a column of its
own. A partition that is larger than memory is cut into pieces when it is read: a second
file on disk has row groups of one piece each, in the same way.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tamis.dedup.groups import WORK, pieces_of, read_between
from tamis.storage import Storage, Table
from tamis.work.commits import File, Outputs

PIECES_IN = f"{WORK}/pieces"

_BUFFER_BYTES = 1 << 29  # rows held back until their partition has a row group's worth

Numbers = NDArray[np.uint64]


def write_partitioned(
    outputs: Outputs,
    dataset: str,
    tables: Iterator[pa.Table],
    *,
    name: str,
    partitions: int,
    number_of: Callable[[pa.Table, int], Numbers],
) -> None:
    """Write a file whose row groups hold one partition each, its number in `name`."""
    first = next(tables)
    schema = first.schema.append(pa.field(name, pa.uint32()))
    with outputs.parquet(dataset, schema, compression_level=1) as writer:
        rows = chain([first], tables)
        for partition, held in _partitioned(rows, partitions, number_of):
            number = pa.array(np.full(held.num_rows, partition, np.uint32))
            writer.write_table(
                held.append_column(name, number), row_group_size=held.num_rows
            )


def pieces(
    outputs: Outputs,
    files: Sequence[File],
    storage: Storage,
    *,
    name: str,
    partition: int,
    piece_of: Callable[[pa.Table, int], Numbers],
) -> Iterator[pa.Table]:
    """All rows of a partition, in their order, in pieces that fit into memory."""
    sizes = [_bytes_between(storage, file, name, number=partition) for file in files]
    count = pieces_of(sum(sizes))
    if count == 1:
        found = [
            read_between(storage, file, name, low=partition, high=partition)
            for file in files
        ]
        if sum(table.num_rows for table in found):
            yield pa.concat_tables(found)
        return
    rows = (
        table.drop_columns([name])
        for file in files
        for table in _row_groups_between(storage, file, name, number=partition)
    )
    write_partitioned(
        outputs, PIECES_IN, rows, name="piece", partitions=count, number_of=piece_of
    )
    written = outputs.files[-1]
    for piece in range(count):
        table = read_between(outputs.storage, written, "piece", low=piece, high=piece)
        if table.num_rows:
            yield table


def _row_groups_between(
    storage: Storage, file: File, column: str, *, number: int
) -> Iterator[pa.Table]:
    """The rows of one partition, a row group at a time."""
    with storage.table(file.path) as parquet:
        for own in _row_groups(parquet, column, number):
            yield parquet.read(groups=[own])


def _bytes_between(storage: Storage, file: File, column: str, *, number: int) -> int:
    """Bytes of memory that the row groups of one partition need."""
    with storage.table(file.path) as parquet:
        return sum(
            parquet.metadata.row_group(own).total_byte_size
            for own in _row_groups(parquet, column, number)
        )


def _row_groups(parquet: Table, column: str, number: int) -> Iterator[int]:
    place = parquet.schema.get_field_index(column)
    for own in range(parquet.num_row_groups):
        if parquet.metadata.row_group(own).column(place).statistics.min == number:
            yield own


def _partitioned(
    tables: Iterable[pa.Table],
    partitions: int,
    number_of: Callable[[pa.Table, int], Numbers],
) -> Iterator[tuple[int, pa.Table]]:
    """The rows by partition, as many at a time as memory allows."""
    held: dict[int, list[pa.Table]] = {}
    sizes: Counter[int] = Counter()
    for table in tables:
        numbers = number_of(table, partitions)
        order = np.argsort(numbers, kind="stable")
        table = table.take(order)
        stops = np.searchsorted(numbers[order], np.arange(partitions), side="right")
        start = 0
        for partition, stop in enumerate(stops.tolist()):
            if stop > start:
                # A copy: a slice would keep all of its table alive.
                own = table.slice(start, stop - start).take(np.arange(stop - start))
                held.setdefault(partition, []).append(own)
                sizes[partition] += own.nbytes
            start = stop
            if sizes[partition] > _BUFFER_BYTES // partitions:
                yield partition, pa.concat_tables(held.pop(partition))
                del sizes[partition]
    for partition in sorted(held):
        yield partition, pa.concat_tables(held[partition])
