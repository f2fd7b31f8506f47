import numpy as np
import pytest
from datasketch import MinHashLSH

from tamis.dedup.kernels.bands import (
    Banding,
    band_pairs,
    banding_for,
)


@pytest.mark.parametrize("threshold", [0.5, 0.6, 0.7, 0.8, 0.9])
def test_a_threshold_is_cut_as_datasketch_cuts_it(threshold: float) -> None:
    peer = MinHashLSH(threshold=threshold, num_perm=128)
    assert banding_for(threshold) == Banding(peer.b, peer.r)


def test_pairs_of_few_bands_are_all_pairs() -> None:
    pairs = band_pairs(14)
    assert len(pairs) == len(set(pairs)) == 14 * 13 // 2
    assert all(0 <= low < high < 14 for low, high in pairs)
    assert band_pairs(1) == []
    assert band_pairs(2) == [(0, 1)]


@pytest.mark.parametrize(("bands", "count"), [(20, 128), (93, 128), (450, 450)])
def test_pairs_of_many_bands_are_bounded_and_name_each_band(
    bands: int, count: int
) -> None:
    pairs = band_pairs(bands)
    assert len(set(pairs)) == len(pairs) == count
    assert set(np.ravel(pairs)) == set(range(bands))
