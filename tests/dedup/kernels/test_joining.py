import numpy as np

from tamis.dedup.kernels.joining import (
    matching_rows,
    oldest_of_each,
    oldest_of_pairs,
    ranks_within,
)


def uint64(*values: int) -> np.ndarray:
    return np.array(values, np.uint64)


def test_every_pair_of_equal_hashes_is_found() -> None:
    rows, places = matching_rows(
        uint64(1, 3, 3, 7, 2**64 - 1), uint64(0, 3, 3, 2**64 - 1)
    )
    assert rows.tolist() == [1, 1, 2, 2, 4]
    assert places.tolist() == [1, 2, 1, 2, 3]


def test_joins_of_random_hashes_agree_with_a_table_of_all_pairs() -> None:
    rng = np.random.default_rng(1)
    for _ in range(20):
        left, right = (
            np.sort(rng.integers(0, 30, int(rng.integers(0, 40))).astype(np.uint64))
            for _ in range(2)
        )
        expected = np.argwhere(left[:, None] == right[None, :]).tolist()
        assert np.stack(matching_rows(left, right), axis=1).tolist() == expected


def test_of_each_group_the_first_added_counts_and_then_the_lowest_keeper() -> None:
    groups = uint64(9, 5, 9, 5, 9)
    added = np.array([2, 1, 1, 1, 1], np.uint32)
    keepers = uint64(1, 8, 7, 3, 4)
    assert oldest_of_each(groups, added, keepers).tolist() == [3, 4]
    assert oldest_of_each(groups[:0], added[:0], keepers[:0]).tolist() == []


def test_oldest_of_random_rows_are_those_of_a_plain_sort() -> None:
    rng = np.random.default_rng(2)
    for high in (2, 2**40, 2**64 - 1):
        groups = rng.integers(0, high, 300, dtype=np.uint64)[rng.integers(0, 300, 500)]
        keepers = rng.integers(0, 5, 500).astype(np.uint64)
        added = rng.integers(1, 4, 500).astype(np.uint32)
        rows = oldest_of_each(groups, added, keepers).tolist()
        every = list(
            zip(groups.tolist(), added.tolist(), keepers.tolist(), strict=True)
        )
        first = {group: min(r for r in every if r[0] == group) for group, *_ in every}
        assert [every[row] for row in rows] == sorted(first.values())
        pairs = oldest_of_pairs(groups, added, keepers).tolist()
        told = [(every[row][0], every[row][2]) for row in pairs]
        assert told == sorted({(group, keeper) for group, _, keeper in every})


def test_ranks_count_equal_hashes_before_a_row() -> None:
    assert ranks_within(uint64(4, 4, 4, 6, 8, 8)).tolist() == [0, 1, 2, 0, 0, 1]
    assert ranks_within(uint64()).tolist() == []
