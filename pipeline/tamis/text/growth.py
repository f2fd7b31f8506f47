"""Double the size of arrays, for kernels that cannot know how much they will find.

Elements are copied one by one: `larger[:count] = array` in a kernel would also compile
the messages of the error that it may raise, with Unicode strings, which takes longer
than compiling most kernels.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tamis.compiled import kernel


@kernel
def doubled(array: NDArray[Any]) -> NDArray[Any]:
    """The array's values, followed by as many uninitialised places."""
    larger = np.empty(2 * len(array), array.dtype)
    for place in range(len(array)):
        larger[place] = array[place]
    return larger


@kernel
def doubled_rows(array: NDArray[Any]) -> NDArray[Any]:
    """The same for an array of rows."""
    larger = np.empty((2 * array.shape[0], array.shape[1]), array.dtype)
    for row in range(array.shape[0]):
        for column in range(array.shape[1]):
            larger[row, column] = array[row, column]
    return larger
