"""The linear model's features: hashed n-grams of windows of about 400 characters.

A toxic comment under a long article is lost in the sum over the page, but not in its
own window. A document's words are cut into windows of equal length, as many as fit.

Each window yields one bucket number per n-gram:
    characters  2 to 5 code points in a row, in lower case, within a run of letters and
                digits with a mark at either end; in scripts without spaces a run goes
                from one space or punctuation mark to the next
    words       each word, and each two in a row

A bucket that occurs k times counts k times. Each n-gram of a window of n has weight
1/sqrt(n), which makes long and short windows comparable (like L2 normalisation, but
without counting distinct n-grams). Training and scoring run the same kernel.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tamis.compiled import kernel
from tamis.text.buffers import Bytes, read_only
from tamis.text.growth import doubled
from tamis.text.hashing import OFFSET, PRIME, extended
from tamis.text.unicode import code_points, position
from tamis.text.utf8 import Integer, decode
from tamis.text.words import Words

WINDOW_CHARACTERS = 400

# Kinds of n-gram start from different values: the word `ab` is not the characters `ab`.
_WORD, _PAIR, _EDGE = 0x110001, 0x110002, 0x110003
_LONGEST = 5
_EDGE_HASH = np.uint64((int(OFFSET) ^ _EDGE) * int(PRIME) % 2**64)
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio: Fibonacci hashing

# A bucket's number depends on these and the text; weights are valid for these only.
SEEDS = {
    "hash": "FNV-1a",
    "offset": int(OFFSET),
    "prime": int(PRIME),
    "multiplier": int(_MULTIPLIER),
    "word": _WORD,
    "pair": _PAIR,
    "edge": _EDGE,
    "longest": _LONGEST,
    "window_characters": WINDOW_CHARACTERS,
}


class Windows(NamedTuple):
    """Windows of a batch, document after document.

    words      (windows + 1,)    int64  where the words of each window begin
    documents  (documents + 1,)  int64  where the windows of each document begin
    """

    words: NDArray[np.int64]
    documents: NDArray[np.int64]


@kernel
def windows_of(words: Words, characters: int = WINDOW_CHARACTERS) -> Windows:
    """Windows of equal length, of 2/3 to 3/2 of `characters` unless the text is shorter.

    The length counts the words, and 1 for each gap. A document without words has no
    window.
    """
    starts = np.empty(len(words.starts) + 1, np.int64)
    documents = np.zeros(len(words.documents), np.int64)
    count = 0
    for document in range(len(documents) - 1):
        first, last = words.documents[document], words.documents[document + 1]
        total = 0
        for word in range(first, last):
            total += _length(words, word, first)
        wanted = max(1, (total + characters // 2) // characters)
        reached, made = 0, 0
        for word in range(first, last):
            if reached * wanted >= made * total and made < wanted:
                starts[count] = word
                count += 1
                made += 1
            reached += _length(words, word, first)
        documents[document + 1] = count
    starts[count] = words.documents[-1]
    return Windows(starts[: count + 1].copy(), documents)


def buckets(
    data: Bytes, words: Words, windows: Windows, bits: int
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Bucket numbers (below 2**bits) of all windows, and where each window's begin."""
    tables = code_points()
    return _buckets(read_only(data), words, windows, bits, tables.index, tables.lower)


def weighted_sums(
    data: Bytes, words: Words, windows: Windows, weights: NDArray[np.int16]
) -> NDArray[np.float64]:
    """Sum of the weights of each window's n-grams, over sqrt(n); 2**bits weights."""
    tables = code_points()
    bits = len(weights).bit_length() - 1
    return _weighted_sums(
        read_only(data), words, windows, weights, bits, tables.index, tables.lower
    )


@kernel
def whole_documents(words: Words) -> Windows:
    """One window for each document, however long it is."""
    return Windows(words.documents, np.arange(len(words.documents)))


@kernel
def _length(words: Words, word: int, first: int) -> int:
    """Code points of a word and of the gap before it."""
    is_parted = word > first and words.starts[word] > words.ends[word - 1]
    return int(words.lengths[word] + np.int32(is_parted))


