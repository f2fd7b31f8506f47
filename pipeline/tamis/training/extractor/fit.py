"""Fitting the two ensembles and writing them down as flat arrays.

Only this file needs LightGBM (extra `train`): the shipped weights are a text file of
numbers. Fitting is deterministic: one thread, fixed seeds, ordered input.
"""

import importlib
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tamis.html.blocks.judge.features import NAMES

# The content trees' log-odds are shifted by this before the cutoff. WCXB's annotators
# keep more of a page than all others: without the shift DAnIEL, which is never trained
# on, loses .01 (site-grouped cross-validation at 0, -0.5 and -0.8, 2026-11-22).
CONTENT_BIAS: Final = -0.8

_PARAMETERS: Final[dict[str, Any]] = {
    "objective": "cross_entropy",
    "learning_rate": 0.15,
    "num_leaves": 32,
    "max_depth": 7,
    "min_data_in_leaf": 40,
    "feature_fraction": 0.5,
    "bagging_fraction": 0.6,
    "bagging_freq": 1,
    "lambda_l2": 5.0,
    "max_bin": 63,
    "num_threads": 1,
    "deterministic": True,
    "force_row_wise": True,
    "seed": 7,
    "verbose": -1,
}
CONTENT_ROUNDS: Final = 60
COMMENT_ROUNDS: Final = 15


def fit(
    features: NDArray[np.float32],
    share: NDArray[np.float32],
    weight: NDArray[np.float64],
    *,
    rounds: int,
    bias: float = 0.0,
) -> dict[str, Any]:
    """Trees for a share in [0, 1], as weights.json holds them.

    features (blocks, features), share and weight (blocks,). Rows of weight 0 are
    left out.
    """
    lightgbm = importlib.import_module("lightgbm")

    is_used = weight > 0
    data = lightgbm.Dataset(
        features[is_used],
        share[is_used],
        weight=weight[is_used] / weight[is_used].mean(),
        feature_name=list(NAMES),
    )
    booster = lightgbm.train(_PARAMETERS, data, rounds)
    dump = booster.dump_model()
    return flat([tree["tree_structure"] for tree in dump["tree_info"]], bias)


def flat(trees: list[dict[str, Any]], bias: float) -> dict[str, Any]:
    """LightGBM's nested nodes as arrays in preorder (tamis.html.blocks.judge.weights)."""
    out: dict[str, Any] = {
        "bias": bias,
        "roots": [],
        "feature": [],
        "threshold": [],
        "right": [],
        "value": [],
    }
    for tree in trees:
        out["roots"].append(len(out["feature"]))
        _append(tree, out)
    return out


def stored(
    content: dict[str, Any], comment: dict[str, Any], log_odds: dict[str, float]
) -> dict[str, Any]:
    """The content of weights.json, without features that no tree reads."""
    used = sorted(
        {f for trees in (content, comment) for f in trees["feature"] if f >= 0}
    )
    place = {feature: index for index, feature in enumerate(used)} | {-1: -1}
    return {
        "features": [NAMES[feature] for feature in used],
        "log_odds": log_odds,
        **{
            name: {**trees, "feature": [place[f] for f in trees["feature"]]}
            for name, trees in (("content", content), ("comment", comment))
        },
    }


def _append(node: dict[str, Any], out: dict[str, Any]) -> None:
    place = len(out["feature"])
    is_leaf = "split_feature" not in node
    value = node["leaf_value"] if is_leaf else node["internal_value"]
    out["feature"].append(-1 if is_leaf else node["split_feature"])
    out["threshold"].append(0.0 if is_leaf else _as_float32(node["threshold"]))
    out["right"].append(0)
    out["value"].append(round(float(value), 5))
    if not is_leaf:
        _append(node["left_child"], out)
        out["right"][place] = len(out["feature"])
        _append(node["right_child"], out)


def _as_float32(threshold: float) -> float:
    """The largest float32 not above it: it divides float32 features in the same way."""
    rounded = np.float32(threshold)
    if float(rounded) > threshold:
        rounded = np.nextafter(rounded, np.float32(-np.inf))
    return float(rounded)
