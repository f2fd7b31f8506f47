"""Count the statistics as datatrove 0.10.1 does, for comparisons with its results.

Where `tamis.text.statistics.measure` differs from datatrove's GopherQualityFilter,
GopherRepetitionFilter and FineWebQualityFilter, this module counts as datatrove does,
on the same words. Lines are compared with their white space, and Gopher's include blank
ones; every line feed counts; words keep their case; an n-gram that occurs once counts
as repeated; two n-grams are the same if their letters are ("ab c" and "a bc"). Stop
words are Gopher's eight in every language. Lines are read in Python, so this is some
ten times slower than the default.
"""

import re
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from tamis.compiled import kernel
from tamis.text.buffers import Bytes, Offsets, read_only
from tamis.text.function_words import function_words
from tamis.text.hashing import empty_table, finished, place
from tamis.text.statistics import lines, phrases, sentences, vocabulary
from tamis.text.statistics import word_order as order
from tamis.text.statistics.columns import COLUMNS, DUPLICATE, LINES, NGRAMS
from tamis.text.unicode import TERMINAL_CLASS, CodePoints, code_points, spans
from tamis.text.utf8 import Integer, code_point_counts, decode
from tamis.text.words import Words

# The columns of `lines` that datatrove counts in another way; they are consecutive.
_FIRST_LINE = LINES.index("bullet_line_ratio")
_AFTER_LINES = LINES.index("char_duplicate_ratio") + 1
_FIRST_DUPLICATE, _LAST = DUPLICATE[0], DUPLICATE[-1]
# Concatenation is a * BASE^len(b) + b, modulo 2^64.
_BASE = np.uint64(0x9E3779B97F4A7C15)


def measure(
    data: Bytes, offsets: Offsets, words: Words
) -> dict[str, NDArray[np.int64] | NDArray[np.float64]]:
    """The columns of `measure.measure`, as datatrove counts them."""
    data, tables = read_only(data), code_points()
    # "The" and "the" are different words.
    tables = tables._replace(lower=np.zeros_like(tables.lower))
    word_counts, chars = np.diff(words.documents), code_point_counts(data, offsets)
    lists = function_words(["eng"] * len(word_counts))
    hashes, roles, of_words = vocabulary.vocabulary(data, words, tables, lists)
    columns = [
        word_counts,
        *of_words.T,
        *order.order_statistics(data, offsets, words, hashes, roles, tables, lists).T,
        *_line_statistics(data, offsets, chars, word_counts, tables).T,
        *sentences.sentence_statistics(data, offsets, tables).T,
        *ngram_ratios(data, words, hashes, chars).T,
        *phrases.phrase_counts(data, offsets).T,
    ]
    return dict(zip(COLUMNS, columns, strict=True))


def _line_statistics(
    data: Bytes,
    offsets: Offsets,
    chars: NDArray[np.int64],
    word_counts: NDArray[np.int64],
    tables: CodePoints,
) -> NDArray[np.float64]:
    """As `lines.line_statistics`, but most columns counted as datatrove does."""
    statistics = lines.line_statistics(data, offsets, chars, word_counts, tables)
    for document, count in enumerate(word_counts):
        text = data[offsets[document] : offsets[document + 1]].tobytes()
        ratios = line_ratios(text.decode(errors="replace"), int(count))
        statistics[document, _FIRST_LINE:_AFTER_LINES] = ratios
    return statistics


def line_ratios(text: str, words: int) -> list[float]:
    """bullet_line_ratio to char_duplicate_ratio of a document of so many words."""
    gopher = text.splitlines()
    starts = [line.lstrip()[:1] for line in gopher]
    ends = [line.rstrip()[-3:] for line in gopher]
    fineweb = [line for line in text.split("\n") if line.strip()]
    paragraphs, paragraph_chars, paragraph_count = _duplicates(
        re.split(r"\n{2,}", text.strip())
    )
    repeated, repeated_chars, line_count = _duplicates(re.split(r"\n+", text))
    _, fineweb_chars, _ = _duplicates(fineweb)
    terminals = _terminals()
    return [
        _ratio(sum(start in ("•", "-") for start in starts), len(gopher)),
        _ratio(sum(end == "..." or end[-1:] == "…" for end in ends), len(gopher)),
        _ratio(sum(line[-1] in terminals for line in fineweb), len(fineweb)),
        _ratio(sum(len(line) <= lines.SHORT_LINE for line in fineweb), len(fineweb)),
        _ratio(text.count("\n"), words),
        _ratio(repeated, line_count),
        _ratio(repeated_chars, len(text)),
        _ratio(paragraphs, paragraph_count),
        _ratio(paragraph_chars, len(text)),
        _ratio(fineweb_chars, len(text.replace("\n", ""))),
    ]


@kernel
def ngram_ratios(
    data: NDArray[np.uint8],
    words: Words,
    hashes: NDArray[np.uint64],
    chars: NDArray[np.int64],
) -> NDArray[np.float64]:
    """As `ngrams.ngram_ratios`, for words that keep their case."""
    ratios = np.zeros((len(chars), len(NGRAMS)))
    spelled, powers = _polynomials(data, words)
    for document in range(len(chars)):
        start, stop = words.documents[document], words.documents[document + 1]
        count = stop - start
        table = empty_table(count)
        entries = np.empty((len(table), 2), np.int32)
        mask = len(table) - 1
        until = np.zeros(count + 1, np.int64)
        until[1:] = np.cumsum(words.lengths[start:stop])
        apart = hashes[start:stop].copy()
        joined = spelled[start:stop].copy()
        for n in range(2, min(_LAST, count) + 1):
            for word in range(count - n + 1):
                last = start + word + n - 1
                apart[word] = finished(apart[word] * _BASE + hashes[last])
                joined[word] = joined[word] * powers[last] + spelled[last]
            if n < _FIRST_DUPLICATE:
                keys = apart[: count - n + 1]
                repeated = _top_chars(keys, until, n, table, entries, mask)
            else:
                keys = np.maximum(joined[: count - n + 1], np.uint64(1))
                repeated = _duplicated_chars(keys, until, n, table, mask)
            ratios[document, n - 2] = min(1.0, repeated / chars[document])
    return ratios


@kernel
def _top_chars(
    keys: NDArray[np.uint64],
    until: NDArray[np.int64],
    n: int,
    table: NDArray[np.uint64],
    entries: NDArray[np.int32],
    mask: int,
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
    chars = until[best_first + n] - until[best_first] + n - 1
    return np.int64(best_count * chars)


@kernel
def _duplicated_chars(
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


@kernel
def _polynomials(
    data: NDArray[np.uint8], words: Words
) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """A hash of each word's letters that can be concatenated, and BASE^length."""
    spelled = np.zeros(len(words.starts), np.uint64)
    powers = np.ones(len(words.starts), np.uint64)
    for word in range(len(spelled)):
        here, stop = words.starts[word], words.ends[word]
        while here < stop:
            code, width = decode(data, here, stop)
            spelled[word] = spelled[word] * _BASE + finished(np.uint64(code))
            powers[word] *= _BASE
            here += width
    return spelled, powers


def _duplicates(parts: Sequence[str]) -> tuple[int, int, int]:
    """Number of parts that repeat an earlier one, their code points, and of all parts."""
    repeated_chars = sum(map(len, parts)) - sum(map(len, set(parts)))
    return len(parts) - len(set(parts)), repeated_chars, len(parts)


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


@lru_cache(maxsize=1)
def _terminals() -> frozenset[str]:
    return frozenset(
        chr(code)
        for start, stop in spans(TERMINAL_CLASS)
        for code in range(start, stop)
    )
