"""Places of hashes among sorted ones, against numpy."""

import numpy as np
import pytest

from tamis.dedup.kernels.lookup import places_among

NONE = np.empty(0, np.uint64)


@pytest.mark.parametrize("known", [0, 1, 2, 3, 1000])
def test_every_hash_is_found_where_it_stands(known: int) -> None:
    rng = np.random.default_rng(known)
    every = np.unique(rng.integers(1 << 64, size=2 * known, dtype=np.uint64))
    stored = np.sort(rng.choice(every, known, replace=False))
    expected = np.where(np.isin(every, stored), np.searchsorted(stored, every), -1)
    assert places_among(every, stored).tolist() == expected.tolist()
    assert places_among(NONE, stored).tolist() == []


def test_hashes_that_share_their_high_bits_are_found_too() -> None:
    stored = np.array([0, *range(7, 700, 3), 2**64 - 1], np.uint64)
    wanted = np.array([0, 1, 7, 8, 697, 2**64 - 1], np.uint64)
    assert places_among(wanted, stored).tolist() == [0, -1, 1, -1, 231, 232]
