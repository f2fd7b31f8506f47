"""How good a toxicity model is: figures per language, and when it is refused."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tamis.errors import ConfigError
from tamis.linear.fit import area_under_curve

THRESHOLDS = (0.5, 0.8, 0.9)
MOST_FLAGGED = 0.01  # share of clean windows over the last threshold
FEWEST_WINDOWS = 100  # of clean prose, to judge a language separately


class Sample(NamedTuple):
    """The training data: one row per comment and per clean window."""

    buckets: NDArray[np.int32]
    offsets: NDArray[np.int64]  # (rows + 1,) into buckets
    is_toxic: NDArray[np.bool_]
    is_prose: NDArray[np.bool_]  # a window of a clean document
    languages: NDArray[np.str_]
    folds: NDArray[np.int64]


def figures_of(drawn: Sample, chances: NDArray[np.float64]) -> dict[str, Any]:
    """AUC and shares over each threshold, per language and for all clean prose."""
    languages = {}
    for language in sorted(set(drawn.languages[~drawn.is_prose].tolist())):
        is_own = drawn.languages == language
        comments, prose = is_own & ~drawn.is_prose, is_own & drawn.is_prose
        toxic = comments & drawn.is_toxic
        languages[language] = {
            "comments": int(comments.sum()),
            "toxic": int(toxic.sum()),
            "auc": round(
                area_under_curve(drawn.is_toxic[comments], chances[comments]), 3
            ),
            "toxic_over": shares_over(chances[toxic]),
            "clean_windows": int(prose.sum()),
            "clean_over": shares_over(chances[prose]),
            "unseen_windows": 0,
            "unseen_over": {},
        }
    return {
        "languages": languages,
        "clean_windows": int(drawn.is_prose.sum()),
        "clean_over": shares_over(chances[drawn.is_prose]),
    }


def refuse_false_alarms(figures: dict[str, Any]) -> None:
    """Raise ConfigError if more than 1 % of clean prose is over 0.9.

    A language with 100 windows or more is also judged separately.
    """
    last = str(THRESHOLDS[-1])
    judged = {"all languages": (figures["clean_windows"], figures["clean_over"])}
    for language, own in figures["languages"].items():
        judged[language] = own["clean_windows"], own["clean_over"]
        judged[f"unseen {language}"] = own["unseen_windows"], own["unseen_over"]
    for name, (windows, over) in judged.items():
        if windows >= FEWEST_WINDOWS and over[last] > MOST_FLAGGED:
            raise ConfigError(
                f"refused: {over[last]:.1%} of clean prose ({name}) is over {last},"
                f" at most {MOST_FLAGGED:.0%} may be; give more clean documents"
            )


def shares_over(chances: NDArray[np.float64]) -> dict[str, float]:
    """Share of the probabilities over each threshold; empty where there are none."""
    if not len(chances):
        return {}
    return {
        str(limit): round(float((chances > limit).mean()), 4) for limit in THRESHOLDS
    }
