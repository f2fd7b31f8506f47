"""How much of a document is the same few words again.

Gopher's repetition rules (Rae et al. 2021, table A1) for n-grams of words, compared in
lower case by their hashes. The numerators are code points of words, the denominator is
the whole text with its white space. A document without an n-gram of some n scores 0.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pipeline.text.hashing import empty_table, finished, place
from pipeline.text.utf8 import Integer
from pipeline.text.words import Words

TOP = (2, 3, 4)
DUPLICATE = (5, 6, 7, 8, 9, 10)
COLUMNS = (
    *(f"top_{n}gram_char_ratio" for n in TOP),
    *(f"duplicate_{n}gram_char_ratio" for n in DUPLICATE),
)
_STEP = np.uint64(0x9E3779B97F4A7C15)
_FIRST_DUPLICATE, _LAST = DUPLICATE[0], DUPLICATE[-1]


@njit(cache=True, nogil=True)
def ngram_ratios(
    hashes: NDArray[np.uint64],
    words: Words,
    chars: NDArray[np.int64],
) -> NDArray[np.float64]:
    """(documents, len(COLUMNS)) ratios in [0, 1].

    top        the most frequent n-gram, the earliest of equals, with its joining
               spaces, times how often it comes. An n-gram that comes once is no
               repetition and scores 0. Overlaps count twice ("a a a" holds "a a"
               twice), up to 1.
    duplicate  n-grams seen before, from left to right, each word counted once: after
               a repeated n-gram the search goes on behind it.
    """
    ratios = np.zeros((len(chars), len(COLUMNS)))
    most = 0
    for document in range(len(chars)):
        most = max(most, words.documents[document + 1] - words.documents[document])
    table = empty_table(most)
    entries = np.empty((len(table), 2), np.int32)
    grams = np.empty(most, np.uint64)
    until = np.empty(most + 1, np.int64)
    for document in range(len(chars)):
        start, stop = words.documents[document], words.documents[document + 1]
        count = stop - start
        if count < 2:
            continue
        mask = 15
        while mask + 1 < 2 * count:
            mask = 2 * mask + 1
        until[0] = 0
        for word in range(count):
            until[word + 1] = until[word] + words.lengths[start + word]
            grams[word] = hashes[start + word]
        for n in range(2, min(_LAST, count) + 1):
            for word in range(count - n + 1):
                grams[word] = finished(
                    grams[word] * _STEP + hashes[start + word + n - 1]
                )
            keys = grams[: count - n + 1]
            if n < _FIRST_DUPLICATE:
                repeated = top_chars(keys, until, n, table, entries, mask, False)
            else:
                repeated = duplicated_chars(keys, until, n, table, mask)
            ratios[document, n - 2] = min(1.0, repeated / chars[document])
    return ratios


@njit(cache=True, nogil=True)
def top_chars(
    keys: NDArray[np.uint64],
    until: NDArray[np.int64],
    n: int,
    table: NDArray[np.uint64],
    entries: NDArray[np.int32],
    mask: int,
    counts_single: bool,
) -> Integer:
    """Code points of the most frequent n-gram, times its count."""
    table[: mask + 1] = 0
    best_count, best_first = 0, 0
    for word in range(len(keys)):
        at = place(table, mask, keys[word])
        if table[at] == 0:
            table[at] = keys[word]
            entries[at, 0], entries[at, 1] = 0, word
        entries[at, 0] += 1
        count, first = entries[at, 0], entries[at, 1]
        if count > best_count or (count == best_count and first < best_first):
            best_count, best_first = count, first
    if best_count == 1 and not counts_single:
        return 0
    chars = until[best_first + n] - until[best_first] + n - 1
    return np.int64(best_count * chars)


@njit(cache=True, nogil=True)
def duplicated_chars(
    keys: NDArray[np.uint64],
    until: NDArray[np.int64],
    n: int,
    table: NDArray[np.uint64],
    mask: int,
) -> Integer:
    """Code points of the n-grams that repeat an earlier one."""
    table[: mask + 1] = 0
    repeated, word = 0, 0
    while word < len(keys):
        at = place(table, mask, keys[word])
        if table[at] == 0:
            table[at] = keys[word]
            word += 1
        else:
            repeated += until[word + n] - until[word]
            word += n
    return repeated
