"""Resolve the documents that belong to a cluster of the index, a range of keepers a task.

Only here are all new documents of a keeper together, with what the index says about it:
its crawl, and how many documents its cluster had. See
pipeline/tamis/stages/deduplicate.py.
"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tamis.dedup.clusters.components import DECIDED_GROUP_ROWS, RESOLVED
from tamis.dedup.groups import WORK, as_numpy, bounds_of, read_between
from tamis.dedup.index.folder import Reading, rows_of
from tamis.work.commits import Counts, File, Outputs

GROWN = pa.schema(
    [("keeper", pa.uint64()), ("crawl", pa.string()), ("documents", pa.uint32())]
)
RESOLVED_IN, GROWN_IN = f"{WORK}/resolved", f"{WORK}/grown"

_MOST = 2**32 - 1

Hashes = NDArray[np.uint64]


def resolve_attached(
    outputs: Outputs, files: Sequence[File], number: int, ranges: int, source: Reading
) -> Counts:
    """Write crawl and size of each document's cluster, and how much each cluster grew."""
    tables = [
        read_between(outputs.storage, file, "range", low=number, high=number)
        for file in files
    ]
    if not sum(table.num_rows for table in tables):
        return {"attached": 0}
    attached = pa.concat_tables(tables)
    keepers, rows, counts = np.unique(
        as_numpy(attached["keeper"]), return_inverse=True, return_counts=True
    )
    low, high = bounds_of(ranges)[number]
    crawls, sizes = _known(source.of("keeper", low, high), keepers, low, high=high)
    resolved = pa.table(
        [
            attached["ordinal"],
            keepers[rows],
            np.minimum(sizes + counts, _MOST)[rows].astype(np.uint32),
            crawls.take(pa.array(rows)),
        ],
        schema=RESOLVED,
    ).sort_by("ordinal")
    with outputs.parquet(RESOLVED_IN, RESOLVED) as writer:
        writer.write_table(resolved, row_group_size=DECIDED_GROUP_ROWS)
    with outputs.parquet(GROWN_IN, GROWN) as writer:
        grown = [keepers, crawls, np.minimum(counts, _MOST).astype(np.uint32)]
        writer.write_table(pa.table(grown, schema=GROWN))
    return {"attached": attached.num_rows}


def _known(
    source: Reading, keepers: Hashes, low: int, *, high: int
) -> tuple[pa.Array, NDArray[np.int64]]:
    """Crawl, and documents so far, of each keeper; the index knows all of them."""
    from tamis.dedup.kernels.joining import matching_rows

    sizes = np.zeros(len(keepers), np.int64)
    codes = np.zeros(len(keepers), np.int32)
    names: dict[str | None, int] = {None: 0}
    for known in rows_of(source, low, high, keepers):
        rows, places = matching_rows(keepers, as_numpy(known["keeper"]))
        np.add.at(sizes, rows, as_numpy(known["documents"])[places])
        encoded = known["crawl"].combine_chunks().dictionary_encode("encode")
        own = [
            names.setdefault(name, len(names))
            for name in encoded.dictionary.to_pylist()
        ]
        indices = encoded.indices.to_numpy(zero_copy_only=False)[places]
        codes[rows] = np.array(own, np.int32)[indices]
    return pa.array(list(names), pa.string()).take(pa.array(codes)), sizes
