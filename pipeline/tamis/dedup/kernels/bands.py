"""Locality-sensitive hashing: what a choice of bands and rows finds.

A sketch of `bands * rows` slots is cut into `bands` groups of `rows`. Two documents
meet when any group agrees whole: at similarity s with chance 1 - (1 - s^rows)^bands, the
S-curve. Leskovec, Rajaraman & Ullman, "Mining of Massive Datasets", section 3.4.
"""

from typing import NamedTuple

import numpy as np


class Banding(NamedTuple):
    """How a sketch is cut."""

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
    """The cut of at most `slots` slots that errs least about `threshold`.

    Errors are the area under the S-curve left of the threshold (pairs that meet and
    should not) and that above it on the right (pairs missed), weighed alike, as
    datasketch does it: 0.8 gives 9 bands of 13 rows. The fewest bands win a tie.
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
    """Pairs of bands of which documents of an oversized component must share one whole.

    All 91 pairs of 14 bands. Of more bands those that lie next to each other (in a
    ring), then next but one, and so on: 128 pairs, or as many as there are bands.
    """
    pairs = [
        (band, (band + distance) % bands)
        for distance in range(1, bands // 2 + 1)
        for band in range(bands)
    ]
    distinct = list(dict.fromkeys(tuple(sorted(pair)) for pair in pairs))
    return [(low, high) for low, high in distinct[: max(_MAX_PAIRS, bands)]]
