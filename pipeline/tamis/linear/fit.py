"""Weights of a linear model by logistic regression. Needs scikit-learn, and says so.

Rows are windows or comments; a row's n-grams are `buckets[offsets[row]:offsets[row + 1]]`.
"""

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tamis.errors import ConfigError
from tamis.linear.model import probabilities

# Scale of each bucket, from the rows, their labels and weights of one fit.
ScalesOf = Callable[[Any, NDArray[np.bool_], NDArray[np.float64]], NDArray[np.float64]]

STRENGTH = (
    4.0  # scikit-learn's C: with 1 AUC falls by .02, 16 doubles the clean prose flagged
)


# Of `telling_scales`: occurrences that each label is credited with beforehand, so that a
# rare n-gram is not taken for a sure one; the scale of an n-gram that tells nothing, and
# one over the scale of its rarity. Of nine combinations on labelled comments in five
# languages, these have the best AUC in French and no language below its AUC without scales.
_CREDIT = 3.0
_LEAST_TELLING = 0.2
_RARITY_UNIT = 5.0


def need_scikit_learn() -> None:
    """Raise ConfigError if scikit-learn is not installed."""
    if find_spec("sklearn") is None:
        raise ConfigError("training needs scikit-learn: pip install scikit-learn")


def matrix(buckets: NDArray[np.int32], offsets: NDArray[np.int64], bits: int) -> Any:
    """Rows by buckets, scipy's CSR: how often each n-gram occurs, over sqrt(n)."""
    counts = np.diff(offsets)
    values = np.repeat(1.0 / np.sqrt(np.maximum(counts, 1)), counts)
    # A copy: summing duplicates sorts the matrix's own arrays in place.
    rows = import_module("scipy.sparse").csr_matrix(
        (values, buckets, offsets), shape=(len(counts), 1 << bits), copy=True
    )
    rows.sum_duplicates()
    return rows


def telling_scales(
    rows: Any, is_positive: NDArray[np.bool_], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Scale (2**bits,) of each bucket for `fit`: large if it is rare and tells the labels apart.

    A weight on a larger scale costs less to grow. So what many toxic rows and few others
    have (or the reverse) is learnt first, and common n-grams carry less of the topic. The
    product of the log-count ratio of Wang and Manning (2012, https://aclanthology.org/P12-2018)
    and the inverse document frequency.
    """
    present = rows.copy()
    present.data[:] = 1.0
    counts = {}
    for label in (True, False):
        own = weights * (is_positive == label)
        counts[label] = (present.T @ own + _CREDIT) / (own.sum() + 2 * _CREDIT)
    ratio = np.abs(np.log(counts[True]) - np.log(counts[False])) + _LEAST_TELLING
    frequency = np.asarray(present.sum(axis=0)).ravel()
    rarity = np.log((len(weights) + 1) / (frequency + 1)) / _RARITY_UNIT
    return np.asarray(ratio * rarity)


def fit(
    rows: Any,
    is_positive: NDArray[np.bool_],
    weights: NDArray[np.float64],
    scales_of: ScalesOf | None = None,
) -> tuple[NDArray[np.float64], float]:
    """Coefficients (2**bits,) and intercept of a logistic regression.

    The coefficients are those of the rows as they are: scales change only what is learnt.
    """
    # Imported by name: an optional dependency, needed for training only.
    regression = import_module("sklearn.linear_model").LogisticRegression(
        C=STRENGTH, solver="liblinear", tol=1e-3
    )
    scales = scales_of(rows, is_positive, weights) if scales_of else 1.0
    if scales_of:
        rows = rows @ import_module("scipy.sparse").diags(scales, format="csr")
    # The primal solver draws no random numbers.
    regression.fit(rows, is_positive, sample_weight=weights)
    return regression.coef_[0] * scales, float(regression.intercept_[0])


def held_out(
    rows: Any,
    is_positive: NDArray[np.bool_],
    weights: NDArray[np.float64],
    folds: NDArray[np.int64],
    scales_of: ScalesOf | None = None,
) -> NDArray[np.float64]:
    """Probability of every row, by the model trained without the row's fold."""
    chances = np.zeros(len(folds))
    for fold in np.unique(folds):
        is_test = folds == fold
        coefficients, intercept = fit(
            rows[~is_test], is_positive[~is_test], weights[~is_test], scales_of
        )
        chances[is_test] = probabilities(rows[is_test] @ coefficients + intercept)
    return chances


def area_under_curve(
    is_positive: NDArray[np.bool_], scores: NDArray[np.float64]
) -> float:
    """Chance that a positive scores above a negative, ties counting half; NaN if none."""
    positives, negatives = scores[is_positive], np.sort(scores[~is_positive])
    if not len(positives) or not len(negatives):
        return float("nan")
    below = np.searchsorted(negatives, positives, "left")
    not_above = np.searchsorted(negatives, positives, "right")
    return float((below + not_above).mean() / 2 / len(negatives))
