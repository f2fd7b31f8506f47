"""The rows that decide which document of a component stays, on their way to partitions.

A step of deduplicate (see pipeline/stages/deduplicate.py). For verification the rows
carry the shingles of the text, found here, so that the text itself is read only once.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipeline.commits import File, Outputs
from pipeline.stages.dedup_index_matches import NEVER, oldest_matches
from pipeline.stages.dedup_job import (
    WORK,
    Group,
    Settings,
    as_numpy,
    read_between,
)
from pipeline.stages.dedup_partitions import write_partitioned
from pipeline.storage import Storage
from pipeline.text.buffers import utf8_buffers
from pipeline.text.shingles import mixed, shingles

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

    write_partitioned(
        outputs, f"{WORK}/candidates", rows, "partition", partitions, partition_of
    )
    return {"rows": table.num_rows}


def partition_of(table: pa.Table, partitions: int) -> Hashes:
    """The partition of each row's component."""
    return mixed(as_numpy(table["component"])) % np.uint64(partitions)


def piece_of(partitions: int, table: pa.Table, pieces: int) -> Hashes:
    """In which piece of its partition each row's component is."""
    hashes = mixed(as_numpy(table["component"])) // np.uint64(partitions)
    return hashes % np.uint64(pieces)


def texts_at(
    storage: Storage, files: Sequence[File], places: NDArray[np.int64]
) -> Iterator[tuple[slice, pa.Array]]:
    """Texts of the rows `places`, ascending, of a part's files: which of these, and they."""
    first = done = 0
    for file in files:
        with storage.open(file.path) as source:
            batches = pq.ParquetFile(source).iter_batches(_TEXT_ROWS, columns=["text"])
            for batch in batches:
                stop = done + int(
                    np.searchsorted(places[done:], first + batch.num_rows)
                )
                if stop > done:
                    yield (
                        slice(done, stop),
                        batch["text"].take(pa.array(places[done:stop] - first)),
                    )
                first += batch.num_rows
                done = stop


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
            continue
        for some, texts in texts_at(storage, part.files, places):
            # What the index has settled is compared with nothing.
            texts = pc.if_else(pa.array(is_settled[some]), "", texts)
            sets = shingles(*utf8_buffers(texts), settings.ngram)
            column = pa.LargeListArray.from_arrays(sets.offsets, sets.hashes)
            yield table.slice(some.start, len(texts)).append_column("shingles", column)


def _cut(
    components: Hashes, size: NDArray[np.uint32], table: pa.Table, settings: Settings
) -> Hashes:
    """Components, those above the limit in pieces; equal texts stay in one piece."""
    limit = np.uint64(settings.max_component)
    pieces = (size.astype(np.uint64) + limit - np.uint64(1)) // limit
    texts = as_numpy(pc.fill_null(table["text_hash"], 0))
    cut: Hashes = components | (texts % pieces) << np.uint64(32)
    return cut
