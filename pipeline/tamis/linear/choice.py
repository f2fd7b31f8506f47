"""Which windows of a document to read if all would be too many.

Each function gives ordinals of windows, ascending, at most `most` of each document.
"""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from tamis.linear.features import Windows


def spread(windows: Windows, most: int) -> NDArray[np.int64]:
    """Windows evenly spread over each document."""
    chosen = [
        np.unique(np.linspace(first, last - 1, min(most, last - first), dtype=np.int64))
        for first, last in pairwise(windows.documents.tolist())
        if last > first
    ]
    return np.concatenate([np.empty(0, np.int64), *chosen])


def likeliest(
    windows: Windows, chances: NDArray[np.float64], most: int
) -> NDArray[np.int64]:
    """The windows with the largest chances; of equal ones the earlier.

    chances  (windows,)
    """
    chosen = [
        np.sort(first + np.argsort(-chances[first:last], kind="stable")[:most])
        for first, last in pairwise(windows.documents.tolist())
        if last > first
    ]
    return np.concatenate([np.empty(0, np.int64), *chosen])
