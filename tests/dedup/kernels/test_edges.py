from itertools import combinations_with_replacement, pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from tamis.dedup.kernels.edges import chains, later_ones, spanning_forest, without


def u64(*values: int) -> NDArray[np.uint64]:
    return np.array(values, np.uint64)


def test_a_bucket_of_n_has_n_minus_1_edges() -> None:
    left, right = chains(u64(1, 2, 2, 2, 3, 3), u64(9, 0, 4, 7, 1, 2))
    assert list(zip(left, right, strict=True)) == [(0, 4), (4, 7), (1, 2)]


def test_a_document_twice_in_a_bucket_is_no_edge() -> None:
    left, _ = chains(u64(5, 5), u64(3, 3))
    assert len(left) == 0


def test_edges_of_all_short_buckets() -> None:
    """Up to four pairs of two hashes and three ordinals, by comparing neighbours."""
    pairs = [(hash_, ordinal) for hash_ in (5, 6) for ordinal in (0, 1, 2)]
    for count in range(5):
        for listed in combinations_with_replacement(pairs, count):
            expected = [
                (one[1], other[1])
                for one, other in pairwise(listed)
                if one[0] == other[0] and one[1] != other[1]
            ]
            hashes, ordinals = (
                u64(*(pair[side] for pair in listed)) for side in (0, 1)
            )
            left, right = chains(hashes, ordinals)
            assert list(zip(left, right, strict=True)) == expected, listed


def test_no_pairs_no_edges() -> None:
    assert [len(ends) for ends in chains(u64(), u64())] == [0, 0]
    assert [len(ends) for ends in spanning_forest(u64(), u64())] == [0, 0]


def test_all_but_the_first_of_a_bucket_are_later() -> None:
    assert later_ones(u64(1, 2, 2, 2), u64(9, 0, 4, 7)).tolist() == [4, 7]


@pytest.mark.parametrize(
    ("excluded", "left_over"),
    [(u64(), [3, 5, 8]), (u64(5), [3, 8]), (u64(1, 9), [3, 5, 8]), (u64(3, 5, 8), [])],
)
def test_excluded_documents_are_taken_out(
    excluded: NDArray[np.uint64], left_over: list[int]
) -> None:
    hashes, ordinals = without(u64(10, 20, 30), u64(3, 5, 8), excluded)
    assert ordinals.tolist() == left_over
    assert len(hashes) == len(left_over)


def test_a_forest_drops_the_edges_that_close_a_circle() -> None:
    left, right = spanning_forest(u64(1, 2, 1, 7), u64(2, 3, 3, 9))
    assert list(zip(left, right, strict=True)) == [(1, 2), (2, 3), (7, 9)]


@pytest.mark.parametrize("last", [1, 63, 64, 65, 128])
def test_a_forest_reaches_to_the_last_word_of_its_bitmap(last: int) -> None:
    left, right = spanning_forest(u64(0, 0), u64(last, last))
    assert list(zip(left, right, strict=True)) == [(0, last)]
