"""Totals of a sample: against tables, by hand, and by simulation."""

from typing import Any

import numpy as np
import pytest

from tamis.forecast.repeats import effective_tokens, plan_of
from tamis.forecast.totals import (
    Population,
    Range,
    Sampled,
    duplicate_range,
    students_t,
    total_of,
)
from tamis.stages.mix_corpus import MixCorpus


@pytest.mark.parametrize(
    ("freedom", "expected"),
    # Student's t at .95, from any table.
    [
        (1, 6.314),
        (2, 2.920),
        (3, 2.353),
        (5, 2.015),
        (10, 1.812),
        (30, 1.697),
        (1000, 1.646),
    ],
)
def test_students_t_is_that_of_the_tables(freedom: int, expected: float) -> None:
    assert students_t(freedom) == pytest.approx(expected, rel=0.005)


def alone(bytes_: np.ndarray[Any, Any]) -> Sampled:
    """A sample of one stratum."""
    return Sampled(bytes_, np.zeros(len(bytes_), np.int64))


def test_strata_of_different_weight_are_weighed() -> None:
    """Of 10 splits 2 with 1 a byte, of 30 splits 2 with 3: 10 x 1 + 30 x 3 of 40 bytes."""
    values, strata = np.array([1.0, 1.0, 3.0, 3.0]), np.array([0, 0, 1, 1])
    found = total_of(values, Sampled(np.ones(4), strata), Population(40.0, (10, 30)))
    assert found == pytest.approx(Range(100.0, 100.0, 100.0))


def test_the_total_is_that_of_the_bytes_times_the_ratio() -> None:
    """12 in 6 bytes are 2 a byte: 200 in 100 bytes."""
    values, bytes_ = np.array([2.0, 4.0, 6.0]), np.array([1.0, 2.0, 3.0])
    found = total_of(values, alone(bytes_), Population(100.0, (50,)))
    assert found == Range(200.0, 200.0, 200.0)  # every split has the same ratio


def test_a_population_that_was_read_whole_has_no_interval() -> None:
    values, bytes_ = np.array([1.0, 7.0]), np.array([3.0, 4.0])
    found = total_of(values, alone(bytes_), Population(7.0, (2,)))
    assert found == Range(8.0, 8.0, 8.0)
    one = np.array([5.0])
    assert total_of(one, alone(one), Population(5.0, (1,))) == Range(5.0, 5.0, 5.0)


def test_of_nothing_found_three_might_have_been() -> None:
    nothing, bytes_ = np.zeros(10), np.ones(10)
    found = total_of(nothing, alone(bytes_), Population(100.0, (100,)))
    assert found == Range(0, 0, 30)


def test_one_split_is_no_sample() -> None:
    with pytest.raises(ValueError, match="two splits"):
        total_of(np.ones(1), alone(np.ones(1)), Population(9.0, (9,)))


@pytest.mark.parametrize("size", [8, 24, 60])
def test_nine_of_ten_intervals_hold_the_total(size: int) -> None:
    """Skewed splits, as those of rare languages: 2,000 samples of a made population."""
    draw = np.random.default_rng(3)
    bytes_ = draw.uniform(0.5, 1.5, 400)
    values = bytes_ * draw.gamma(2.0, 1.0, 400)
    of = np.repeat([0, 1, 2, 3], 100)
    values *= 1 + of  # strata of which each has more than the one before
    population = Population(float(bytes_.sum()), (100, 100, 100, 100))
    held = 0
    for _ in range(2_000):
        rows = np.concatenate(
            [
                100 * stratum + draw.choice(100, size // 4, replace=False)
                for stratum in range(4)
            ]
        )
        found = total_of(values[rows], Sampled(bytes_[rows], of[rows]), population)
        held += found.low <= values.sum() <= found.high
    assert 0.86 <= held / 2_000 <= 0.94


@pytest.mark.parametrize(
    ("half", "whole", "sampled", "expected"),
    [
        (0.1, 0.2, 1.0, (0.2, 0.2)),
        (0.1, 0.2, 0.25, (0.2, 0.4)),  # two doublings of .1 each
        (0.2, 0.1, 0.5, (0.1, 0.1)),  # by chance more in the half
        (0.1, 0.5, 1e-6, (0.5, 1.0)),
    ],
)
def test_duplicates_are_a_range_that_grows_with_each_doubling(
    half: float, whole: float, sampled: float, expected: tuple[float, float]
) -> None:
    assert duplicate_range(half, whole, sampled) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("epochs", "worth"),
    # U + U 15.4 (1 - exp(-R / 15.4)): by hand for R = 1, 3 and 15.4.
    [(0.5, 0.5), (1, 1), (2, 1.9682), (4, 3.7259), (16.4, 10.7347)],
)
def test_repeated_tokens_are_worth_less_each_time(epochs: float, worth: float) -> None:
    assert effective_tokens(1e9, epochs) == pytest.approx(worth * 1e9, rel=1e-4)


def test_a_plan_says_how_often_this_input_is_needed() -> None:
    """Half of 120 each: 10 can be taken 4 times and are 40, 60 need 1.5 of it."""
    mix = MixCorpus(weights={"fra": 1, "swh": 1}, max_epochs=4)
    plan = plan_of({"fra": 100.0, "swh": 10.0, "deu": 5.0}, 120, mix)
    assert set(plan) == {"fra", "swh"}
    assert plan["swh"].wanted == pytest.approx(60)
    assert plan["swh"].epochs == pytest.approx(4)
    assert plan["swh"].inputs == 2
    assert plan["fra"].inputs == 1
    assert plan["fra"].epochs == pytest.approx(0.8)
