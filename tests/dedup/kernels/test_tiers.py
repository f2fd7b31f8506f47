import math

import numpy as np
import pytest

from tamis.dedup.kernels.tiers import to_merge


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        pytest.param([], None, id="no generation"),
        pytest.param([9], None, id="one"),
        pytest.param([9] * 5, None, id="the newest two are left alone"),
        pytest.param([9] * 6, (0, 4), id="four alike"),
        pytest.param([9, 8, 9, 10, 1, 1], (0, 4), id="four that differ a little"),
        pytest.param([100, 9, 9, 9, 9, 1, 1], (1, 5), id="a large one stays out"),
        pytest.param([40, 9, 9, 9, 9, 1, 1], (0, 5), id="until it is no larger"),
        pytest.param([9, 9, 9, 9, 1, 1, 1], (0, 4), id="small ones wait"),
        pytest.param([0] * 6, (0, 4), id="empty ones"),
    ],
)
def test_to_merge(sizes: list[int], expected: tuple[int, int] | None) -> None:
    assert to_merge(sizes) == expected


@pytest.mark.parametrize("spread", [1.0, 4.0])
def test_generations_and_bytes_written_grow_with_the_logarithm(spread: float) -> None:
    """A hundred runs of one size, and of sizes that differ by a factor of sixteen."""
    rng = np.random.default_rng(7)
    sizes: list[int] = []
    total = written = most = 0
    for _ in range(100):
        own = int(1000 * spread ** rng.uniform(-1, 1))
        total += own
        sizes.append(own)
        while window := to_merge(sizes):
            start, stop = window
            written += sum(sizes[start:stop])
            sizes[start:stop] = [sum(sizes[start:stop])]
        most = max(most, len(sizes))
    assert sum(sizes) == total
    assert most <= math.log2(100) + 6
    assert written <= math.log2(100) * total
