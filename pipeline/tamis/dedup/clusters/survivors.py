"""Decide which documents of each component stay, a partition at a time.

A step of deduplicate (see pipeline/tamis/stages/deduplicate.py). Documents that match a
cluster of the index are not compared here: with `verify` only these documents, without
it their whole components. They are `attached` to the keeper of that cluster.
"""

from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import TypedDict

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tamis.dedup.clusters.candidates import piece_of, preferred_first
from tamis.dedup.clusters.components import (
    DECIDED,
    DECIDED_GROUP_ROWS,
    KEPT,
    NEAR,
    SAME_TEXT,
)
from tamis.dedup.clusters.known import NEVER
from tamis.dedup.groups import WORK, Settings, as_numpy, keeper_range
from tamis.dedup.kernels.survivors import cluster_sizes, first_copies, first_of_each
from tamis.dedup.partitions import pieces, write_partitioned
from tamis.work.commits import File, Outputs

DECIDED_IN, ATTACHED_IN = f"{WORK}/decided", f"{WORK}/attached"

Hashes = NDArray[np.uint64]


class SurvivorsTally(TypedDict):
    """Clusters by size, and documents attached to a cluster of the index."""

    clusters: dict[str, int]
    attached: int


def find_survivors(
    outputs: Outputs,
    settings: Settings,
    files: Sequence[File],
    partition: int,
    partitions: int,
    ranges: int,
) -> SurvivorsTally:
    """Write the keeper of each document of a partition.

    Documents that belong to a keeper of the index go to another file, by `ranges` of
    keepers.
    """
    decided, attached = [], []
    histogram: Counter[int] = Counter()
    own_piece = partial(piece_of, partitions)
    for rows in pieces(
        outputs,
        files,
        outputs.storage,
        name="partition",
        partition=partition,
        piece_of=own_piece,
    ):
        table = rows.take(preferred_first(rows, settings)).combine_chunks()
        if settings.has_index:
            table, found = _without_known(table, settings)
            attached.append(found)
        own, sizes = _decided(table, settings)
        decided.append(own)
        histogram.update(sizes)
    if sum(own.num_rows for own in decided):
        with outputs.parquet(DECIDED_IN, DECIDED) as writer:
            for own in decided:
                writer.write_table(own, row_group_size=DECIDED_GROUP_ROWS)
    count = sum(own.num_rows for own in attached)
    if count:
        write_partitioned(
            outputs,
            ATTACHED_IN,
            iter(attached),
            name="range",
            partitions=ranges,
            number_of=keeper_range,
        )
    clusters = {str(size): count for size, count in sorted(histogram.items())}
    return {"clusters": clusters, "attached": count}


def _decided(table: pa.Table, settings: Settings) -> tuple[pa.Table, list[int]]:
    """The decision on each row, preferred rows first, and the sizes of the clusters."""
    components = as_numpy(table["component"])
    texts = as_numpy(pc.fill_null(table["text_hash"], 0))
    copies = first_copies(components, texts)
    if not settings.is_verified:
        survivors = first_of_each(components)
    else:
        survivors = _verified(table, settings, components, copies=copies)
    rows = np.arange(len(survivors))
    reasons = np.where(survivors == rows, KEPT, NEAR).astype(np.uint8)
    if settings.exact:
        reasons[(survivors != rows) & (copies != rows)] = SAME_TEXT
    sizes = cluster_sizes(survivors)
    decided = pa.table(
        [table["ordinal"], as_numpy(table["id"])[survivors], sizes, reasons],
        schema=DECIDED,
    ).sort_by("ordinal")
    return decided, sizes[survivors == rows].tolist()


def _without_known(table: pa.Table, settings: Settings) -> tuple[pa.Table, pa.Table]:
    """Rows that the index does not know, and (ordinal, keeper) of those that it does."""
    from tamis.dedup.kernels.joining import oldest_of_each

    added, keepers = as_numpy(table["added"]), as_numpy(table["keeper"])
    if not settings.is_verified:
        components = as_numpy(table["component"])
        oldest = oldest_of_each(components, added, keepers)
        _, inverse = np.unique(components, return_inverse=True)
        added, keepers = added[oldest][inverse], keepers[oldest][inverse]
    is_known = added != NEVER
    known = pa.table(
        {
            "ordinal": as_numpy(table["ordinal"])[is_known],
            "keeper": keepers[is_known],
        }
    )
    rest = table.filter(pa.array(~is_known)).drop_columns(["added", "keeper"])
    return rest.combine_chunks(), known


def _verified(
    table: pa.Table,
    settings: Settings,
    components: Hashes,
    *,
    copies: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Survivors by exact Jaccard; see pipeline/tamis/dedup/kernels/verify.py."""
    from tamis.dedup.kernels.verify import verified_survivors

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
