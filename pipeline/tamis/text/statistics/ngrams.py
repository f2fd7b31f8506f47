"""Measure how much of a document is repeated n-grams of words.

Gopher's repetition rules (Rae et al. 2021, table A1) for n-grams of words, compared in
lower case by their hashes. The numerators are code points of words, the denominator is
the whole text with its white space. A document without an n-gram of some n scores 0.

An n-gram can only be repeated if the shorter one at its beginning is. So n-grams are
searched only where the (n - 1)-gram occurred more than once: in prose, in a quarter of
the places for n = 3, and in almost none from 6 on.
"""

import numpy as np
from numpy.typing import NDArray

from tamis.compiled import kernel
from tamis.text.hashing import empty_table, finished, place
from tamis.text.statistics.columns import DUPLICATE
from tamis.text.statistics.columns import NGRAMS as COLUMNS
from tamis.text.utf8 import Integer
from tamis.text.words import Words

_STEP = np.uint64(0x9E3779B97F4A7C15)
_FIRST_DUPLICATE, _LAST = DUPLICATE[0], DUPLICATE[-1]


@kernel
def ngram_ratios(
    hashes: NDArray[np.uint64],
    words: Words,
    chars: NDArray[np.int64],
) -> NDArray[np.float64]:
    """(documents, len(COLUMNS)) ratios in [0, 1].

    top        code points of the most frequent n-gram (of equals the earliest), with the
               spaces inside it, times its count. An n-gram that occurs once is not
               repeated and scores 0. Overlaps count twice ("a a a" has "a a" twice),
               up to 1.
    duplicate  n-grams seen before, from left to right, each word counted once: the
               search continues after a repeated n-gram.
    """
    ratios = np.zeros((len(chars), len(COLUMNS)))
    most = 0
    for document in range(len(chars)):
        most = max(most, words.documents[document + 1] - words.documents[document])
    table = empty_table(most)
    counts = np.empty(len(table), np.int32)
    grams = np.empty(most, np.uint64)
    firsts, slots = np.empty(most, np.int64), np.empty(most, np.int64)
    until = np.empty(most + 1, np.int64)
    for document in range(len(chars)):
        start, stop = words.documents[document], words.documents[document + 1]
        count = stop - start
        until[0] = 0
        for word in range(count):
            until[word + 1] = until[word] + words.lengths[start + word]
            grams[word] = hashes[start + word]
            firsts[word] = word
        left = count
        for n in range(2, min(_LAST, count) + 1):
            while left and firsts[left - 1] + n > count:
                left -= 1
            for word in firsts[:left]:
                grams[word] = finished(
                    grams[word] * _STEP + hashes[start + word + n - 1]
                )
            left = _repeated(grams, firsts, slots, left, table, counts)
            if left == 0:
                break
            if n < _FIRST_DUPLICATE:
                chars_of = _top_chars(firsts[:left], slots, counts, until, n)
            else:
                chars_of = _duplicated_chars(firsts[:left], slots, counts, until, n)
            ratios[document, n - 2] = min(1.0, chars_of / chars[document])
    return ratios


@kernel
def _repeated(
    grams: NDArray[np.uint64],
    firsts: NDArray[np.int64],
    slots: NDArray[np.int64],
    left: Integer,
    table: NDArray[np.uint64],
    counts: NDArray[np.int32],
) -> Integer:
    """Keep those of the first `left` n-grams that occur more than once.

    `firsts` are the n-grams' first words, `counts[slot]` how often each occurs. Returns
    how many are kept.
    """
    mask = 15
    while mask + 1 < 2 * left:
        mask = 2 * mask + 1
    table[: mask + 1] = 0
    for gram in range(left):
        key = grams[firsts[gram]]
        at = place(table, mask, key)
        if table[at] == 0:
            table[at] = key
            counts[at] = 0
        counts[at] += 1
        slots[gram] = at
    kept = 0
    for gram in range(left):
        if counts[slots[gram]] > 1:
            firsts[kept], slots[kept] = firsts[gram], slots[gram]
            kept += 1
    return kept


@kernel
def _top_chars(
    firsts: NDArray[np.int64],
    slots: NDArray[np.int64],
    counts: NDArray[np.int32],
    until: NDArray[np.int64],
    n: int,
) -> Integer:
    """Code points of the most frequent n-gram, times its count."""
    best_count, best_first = 0, 0
    for gram in range(len(firsts)):
        if counts[slots[gram]] > best_count:
            best_count, best_first = counts[slots[gram]], firsts[gram]
    chars = until[best_first + n] - until[best_first] + n - 1
    return np.int64(best_count * chars)


@kernel
def _duplicated_chars(
    firsts: NDArray[np.int64],
    slots: NDArray[np.int64],
    counts: NDArray[np.int32],
    until: NDArray[np.int64],
    n: int,
) -> Integer:
    """Code points of the n-grams that repeat an earlier one.

    A count is set to 0 when its n-gram has been seen.
    """
    chars, stop = 0, 0
    for gram in range(len(firsts)):
        first = firsts[gram]
        if first < stop:
            continue
        if counts[slots[gram]] == 0:
            chars += until[first + n] - until[first]
            stop = first + n
        counts[slots[gram]] = 0
    return chars
