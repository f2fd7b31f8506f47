"""Write, by partition, the rows that decide which document of a component stays.

A step of deduplicate (see pipeline/tamis/stages/deduplicate.py). For verification the
rows have the shingles of the text, found here, so that the text itself is read only
once. Among copies of one text in a part only the preferred one has shingles, since only
it can be compared.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tamis.dedup.clusters.known import NEVER, oldest_matches
from tamis.dedup.groups import WORK, Group, Settings, as_numpy, read_between
from tamis.dedup.kernels.survivors import first_copies
from tamis.dedup.partitions import write_partitioned
from tamis.storage import Storage
from tamis.text.buffers import utf8_buffers
from tamis.work.commits import Counts, File, Outputs

_TEXT_ROWS = 256  # read at once; fewer are yielded if they are large
_TEXT_BYTES = 1 << 24

Hashes = NDArray[np.uint64]


def gather_candidates(
    outputs: Outputs,
    settings: Settings,
    group: Group,
    members: File,
    partitions: int,
    matches: Sequence[File] = (),
) -> Counts:
    """Write the rows of the group's documents that have an edge, by partition.

    With an index each has the oldest of its `matches`: `added` and `keeper`.
    """
    storage = outputs.storage
    table = read_between(storage, members, "ordinal", low=group.start, high=group.stop)
    if table.num_rows == 0:
        return {"rows": 0}
    rows = _rows(storage, settings, group, members=table, matches=matches)

    write_partitioned(
        outputs,
        f"{WORK}/candidates",
        rows,
        name="partition",
        partitions=partitions,
        number_of=partition_of,
    )
    return {"rows": table.num_rows}


def partition_of(table: pa.Table, partitions: int) -> Hashes:
    """The partition of each row's component."""
    from tamis.text.shingles import mixed

    return mixed(as_numpy(table["component"])) % np.uint64(partitions)


def piece_of(partitions: int, table: pa.Table, pieces: int) -> Hashes:
    """Number of the piece of its partition that each row's component is in."""
    from tamis.text.shingles import mixed

    hashes = mixed(as_numpy(table["component"])) // np.uint64(partitions)
    return hashes % np.uint64(pieces)


def preferred_first(table: pa.Table, settings: Settings) -> NDArray[np.int64]:
    """Rows by component, preferred documents first; null is the last choice."""
    keys = [
        (column, "descending" if is_descending else "ascending")
        for column, is_descending in settings.order
    ]
    # No two rows are equal: id is a key, and only one row of equal ids is here.
    order = pc.sort_indices(table, sort_keys=[("component", "ascending"), *keys])
    return as_numpy(order).astype(np.int64)


def texts_at(
    storage: Storage, files: Sequence[File], places: NDArray[np.int64]
) -> Iterator[tuple[slice, pa.Array]]:
    """Texts of the rows `places` of a part's files, as (slice of `places`, texts).

    `places` ascend. At most 256 texts at a time, and 16 MB unless one text is larger.
    """
    first = done = 0
    for file in files:
        with storage.table(file.path) as parquet:
            batches = parquet.iter_batches(_TEXT_ROWS, columns=["text"])
            for batch in batches:
                stop = done + int(
                    np.searchsorted(places[done:], first + batch.num_rows)
                )
                if stop > done:
                    own = pa.array(places[done:stop] - first)
                    for some, texts in _bounded(batch["text"].take(own)):
                        yield slice(done + some.start, done + some.stop), texts
                first += batch.num_rows
                done = stop


def _bounded(texts: pa.Array) -> Iterator[tuple[slice, pa.Array]]:
    """The texts in slices of at most 16 MB, or of one text."""
    stops = np.cumsum(
        as_numpy(pc.fill_null(pc.binary_length(texts), 0)), dtype=np.int64
    )
    start = done = 0
    while start < len(texts):
        fit = int(np.searchsorted(stops, done + _TEXT_BYTES, side="right"))
        stop = max(fit, start + 1)
        yield slice(start, stop), texts.slice(start, stop - start)
        start, done = stop, int(stops[stop - 1])


def _rows(
    storage: Storage,
    settings: Settings,
    group: Group,
    *,
    members: pa.Table,
    matches: Sequence[File],
) -> Iterator[pa.Table]:
    """The rows of all documents with an edge, part by part."""
    from tamis.text.shingles import shingles

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
            components = _cut(
                components, as_numpy(own["size"]), table, settings=settings
            )
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
        is_compared = _is_compared(table, is_settled, settings)
        for some, texts in texts_at(storage, part.files, places):
            texts = pc.if_else(pa.array(is_compared[some]), texts, "")
            sets = shingles(*utf8_buffers(texts), settings.ngram)
            column = pa.LargeListArray.from_arrays(sets.offsets, sets.hashes)
            yield table.slice(some.start, len(texts)).append_column("shingles", column)


def _is_compared(
    table: pa.Table, is_settled: NDArray[np.bool_], settings: Settings
) -> NDArray[np.bool_]:
    """Which rows of a part need shingles.

    A row that the index has settled is not compared, and neither is a copy if a
    preferred copy is in the same part.
    """
    rows = np.flatnonzero(~is_settled)
    order = rows[preferred_first(table.take(rows), settings)]
    components = as_numpy(table["component"])[order]
    texts = as_numpy(pc.fill_null(table["text_hash"], 0))[order]
    is_compared = np.zeros(len(is_settled), np.bool_)
    is_compared[order] = first_copies(components, texts) == np.arange(len(order))
    return is_compared


def _cut(
    components: Hashes, size: NDArray[np.uint32], table: pa.Table, *, settings: Settings
) -> Hashes:
    """Components, those above the limit cut into pieces; equal texts stay together."""
    limit = np.uint64(settings.max_component)
    pieces = (size.astype(np.uint64) + limit - np.uint64(1)) // limit
    texts = as_numpy(pc.fill_null(table["text_hash"], 0))
    cut: Hashes = components | (texts % pieces) << np.uint64(32)
    return cut
