"""Shingles: the hashed runs of `ngram` words by which documents are compared.

Words are those of pipeline/tamis/text/normalise.py, in one pass over the UTF-8 bytes;
in a script without spaces a word is one letter with its marks. So the shingles of
Chinese are character 5-grams, those of French word 5-grams, and mixed text has both.
All hashes have 64 bits: among the 10^3 shingles of a page a false match has odds of
3e-14; among 10^10 texts a few false matches are likely, as for ids.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tamis.compiled import kernel
from tamis.text.buffers import Bytes, Offsets
from tamis.text.normalise import (
    CODE_MASK,
    COUNT_BITS,
    DIGIT,
    KIND_SHIFT,
    LETTER,
    MARK,
    SEPARATOR,
    SEVERAL,
    SKIPPED,
    UNSPACED,
    Folding,
    folding,
)
from tamis.text.unicode import position
from tamis.text.utf8 import decode

Hashes = NDArray[np.uint64]

# Start value of a word's hash, and the factor that it is multiplied with at each character.
SEED = np.uint64(0xCBF29CE484222325)
FACTOR = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio, odd
_ZERO = np.uint64(0)
_DIGIT_ZERO = np.uint64(48)
# A folded character of w bytes begins at most 2 w words (㌖ is キロメートル).
_WORDS_PER_BYTE = 2
_NO_WORD, _IN_WORD, _IN_LETTER = 0, 1, 2


class Shingles(NamedTuple):
    """The shingles of a batch of documents.

    hashes   (shingles,)       uint64  ascending within a document, each once
    offsets  (documents + 1,)  int64   where each document's shingles begin
    texts    (documents,)      uint64  hash of the whole normalised text
    """

    hashes: Hashes
    offsets: Offsets
    texts: Hashes


def shingles(data: Bytes, offsets: Offsets, ngram: int) -> Shingles:
    """Sets of shingle hashes; empty for a document of fewer than `ngram` words.

    `data` and `offsets` as utf8_buffers gives them. A text without a single word is
    represented by its bytes: "???" and "!!!" have different hashes.
    """
    raw, starts, texts = _shingles(data, offsets, ngram, folding())
    sets = [np.empty(0, np.uint64)]
    for start, stop in pairwise(starts.tolist()):
        own = np.sort(raw[start:stop])
        sets.append(own[np.append(True, own[1:] != own[:-1])] if len(own) else own)
    lengths = np.array([len(own) for own in sets], np.int64)
    return Shingles(np.concatenate(sets), np.cumsum(lengths), texts)


@kernel
def mix64(value: np.uint64) -> np.uint64:
    """Scramble 64 bits, one to one (the finaliser of splitmix64, Steele et al. 2014)."""
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


@kernel
def mixed(values: Hashes) -> Hashes:
    """`mix64` of each value."""
    scrambled = np.empty_like(values)
    for place in range(len(values)):
        scrambled[place] = mix64(values[place])
    return scrambled


@kernel
def scratch_for(offsets: Offsets) -> Hashes:
    """Room for the words of the batch's longest document."""
    longest = np.int64(0)
    for document in range(len(offsets) - 1):
        longest = max(longest, offsets[document + 1] - offsets[document])
    return np.empty(_WORDS_PER_BYTE * longest + 1, np.uint64)


@kernel
def document_shingles(
    data: Bytes, start: int, stop: int, ngram: int, table: Folding, scratch: Hashes
) -> tuple[int, np.uint64]:
    """Fill `scratch` with the shingles of data[start:stop] in their order.

    Returns how many there are, repeated ones as often as they occur, and the hash of
    the whole text.
    """
    words, text = _words(data, start, stop, table, scratch)
    count = max(words - ngram + 1, 0)
    if count == 0:
        return 0, text
    # A rolling polynomial over the last `ngram` words.
    leaving = FACTOR
    for _ in range(ngram - 1):
        leaving *= FACTOR
    rolling = _ZERO
    for word in range(ngram - 1):
        rolling = (rolling + scratch[word]) * FACTOR
    for first in range(count):
        rolling = (rolling + scratch[first + ngram - 1]) * FACTOR
        oldest = scratch[first]
        scratch[first] = mix64(rolling)
        rolling -= oldest * leaving
    return count, text


