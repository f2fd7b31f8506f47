"""The rows that decide which document of a component stays, on their way to partitions.

A step of deduplicate (see pipeline/stages/deduplicate.py). For verification the rows
carry the shingles of the text, found here, so that the text itself is read only once.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipeline.stages.dedup_index_matches import NEVER, oldest_matches
from pipeline.stages.dedup_job import (
    WORK,
    Group,
    Settings,
    as_numpy,
    pieces_of,
    read_between,
)
from pipeline.storage import Storage
from pipeline.tasks import File, Outputs
from pipeline.text.buffers import utf8_buffers
from pipeline.text.shingles import mixed, shingles

_BUFFER_BYTES = 1 << 29  # rows held back until their partition has a row group's worth
_TEXT_ROWS = 1024

Hashes = NDArray[np.uint64]


def gather_candidates(
    outputs: Outputs,
    settings: Settings,
    group: Group,
    members: File,
    partitions: int,
    matches: Sequence[File] = (),
) -> dict[str, Any]:
    """Write the rows of the group's touched documents, by partition. With an index each
    has the oldest of its `matches`: `added` and `keeper`.
    """
    storage = outputs.storage
    table = read_between(storage, members, "ordinal", group.start, group.stop)
    if table.num_rows == 0:
        return {"rows": 0}
    rows = _rows(storage, settings, group, table, matches)

    def partition_of(own: pa.Table) -> Hashes:
        return mixed(as_numpy(own["component"])) % np.uint64(partitions)

    write_partitioned(
        outputs, f"{WORK}/candidates", rows, "partition", partitions, partition_of
    )
    return {"rows": table.num_rows}


def pieces(
    outputs: Outputs, files: Sequence[File], partition: int, partitions: int
) -> Iterator[pa.Table]:
    """All rows of a partition, in pieces of whole components that fit into memory."""
    storage = outputs.storage
    count = pieces_of(
        sum(_bytes_between(storage, file, "partition", partition) for file in files)
    )
    if count == 1:
        tables = [
            read_between(storage, file, "partition", partition, partition)
            for file in files
        ]
        if sum(table.num_rows for table in tables):
            yield pa.concat_tables(tables)
        return

    def piece_of(own: pa.Table) -> Hashes:
        number = mixed(as_numpy(own["component"])) // np.uint64(partitions)
        return number % np.uint64(count)

    rows = (
        table.drop_columns(["partition"])
        for file in files
        for table in row_groups_between(storage, file, "partition", partition)
    )
    write_partitioned(outputs, f"{WORK}/pieces", rows, "piece", count, piece_of)
    written = outputs.files[-1]
    for piece in range(count):
        table = read_between(storage, written, "piece", piece, piece)
        if table.num_rows:
            yield table


def write_partitioned(
    outputs: Outputs,
    dataset: str,
    tables: Iterator[pa.Table],
    name: str,
    partitions: int,
    number_of: Callable[[pa.Table], Hashes],
) -> None:
    """A file whose row groups hold rows of one partition each, its number in `name`."""
    first = next(tables)
    schema = first.schema.append(pa.field(name, pa.uint32()))
    with outputs.parquet(dataset, schema, compression_level=1) as writer:
        rows = chain([first], tables)
        for partition, held in _partitioned(rows, partitions, number_of):
            number = pa.array(np.full(held.num_rows, partition, np.uint32))
            writer.write_table(
                held.append_column(name, number), row_group_size=held.num_rows
            )


def _rows(
    storage: Storage,
    settings: Settings,
    group: Group,
    members: pa.Table,
    matches: Sequence[File],
) -> Iterator[pa.Table]:
    """What decides about each touched document, part by part."""
    keys = [column for column, _ in settings.order]
    bands = settings.bands if settings.is_verified else ()
    columns = list(dict.fromkeys(["id", "text_hash", *keys, *bands]))
    ordinals = as_numpy(members["ordinal"])
    if settings.has_index:
        added, keepers = oldest_matches(storage, matches, group)
    for start, part in group.starts():
        low, high = np.searchsorted(ordinals, [start, start + part.rows]).tolist()
        if low == high:
            continue
        own = members.slice(low, high - low)
        places = (ordinals[low:high] - np.uint64(start)).astype(np.int64)
        table = part.read(storage, columns).take(places)
        components = as_numpy(own["component"])
        if settings.is_verified:
            components = _cut(components, as_numpy(own["size"]), table, settings)
        table = table.append_column("ordinal", own["ordinal"])
        table = table.append_column("component", pa.array(components))
        is_settled = np.zeros(len(places), np.bool_)
        if settings.has_index:
            within = places + (start - group.start)
            table = table.append_column("added", pa.array(added[within]))
            table = table.append_column("keeper", pa.array(keepers[within]))
            is_settled = added[within] != NEVER
        if not settings.is_verified:
            yield table
        else:
            yield from _with_shingles(
                storage, part.files, places, table, settings.ngram, is_settled
            )


def _cut(
    components: Hashes, size: NDArray[np.uint32], table: pa.Table, settings: Settings
) -> Hashes:
    """Components, those above the limit in pieces; equal texts stay in one piece."""
    limit = np.uint64(settings.max_component)
    pieces = (size.astype(np.uint64) + limit - np.uint64(1)) // limit
    texts = as_numpy(pc.fill_null(table["text_hash"], 0))
    cut: Hashes = components | (texts % pieces) << np.uint64(32)
    return cut


def _with_shingles(
    storage: Storage,
    files: Sequence[File],
    places: NDArray[np.int64],
    table: pa.Table,
    ngram: int,
    is_settled: NDArray[np.bool_],
) -> Iterator[pa.Table]:
    """`table`, whose rows are `places` of a part, with the shingles of their texts; a
    document about which the index has settled is compared with none and has none.
    """
    first = done = 0
    for file in files:
        with storage.open(file.path) as source:
            batches = pq.ParquetFile(source).iter_batches(_TEXT_ROWS, columns=["text"])
            for batch in batches:
                stop = done + int(
                    np.searchsorted(places[done:], first + batch.num_rows)
                )
                if stop > done:
                    own = batch["text"].take(pa.array(places[done:stop] - first))
                    own = pc.if_else(pa.array(is_settled[done:stop]), "", own)
                    sets = shingles(*utf8_buffers(own), ngram)
                    column = pa.LargeListArray.from_arrays(sets.offsets, sets.hashes)
                    yield table.slice(done, stop - done).append_column(
                        "shingles", column
                    )
                first += batch.num_rows
                done = stop


def row_groups_between(
    storage: Storage, file: File, column: str, number: int
) -> Iterator[pa.Table]:
    """The rows of one partition, a row group at a time."""
    with storage.open(file.path) as source:
        parquet = pq.ParquetFile(source)
        for own in _row_groups(parquet, column, number):
            yield parquet.read_row_group(own)


def _bytes_between(storage: Storage, file: File, column: str, number: int) -> int:
    """Memory that the row groups of one partition take."""
    with storage.open(file.path) as source:
        parquet = pq.ParquetFile(source)
        return sum(
            parquet.metadata.row_group(own).total_byte_size
            for own in _row_groups(parquet, column, number)
        )


def _row_groups(parquet: pq.ParquetFile, column: str, number: int) -> Iterator[int]:
    place = parquet.schema_arrow.get_field_index(column)
    for own in range(parquet.num_row_groups):
        if parquet.metadata.row_group(own).column(place).statistics.min == number:
            yield own


def _partitioned(
    tables: Iterable[pa.Table],
    partitions: int,
    number_of: Callable[[pa.Table], Hashes],
) -> Iterator[tuple[int, pa.Table]]:
    """The rows by partition, as many at a time as memory allows."""
    held: dict[int, list[pa.Table]] = {}
    sizes: Counter[int] = Counter()
    for table in tables:
        numbers = number_of(table)
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
