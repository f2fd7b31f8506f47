"""Matches of this run's documents with clusters that earlier runs kept.

A match is a row of (ordinal, keeper, added). A file of matches ascends by ordinal
within each of its row groups, so that a reader of some ordinals reads few row groups.
"""

from collections.abc import Iterable

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tamis.dedup.groups import WORK, Group, as_numpy, read_between
from tamis.storage import Storage
from tamis.work.commits import File

MATCHES = pa.schema(
    [("ordinal", pa.uint64()), ("keeper", pa.uint64()), ("added", pa.uint32())]
)


SURE, UNSURE = f"{WORK}/matches", f"{WORK}/unverified"


NEVER = np.uint32(2**32 - 1)  # `added` of a document without a match


Hashes = NDArray[np.uint64]


def oldest_matches(
    storage: Storage, files: Iterable[File], group: Group
) -> tuple[NDArray[np.uint32], Hashes]:
    """`added` (NEVER without a match) and keeper of each row of a group."""
    from tamis.dedup.kernels.joining import oldest_of_each

    size = group.stop - group.start
    added, keepers = np.full(size, NEVER), np.zeros(size, np.uint64)
    for file in files:
        table = read_between(
            storage, file, "ordinal", low=group.start, high=group.stop - 1
        )
        ordinals = as_numpy(table["ordinal"])
        is_own = (ordinals >= group.start) & (ordinals < group.stop)
        places = (ordinals[is_own] - np.uint64(group.start)).astype(np.int64)
        own_added, own_keepers = (
            as_numpy(table[name])[is_own] for name in ("added", "keeper")
        )
        first = oldest_of_each(places.astype(np.uint64), own_added, own_keepers)
        places, own_added = places[first], own_added[first]
        own_keepers = own_keepers[first]
        is_older = (own_added < added[places]) | (
            (own_added == added[places]) & (own_keepers < keepers[places])
        )
        added[places[is_older]] = own_added[is_older]
        keepers[places[is_older]] = own_keepers[is_older]
    return added, keepers
