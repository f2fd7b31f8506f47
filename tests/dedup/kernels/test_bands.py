import numpy as np
import pytest
from datasketch import MinHashLSH

from tamis.dedup.kernels.bands import (
    PRESETS,
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


@pytest.mark.parametrize(
    ("preset", "hashes"),
    [
        # Penedo et al. 2024: 112 hash functions. Penedo et al. 2023: 9,000.
        pytest.param("fineweb", 112, id="FineWeb"),
        pytest.param("refinedweb", 9_000, id="RefinedWeb"),
        # Li et al. 2024: (93, 15). NeMo Curator: 20 bands of 13.
        pytest.param("dclm", 1_395, id="DCLM"),
        pytest.param("curator", 260, id="Curator"),
    ],
)
def test_presets_take_as_many_hashes_as_was_published(preset: str, hashes: int) -> None:
    assert PRESETS[preset].bands * PRESETS[preset].rows == hashes


def found(preset: str, jaccard: float) -> float:
    banding = PRESETS[preset]
    return 1 - (1 - jaccard**banding.rows) ** banding.bands


def test_presets_find_as_much_as_was_published() -> None:
    """FineWeb: 56, 77, 92 and 98.8 % at 70, 75, 80 and 85 %; RefinedWeb 76 and 99.4 %."""
    fineweb = [found("fineweb", jaccard) for jaccard in (0.70, 0.75, 0.80, 0.85)]
    assert fineweb == pytest.approx([0.56, 0.77, 0.92, 0.988], abs=0.005)
    refinedweb = [found("refinedweb", jaccard) for jaccard in (0.75, 0.80)]
    assert refinedweb == pytest.approx([0.76, 0.994], abs=0.005)
