"""Which blocks are kept: the trees' probabilities, and the page's own cut.

The cut is the one that maximises the expected word F1 of the page. With p the
chance that a block's words are wanted and w their number, keeping the set K has

    expected F1  =  2 * sum_K(w p) / (sum_K(w) + sum_all(w p))

and the best K is always "all with p above some cut" (Ye et al. 2012, "Optimizing
F-measure: a tale of two approaches", for the principle). The blocks of a page do not
err one by one: a layout that the trees read too kindly is read so throughout. The
log-odds of a whole page are therefore taken as off by a normal error of PAGE_ERROR,
and the expectation is over that error too, at the three points of Gauss and Hermite.
Log-odds are put into 256 bins, so no sort is needed. A page with text never ends up
empty.
"""

import math
from typing import Final

import numpy as np
from numba import njit

from pipeline.html.blocks.layout import COMMENT, CONTENT, Page

# Standard deviation, in log-odds. Of 0, 1, 2, 3 and 4 the best in site-grouped
# cross-validation (2026-11-22): +.003 of F1 over 0, each at its best shift.
PAGE_ERROR: Final = 2.0

_BINS: Final = 256
_BINS_PER_UNIT: Final = 16  # of log-odds: from -8 to 8
_CHUNK: Final = 128  # rows per turn of the tree loop: they stay in the first cache
_ERRORS = np.array([-math.sqrt(3.0), 0.0, math.sqrt(3.0)]) * PAGE_ERROR
_ERROR_CHANCES = np.array([1 / 6, 2 / 3, 1 / 6])
_LOG_ODDS = (np.arange(_BINS) + 0.5) / _BINS_PER_UNIT - _BINS / _BINS_PER_UNIT / 2
_CHANCES = 1.0 / (1.0 + np.exp(-(_LOG_ODDS + _ERRORS[:, np.newaxis])))


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
    for index in range(page.state[0].blocks):
        words[_bin(page.probabilities[CONTENT, index])] += page.blocks[index].words
    totals = np.zeros(len(_ERRORS))
    for error in range(len(_ERRORS)):
        for bin_ in range(_BINS):
            totals[error] += words[bin_] * _CHANCES[error, bin_]
    best, best_cut = 0.0, _BINS
    kept = 0.0
    found = np.zeros(len(_ERRORS))
    for bin_ in range(_BINS - 1, -1, -1):
        if words[bin_] == 0:
            continue
        kept += words[bin_]
        expected = 0.0
        for error in range(len(_ERRORS)):
            found[error] += words[bin_] * _CHANCES[error, bin_]
            expected += _ERROR_CHANCES[error] * found[error] / (kept + totals[error])
        if expected > best:
            best, best_cut = expected, bin_
    return best_cut


@njit(cache=True, nogil=True)
def _is_comment(page: Page, index: int) -> bool:
    probability = page.probabilities[COMMENT, index]
    return bool(probability > 0.5 and probability > page.probabilities[CONTENT, index])


@njit(cache=True, nogil=True)
def _bin(probability: float) -> int:
    if probability <= 0.0:
        return 0
    if probability >= 1.0:
        return _BINS - 1
    log_odds = math.log(probability / (1.0 - probability))
    return min(max(int(log_odds * _BINS_PER_UNIT + _BINS / 2), 0), _BINS - 1)
