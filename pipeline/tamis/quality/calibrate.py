"""Bounds of filter_quality for a language, from the statistics of its own documents.

Three ways that FineWeb-2 tried (Penedo et al. 2025, section 4.4), each for every side of
every bound:

    quantile  the value that cuts off the same share of the language's documents as the
              reference language's bound cuts off of that language's
    meanstd   the value that lies as many standard deviations from the language's mean
              as the bound lies from the reference's
    10tail    the value that cuts off a tenth of the language's documents, whatever the
              reference has

FineWeb-2 took 10tail and quantile on Wikipedia for the rules of lines and words, and
meanstd on CommonCrawl for those of repetition. Documents without a value are left out.
"""

import math
from collections.abc import Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tamis.quality.presets import Bound, Bounds
from tamis.text.statistics import ngrams

Method = Literal["quantile", "meanstd", "10tail"]
Values = Mapping[str, NDArray[np.float64]]

# What FineWeb-2 has per language: shares and lengths, which depend on how a language
# makes its words and its sentences. Counts mean the same in all of them.
COLUMNS = (
    "duplicate_line_ratio",
    *ngrams.COLUMNS,
    "mean_word_length",
    "alphabetic_word_ratio",
    "terminal_punctuation_line_ratio",
    "newline_word_ratio",
)
TAIL = 0.1
_DIGITS = 6


def calibrated(
    values: Values, reference: Values, bounds: Bounds, *, method: Method
) -> Bounds:
    """Bounds for a language whose documents have these `values`, by column.

    reference  the values of the documents that `bounds` were made for
    bounds     columns without values in both are left out
    """
    return {
        column: moved(
            bound, _known(values[column]), _known(reference[column]), method=method
        )
        for column, bound in bounds.items()
        if column in values
        and column in reference
        and len(_known(values[column]))
        and len(_known(reference[column]))
    }


def moved(
    bound: Bound,
    values: NDArray[np.float64],
    reference: NDArray[np.float64],
    *,
    method: Method,
) -> Bound:
    """The bound for `values` that stands where `bound` stands for `reference`.

    Rounded outwards to six places, so that the document it was taken from stays.
    """
    least, most = bound
    scale = 10**_DIGITS
    if least is not None:
        share = float(np.mean(reference < least))
        least = _threshold(
            least, share, TAIL, values=values, reference=reference, method=method
        )
        least = math.floor(round(least * scale, 3)) / scale
    if most is not None:
        share = float(np.mean(reference <= most))
        most = _threshold(
            most, share, 1 - TAIL, values=values, reference=reference, method=method
        )
        most = math.ceil(round(most * scale, 3)) / scale
    return least, most


def _threshold(
    side: float,
    share: float,
    tail: float,
    *,
    values: NDArray[np.float64],
    reference: NDArray[np.float64],
    method: Method,
) -> float:
    """One side of a bound. `share` of the reference lies below it."""
    if method == "10tail":
        return float(np.quantile(values, tail))
    if method == "quantile":
        return float(np.quantile(values, share))
    spread = float(reference.std())
    if spread == 0:  # all alike: no scale to measure by
        return side
    distance = (side - float(reference.mean())) / spread
    return max(0.0, float(values.mean()) + distance * float(values.std()))


def _known(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return values[~np.isnan(values)]
