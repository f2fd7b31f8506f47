"""Which blocks are kept: the trees' probabilities, and a cutoff for each page.

The cutoff maximises the expected word F1 of the page. With p the chance that a
block's words are wanted and w their number, keeping the set K has

    expected F1  =  2 * sum_K(w p) / (sum_K(w) + sum_all(w p))

and the best K is always "all with p above some cutoff" (Ye et al. 2012, "Optimizing
F-measure: a tale of two approaches", for the principle). Errors on the blocks of a page
are not independent: if the trees overrate a layout, they overrate all its blocks. So
the log-odds of a page are assumed to share one normal error, of standard deviation
PAGE_ERROR. The expectation is over that error too, by Gauss-Hermite quadrature at three
points. Log-odds are put into 256 bins, so no sort is needed. A page with text never
ends up empty.
"""

import math
from typing import Final

import numpy as np

from tamis.compiled import kernel
from tamis.html.blocks.judge.features import NAMES
from tamis.html.blocks.layout import CHUNK, COMMENT, CONTENT, Page
from tamis.html.blocks.simd import lowest_bit

# Standard deviation, in log-odds. Of 0, 1, 2, 3 and 4 the best in site-grouped
# cross-validation (2026-11-22): +.003 of F1 over 0, each at its best shift.
PAGE_ERROR: Final = 2.0

_BINS: Final = 256
_BINS_PER_UNIT: Final = 16  # of log-odds: from -8 to 8
_FEATURES: Final = len(NAMES)
_ALL: Final = np.uint32(0xFFFFFFFF)
_ERRORS = np.array([-math.sqrt(3.0), 0.0, math.sqrt(3.0)]) * PAGE_ERROR
_ERROR_CHANCES = np.array([1 / 6, 2 / 3, 1 / 6])
_LOG_ODDS = (np.arange(_BINS) + 0.5) / _BINS_PER_UNIT - _BINS / _BINS_PER_UNIT / 2
_CHANCES = 1.0 / (1.0 + np.exp(-(_LOG_ODDS + _ERRORS[:, np.newaxis])))


@kernel
def predict(page: Page, model: int, only_kept: bool) -> None:
    """Fill `probabilities`: the logistic of a model's bias plus one leaf per tree.

    Of all blocks, or only of those that are kept so far.
    """
    count = 0
    for block in range(page.state[0].blocks):
        if page.is_kept[block] or not only_kept:
            page.judged[count] = block
            count += 1
    for first in range(0, count, CHUNK):
        chunk = min(CHUNK, count - first)
        for index in range(chunk):
            row = page.features[page.judged[first + index]]
            for feature in range(_FEATURES):
                page.columns[feature, index] = row[feature]
        _sum_leaves(page, model, chunk)
        for index in range(chunk):
            page.probabilities[model, page.judged[first + index]] = 1.0 / (
                1.0 + math.exp(-page.scores[index])
            )


@kernel(inline="always")
def _sum_leaves(page: Page, model: int, chunk: int) -> None:
    """Fill `scores` of the chunk in `columns`; see forest.py for the method."""
    open_leaves, scores = page.open_leaves, page.scores
    scores[:] = page.biases[model]
    for tree in range(page.trees[model]):
        # Always a full chunk: loops of a known length run in vector registers. Results
        # for rows after the last block are never read.
        open_leaves[:] = _ALL
        first = page.first_question[model, tree]
        for number in range(first, page.first_question[model, tree + 1]):
            question = page.questions[model, number]
            threshold, left = question.threshold, question.left_after_yes
            column = page.columns[question.feature]
            for index in range(CHUNK):
                open_leaves[index] &= left if column[index] > threshold else _ALL
        leaves = page.leaves[model, tree]
        for index in range(chunk):
            scores[index] += leaves[lowest_bit(open_leaves[index])]


@kernel(inline="always")
def keep_content(page: Page) -> None:
    """Fill `is_kept`: the blocks above the cutoff."""
    cutoff = _cutoff(page)
    for index in range(page.state[0].blocks):
        page.is_kept[index] = _bin(page.probabilities[CONTENT, index]) >= cutoff


@kernel(inline="always")
def settle_comments(page: Page, keeps_comments: bool) -> int:
    """Add users' comments to the kept blocks, or remove them; returns the words kept.

    They are not removed if they are most of the words: a forum's content is the thread.
    """
    words = comments = 0
    for index in range(page.state[0].blocks):
        if page.is_kept[index]:
            words += page.blocks[index].words
            if _is_comment(page, index):
                comments += page.blocks[index].words
    is_thread = 2 * comments > words
    for index in range(page.state[0].blocks):
        if keeps_comments:
            if not page.is_kept[index] and _is_comment(page, index):
                page.is_kept[index] = 1
                words += page.blocks[index].words
        elif page.is_kept[index] and not is_thread and _is_comment(page, index):
            page.is_kept[index] = 0
            words -= page.blocks[index].words
    return words


@kernel(inline="always")
def _cutoff(page: Page) -> int:
    """Lowest bin that is kept; 256 on a page without words."""
    words = np.zeros(_BINS)
    for index in range(page.state[0].blocks):
        words[_bin(page.probabilities[CONTENT, index])] += page.blocks[index].words
    totals = np.zeros(len(_ERRORS))
    for error in range(len(_ERRORS)):
        for bin_ in range(_BINS):
            totals[error] += words[bin_] * _CHANCES[error, bin_]
    best, best_cutoff = 0.0, _BINS
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
            best, best_cutoff = expected, bin_
    return best_cutoff


@kernel
def _is_comment(page: Page, index: int) -> bool:
    probability = page.probabilities[COMMENT, index]
    return bool(probability > 0.5 and probability > page.probabilities[CONTENT, index])


@kernel
def _bin(probability: float) -> int:
    if probability <= 0.0:
        return 0
    if probability >= 1.0:
        return _BINS - 1
    log_odds = math.log(probability / (1.0 - probability))
    return min(max(int(log_odds * _BINS_PER_UNIT + _BINS / 2), 0), _BINS - 1)
