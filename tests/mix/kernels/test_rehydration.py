import numpy as np
import pytest

from tamis.mix.kernels.rehydration import FINEWEB2, times_of


@pytest.mark.parametrize(
    ("copies", "times"),
    [(1, 1), (2, 2), (3, 3), (4, 3), (5, 5), (99, 5), (100, 8), (999, 8), (1000, 1)],
)
def test_fineweb2_repeats_by_cluster_size(copies: int, times: int) -> None:
    """Its README: 1, 2, 3-4, 5-99, 100-999, and from 1,000 on once."""
    assert times_of(np.array([copies]), FINEWEB2).tolist() == [times]
    assert times_of(np.array([10**9]), FINEWEB2).tolist() == [1]


def test_sizes_below_every_key_count_once() -> None:
    assert times_of(np.array([1, 9, 10]), {10: 0.5}).tolist() == [1, 1, 0.5]
    assert times_of(np.array([1, 7]), {}).tolist() == [1, 1]
    assert times_of(np.empty(0, np.int64), FINEWEB2).tolist() == []
