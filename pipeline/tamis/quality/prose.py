"""The packaged quality model: how like edited prose a document is, in its own language.

An additive model. Each feature of `prose_features` has a curve, straight between its
knots and level beyond them; a feature that was not measured adds nothing:

    logit = intercept + sum over features of curve(value)

The score is the percentile of the logit among pages of the document's language, in [0, 1]:
0.7 is better than seven of ten. A language with few pages of its own borrows from all
(`training.prose`); one without any has the percentiles of all pages together. Documents in
scripts without marks (Thai) have those of all pages as if these had no marks either.

The file is a zip of two .npy arrays (NumPy's .npz, read without pickle):
    weights  (2, features, KNOTS)  float32  knots, ascending; values of the curve there
    header   (bytes,)              uint8    JSON in UTF-8: what `_model_of` reads, and the card
"""

import json
import math
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tamis.linear.model import archive_arrays
from tamis.quality.prose_features import FEATURES, OF_MARKS

FORMAT = "tamis-prose-1"

KNOTS = 7
STEPS = 40  # of a table of percentiles
# The tables of languages that have none, and of documents without OF_MARKS.
EVERY_LANGUAGE, UNMARKED = "", "unmarked"
_OF_MARKS = [FEATURES.index(name) for name in OF_MARKS]

# As CCNet's, by perplexity: the 30th and 60th percentile, of which the smallest is best.
HEAD_FROM, TAIL_BELOW = 0.7, 0.4


class Prose(NamedTuple):
    """Curves, and percentiles by language.

    knots, values  (features, KNOTS)  float64, of each curve
    percentiles    {ISO 639-3: (STEPS - 1,) logits}, ascending; EVERY_LANGUAGE and UNMARKED too
    card           where the weights come from: licence, sources, figures
    """

    knots: NDArray[np.float64]
    values: NDArray[np.float64]
    intercept: float
    percentiles: dict[str, NDArray[np.float64]]
    card: dict[str, Any]


def logits(rows: NDArray[np.float64], model: Prose) -> NDArray[np.float64]:
    """(documents,) of features (documents, len(FEATURES)); NaN where all of a row is NaN."""
    total = np.full(len(rows), model.intercept)
    for place, column in enumerate(rows.T):
        curve = np.interp(column, model.knots[place], model.values[place])
        total += np.where(np.isnan(column), 0.0, curve)
    total[np.isnan(rows).all(axis=1)] = np.nan
    return total


def scores(
    rows: NDArray[np.float64], languages: Sequence[str | None], model: Prose
) -> NDArray[np.float64]:
    """Percentiles in [0, 1] of features (documents, len(FEATURES)); NaN where all are NaN.

    Two documents of a table are in the order of their logits, beyond the table too: its
    ends are the lowest and the highest logit that the curves can give.
    """
    found = logits(rows, model)
    lowest = model.intercept + np.minimum(model.values.min(axis=1), 0.0).sum()
    highest = model.intercept + np.maximum(model.values.max(axis=1), 0.0).sum()
    names = np.array(
        [own if own in model.percentiles else EVERY_LANGUAGE for own in languages],
        object,
    )
    names[np.isnan(rows[:, _OF_MARKS]).all(axis=1)] = UNMARKED
    percentiles = np.full(len(found), np.nan)
    for name in set(names.tolist()):
        own = names == name
        table = [lowest, *model.percentiles[name], highest]
        percentiles[own] = np.interp(found[own], table, np.linspace(0, 1, STEPS + 1))
    return percentiles


def unmarked(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """The features without OF_MARKS."""
    without = rows.copy()
    without[:, _OF_MARKS] = np.nan
    return without


def buckets(scores: NDArray[np.floating[Any]]) -> NDArray[np.object_]:
    """The best 30 % of a language are the head, the next 30 % the middle, the rest the
    tail; None for NaN."""
    names = np.array(["tail", "middle", "head", None], object)
    places = (scores >= TAIL_BELOW) + (scores >= HEAD_FROM).astype(np.int64)
    return names[np.where(np.isnan(scores), 3, places)]


def save(model: Prose, path: str | Path) -> None:
    """Write the model; the same model gives the same bytes."""
    header = {
        "format": FORMAT,
        "features": FEATURES,
        "intercept": model.intercept,
        "percentiles": {
            name: table.tolist() for name, table in model.percentiles.items()
        },
        "card": model.card,
    }
    text = json.dumps(header, ensure_ascii=False, indent=1, sort_keys=True)
    with Path(path).open("wb") as file:
        np.savez_compressed(
            file,
            weights=np.stack([model.knots, model.values]).astype(np.float32),
            header=np.frombuffer(text.encode(), np.uint8),
        )


def load(path: str | Path) -> Prose:
    """Read a model. Raises ValueError if the file is none, OSError if it is missing."""
    weights, header = archive_arrays(path, FORMAT, is_hashed=False)
    try:
        return _model_of(weights, header)
    except (KeyError, TypeError, AttributeError, OverflowError) as error:
        raise ValueError(f"not a model of format {FORMAT}: {error}") from error


def _model_of(weights: NDArray[Any], header: Any) -> Prose:
    if header["features"] != list(FEATURES):
        raise ValueError("its features are others than this version's")
    shape = (2, len(FEATURES), KNOTS)
    if weights.shape != shape or weights.dtype != np.float32:
        raise ValueError(f"weights of shape {weights.shape} and type {weights.dtype}")
    knots, values = weights.astype(np.float64)
    intercept = float(header["intercept"])
    tables = {
        str(name): np.array(table, np.float64)
        for name, table in header["percentiles"].items()
    }
    if not {EVERY_LANGUAGE, UNMARKED} <= set(tables):
        raise ValueError("it has no percentiles of all languages")
    for name, table in tables.items():
        if table.shape != (STEPS - 1,) or not _ascends(table):
            raise ValueError(f"the percentiles of {name!r} do not ascend")
    if not (_ascends(knots) and np.isfinite(values).all() and math.isfinite(intercept)):
        raise ValueError("its curves are not finite, or their knots do not ascend")
    return Prose(knots, values, intercept, tables, dict(header["card"]))


def _ascends(rows: NDArray[np.float64]) -> bool:
    return bool(np.isfinite(rows).all() and (np.diff(rows) >= 0).all())


@lru_cache(maxsize=2)
def opened(path: str) -> Prose:
    """A model, read once."""
    return load(path)
