"""From columns to edges: sorted runs, documents with the same id, the forest of edges.

`tamis.dedup.sorted_runs` describes a run.
"""

from collections.abc import Sequence
from typing import TypedDict

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tamis.dedup.groups import WORK, Group, Settings, as_numpy, ranges_of, read_between
from tamis.dedup.sorted_runs import (
    ID,
    RUN,
    Hashes,
    Unit,
    delta_coded,
    load,
    read_bands,
    read_hashes,
    read_ordinals,
    write_run,
)
from tamis.work.commits import Counts, File, Outputs

EDGES = pa.schema([("left", pa.uint64()), ("right", pa.uint64())])
ORDINALS = pa.schema([("ordinal", pa.uint64())])

_READ_VALUES = 1 << 24  # of hash columns read from a group at once

IDS, EXACT, NEAR = f"{WORK}/ids", f"{WORK}/exact", f"{WORK}/near"


class GatherTally(TypedDict):
    """Rows of each run, by column."""

    rows: dict[str, int]


def gather(
    outputs: Outputs, settings: Settings, group: Group, rows: int
) -> GatherTally:
    """Sorted runs of the group: ids, then each hash column. Dropped rows stay out."""
    from tamis.dedup.kernels.sorting import sort_pairs

    columns = (ID, *settings.hash_columns)
    size = group.stop - group.start
    at_once = max(1, _READ_VALUES // max(size, 1))
    room = np.empty(size, np.uint64), np.empty(size, np.uint64)
    counts: dict[str, int] = {}
    for first in range(0, len(columns), at_once):
        some = columns[first : first + at_once]
        for name, hashes, ordinals in read_hashes(
            outputs.storage, settings, group, columns=some
        ):
            counts[name] = len(hashes)
            with outputs.parquet(
                f"{WORK}/runs", RUN, f"{name}-{outputs.key}", **delta_coded(RUN)
            ) as writer:
                pairs = sort_pairs(hashes, ordinals, room)
                write_run(writer, *pairs, ranges_of(rows))
    return {"rows": counts}


def gather_pairs(
    outputs: Outputs,
    settings: Settings,
    group: Group,
    members: File,
    pairs: Sequence[tuple[int, int]],
    rows: int,
) -> Counts:
    """Sorted runs of pairs of bands, of the documents in components above the limit."""
    from tamis.dedup.kernels.sorting import sort_pairs
    from tamis.text.shingles import mixed

    table = read_between(
        outputs.storage, members, "ordinal", low=group.start, high=group.stop
    )
    table = table.filter(pc.greater(table["size"], settings.max_component))
    ordinals = as_numpy(table["ordinal"])
    bands = read_bands(outputs.storage, settings, group, ordinals=ordinals)
    # Hashes include the component, so that pairs only cut components and never join
    # two, such as those of two languages.
    components = mixed(as_numpy(table["component"]))
    for low, high in pairs:
        hashes = mixed(mixed(bands[low]) ^ bands[high] ^ components)
        stem = f"pair-{low}-{high}-{outputs.key}"
        with outputs.parquet(f"{WORK}/runs", RUN, stem, **delta_coded(RUN)) as writer:
            write_run(writer, *sort_pairs(hashes, ordinals), ranges_of(rows))
    return {"rows": len(ordinals)}


def find_same_ids(outputs: Outputs, work: Sequence[Unit]) -> Counts:
    """Write the ordinals of documents that repeat an earlier id: nearly always none."""
    from tamis.dedup.kernels.edges import later_ones

    found = [later_ones(*load(outputs.storage, unit)) for unit in work]
    ordinals = np.unique(np.concatenate(found))
    if len(ordinals):
        with outputs.parquet(IDS, ORDINALS, **delta_coded(ORDINALS)) as writer:
            writer.write_table(pa.table({"ordinal": ordinals}))
    return {"documents": len(ordinals)}


def find_edges(
    outputs: Outputs, work: Sequence[Unit], same_ids: Sequence[File]
) -> Counts:
    """Write a forest of the edges of all units; equal texts have a file of their own."""
    from tamis.dedup.kernels.edges import chains, spanning_forest, without
    from tamis.dedup.kernels.sorting import sort_pairs

    excluded = read_ordinals(outputs.storage, same_ids)
    edges: dict[str, list[tuple[Hashes, Hashes]]] = {EXACT: [], NEAR: []}
    for unit in work:
        pairs = without(*load(outputs.storage, unit), excluded)
        edges[EXACT if unit.column == "text_hash" else NEAR].append(chains(*pairs))
    counts: dict[str, int] = {}
    for dataset, found in edges.items():
        left = np.concatenate([np.empty(0, np.uint64), *(pair[0] for pair in found)])
        right = np.concatenate([np.empty(0, np.uint64), *(pair[1] for pair in found)])
        if len(found) > 1:  # the chains of a single unit are a forest already
            left, right = spanning_forest(left, right)
        counts[dataset] = len(left)
        if len(left):
            right, left = sort_pairs(right, left)
            with outputs.parquet(dataset, EDGES, **delta_coded(EDGES)) as writer:
                writer.write_table(pa.table({"left": left, "right": right}))
    return counts