@kernel
def appended(hashes: Hashes, filled: int, scratch: Hashes, count: int) -> Hashes:
    """The first `filled` of `hashes` and `count` of `scratch`, in one array."""
    if filled + count > len(hashes):
        grown = np.empty(2 * (filled + count), np.uint64)
        for place in range(filled):
            grown[place] = hashes[place]
        hashes = grown
    for place in range(count):
        hashes[filled + place] = scratch[place]
    return hashes


@kernel
def _shingles(
    data: Bytes, offsets: Offsets, ngram: int, table: Folding
) -> tuple[Hashes, Offsets, Hashes]:
    """As `Shingles`, but in the order of the text and with repetitions."""
    documents = len(offsets) - 1
    texts = np.empty(documents, np.uint64)
    starts = np.zeros(documents + 1, np.int64)
    scratch = scratch_for(offsets)
    hashes = np.empty(max((offsets[-1] - offsets[0]) // 4, 64), np.uint64)
    for document in range(documents):
        count, texts[document] = document_shingles(
            data, offsets[document], offsets[document + 1], ngram, table, scratch
        )
        hashes = appended(hashes, starts[document], scratch, count)
        starts[document + 1] = starts[document] + count
    return hashes[: starts[-1]], starts, texts


@kernel
def _words(
    data: Bytes, start: int, stop: int, table: Folding, words: Hashes
) -> tuple[int, np.uint64]:
    """Fill `words` with hashes; returns their number and the hash of the whole text."""
    blocks, entries, parts = table
    count = 0
    text = SEED
    state, word, digits, is_after_digit = _NO_WORD, SEED, _ZERO, False
    place = start
    while place < stop:
        byte = np.int64(data[place])
        if byte < 0x80:  # the first block of the table is ASCII
            code, width = byte, 1
            entry = np.int64(entries[byte])
        else:
            code, width = decode(data, place, stop)
            entry = np.int64(entries[position(blocks, code)])
        place += width
        kind = entry >> KIND_SHIFT
        if (
            kind == LETTER and state != _IN_LETTER
        ):  # the fast path for nine bytes in ten
            word = (word ^ np.uint64((code + entry) & CODE_MASK)) * FACTOR
            state, is_after_digit = _IN_WORD, False
            continue
        first, many = np.int64(0), np.int64(1)
        if kind == SEVERAL:
            first = (entry & CODE_MASK) >> COUNT_BITS
            many = entry & ((1 << COUNT_BITS) - 1)
        for part in range(first, first + many):
            if many > 1:
                kind = np.int64(parts[part]) >> KIND_SHIFT
                folded = np.int64(parts[part]) & CODE_MASK
            else:
                folded = (code + entry) & CODE_MASK
            if kind == SKIPPED:
                continue
            ends_word = kind in (SEPARATOR, UNSPACED)
            if state == _IN_LETTER:
                ends_word = kind != MARK
            if state != _NO_WORD and ends_word:
                word = mix64(word)
                words[count] = word
                count += 1
                text = _joined(text, word ^ digits)
                state, word, digits, is_after_digit = _NO_WORD, SEED, _ZERO, False
            if kind == SEPARATOR:
                continue
            if kind == DIGIT:
                digits = (digits + np.uint64(folded)) * FACTOR
                if not is_after_digit:
                    word = (word ^ _DIGIT_ZERO) * FACTOR
            else:
                word = (word ^ np.uint64(folded)) * FACTOR
            is_after_digit = kind == DIGIT
            if state == _NO_WORD:
                state = _IN_LETTER if kind == UNSPACED else _IN_WORD
    if state != _NO_WORD:
        word = mix64(word)
        words[count] = word
        count += 1
        text = _joined(text, word ^ digits)
    if count == 0:
        for place in range(start, stop):
            text = _joined(text, np.uint64(data[place]))
    return count, mix64(text ^ np.uint64(count))


@kernel
def _joined(text: np.uint64, word: np.uint64) -> np.uint64:
    """The hash of a text and its next word; it depends on the order of words."""
    return ((text << np.uint64(5) | text >> np.uint64(59)) ^ word) * FACTOR
