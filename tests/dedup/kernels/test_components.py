from collections import defaultdict

import numpy as np
import pytest
from numpy.typing import NDArray

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
from tamis.dedup.kernels.edges import spanning_forest

Edges = tuple[NDArray[np.uint64], NDArray[np.uint64]]


def roots(
    edges: list[Edges], documents: int
) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Touched ordinals and the first ordinal of each one's component, by the kernels."""
    bits = no_bits(documents)
    for left, right in edges:
        set_bits(bits, left)
        set_bits(bits, right)
    counts = running_counts(bits)
    touched = ordinals_between(bits, 0, documents)
    parents = np.arange(len(touched), dtype=np.uint32)
    for left, right in edges:
        joins(parents, ranks(bits, counts, left), ranks(bits, counts, right))
    compress(parents)
    return touched, touched[parents]


def components(edges: list[Edges], documents: int) -> dict[int, int]:
    touched, firsts = roots(edges, documents)
    return dict(zip(touched.tolist(), firsts.tolist(), strict=True))


def by_search(edges: Edges) -> dict[int, int]:
    """The same by walking the graph."""
    neighbours = defaultdict(set)
    for left, right in zip(edges[0].tolist(), edges[1].tolist(), strict=True):
        neighbours[left].add(right)
        neighbours[right].add(left)
    found: dict[int, int] = {}
    for start in sorted(neighbours):
        queue = [start] if start not in found else []
        while queue:
            node = queue.pop()
            if node not in found:
                found[node] = start
                queue.extend(neighbours[node])
    return found


def graph(shape: str) -> tuple[Edges, int]:
    rng = np.random.default_rng(5)
    if shape == "chain":
        nodes = rng.permutation(5000).astype(np.uint64)
        left, right = nodes[:-1], nodes[1:]
    elif shape == "star":
        left, right = np.full(3000, 1234, np.uint64), np.arange(3000, dtype=np.uint64)
    elif shape == "sparse":
        left, right = rng.integers(0, 2**20, (2, 3000)).astype(np.uint64)
    else:
        left, right = rng.integers(0, 4000, (2, 20_000)).astype(np.uint64)
    keep = left != right
    edges = np.minimum(left, right)[keep], np.maximum(left, right)[keep]
    return edges, int(edges[1].max()) + 1


@pytest.mark.parametrize("shape", ["chain", "star", "sparse", "dense"])
@pytest.mark.parametrize("partitions", [1, 3, 50])
def test_partitions_and_their_forests_leave_the_components_alone(
    shape: str, partitions: int
) -> None:
    (left, right), documents = graph(shape)
    place = np.random.default_rng(partitions).integers(0, partitions, len(left))
    forests = [
        spanning_forest(left[place == own], right[place == own])
        for own in range(partitions)
    ]
    assert all(len(forest[0]) <= documents for forest in forests)
    assert components(forests, documents) == by_search((left, right))


def test_a_million_edges_in_any_partitioning() -> None:
    rng = np.random.default_rng(6)
    left = rng.integers(0, 700_000, 1_000_000).astype(np.uint64)
    right = left + rng.integers(1, 1000, len(left)).astype(np.uint64)
    whole = roots([(left, right)], 701_000)
    halves = [spanning_forest(left[part::2], right[part::2]) for part in (1, 0)]
    for one, other in zip(whole, roots(halves, 701_000), strict=True):
        assert np.array_equal(one, other)
    assert sum(len(forest[0]) for forest in halves) < 1_000_000


def test_sizes_count_the_members() -> None:
    parents = np.array([0, 1, 0, 1, 1, 5], np.uint32)
    assert component_sizes(parents).tolist() == [2, 3, 2, 3, 3, 1]


def test_ordinals_beyond_32_bits_have_ranks() -> None:
    """Words far apart, the places around word limits, and the last ordinal."""
    ordinals = np.array([0, 63, 64, 127, 2**26, 2**26 + 63], np.uint64)
    bits = no_bits(2**26 + 64)
    set_bits(bits, ordinals)
    counts = running_counts(bits)
    assert ranks(bits, counts, ordinals).tolist() == [0, 1, 2, 3, 4, 5]
    assert ordinals_between(bits, 63, 128).tolist() == [63, 64, 127]
    assert ordinals_between(bits, 2**26 + 1, 2**26 + 64).tolist() == [2**26 + 63]
    assert ordinals_between(bits, 5, 5).tolist() == []


def test_ordinals_between_all_places_around_the_borders_of_words() -> None:
    touched = [0, 1, 62, 63, 64, 65, 127, 128, 190, 191]
    bits = no_bits(192)
    set_bits(bits, np.array(touched, np.uint64))
    borders = [*range(3), *range(62, 67), *range(126, 131), *range(189, 193)]
    for start in borders:
        for stop in borders:
            expected = [ordinal for ordinal in touched if start <= ordinal < stop]
            assert ordinals_between(bits, start, stop).tolist() == expected
