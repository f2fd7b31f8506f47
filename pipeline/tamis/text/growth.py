"""Room for twice as much, for kernels that cannot know how much they will find.

Element by element: `larger[:count] = array` in a kernel compiles the messages of the
error it may raise, with Unicode strings and all, which takes longer than most kernels.
"""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray


@njit(cache=True, nogil=True)
def doubled(array: NDArray[Any]) -> NDArray[Any]:
    """The array's values, and as many places behind them that hold anything."""
    larger = np.empty(2 * len(array), array.dtype)
    for place in range(len(array)):
        larger[place] = array[place]
    return larger


@njit(cache=True, nogil=True)
def doubled_rows(array: NDArray[Any]) -> NDArray[Any]:
    """The same for an array of rows."""
    larger = np.empty((2 * array.shape[0], array.shape[1]), array.dtype)
    for row in range(array.shape[0]):
        for column in range(array.shape[1]):
            larger[row, column] = array[row, column]
    return larger
