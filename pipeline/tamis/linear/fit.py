"""Weights of a linear model by logistic regression. Needs scikit-learn, and says so.

Rows are windows or comments; a row's n-grams are `buckets[offsets[row]:offsets[row + 1]]`.
"""

from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tamis.errors import ConfigError
from tamis.linear.model import probabilities

STRENGTH = (
    4.0  # scikit-learn's C: with 1 AUC falls by .02, 16 doubles the clean prose flagged
)


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


def fit(
    rows: Any, is_positive: NDArray[np.bool_], weights: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float]:
    """Coefficients (2**bits,) and intercept of a logistic regression."""
    # Imported by name: an optional dependency, needed for training only.
    regression = import_module("sklearn.linear_model").LogisticRegression(
        C=STRENGTH, solver="liblinear", tol=1e-3
    )
    # The primal solver draws no random numbers.
    regression.fit(rows, is_positive, sample_weight=weights)
    return regression.coef_[0], float(regression.intercept_[0])


def held_out(
    rows: Any,
    is_positive: NDArray[np.bool_],
    weights: NDArray[np.float64],
    folds: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Probability of every row, by the model trained without the row's fold."""
    chances = np.zeros(len(folds))
    for fold in np.unique(folds):
        is_test = folds == fold
        coefficients, intercept = fit(
            rows[~is_test], is_positive[~is_test], weights[~is_test]
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
