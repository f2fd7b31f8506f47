"""From sorted hashes to edges: n documents of a bucket are joined by n - 1 edges.

    hashes    (pairs,)  uint64  ascending; a document's hash in one band, or of its text
    ordinals  (pairs,)  uint32 or uint64, ascending within a bucket
    left, right  (edges,)  ordinals, left < right

A bucket is a chain: each document is tied to the one before it. That is enough for the
components, and linear, while all pairs of a bucket would be quadratic.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tamis.compiled import kernel
from tamis.dedup.kernels.components import (
    joins,
    no_bits,
    ranks,
    running_counts,
    set_bits,
)
from tamis.dedup.kernels.sorting import Ordinal

Hashes = NDArray[np.uint64]
Ordinals = NDArray[np.uint64]
Edges = tuple[Ordinals, Ordinals]


def chains(
    hashes: Hashes, ordinals: NDArray[Ordinal]
) -> tuple[NDArray[Ordinal], NDArray[Ordinal]]:
    """The edges of all buckets. An ordinal twice in a bucket has no edge to itself."""
    left, right = _chains(hashes, ordinals)
    return left, right


@kernel
def _chains(
    hashes: Hashes, ordinals: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """The edges, by one pass that counts and one that writes: no masks are stored."""
    count = 0
    for pair in range(1, len(hashes)):
        is_linked = hashes[pair] == hashes[pair - 1]
        count += is_linked and ordinals[pair] != ordinals[pair - 1]
    left = np.empty(count, ordinals.dtype)
    right = np.empty(count, ordinals.dtype)
    edge = 0
    for pair in range(1, len(hashes)):
        if hashes[pair] == hashes[pair - 1] and ordinals[pair] != ordinals[pair - 1]:
            left[edge] = ordinals[pair - 1]
            right[edge] = ordinals[pair]
            edge += 1
    return left, right


def later_ones(hashes: Hashes, ordinals: Ordinals) -> Ordinals:
    """All documents of each bucket except the first."""
    later: Ordinals = ordinals[1:][hashes[1:] == hashes[:-1]]
    return later


def without(hashes: Hashes, ordinals: Ordinals, excluded: Ordinals) -> Edges:
    """Both arrays without the documents in `excluded`, which is ascending."""
    if len(excluded) == 0:
        return hashes, ordinals
    place = np.searchsorted(excluded, ordinals)
    place[place == len(excluded)] = 0
    stays = excluded[place] != ordinals
    return hashes[stays], ordinals[stays]


def spanning_forest(left: Ordinals, right: Ordinals) -> Edges:
    """The edges that join two trees when added one after the other.

    They have the same components, and are fewer than the documents. Memory as in
    tamis.dedup.kernels.components.
    """
    bits = no_bits(int(right.max(initial=0)) + 1)
    set_bits(bits, left)
    set_bits(bits, right)
    counts = running_counts(bits)
    parents = np.arange(int(np.bitwise_count(bits).sum()), dtype=np.uint32)
    is_joining = joins(parents, ranks(bits, counts, left), ranks(bits, counts, right))
    return left[is_joining], right[is_joining]
