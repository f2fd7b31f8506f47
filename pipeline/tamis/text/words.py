"""Find the words of a batch of documents.

A word is a run of letters, numbers and joiners (marks, underscores, ZWJ and ZWNJ) that
begins with a letter or a number. A run ends between a script that separates words with
spaces and one that does not. Runs of the latter (Han, kana, Thai, Lao, Khmer, Burmese,
by the script of the run and not by the document's language) are cut by ICU's
dictionaries (UAX 29 and the CLDR rules):

    "l'été 2024"  l, été, 2024        "सड़क पर"   सड़क, पर
    "我们在LINE上"  我们, 在, LINE, 上      "ผมรักไทย"  ผม, รัก, ไทย

Kernels read the buffers of `tamis.text.buffers`; positions are in bytes of `data`.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tamis.compiled import kernel
from tamis.text.breaks import word_breaks
from tamis.text.buffers import Bytes, Offsets, read_only
from tamis.text.unicode import JOINER, LETTER, NUMBER, UNSPACED, code_points, flag_at

# What a byte tells of its character.
_GAP, _ASCII_WORD, _ANY = 0, 1, 2


class Words(NamedTuple):
    """The words of a batch, document after document, in the order of the text.

    starts, ends  (words,)          int64  bytes data[start:end] are the word
    lengths       (words,)          int32  code points, marks included
    documents     (documents + 1,)  int64  where the words of each document begin
    """

    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    lengths: NDArray[np.int32]
    documents: NDArray[np.int64]


def segment(data: Bytes, offsets: Offsets) -> Words:
    """The words of every document. A document without letters or digits has none."""
    data, tables = read_only(data), code_points()
    words, is_unspaced = _runs(data, offsets, tables.index, tables.flags)
    if not is_unspaced.any():
        return words
    breaks = word_breaks(data, words.starts[is_unspaced], words.ends[is_unspaced])
    return _cut(data, words, is_unspaced, breaks, tables.index, tables.flags)


def no_words(documents: int) -> Words:
    """The result of `segment` for so many empty documents."""
    empty = np.empty(0, np.int64)
    return Words(empty, empty, np.empty(0, np.int32), np.zeros(documents + 1, np.int64))


@kernel
def _runs(
    data: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    index: NDArray[np.uint16],
    flags: NDArray[np.uint16],
) -> tuple[Words, NDArray[np.bool_]]:
    """Words of the spaced scripts, uncut runs of the others, and which are unspaced."""
    # Two runs never touch unless their kinds differ, and an unspaced letter has 3
    # bytes: at most one run in two bytes. Memory pages that are not written cost nothing.
    capacity = (offsets[-1] - offsets[0]) // 2 + len(offsets)
    starts = np.empty(capacity, np.int64)
    ends = np.empty(capacity, np.int64)
    lengths = np.empty(capacity, np.int32)
    is_unspaced = np.empty(capacity, np.bool_)
    documents = np.zeros(len(offsets), np.int64)
    kinds = _byte_kinds(flags)
    most = np.int64(0)
    for document in range(len(offsets) - 1):
        most = max(most, offsets[document + 1] - offsets[document])
    bounds = np.empty(most + 2, np.int64)
    count = 0
    for document in range(len(offsets) - 1):
        here, stop = offsets[document], offsets[document + 1]
        _find_bounds(data, here, stop, kinds, bounds)
        part = 0
        while here < stop:
            while bounds[part + 1] <= here:
                part += 1
            end = bounds[part + 1]
            kind = kinds[data[here]]
            if kind == _GAP:
                here = end
                continue
            # Nine words in ten are ASCII between two gaps.
            if (
                kind == _ASCII_WORD
                and here == bounds[part]
                and (end == stop or kinds[data[end]] == _GAP)
            ):
                starts[count], ends[count], lengths[count] = here, end, end - here
                is_unspaced[count] = False
                count += 1
                here = end
                continue
            flag, width = flag_at(data, here, stop, index, flags)
            if not flag & (LETTER | NUMBER):
                here += width
                continue
            unspaced = flag & UNSPACED
            starts[count] = here
            is_unspaced[count] = unspaced != 0
            length = 0
            while flag & JOINER or (
                flag & (LETTER | NUMBER) and flag & UNSPACED == unspaced
            ):
                length += 1
                here += width
                if here == stop:
                    break
                flag, width = flag_at(data, here, stop, index, flags)
            ends[count] = here
            lengths[count] = length
            count += 1
        documents[document + 1] = count
    words = Words(
        starts[:count].copy(), ends[:count].copy(), lengths[:count].copy(), documents
    )
    return words, is_unspaced[:count].copy()


@kernel
def _byte_kinds(flags: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """Of every byte: `_GAP` and `_ASCII_WORD` tell all of it, `_ANY` does not.

    An underscore is in a word only if one began before it.
    """
    kinds = np.full(256, _ANY, np.uint8)
    for byte in range(0x80):
        if flags[byte] & (LETTER | NUMBER):
            kinds[byte] = _ASCII_WORD
        elif not flags[byte] & JOINER:
            kinds[byte] = _GAP
    return kinds


@kernel
def _find_bounds(
    data: NDArray[np.uint8],
    start: int,
    stop: int,
    kinds: NDArray[np.uint8],
    bounds: NDArray[np.int64],
) -> None:
    """Write where the kind of byte changes; `start` is the first bound, `stop` the last.

    There is no branch: a processor cannot foresee where a word ends, and to be wrong
    costs it more than the bytes of the word.
    """
    bounds[0] = start
    count = np.uint64(start < stop)
    before = kinds[data[start]] if start < stop else np.uint8(_GAP)
    for here in range(np.uint64(start), np.uint64(stop)):
        kind = kinds[data[here]]
        bounds[count] = here
        count += np.uint64(kind != before)
        before = kind
    bounds[count] = stop


@kernel
def _cut(
    data: NDArray[np.uint8],
    runs: Words,
    is_unspaced: NDArray[np.bool_],
    breaks: NDArray[np.int64],
    index: NDArray[np.uint16],
    flags: NDArray[np.uint16],
) -> Words:
    """The words: spaced runs, and unspaced runs cut at `breaks` (bytes, ascending)."""
    capacity = len(runs.starts) + len(breaks)
    starts = np.empty(capacity, np.int64)
    ends = np.empty(capacity, np.int64)
    lengths = np.empty(capacity, np.int32)
    documents = np.zeros(len(runs.documents), np.int64)
    count, next_break = 0, 0
    for document in range(len(documents) - 1):
        for run in range(runs.documents[document], runs.documents[document + 1]):
            if not is_unspaced[run]:
                starts[count], ends[count] = runs.starts[run], runs.ends[run]
                lengths[count] = runs.lengths[run]
                count += 1
                continue
            here = runs.starts[run]
            while here < runs.ends[run]:
                while next_break < len(breaks) and breaks[next_break] <= here:
                    next_break += 1
                stop = runs.ends[run]
                if next_break < len(breaks):
                    stop = min(stop, breaks[next_break])
                length, is_word = _length(data, here, stop, index, flags)
                if is_word:
                    starts[count], ends[count] = here, stop
                    lengths[count] = length
                    count += 1
                here = stop
        documents[document + 1] = count
    return Words(
        starts[:count].copy(), ends[:count].copy(), lengths[:count].copy(), documents
    )


@kernel
def _length(
    data: NDArray[np.uint8],
    start: int,
    stop: int,
    index: NDArray[np.uint16],
    flags: NDArray[np.uint16],
) -> tuple[int, bool]:
    """Code points of a segment, and whether it has a letter or number."""
    length, is_word = 0, False
    here = start
    while here < stop:
        flag, width = flag_at(data, here, stop, index, flags)
        is_word |= flag & (LETTER | NUMBER) != 0
        length += 1
        here += width
    return length, is_word
