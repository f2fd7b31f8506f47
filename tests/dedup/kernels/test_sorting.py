import numpy as np
import pytest
from numpy.typing import NDArray

from tamis.dedup.kernels.sorting import sort_pairs


def hashes_of(kind: str, count: int) -> NDArray[np.uint64]:
    rng = np.random.default_rng(count)
    if kind == "random":
        return rng.integers(0, 2**64, count, dtype=np.uint64)
    if kind == "many equal":
        return rng.integers(0, 2**64, 7, dtype=np.uint64)[rng.integers(0, 7, count)]
    if kind == "all equal":
        return np.full(count, 2**63, np.uint64)
    if kind == "descending":
        return np.arange(count, dtype=np.uint64)[::-1].copy()
    if kind == "low bits only":
        return rng.integers(0, 2**20, count, dtype=np.uint64)
    return rng.integers(0, 2**20, count, dtype=np.uint64) << np.uint64(44)


@pytest.mark.parametrize("count", [0, 1, 2, 100, 5_000, 70_000, 200_000])
@pytest.mark.parametrize(
    "kind",
    [
        "random",
        "many equal",
        "all equal",
        "descending",
        "low bits only",
        "high bits only",
    ],
)
def test_pairs_come_as_numpys_stable_sort_puts_them(kind: str, count: int) -> None:
    hashes = hashes_of(kind, count)
    ordinals = np.random.default_rng(0).permutation(count).astype(np.uint64)
    before = hashes.copy()

    sorted_hashes, sorted_ordinals = sort_pairs(hashes, ordinals)

    order = np.argsort(hashes, kind="stable")
    assert np.array_equal(sorted_hashes, hashes[order])
    assert np.array_equal(sorted_ordinals, ordinals[order])
    assert np.array_equal(hashes, before)


def test_hashes_that_are_none_are_sorted_by_all_of_their_bits() -> None:
    """Many share their high bits, as ordinals do: the lowest 16 differ, and the highest."""
    rng = np.random.default_rng(3)
    low = rng.integers(0, 1 << 16, 4_000, dtype=np.uint64)
    hashes = low | (np.arange(4_000, dtype=np.uint64) % np.uint64(2)) << np.uint64(63)
    found, ordinals = sort_pairs(hashes, np.arange(4_000, dtype=np.uint64))
    expected = np.argsort(hashes, kind="stable")
    assert ordinals.tolist() == expected.tolist()
    assert found.tolist() == hashes[expected].tolist()
