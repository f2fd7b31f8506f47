"""The cutoff of a ranking: keys that ascend, digits that narrow, exactness."""

import numpy as np
import pytest

from tamis.cutoffs.radix_select import (
    Key,
    Search,
    cutoff,
    is_below_cutoff,
    narrowed,
    next_digit,
    places,
    shares_prefix,
    value_keys,
)

ORDERED = [-np.inf, -1e300, -2.5, -5e-324, 0.0, 5e-324, 0.1, 0.5, 1.0, 1e300, np.inf]


def test_keys_ascend_with_the_values() -> None:
    keys = value_keys(np.array(ORDERED), largest_first=False).tolist()
    assert keys == sorted(set(keys))
    keys = value_keys(np.array(ORDERED), largest_first=True).tolist()
    assert keys == sorted(set(keys), reverse=True)


def test_there_is_one_zero() -> None:
    plus, minus = value_keys(np.array([0.0, -0.0]), largest_first=True).tolist()
    assert plus == minus


@pytest.mark.parametrize(
    ("share", "documents", "expected"),
    [
        pytest.param(0.07, 100, 7, id="a hundredth is no float"),
        pytest.param(0.3, 10, 3, id="three tenths"),
        pytest.param(0.3, 11, 4, id="rounded up"),
        pytest.param(0.001, 1, 1, id="one of one"),
        pytest.param(0.0, 5, 0, id="none"),
        pytest.param(0.5, 0, 0, id="of none"),
    ],
)
def test_places_are_a_share_rounded_up(
    share: float, documents: int, expected: int
) -> None:
    assert places(share, documents) == expected


def test_a_digit_narrows_to_the_bucket_of_the_cutoff() -> None:
    digits, counts = np.array([3, 9, 10]), np.array([4, 5, 1])
    # Six documents stay: four with the digit 3, the first two with 9.
    search, bucket = narrowed(Search(), digits, counts, 6)
    assert search == Search(1, Key(9 << 48, 0), 2)
    assert bucket == 1
    # The fifth digit is the id's first; the rank is known by now.
    search, bucket = narrowed(Search(4, Key(7, 0), 9), digits, counts, 1)
    assert search == Search(5, Key(7, 9 << 48), 5)
    assert bucket == 1


@pytest.mark.parametrize("rank", [0, 1, 299, 1000, 10**6])
@pytest.mark.parametrize("digits", [0, 2, 5, 8])
def test_documents_stay_until_their_weights_reach_the_rank(
    rank: int, digits: int
) -> None:
    rng = np.random.default_rng(5)
    keys = rng.integers(0, 7, 200).astype(np.uint64) << np.uint64(45)
    ids = rng.permutation(200).astype(np.uint64)
    weights = rng.integers(0, 20, 200)
    search = Search(rank=rank)
    for _ in range(digits):
        among = shares_prefix(keys, ids, search)
        found = next_digit(keys[among], ids[among], search)
        sums = np.bincount(found, weights[among]).astype(np.int64)
        known = np.unique(found)
        search, _ = narrowed(search, known, sums[known], rank)
    among = shares_prefix(keys, ids, search)
    assert search.rank is not None
    last = cutoff(keys[among], ids[among], weights[among], search.rank)
    staying, total = set(), 0
    for row in sorted(range(200), key=lambda row: (keys[row], ids[row])):
        if total >= rank:
            break
        staying.add(row)
        total += int(weights[row])
    assert set(np.flatnonzero(~is_below_cutoff(keys, ids, last)).tolist()) == staying


@pytest.mark.parametrize("share", [0.0, 0.01, 0.25, 0.5, 0.999])
@pytest.mark.parametrize("digits", [0, 1, 2, 4, 5, 8])
@pytest.mark.parametrize(
    "values",
    [
        pytest.param(np.random.default_rng(1).random(500), id="all different"),
        pytest.param(np.repeat([0.25, 1.0], 250), id="two values"),
        pytest.param(np.array([0.5]), id="one document"),
    ],
)
def test_as_many_stay_as_sorting_would_let(
    values: np.ndarray, share: float, digits: int
) -> None:
    ids = np.random.default_rng(2).permutation(len(values)).astype(np.uint64)
    ids <<= np.uint64(40)
    keys = value_keys(values.astype(float), largest_first=True)
    search = Search()
    for _ in range(digits):
        among = shares_prefix(keys, ids, search)
        found = next_digit(keys[among], ids[among], search)
        counted, counts = np.unique(found, return_counts=True)
        search, bucket = narrowed(search, counted, counts, places(share, len(values)))
        assert counts[bucket] == shares_prefix(keys, ids, search).sum()
    among = shares_prefix(keys, ids, search)
    rank = places(share, len(values)) if search.rank is None else search.rank
    last = cutoff(keys[among], ids[among], np.ones(among.sum(), np.int64), rank)
    ranking = sorted(range(len(values)), key=lambda row: (-values[row], ids[row]))
    staying = set(ranking[: int(np.ceil(round(share * len(values), 6)))])
    assert set(np.flatnonzero(~is_below_cutoff(keys, ids, last)).tolist()) == staying
