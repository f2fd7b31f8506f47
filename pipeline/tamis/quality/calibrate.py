"""Bounds of filter_quality for a language, from the statistics of its own documents.

There are three methods, from FineWeb-2 (Penedo et al. 2025, section 4.4), each for
every side of every bound:

    quantile  the value that cuts off the same share of the language's documents as the
              reference language's bound cuts off of the reference's documents
    meanstd   the value as many standard deviations from the language's mean as the
              bound is from the reference's mean
    10tail    the value that cuts off a tenth of the language's documents, without a
              reference

FineWeb-2 used 10tail and quantile on Wikipedia for the rules of lines and words, and
meanstd on CommonCrawl for those of repetition. Documents without a value are left out.
"""

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from tamis.quality.names import Method
from tamis.quality.presets import Bound, Bounds
from tamis.text.statistics.columns import NGRAMS

Values = Mapping[str, NDArray[np.float64]]

# FineWeb-2 has these per language: shares and lengths, which depend on the words and
# sentences of a language. Counts mean the same in all languages.
COLUMNS = (
    "duplicate_line_ratio",
    *NGRAMS,
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
    """The bound for `values` that corresponds to `bound` for `reference`.

    Rounded outwards to six places, so that the document that gave it stays.
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
    """One side of a bound. `share` of the reference is below `side`."""
    if method == "10tail":
        return float(np.quantile(values, tail))
    if method == "quantile":
        return float(np.quantile(values, share))
    spread = float(reference.std())
    if spread == 0:  # all values are equal: there is no scale
        return side
    distance = (side - float(reference.mean())) / spread
    return max(0.0, float(values.mean()) + distance * float(values.std()))


def _known(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return values[~np.isnan(values)]
