"""Second half of deduplicate: from edges to layers (see pipeline/stages/deduplicate.py).

Only documents with an edge take part until the last step; the others stand for
themselves. Rows travel from groups to partitions (all of a component meet in one) and
back by Parquet files whose row groups hold one partition, or a span of ordinals, each.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipeline.dedup.components import (
    component_sizes,
    compress,
    joins,
    no_bits,
    ordinals_between,
    ranks,
    running_counts,
    set_bits,
)
from pipeline.dedup.survivors import cluster_sizes, first_copies, first_of_each
from pipeline.dedup.verify import verified_survivors
from pipeline.errors import ConfigError
from pipeline.schema import DUPLICATES
from pipeline.stages.dedup_job import WORK, Group, Settings, as_numpy, read_between
from pipeline.stages.dedup_runs import EXACT, delta_coded, read_ordinals
from pipeline.storage import Storage
from pipeline.tasks import File, Outputs

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
REASONS = (None, "duplicate_id", "duplicate_exact", "duplicate_near")
MEMBERS_OF = f"{WORK}/members"
_KEPT, _SAME_ID, _SAME_TEXT, _NEAR = range(4)

_DECIDED_GROUP_ROWS = 1 << 17
_MAX_TOUCHED = (1 << 32) - 1

Hashes = NDArray[np.uint64]


def find_components(
    outputs: Outputs,
    edges: Sequence[File],
    starts: Sequence[int],
    limit: int,
    pair_edges: Sequence[File] | None = None,
) -> dict[str, Any]:
    """Write (ordinal, component, size) of every touched document, a file for each group.

    `starts` are the ordinals at which groups begin, and the number of all rows. With
    `pair_edges` components above `limit` are found anew: by these and by equal texts.
    """
    bits = no_bits(starts[-1])
    for left, right in _read_edges(outputs.storage, edges):
        set_bits(bits, left)
        set_bits(bits, right)
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


def find_survivors(
    outputs: Outputs, settings: Settings, files: Sequence[File], partition: int
) -> dict[str, Any]:
    """Write which document stands for each one of a partition."""
    storage = outputs.storage
    tables = [
        read_between(storage, file, "partition", partition, partition) for file in files
    ]
    if not sum(table.num_rows for table in tables):
        return {"clusters": {}}
    table = _in_order(pa.concat_tables(tables), settings)
    components = as_numpy(table["component"])
    texts = as_numpy(pc.fill_null(table["text_hash"], 0))
    copies = first_copies(components, texts)
    if not settings.is_verified:
        survivors = first_of_each(components)
    else:
        survivors = _verified(table, settings, components, copies)
    rows = np.arange(len(survivors))
    reasons = np.where(survivors == rows, _KEPT, _NEAR).astype(np.uint8)
    if settings.exact:
        reasons[(survivors != rows) & (copies != rows)] = _SAME_TEXT
    sizes = cluster_sizes(survivors)
    decided = pa.table(
        [table["ordinal"], as_numpy(table["id"])[survivors], sizes, reasons],
        schema=DECIDED,
    ).sort_by("ordinal")
    with outputs.parquet(f"{WORK}/decided", DECIDED) as writer:
        writer.write_table(decided, row_group_size=_DECIDED_GROUP_ROWS)
    histogram = Counter(sizes[survivors == rows].tolist())
    return {"clusters": {str(size): count for size, count in sorted(histogram.items())}}


def publish(
    outputs: Outputs, group: Group, decided: Sequence[File], same_ids: Sequence[File]
) -> dict[str, Any]:
    """Write one layer for each part of the group."""
    storage = outputs.storage
    size = group.stop - group.start
    clusters = np.zeros(size, np.uint64)
    sizes = np.zeros(size, np.uint32)  # 0: no edge, the document stands for itself
    reasons = np.zeros(size, np.uint8)
    for file in decided:
        table = read_between(storage, file, "ordinal", group.start, group.stop - 1)
        ordinals = as_numpy(table["ordinal"])
        is_own = (ordinals >= group.start) & (ordinals < group.stop)
        places = (ordinals[is_own] - np.uint64(group.start)).astype(np.int64)
        clusters[places] = as_numpy(table["cluster"])[is_own]
        sizes[places] = as_numpy(table["cluster_size"])[is_own]
        reasons[places] = as_numpy(table["reason"])[is_own]
    repeated = read_ordinals(storage, same_ids)
    repeated = repeated[(repeated >= group.start) & (repeated < group.stop)]
    reasons[(repeated - np.uint64(group.start)).astype(np.int64)] = _SAME_ID
    tally: Counter[str] = Counter()
    for start, part in group.starts():
        own = slice(start - group.start, start - group.start + part.rows)
        layer = _layer(
            part.read(storage, ["id", "drop_reason"]),
            clusters[own],
            sizes[own],
            reasons[own],
        )
        with outputs.parquet("duplicates", DUPLICATES, part.name) as writer:
            writer.write_table(layer)
        tally.update(layer["drop_reason"].to_pylist())
        tally["documents"] += layer.num_rows - layer["kept"].null_count
    del tally[None]
    return dict(tally)


def _layer(
    part: pa.Table,
    clusters: Hashes,
    sizes: NDArray[np.uint32],
    reasons: NDArray[np.uint8],
) -> pa.Table:
    """The part's rows of the layer; those that were dropped before are null but for id."""
    is_out = as_numpy(pc.is_valid(part["drop_reason"]))
    ids = as_numpy(part["id"])
    names = pa.array(REASONS, pa.string()).take(pa.array(reasons))
    return pa.table(
        [
            part["id"],
            pa.array(np.where(sizes > 0, clusters, ids), mask=is_out),
            pa.array(np.maximum(sizes, 1), pa.uint32(), mask=is_out),
            pa.array(reasons == _KEPT, mask=is_out),
            pc.if_else(pa.array(is_out), pa.scalar(None, pa.string()), names),
        ],
        schema=DUPLICATES,
    )


def _read_edges(
    storage: Storage, files: Sequence[File]
) -> Iterator[tuple[Hashes, Hashes]]:
    for file in files:
        with storage.open(file.path) as source:
            for batch in pq.ParquetFile(source).iter_batches(1 << 22):
                yield as_numpy(batch["left"]), as_numpy(batch["right"])


def _in_order(table: pa.Table, settings: Settings) -> pa.Table:
    """By component, preferred documents first; null is the last choice."""
    keys = [
        (column, "descending" if is_descending else "ascending")
        for column, is_descending in settings.order
    ]
    # No two rows are equal: id is among the keys, and of equal ids only one is here.
    order = pc.sort_indices(table, sort_keys=[("component", "ascending"), *keys])
    return table.take(order).combine_chunks()


def _verified(
    table: pa.Table, settings: Settings, components: Hashes, copies: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Survivors by exact Jaccard; see pipeline/dedup/verify.py."""
    bands = np.stack(
        [as_numpy(pc.fill_null(table[b], 0)) for b in settings.bands], axis=1
    )
    # Documents too short for shingles have no bands: let none of them share one.
    is_short = as_numpy(pc.is_null(table[settings.bands[0]]))
    bands[is_short] = np.arange(len(bands), dtype=np.uint64)[is_short, None]
    sets = table["shingles"].combine_chunks()
    offsets, hashes = as_numpy(sets.offsets), as_numpy(sets.flatten())
    survivors: NDArray[np.int64] = verified_survivors(
        components, copies, bands, hashes, offsets - offsets[0], settings.jaccard
    )
    return survivors
