"""Locality-sensitive hashing: which pairs a choice of bands and rows finds.

A sketch of `bands * rows` slots is cut into `bands` groups of `rows`. Two documents are
a candidate pair if all slots of any group agree: at similarity s with chance
1 - (1 - s^rows)^bands, the S-curve. Leskovec, Rajaraman & Ullman, "Mining of Massive
Datasets", section 3.4.
"""

from typing import NamedTuple

import numpy as np


class Banding(NamedTuple):
    """Number of bands of a sketch, and of rows in each band."""

    bands: int
    rows: int


# What published corpora used. RefinedWeb's paper says "20 buckets of 450" and means the
# opposite: only 450 bands of 20 give the 76 % at 0.75 and 99.4 % at 0.8 that it states.
PRESETS = {
    "fineweb": Banding(14, 8),
    "refinedweb": Banding(450, 20),
    "dclm": Banding(93, 15),
    "curator": Banding(20, 13),
}

_STEPS = 1000
_MAX_PAIRS = 128


def banding_for(threshold: float, slots: int = 128) -> Banding:
    """The banding of at most `slots` slots with the smallest error around `threshold`.

    The error is the area under the S-curve left of the threshold (pairs found that
    should not be) plus the area above it on the right (pairs missed), as in datasketch:
    0.8 gives 9 bands of 13 rows. The fewest bands win a tie.
    """
    below = (np.arange(_STEPS) + 0.5) / _STEPS * threshold
    above = threshold + (np.arange(_STEPS) + 0.5) / _STEPS * (1.0 - threshold)

    def error(banding: Banding) -> float:
        found = 1.0 - (1.0 - below**banding.rows) ** banding.bands
        missed = (1.0 - above**banding.rows) ** banding.bands
        return float(found.mean() * threshold + missed.mean() * (1.0 - threshold))

    candidates = [
        Banding(bands, rows)
        for bands in range(1, slots + 1)
        for rows in range(1, slots // bands + 1)
    ]
    return min(candidates, key=error)


def band_pairs(bands: int) -> list[tuple[int, int]]:
    """Pairs of bands: in an oversized component, documents must share both of a pair.

    14 bands have 91 pairs, all used. Of more bands, those next to each other (in a
    ring) are taken first, then next but one, and so on: 128 pairs, or one for each
    band.
    """
    pairs = [
        (band, (band + distance) % bands)
        for distance in range(1, bands // 2 + 1)
        for band in range(bands)
    ]
    distinct = list(dict.fromkeys(tuple(sorted(pair)) for pair in pairs))
    return [(low, high) for low, high in distinct[: max(_MAX_PAIRS, bands)]]
