"""The rows that decide which document of a component stays, on their way to partitions.

A step of deduplicate (see pipeline/stages/deduplicate.py). For verification the rows
carry the shingles of the text, found here, so that the text itself is read only once.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipeline.stages.dedup_job import WORK, Group, Settings, as_numpy, read_between
from pipeline.storage import Storage
from pipeline.tasks import File, Outputs
from pipeline.text.buffers import utf8_buffers
from pipeline.text.shingles import mixed, shingles

_BUFFER_BYTES = 1 << 29  # rows held back until their partition has a row group's worth
_TEXT_ROWS = 1024

Hashes = NDArray[np.uint64]


def gather_candidates(
    outputs: Outputs, settings: Settings, group: Group, members: File, partitions: int
) -> dict[str, Any]:
    """Write the rows of the group's touched documents, by partition."""
    storage = outputs.storage
    table = read_between(storage, members, "ordinal", group.start, group.stop)
    if table.num_rows == 0:
        return {"rows": 0}
    rows = _rows(storage, settings, group, table)
    first = next(rows)
    schema = first.schema.append(pa.field("partition", pa.uint32()))
    with outputs.parquet(f"{WORK}/candidates", schema, compression_level=1) as writer:
        for partition, held in _partitioned(chain([first], rows), partitions):
            number = pa.array(np.full(held.num_rows, partition, np.uint32))
            writer.write_table(
                held.append_column("partition", number), row_group_size=held.num_rows
            )
    return {"rows": table.num_rows}


def _rows(
    storage: Storage, settings: Settings, group: Group, members: pa.Table
) -> Iterator[pa.Table]:
    """What decides about each touched document, part by part."""
    keys = [column for column, _ in settings.order]
    bands = settings.bands if settings.is_verified else ()
    columns = list(dict.fromkeys(["id", "text_hash", *keys, *bands]))
    ordinals = as_numpy(members["ordinal"])
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
        if not settings.is_verified:
            yield table
        else:
            yield from _with_shingles(
                storage, part.files, places, table, settings.ngram
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
) -> Iterator[pa.Table]:
    """`table`, whose rows are `places` of a part, with the shingles of their texts."""
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
                    sets = shingles(*utf8_buffers(own), ngram)
                    column = pa.LargeListArray.from_arrays(sets.offsets, sets.hashes)
                    yield table.slice(done, stop - done).append_column(
                        "shingles", column
                    )
                first += batch.num_rows
                done = stop


def _partitioned(
    tables: Iterable[pa.Table], partitions: int
) -> Iterator[tuple[int, pa.Table]]:
    """The rows by partition of their component, as many at a time as memory allows."""
    held: dict[int, list[pa.Table]] = {}
    sizes: Counter[int] = Counter()
    for table in tables:
        numbers = mixed(as_numpy(table["component"])) % np.uint64(partitions)
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