@kernel
def _buckets(
    data: Bytes,
    words: Words,
    windows: Windows,
    bits: int,
    index: NDArray[np.uint16],
    lower: NDArray[np.int32],
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    pieces = np.empty(1 << 16, np.int32)
    offsets = np.zeros(len(windows.words), np.int64)
    found = _scratch(words, windows)
    total = 0
    for window in range(len(windows.words) - 1):
        first, last = windows.words[window], windows.words[window + 1]
        count = _fill(data, words, first, last, bits, index, lower, found)
        while total + count > len(pieces):
            pieces = doubled(pieces)
        for gram in range(count):
            pieces[total + gram] = found[gram]
        total += count
        offsets[window + 1] = total
    return pieces[:total].copy(), offsets


@kernel
def _weighted_sums(
    data: Bytes,
    words: Words,
    windows: Windows,
    weights: NDArray[np.int16],
    bits: int,
    index: NDArray[np.uint16],
    lower: NDArray[np.int32],
) -> NDArray[np.float64]:
    sums = np.zeros(len(windows.words) - 1)
    found = _scratch(words, windows)
    for window in range(len(sums)):
        first, last = windows.words[window], windows.words[window + 1]
        count = _fill(data, words, first, last, bits, index, lower, found)
        total = 0  # an integer: exact in any order
        for gram in range(count):
            total += weights[np.uint64(found[gram])]
        sums[window] = total / np.sqrt(max(count, 1))
    return sums


@kernel
def _scratch(words: Words, windows: Windows) -> NDArray[np.int32]:
    """Room for the n-grams of the longest window."""
    longest = 0
    for window in range(len(windows.words) - 1):
        length = 2
        for word in range(windows.words[window], windows.words[window + 1]):
            length += words.lengths[word] + 2
        longest = max(longest, length)
    return np.empty(longest * _LONGEST, np.int32)


@kernel
def _fill(
    data: Bytes,
    words: Words,
    first: int,
    last: int,
    bits: int,
    index: NDArray[np.uint16],
    lower: NDArray[np.int32],
    found: NDArray[np.int32],
) -> int:
    """Write the buckets of the words [first, last) to `found`; returns their number."""
    shift = np.uint64(64 - bits)
    count = 0
    previous = np.uint64(0)
    # Hashes of the last one to four code points of the run, and how many there are.
    one, two, three, four, length = _EDGE_HASH, _EDGE_HASH, _EDGE_HASH, _EDGE_HASH, 1
    for word in range(first, last):
        value = extended(OFFSET, _WORD)
        here, stop = words.starts[word], words.ends[word]
        while here < stop:
            code, width = np.int64(data[np.uint64(here)]), 1
            at = code
            if code >= 0x80:  # ASCII is the tables' first block
                code, width = decode(data, here, stop)
                at = position(index, code)
            here += width
            code += lower[at]
            value = extended(value, code)
            _add(found, count, one, two, three, four, code, shift)
            count += min(length, _LONGEST - 1)
            one, two, three, four = (
                extended(OFFSET, code),
                extended(one, code),
                extended(two, code),
                extended(three, code),
            )
            length += 1
        if word + 1 == last or words.starts[word + 1] > words.ends[word]:
            _add(found, count, one, two, three, four, _EDGE, shift)
            count += min(length, _LONGEST - 1)
            one, length = _EDGE_HASH, 1
        found[count] = (value * _MULTIPLIER) >> shift
        count += 1
        if word > first:
            pair = extended(extended(previous, _PAIR) ^ (value >> shift), _PAIR) ^ value
            found[count] = (pair * _MULTIPLIER) >> shift
            count += 1
        previous = value
    return count


@kernel(inline="always")
def _add(
    found: NDArray[np.int32],
    count: int,
    one: np.uint64,
    two: np.uint64,
    three: np.uint64,
    four: np.uint64,
    code: Integer,
    shift: np.uint64,
) -> None:
    """Write the buckets of the n-grams of 2 to 5 that end with `code`.

    Those longer than the run are written, too: what follows overwrites them.
    """
    at = np.uint64(count)
    found[at] = (extended(one, code) * _MULTIPLIER) >> shift
    found[at + np.uint64(1)] = (extended(two, code) * _MULTIPLIER) >> shift
    found[at + np.uint64(2)] = (extended(three, code) * _MULTIPLIER) >> shift
    found[at + np.uint64(3)] = (extended(four, code) * _MULTIPLIER) >> shift
