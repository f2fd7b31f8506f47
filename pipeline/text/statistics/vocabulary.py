"""What a document's words are like, one by one.

    mean_word_length       code points of a word, marks included; Gopher keeps 3 to 10
    longest_word           code points
    alphabetic_word_ratio  words with a letter in them; Gopher keeps 0.8 and more
    uppercase_word_ratio   words of two or more letters, all of them capitals
    repeated_word_ratio    words that are the word before them, case aside, with only
                           white space between; 0 if there is only one
    stop_word_count        distinct stop words of the language; Gopher asks for 2
    stop_word_ratio        words that are stop words
    stranded_word_ratio    of the places where a mark such as , or . parts two words
                           (in Thai and Lao, which have no such marks, a space),
                           those with a word that cannot stand there: "in the, went";
                           0 if there is only one

Rae et al. 2021, section A1.1, for what Gopher asks. Prose has next to no repeated or
stranded words: at most 0.0008 of the words and 0.0017 of the marks in each of the
six languages of benchmarks/fairness.py, so that a page of 200 words and 30 marks may
well have one, which says nothing, but has two once in 80 and in 800. Where words have
been shuffled, ten and fifty times as many.
Ratios have the words below the line, unless they say otherwise, and are 0 without them.
`NO_LIST` stands where `pipeline.text.function_words` has no words for the language.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pipeline.text.function_words import NEVER_FIRST, NEVER_LAST, STOP, FunctionWords
from pipeline.text.hashing import OFFSET, extended, finished
from pipeline.text.unicode import LETTER, SPACE, TERMINAL, UPPER, CodePoints, position
from pipeline.text.utf8 import decode
from pipeline.text.words import Words

COLUMNS = (
    "mean_word_length",
    "longest_word",
    "alphabetic_word_ratio",
    "uppercase_word_ratio",
    "repeated_word_ratio",
    "stop_word_count",
    "stop_word_ratio",
    "stranded_word_ratio",
)
NO_LIST = -1.0

# First byte of U+0E00 to U+0EFF, Thai and Lao; the second is B8 to BB.
_SPACE, _THAI = 0x20, 0xE0

_FIRST_BYTE = np.uint64(56)  # bits below a hash's first byte

_ENOUGH = 2  # repeated or stranded words

# Comma, colon and semicolon, and their like in Arabic, Greek and Chinese.
_COMMAS = (
    0x2C,
    0x3A,
    0x3B,
    0x60C,
    0x61B,
    0x387,
    0x3001,
    0xFF0C,
    0xFF1A,
    0xFF1B,
    0xFF64,
)

# What may stand between two words, the strongest last. Quotes, brackets and dashes are
# something else: in 「はい。」と the particle is in its place.
_NOTHING, _ONLY_SPACE, _CLAUSE_END, _OTHER = 0, 1, 2, 3


@njit(cache=True, nogil=True)
def vocabulary(
    data: NDArray[np.uint8],
    words: Words,
    tables: CodePoints,
    lists: FunctionWords,
) -> tuple[NDArray[np.uint64], NDArray[np.float64]]:
    """Hash of each word in lower case, and (documents, len(COLUMNS)) statistics."""
    documents = len(words.documents) - 1
    hashes = np.empty(len(words.starts), np.uint64)
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
        chars, longest, alphabetic, capital, repeated = 0, 0, 0, 0, 0
        stop_words, distinct, clauses, stranded = 0, 0, 0, 0
        role = np.int64(0)
        for word in range(start, stop):
            value, letters, capitals = _read(data, words, word, tables)
            hashes[word] = value
            chars += words.lengths[word]
            longest = max(longest, words.lengths[word])
            alphabetic += letters > 0
            capital += letters > 1 and capitals == letters
            previous_role, role = role, np.int64(0)
            bucket = np.int64(value >> _FIRST_BYTE)
            for at in range(buckets[bucket], buckets[bucket + 1]):
                if lists.hashes[at] == value:
                    role = np.int64(lists.roles[at])
                    stop_words += role & STOP != 0
                    distinct += role & STOP != 0 and not is_seen[at]
                    is_seen[at] = True
            if word == start:
                continue
            before, after = words.ends[word - 1], words.starts[word]
            gap = _ONLY_SPACE  # nine times in ten
            if after - before != 1 or data[before] != _SPACE:
                gap = _gap(data, before, after, tables)
            if (
                gap == _ONLY_SPACE
                and data[after] == _THAI
                and _is_thai(data, words, word)
            ):
                gap = _CLAUSE_END
            if gap == _CLAUSE_END:
                clauses += 1
                stranded += previous_role & NEVER_LAST != 0 or role & NEVER_FIRST != 0
            # "anak-anak" and "no, no" are speech, and figures of a table may be equal.
            elif gap <= _ONLY_SPACE and letters and value == hashes[word - 1]:
                repeated += 1
        count = max(1, stop - start)
        row = statistics[document]
        row[0], row[1], row[2] = chars / count, longest, alphabetic / count
        row[3] = capital / count
        row[4] = repeated / count if repeated >= _ENOUGH else 0.0
        row[5], row[6] = distinct, stop_words / count
        row[7] = stranded / clauses if stranded >= _ENOUGH else 0.0
        roles = lists.roles[first:last]
        if not np.any(roles & STOP):
            row[5], row[6] = NO_LIST, NO_LIST
        if not np.any(roles & (NEVER_FIRST | NEVER_LAST)):
            row[7] = NO_LIST
    return hashes, statistics


@njit(cache=True, nogil=True)
def _fill_buckets(
    hashes: NDArray[np.uint64], first: int, buckets: NDArray[np.int64]
) -> None:
    """Note where, from `first` on, the ascending hashes of each first byte begin.

    Three buckets in four are empty: most words are known to be none by one look.
    """
    at = first
    for byte in range(256):
        buckets[byte] = at
        while at < len(hashes) and np.int64(hashes[at] >> _FIRST_BYTE) == byte:
            at += 1
    buckets[256] = at


@njit(cache=True, nogil=True, inline="always")
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


@njit(cache=True, nogil=True)
def _gap(data: NDArray[np.uint8], start: int, stop: int, tables: CodePoints) -> int:
    """The strongest thing between two words: see `_NOTHING` and its like."""
    gap: int = _NOTHING
    here = start
    while here < stop:
        code, width = decode(data, here, stop)
        here += width
        flag = tables.flags[position(tables.index, code)]
        if flag & TERMINAL or code in _COMMAS:
            gap = max(gap, _CLAUSE_END)
        else:
            gap = max(gap, _ONLY_SPACE if flag & SPACE else _OTHER)
    return gap


@njit(cache=True, nogil=True)
def _is_thai(data: NDArray[np.uint8], words: Words, word: int) -> bool:
    """Whether this word begins, and the one before ends, with a Thai or Lao letter."""
    last, first = words.ends[word - 1] - 3, words.starts[word]
    if last < words.starts[word - 1] or first + 3 > words.ends[word]:
        return False
    for letter in (first, last):
        if data[letter] != _THAI or not 0xB8 <= data[letter + 1] <= 0xBB:
            return False
    return True
