"""The cutoff of a ranking: keys that ascend, digits that narrow, exactness."""

import numpy as np
import pytest

from tamis.quality.radix_select import (
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
    # Of ten documents six stay: four with the digit 3, the first two with 9.
    search, left = narrowed(Search(), digits, counts, 0.6)
    assert search == Search(1, Key(9 << 48, 0), 2)
    assert left == 5
    # The fifth digit is the id's first; the rank is known by now.
    search, left = narrowed(Search(4, Key(7, 0), 9), digits, counts, 0.6)
    assert search == Search(5, Key(7, 9 << 48), 5)
    assert left == 5


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
        search, left = narrowed(search, *np.unique(found, return_counts=True), share)
        assert left == shares_prefix(keys, ids, search).sum()
    among = shares_prefix(keys, ids, search)
    last = cutoff(keys[among], ids[among], search, share=share)
    ranking = sorted(range(len(values)), key=lambda row: (-values[row], ids[row]))
    staying = set(ranking[: int(np.ceil(round(share * len(values), 6)))])
    assert set(np.flatnonzero(~is_below_cutoff(keys, ids, last)).tolist()) == staying
