"""Find the components of the edges, and publish the layers of deduplicate.

All steps but the last handle only documents with an edge; any other document is its own
cluster. Rows go from groups to partitions (a component is in one partition) and back in
Parquet files whose row groups hold one partition, or a span of ordinals, each.
See pipeline/tamis/stages/deduplicate.py.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tamis.dedup.clusters.gather import EXACT
from tamis.dedup.groups import WORK, Group, as_numpy, read_between
from tamis.dedup.sorted_runs import delta_coded, read_ordinals
from tamis.errors import ConfigError
from tamis.schema import DUPLICATES
from tamis.storage import Storage
from tamis.work.commits import Counts, File, Outputs

MEMBERS = pa.schema(
    [("ordinal", pa.uint64()), ("component", pa.uint64()), ("size", pa.uint32())]
)
DECIDED = pa.schema(
    [
        ("ordinal", pa.uint64()),
        ("cluster", pa.uint64()),
        ("cluster_size", pa.uint32()),
        ("reason", pa.uint8()),  # place in REASONS
    ]
)
RESOLVED = pa.schema(
    [
        ("ordinal", pa.uint64()),
        ("cluster", pa.uint64()),
        ("cluster_size", pa.uint32()),
        ("crawl", pa.string()),
    ]
)
REASONS = (
    None,
    "duplicate_id",
    "duplicate_exact",
    "duplicate_near",
    "duplicate_of_index",
)
INDEX_CRAWL = pa.field("index_crawl", pa.string())
MEMBERS_OF = f"{WORK}/members"
KEPT, SAME_ID, SAME_TEXT, NEAR, OF_INDEX = range(5)

DECIDED_GROUP_ROWS = 1 << 17
_MAX_TOUCHED = (1 << 32) - 1

Hashes = NDArray[np.uint64]


def find_components(
    outputs: Outputs,
    edges: Sequence[File],
    starts: Sequence[int],
    limit: int,
    pair_edges: Sequence[File] | None = None,
    matches: Sequence[File] = (),
) -> Counts:
    """Write (ordinal, component, size) of every touched document, a file for each group.

    A document is touched if it has an edge or is in `matches`, which the index knows.
    `starts` are the ordinals at which groups begin, and the number of all rows. With
    `pair_edges`, components above `limit` are found again: by these and by equal texts.
    """
    from tamis.dedup.kernels.components import (
        component_sizes,
        compress,
        joins,
        no_bits,
        ordinals_between,
        ranks,
        running_counts,
        set_bits,
    )

    bits = no_bits(starts[-1])
    for left, right in _read_edges(outputs.storage, edges):
        set_bits(bits, left)
        set_bits(bits, right)
    for ordinals in _read_matches(outputs.storage, matches):
        set_bits(bits, ordinals)
    counts = running_counts(bits)
    touched = int(np.bitwise_count(bits).sum())
    if touched > _MAX_TOUCHED:
        raise ConfigError(
            f"deduplicate: {touched:,} documents share a hash with another one, and "
            f"components hold {_MAX_TOUCHED:,}: run each crawl, or language, by itself"
        )
    parents = np.arange(touched, dtype=np.uint32)
    for left, right in _read_edges(outputs.storage, edges):
        joins(parents, ranks(bits, counts, left), ranks(bits, counts, right))
    compress(parents)
    size = component_sizes(parents)
    if pair_edges is not None:
        parents[size > limit] = np.flatnonzero(size > limit)
        texts = [file for file in edges if file.dataset == EXACT]
        for left, right in _read_edges(outputs.storage, [*texts, *pair_edges]):
            joins(parents, ranks(bits, counts, left), ranks(bits, counts, right))
        compress(parents)
        size = component_sizes(parents)
    first = 0
    for start, stop in pairwise(starts):
        ordinals = ordinals_between(bits, start, stop)
        own = slice(first, first + len(ordinals))
        first = own.stop
        columns = [ordinals, parents[own].astype(np.uint64), size[own]]
        stem = f"{outputs.key}-{start}"
        with outputs.parquet(
            MEMBERS_OF, MEMBERS, stem, **delta_coded(MEMBERS)
        ) as writer:
            writer.write_table(pa.table(columns, schema=MEMBERS))
    return {"touched": touched, "largest": int(size.max(initial=0))}


def publish(
    outputs: Outputs,
    group: Group,
    decided: Sequence[File],
    same_ids: Sequence[File],
    resolved: Sequence[File] | None = None,
) -> Counts:
    """Write one layer for each part of the group.

    `resolved` are the duplicates of an index; null without an index.
    """
    storage = outputs.storage
    crawls = _Crawls(group)
    size = group.stop - group.start
    clusters = np.zeros(size, np.uint64)
    sizes = np.zeros(size, np.uint32)  # 0: no edge, the document is its own cluster
    reasons = np.zeros(size, np.uint8)
    for file in decided:
        table = read_between(
            storage, file, "ordinal", low=group.start, high=group.stop - 1
        )
        is_own, places = _places(table, group)
        clusters[places] = as_numpy(table["cluster"])[is_own]
        sizes[places] = as_numpy(table["cluster_size"])[is_own]
        reasons[places] = as_numpy(table["reason"])[is_own]
    for file in resolved or ():
        table = read_between(
            storage, file, "ordinal", low=group.start, high=group.stop - 1
        )
        is_own, places = _places(table, group)
        clusters[places] = as_numpy(table["cluster"])[is_own]
        sizes[places] = as_numpy(table["cluster_size"])[is_own]
        reasons[places] = OF_INDEX
        crawls.fill(places, table["crawl"].filter(pa.array(is_own)))
    repeated = read_ordinals(storage, same_ids)
    repeated = repeated[(repeated >= group.start) & (repeated < group.stop)]
    reasons[(repeated - np.uint64(group.start)).astype(np.int64)] = SAME_ID
    tally: Counter[str] = Counter()
    for start, part in group.starts():
        own = slice(start - group.start, start - group.start + part.rows)
        layer = _layer(
            part.read(storage, ["id", "drop_reason"]),
            clusters[own],
            sizes[own],
            reasons=reasons[own],
        )
        if resolved is not None:
            layer = layer.append_column(INDEX_CRAWL, crawls.column(own))
        with outputs.parquet("duplicates", layer.schema, part.name) as writer:
            writer.write_table(layer)
        tally.update(layer["drop_reason"].to_pylist())
        tally["documents"] += layer.num_rows - layer["kept"].null_count
    del tally[None]
    return dict(tally)


def _places(
    table: pa.Table, group: Group
) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Which rows of `table` are the group's, and their places in the group."""
    ordinals = as_numpy(table["ordinal"])
    is_own = (ordinals >= group.start) & (ordinals < group.stop)
    return is_own, (ordinals[is_own] - np.uint64(group.start)).astype(np.int64)


