"""How often a document is taken, by the number of its copies in the corpus.

Deduplication loses how often the web repeats a page, which says something about its
quality: pages found a few times are better on average, and those found a thousand times
are boilerplate. FineWeb-2 uses this by repeating the document that was kept.

    table   {least cluster size: times}; a size counts as the largest key it reaches
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

# FineWeb-2, README of the data set: the weights by cluster size of its first release.
FINEWEB2 = {1: 1.0, 2: 2.0, 3: 3.0, 5: 5.0, 100: 8.0, 1000: 1.0}


def times_of(
    sizes: NDArray[np.int64], table: Mapping[int, float]
) -> NDArray[np.float64]:
    """Times to take each document: 4 copies count as 3, sizes below every key as 1."""
    least = np.array(sorted(table), np.int64)
    times = np.array([1.0, *(table[size] for size in sorted(table))])
    return times[np.searchsorted(least, sizes, side="right")]
