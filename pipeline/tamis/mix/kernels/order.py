"""The place of a document in a shuffle: a hash of seed, id and epoch.

    shuffle_key(seed, ids, epoch)   uint64, uniform; sorting by it shuffles

The key depends on nothing else, so the order does not change with the number of
workers, with splits, or with other documents.
"""

import numpy as np
from numpy.typing import NDArray

# Steele, Lea & Flood 2014, "Fast splittable pseudorandom number generators",
# figure 19: the increment and the two multipliers of SplitMix64.
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


def shuffle_key(
    seed: int, ids: NDArray[np.uint64], epoch: int | NDArray[np.uint64] = 0
) -> NDArray[np.uint64]:
    """One uint64 per id, uniform over the 2^64 values. No ids give no keys.

    Distinct ids of one (seed, epoch) have distinct keys: SplitMix64's mixing is
    a bijection.
    """
    stream = splitmix64(
        splitmix64(np.full(1, seed, np.uint64)) + np.asarray(epoch, np.uint64)
    )
    return splitmix64(splitmix64(ids.astype(np.uint64)) ^ stream)


def splitmix64(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """SplitMix64's output for each state, element by element; arithmetic wraps."""
    mixed = values + _GOLDEN
    mixed = (mixed ^ (mixed >> np.uint64(30))) * _FIRST
    mixed = (mixed ^ (mixed >> np.uint64(27))) * _SECOND
    return mixed ^ (mixed >> np.uint64(31))