class _Crawls:
    """For each row of a group the crawl of its cluster's keeper, or null."""

    def __init__(self, group: Group) -> None:
        self._codes = np.zeros(group.stop - group.start, np.int32)
        self._names: dict[str | None, int] = {None: 0}

    def fill(self, places: NDArray[np.int64], names: pa.ChunkedArray) -> None:
        encoded = names.combine_chunks().dictionary_encode(null_encoding="encode")
        codes = [
            self._names.setdefault(name, len(self._names))
            for name in encoded.dictionary.to_pylist()
        ]
        self._codes[places] = np.array(codes, np.int32)[encoded.indices.to_numpy()]

    def column(self, rows: slice) -> pa.Array:
        return pa.array(list(self._names), pa.string()).take(
            pa.array(self._codes[rows])
        )


def _layer(
    part: pa.Table,
    clusters: Hashes,
    sizes: NDArray[np.uint32],
    *,
    reasons: NDArray[np.uint8],
) -> pa.Table:
    """The part's rows of the layer; for documents dropped before, all but id is null."""
    is_out = as_numpy(pc.is_valid(part["drop_reason"]))
    ids = as_numpy(part["id"])
    names = pa.array(REASONS, pa.string()).take(pa.array(reasons))
    return pa.table(
        [
            part["id"],
            pa.array(np.where(sizes > 0, clusters, ids), mask=is_out),
            pa.array(np.maximum(sizes, 1), pa.uint32(), mask=is_out),
            pa.array(reasons == KEPT, mask=is_out),
            pc.if_else(pa.array(is_out), pa.scalar(None, pa.string()), names),
        ],
        schema=DUPLICATES,
    )


def _read_edges(
    storage: Storage, files: Sequence[File]
) -> Iterator[tuple[Hashes, Hashes]]:
    for file in files:
        with storage.table(file.path) as parquet:
            for batch in parquet.iter_batches(1 << 22):
                yield as_numpy(batch["left"]), as_numpy(batch["right"])


def _read_matches(storage: Storage, files: Sequence[File]) -> Iterator[Hashes]:
    for file in files:
        with storage.table(file.path) as parquet:
            for batch in parquet.iter_batches(1 << 22, columns=["ordinal"]):
                yield as_numpy(batch["ordinal"])
