"""Each threshold moves where its definition says; figures worked out by hand."""

import numpy as np
import pytest

from tamis.quality.calibrate import COLUMNS, calibrated, moved

REFERENCE = np.arange(101) / 100  # 0.00, 0.01 ... 1.00
TWICE = 2 * REFERENCE + 1  # 1.00, 1.02 ... 3.00


@pytest.mark.parametrize(
    ("bound", "expected"),
    [
        # 91 of 101 lie at or below 0.90: the 90.1 % quantile of 1.00 ... 3.00.
        pytest.param((None, 0.9), (None, 1 + 2 * 91 / 101), id="most"),
        # 5 of 101 lie below 0.05.
        pytest.param((0.05, None), (1 + 2 * 5 / 101, None), id="least"),
        pytest.param((-1, 2), (1, 3), id="nothing is cut off"),
    ],
)
def test_quantile_cuts_off_the_same_share(
    bound: tuple[float | None, float | None], expected: tuple[float | None, ...]
) -> None:
    found = moved(bound, TWICE, REFERENCE, method="quantile")
    for side, hand in zip(found, expected, strict=True):
        assert side == (hand if hand is None else pytest.approx(hand, abs=2e-6))


def test_meanstd_lies_as_many_deviations_off() -> None:
    reference = np.array([8.0, 12.0])  # mean 10, deviation 2
    values = np.array([15.0, 25.0])  # mean 20, deviation 5
    assert moved((7, 14), values, reference, method="meanstd") == (12.5, 30)
    assert moved((0, None), values, reference, method="meanstd") == (0, None)  # not -5
    assert moved((3, 4), values, np.array([2.0, 2.0]), method="meanstd") == (3, 4)


def test_10tail_cuts_off_a_tenth_whatever_the_bound() -> None:
    values = np.arange(11.0)
    for bound in ((0, 0.5), (-7, 99)):
        assert moved(bound, values, REFERENCE, method="10tail") == (1, 9)


def test_a_language_held_to_its_own_bounds_keeps_them() -> None:
    for method in ("quantile", "meanstd"):
        least, most = moved((0.05, 0.9), REFERENCE, REFERENCE, method=method)  # type: ignore[arg-type]  # mypy: str
        assert least == pytest.approx(0.05, abs=0.01)
        assert most == pytest.approx(0.9, abs=0.01)


def test_the_document_a_bound_was_taken_from_stays() -> None:
    values = np.array([1 / 3] * 9)
    least, most = moved((0.1, 0.2), values, REFERENCE, method="quantile")
    assert least is not None
    assert most is not None
    assert least < 1 / 3 < most


def test_missing_values_and_columns_are_left_out() -> None:
    values = {"a": np.array([1.0, np.nan]), "b": np.array([np.nan]), "d": REFERENCE}
    reference = dict.fromkeys("abc", REFERENCE)
    bounds = dict.fromkeys("abcd", (None, 0.5))
    assert calibrated(values, reference, bounds, method="quantile") == {
        "a": (None, 1.0)
    }


def test_the_columns_are_those_of_fineweb_2() -> None:
    from tamis.quality.presets import preset_columns

    for preset in ("fineweb2", "tamis"):
        assert set(COLUMNS) <= set(preset_columns(preset))
    assert len(set(COLUMNS)) == 14
