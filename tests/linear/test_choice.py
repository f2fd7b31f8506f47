import numpy as np
import pytest

from tamis.linear.choice import likeliest, spread
from tamis.linear.features import Windows

# Documents of five windows, of none, of one, and of two.
WINDOWS = Windows(np.arange(9) * 10, np.array([0, 5, 5, 6, 8]))


@pytest.mark.parametrize(
    ("most", "expected"),
    [
        pytest.param(1, [0, 5, 6], id="one of each"),
        pytest.param(3, [0, 2, 4, 5, 6, 7], id="the ends and the middle"),
        pytest.param(9, list(range(8)), id="all"),
    ],
)
def test_windows_are_spread_over_a_document(most: int, expected: list[int]) -> None:
    assert spread(WINDOWS, most).tolist() == expected


def test_the_likeliest_windows_of_each_document_come_in_its_order() -> None:
    chances = np.array([0.1, 0.9, 0.2, 0.9, 0.3, 0.0, 0.5, 0.4])
    assert likeliest(WINDOWS, chances, 1).tolist() == [1, 5, 6]
    assert likeliest(WINDOWS, chances, 2).tolist() == [1, 3, 5, 6, 7]
    assert likeliest(WINDOWS, chances, 3).tolist() == [1, 3, 4, 5, 6, 7]


def test_no_document_has_no_window() -> None:
    nothing = Windows(np.array([0]), np.array([0]))
    assert spread(nothing, 2).tolist() == likeliest(nothing, np.empty(0), 2).tolist()
    assert spread(nothing, 2).tolist() == []
