"""Which blocks are kept: the trees' probabilities, and the page's own cut.

The cut is the one that maximises the expected word F1 of the page. With p the
chance that a block's words are wanted and w their number, keeping the set K has

    expected F1  =  2 * sum_K(w p) / (sum_K(w) + sum_all(w p))

and the best K is always "all with p above some cut" (Ye et al. 2012, "Optimizing
F-measure: a tale of two approaches", for the principle). Probabilities are put
into 256 bins, so no sort is needed. A page with text never ends up empty.
"""

import math
from typing import Final

import numpy as np
from numba import njit

from pipeline.html.blocks.layout import COMMENT, CONTENT, Page

_BINS: Final = 256
_CHUNK: Final = 128  # rows per turn of the tree loop: they stay in the first cache


@njit(cache=True, nogil=True)
def predict(page: Page, model: int) -> None:
    """Fill `probabilities[model]`: logistic of bias plus one leaf per tree."""
    count = page.state[0].blocks
    nodes = page.nodes[model]
    scores = np.full(count, page.biases[model])
    for start in range(0, count, _CHUNK):
        stop = min(start + _CHUNK, count)
        for tree in range(page.trees[model]):
            root = page.roots[model, tree]
            for block in range(start, stop):
                node = root
                feature = nodes[node].feature
                while feature >= 0:
                    if page.features[block, feature] <= nodes[node].threshold:
                        node += 1
                    else:
                        node = nodes[node].right
                    feature = nodes[node].feature
                scores[block] += nodes[node].value
    for block in range(count):
        page.probabilities[model, block] = 1.0 / (1.0 + math.exp(-scores[block]))


@njit(cache=True, nogil=True)
def keep_blocks(page: Page, keeps_comments: bool) -> int:
    """Fill `is_kept`; returns the words kept.

    Users' comments are added to what the cut keeps, or taken out of it. They are
    not taken out where they are most of it: the thread is the content of a forum.
    """
    cut = _cut(page)
    words = comments = 0
    for index in range(page.state[0].blocks):
        page.is_kept[index] = _bin(page.probabilities[CONTENT, index]) >= cut
        if page.is_kept[index]:
            words += page.blocks[index].words
            if _is_comment(page, index):
                comments += page.blocks[index].words
    is_thread = 2 * comments > words
    for index in range(page.state[0].blocks):
        if not _is_comment(page, index):
            continue
        if keeps_comments and not page.is_kept[index]:
            page.is_kept[index] = 1
            words += page.blocks[index].words
        elif page.is_kept[index] and not keeps_comments and not is_thread:
            page.is_kept[index] = 0
            words -= page.blocks[index].words
    return words


@njit(cache=True, nogil=True)
def _cut(page: Page) -> int:
    """Lowest bin that is kept; 256 on a page without words."""
    words = np.zeros(_BINS)
    wanted = np.zeros(_BINS)
    for index in range(page.state[0].blocks):
        probability = page.probabilities[CONTENT, index]
        bin_ = _bin(probability)
        words[bin_] += page.blocks[index].words
        wanted[bin_] += page.blocks[index].words * probability
    total = wanted.sum()
    best, best_cut = 0.0, _BINS
    kept = found = 0.0
    for bin_ in range(_BINS - 1, -1, -1):
        kept += words[bin_]
        found += wanted[bin_]
        if words[bin_] > 0 and 2 * found / (kept + total) > best:
            best, best_cut = 2 * found / (kept + total), bin_
    return best_cut


@njit(cache=True, nogil=True)
def _is_comment(page: Page, index: int) -> bool:
    probability = page.probabilities[COMMENT, index]
    return bool(probability > 0.5 and probability > page.probabilities[CONTENT, index])


@njit(cache=True, nogil=True)
def _bin(probability: float) -> int:
    return min(int(probability * _BINS), _BINS - 1)
