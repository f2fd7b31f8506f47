"""How much each page, and each of its blocks, counts in training."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tamis.training.extractor.labels import Labels
from tamis.training.extractor.pages import Page

_SILVER: Final = 2.0
_LEAST_WANTED: Final = 0.1  # share of a page: gold of three words must not dominate


def page_weights(pages: Sequence[Page], labels: Sequence[Labels]) -> list[float]:
    """1 / sqrt(similar pages), so that no source or type of page dominates.

    Pages are similar if they have the same source and, with gold, the same type. A page
    with silver labels counts twice: with gold alone, WCXB's way of annotating articles
    would dominate.
    """
    kinds = [
        (page.source, page.page_type if of.is_gold else "")
        for page, of in zip(pages, labels, strict=True)
    ]
    count = Counter(kinds)
    return [
        (1.0 if of.is_gold else _SILVER) * float(count[kind] ** -0.5)
        for kind, of in zip(kinds, labels, strict=True)
    ]


def block_weights(labels: Labels, page_weight: float) -> NDArray[np.float64]:
    """A page's weight, spread over its blocks by their words; all 0 without words.

    The denominator is the geometric mean of those of two ways to spread it. In the
    first, each page counts the same. In the second, each wrong word counts by its cost
    in the page's F1, which is higher the fewer words are wanted. The first is better
    for WCXB, the second for news.
    """
    weight = labels.words.astype(np.float64) * labels.weight
    total = float(weight.sum())
    if total == 0:
        return weight
    wanted = max(float((weight * labels.content).sum()), _LEAST_WANTED * total)
    spread: NDArray[np.float64] = weight * (page_weight / math.sqrt(2 * total * wanted))
    return spread
