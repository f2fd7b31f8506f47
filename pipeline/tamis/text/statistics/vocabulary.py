"""Statistics of a document's words, without their order.

    mean_word_length       code points of a word, marks included; Gopher keeps 3 to 10
    longest_word           code points
    alphabetic_word_ratio  words with a letter in them; Gopher keeps 0.8 and more
    uppercase_word_ratio   words of two or more letters, all of them capitals
    stop_word_count        distinct stop words of the language; Gopher needs 2
    stop_word_ratio        words that are stop words

Gopher's rules: Rae et al. 2021, section A1.1. Ratios are divided by the number of words
and are 0 without words. The value is `NO_LIST` if `tamis.text.function_words` has no
stop words for the language.
"""

import numpy as np
from numpy.typing import NDArray

from tamis.compiled import kernel
from tamis.text.function_words import STOP, FunctionWords
from tamis.text.hashing import OFFSET, extended, finished
from tamis.text.statistics.columns import VOCABULARY as COLUMNS
from tamis.text.unicode import LETTER, UPPER, CodePoints, position
from tamis.text.utf8 import decode
from tamis.text.words import Words

NO_LIST = -1.0

_FIRST_BYTE = np.uint64(56)  # bits below a hash's first byte


@kernel
def vocabulary(
    data: NDArray[np.uint8],
    words: Words,
    tables: CodePoints,
    lists: FunctionWords,
) -> tuple[NDArray[np.uint64], NDArray[np.uint8], NDArray[np.float64]]:
    """Hash of each word in lower case, its roles in `lists`, and the statistics.

    The statistics are (documents, len(COLUMNS)).
    """
    documents = len(words.documents) - 1
    hashes = np.empty(len(words.starts), np.uint64)
    roles = np.zeros(len(words.starts), np.uint8)
    statistics = np.zeros((documents, len(COLUMNS)))
    is_seen = np.empty(len(lists.hashes), np.bool_)
    buckets = np.empty(257, np.int64)
    for document in range(documents):
        start, stop = words.documents[document], words.documents[document + 1]
        first, last = 0, 0
        if lists.list_of[document] >= 0:
            first = lists.lists[lists.list_of[document]]
            last = lists.lists[lists.list_of[document] + 1]
        is_seen[first:last] = False
        _fill_buckets(lists.hashes[:last], first, buckets)
        chars, longest, alphabetic, capital = 0, 0, 0, 0
        stop_words, distinct = 0, 0
        for word in range(start, stop):
            value, letters, capitals = _read(data, words, word, tables)
            hashes[word] = value
            chars += words.lengths[word]
            longest = max(longest, words.lengths[word])
            alphabetic += letters > 0
            capital += letters > 1 and capitals == letters
            bucket = np.int64(value >> _FIRST_BYTE)
            for at in range(buckets[bucket], buckets[bucket + 1]):
                if lists.hashes[at] == value:
                    roles[word] = lists.roles[at]
                    is_stop = lists.roles[at] & STOP != 0
                    stop_words += is_stop
                    distinct += is_stop and not is_seen[at]
                    is_seen[at] = True
        count = max(1, stop - start)
        row = statistics[document]
        row[0], row[1], row[2] = chars / count, longest, alphabetic / count
        row[3] = capital / count
        row[4], row[5] = distinct, stop_words / count
        if not np.any(lists.roles[first:last] & STOP):
            row[4], row[5] = NO_LIST, NO_LIST
    return hashes, roles, statistics


@kernel
def _fill_buckets(
    hashes: NDArray[np.uint64], first: int, buckets: NDArray[np.int64]
) -> None:
    """Store where the ascending hashes of each first byte begin, from `first` on.

    Three buckets in four are empty: one look shows that most words are not in the list.
    """
    at = first
    for byte in range(256):
        buckets[byte] = at
        while at < len(hashes) and np.int64(hashes[at] >> _FIRST_BYTE) == byte:
            at += 1
    buckets[256] = at


@kernel(inline="always")
def _read(
    data: NDArray[np.uint8], words: Words, word: int, tables: CodePoints
) -> tuple[np.uint64, int, int]:
    """The word's hash in lower case, its letters and its capital letters."""
    here, stop = words.starts[word], words.ends[word]
    value, letters, capitals = OFFSET, 0, 0
    while here < stop:
        at, width = np.int64(data[here]), 1
        code = at
        if at >= 0x80:  # ASCII is the tables' first block
            code, width = decode(data, here, stop)
            at = position(tables.index, code)
        value = extended(value, code + tables.lower[at])
        letters += tables.flags[at] & LETTER != 0
        capitals += tables.flags[at] & UPPER != 0
        here += width
    return finished(value), letters, capitals
