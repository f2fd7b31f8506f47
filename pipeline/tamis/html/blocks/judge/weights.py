"""The shipped weights: weights.json, beside this file.

    features    names of the features the trees read (tamis.html.blocks.judge.features)
    log_odds    learnt log-odds of words in class and id: {word: number}
    content     trees for "is this block main content", as flat arrays in preorder
    comment     trees for "is this block a user's comment"
    page_type   what kind of page it is (judge.page_types); may be missing

    trees: roots [trees], and per node, in preorder: feature (index into features, -1
    for a leaf), threshold (left if the feature is not above it), right (the right
    child; the left is the next node), value (log-odds of a leaf, or the mean below)

tamis.training.extractor.train writes it; CARD.md says from what, and how good it is.
"""

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tamis.errors import InputError
from tamis.html.blocks.judge.dictionary import Dictionary, dictionary
from tamis.html.blocks.judge.features import NAMES
from tamis.html.blocks.judge.forest import Forest, forest_of
from tamis.html.blocks.judge.page_types import PageTypes, page_types_of
from tamis.html.blocks.judge.shipped import SHIPPED
from tamis.html.blocks.read.tags import fnv1a

NODE: Final = np.dtype(
    [
        ("feature", np.int32),
        ("threshold", np.float32),
        ("right", np.int32),
        ("value", np.float32),
    ]
)


@dataclass(frozen=True, eq=False)
class Trees:
    """One ensemble; a feature's number is its place in `features.NAMES`."""

    nodes: NDArray[np.void]  # NODE
    roots: NDArray[np.int32]
    bias: float
    forest: Forest  # the same trees, in the form that kernels need


@dataclass(frozen=True, eq=False)
class Weights:
    """Everything that was learnt."""

    words: Dictionary
    content: Trees
    comment: Trees
    page_types: PageTypes | None = None


def load_weights(path: Path = SHIPPED) -> Weights:
    """Read weights; InputError names the file if it is missing or holds no weights.

    Weights are cached: a file is read again only if it has changed.
    """
    try:
        state = path.stat()
        return _loaded(path, state.st_mtime_ns, state.st_size)
    except (
        *(OSError, LookupError, TypeError, ValueError),
        *(AttributeError, OverflowError, RecursionError),
    ) as error:
        raise InputError(f"{path} holds no extractor weights: {error}") from error


@lru_cache(maxsize=4)
def _loaded(path: Path, mtime_ns: int, size: int) -> Weights:
    return weights_of(json.loads(path.read_text(encoding="utf-8")))


def weights_of(stored: dict[str, Any]) -> Weights:
    """Weights from the file's content.

    Raises one of the errors that `load_weights` catches if the content is malformed.
    """
    features = [NAMES.index(name) for name in stored["features"]]
    log_odds = {fnv1a(w.encode()): odds for w, odds in stored["log_odds"].items()}
    _float32(list(log_odds.values()), "log_odds")
    return Weights(
        dictionary(log_odds),
        trees_of(stored["content"], features),
        trees_of(stored["comment"], features),
        page_types_of(stored["page_type"]) if "page_type" in stored else None,
    )


def trees_of(stored: dict[str, Any], features: list[int]) -> Trees:
    """One ensemble from its arrays; `features` maps their numbers to NAMES'."""
    count = len(stored["feature"])
    nodes = np.zeros(count, NODE)
    nodes["feature"] = [features[f] if f >= 0 else -1 for f in stored["feature"]]
    nodes["right"] = np.array(stored["right"], np.int32)
    for name in ("threshold", "value"):
        nodes[name] = _float32(stored[name], name)
    roots = np.array(stored["roots"], np.int32)
    _float32([stored["bias"]], "bias")
    return Trees(nodes, roots, float(stored["bias"]), forest_of(nodes, roots))


def _float32(numbers: list[float], name: str) -> NDArray[np.float32]:
    """The numbers as float32; ValueError if one is not finite as float32."""
    with np.errstate(over="ignore"):
        array = np.array(numbers, np.float32)
    if not np.isfinite(array).all():
        raise ValueError(f"{name} holds a number that is not finite")
    return array
