"""Word lists of many languages in one hash table, and their hits in a batch.

An entry is a word or a phrase. It matches whole words only (those of
`tamis.text.words`), in lower case. Between the words of a phrase, one space, hyphen or
apostrophe matches any of these. In scripts without spaces an entry must start where a
word starts and end where a word ends, however ICU cuts the text in between: the entry
他妈的 is found in 他妈|的 and in 他|妈的, but 干 is not found in 干净.

    keys     (places,)  uint64  hash of each entry and of each of its beginnings, by
                                language; 0 marks an empty place
    entries  (places,)  int32   number of the key's entry; -1 for a mere beginning

The beginnings show where a search can stop: most words of a text begin no entry, and
cost one look-up each.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tamis.compiled import kernel
from tamis.text.buffers import Bytes, Offsets, read_only
from tamis.text.growth import doubled
from tamis.text.hashing import OFFSET, empty_table, extended, finished, place
from tamis.text.unicode import code_points, position
from tamis.text.utf8 import decode
from tamis.text.words import Words, segment

NO_LIST = -1

_MOST_WORDS = 16  # of a phrase: ICU cuts long Thai and Chinese entries into many
_SPACE = 0x20


class Lexicon(NamedTuple):
    """The table that `lexicon` builds; `languages` numbers those that have a list."""

    keys: NDArray[np.uint64]
    entries: NDArray[np.int32]
    languages: dict[str, int]


class Hits(NamedTuple):
    """Per document; all 0 if the document's language has no list."""

    hits: NDArray[np.int64]
    distinct: NDArray[np.int64]  # different entries among the hits


def lexicon(lists: Mapping[str, Iterable[str]]) -> Lexicon:
    """The lists by language as one table. See `usable` for what an entry may be."""
    languages = {language: number for number, language in enumerate(sorted(lists))}
    # Sorted, so that the table does not depend on the order of a list.
    listed = [
        (number, entry)
        for language, number in languages.items()
        for entry in sorted({entry.strip() for entry in lists[language]})
    ]
    numbers = np.array([number for number, _ in listed], np.int64)
    data, offsets = _buffers([entry for _, entry in listed])
    words = segment(data, offsets)
    keys, entries = _table(read_only(data), offsets, words, numbers, *_folding())
    return Lexicon(keys, entries, languages)


def usable(entries: Sequence[str]) -> tuple[str, ...]:
    """Entries that can match: words with one joint between them, and nothing else.

    `a$$` could only match as `a`, and an emoji never: they are left out.
    """
    texts = [entry.strip() for entry in entries]
    data, offsets = _buffers(texts)
    words = segment(data, offsets)
    flags = _usable_flags(read_only(data), offsets, words)
    return tuple(text for text, flag in zip(texts, flags, strict=True) if flag)


def count_hits(
    data: Bytes, words: Words, languages: list[str | None], *, table: Lexicon
) -> Hits:
    """Hits in each document of its language's list, leftmost and longest first.

    `languages` has one code per document. Hits do not overlap: a phrase counts once,
    and the words in it do not count again.
    """
    numbers = np.array(
        [table.languages.get(language or "", NO_LIST) for language in languages],
        np.int64,
    )
    return Hits(
        *_count(read_only(data), words, numbers, table.keys, table.entries, *_folding())
    )


def _buffers(texts: Sequence[str]) -> tuple[Bytes, Offsets]:
    encoded = [text.encode() for text in texts]
    data = np.frombuffer(b"".join(encoded), np.uint8)
    return data, np.cumsum([0, *map(len, encoded)], dtype=np.int64)


def _folding() -> tuple[NDArray[np.uint16], NDArray[np.int32]]:
    tables = code_points()
    return tables.index, tables.lower


@kernel
def _table(
    data: Bytes,
    offsets: Offsets,
    words: Words,
    numbers: NDArray[np.int64],
    index: NDArray[np.uint16],
    lower: NDArray[np.int32],
) -> tuple[NDArray[np.uint64], NDArray[np.int32]]:
    keys = empty_table(len(data) + len(words.starts))
    entries = np.full(len(keys), -1, np.int32)
    mask = len(keys) - 1
    for entry in range(len(numbers)):
        first, last = words.documents[entry], words.documents[entry + 1]
        start, stop = offsets[entry], offsets[entry + 1]
        if not _is_usable(data, start, stop, words, first, last):
            continue
        value, at = _seed(numbers[entry]), np.int64(0)
        for word in range(first, last):
            if word > first and words.starts[word] > words.ends[word - 1]:
                value = extended(value, _SPACE)
                at = place(keys, mask, finished(value))
                keys[at] = finished(value)
            here = words.starts[word]
            while here < words.ends[word]:
                code, width = decode(data, here, stop)
                value = extended(value, code + lower[position(index, code)])
                at = place(keys, mask, finished(value))
                keys[at] = finished(value)
                here += width
        entries[at] = entry
    return keys, entries


@kernel
def _count(
    data: Bytes,
    words: Words,
    numbers: NDArray[np.int64],
    keys: NDArray[np.uint64],
    entries: NDArray[np.int32],
    index: NDArray[np.uint16],
    lower: NDArray[np.int32],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    hits = np.zeros(len(numbers), np.int64)
    distinct = np.zeros(len(numbers), np.int64)
    mask = len(keys) - 1
    found = np.empty(64, np.int32)
    for document in range(len(numbers)):
        if numbers[document] == NO_LIST:
            continue
        count = 0
        word, last = words.documents[document], words.documents[document + 1]
        while word < last:
            entry, next_word = np.int32(-1), word + 1
            value = _seed(numbers[document])
            for reached in range(word, min(last, word + _MOST_WORDS)):
                if reached > word:
                    gap = words.starts[reached] - words.ends[reached - 1]
                    if gap and not _is_joint(data, words.ends[reached - 1], gap):
                        break
                    value = extended(value, _SPACE) if gap else value
                here = words.starts[reached]
                while here < words.ends[reached]:
                    code, width = decode(data, here, words.ends[reached])
                    value = extended(value, code + lower[position(index, code)])
                    here += width
                at = place(keys, mask, finished(value))
                if keys[at] == 0:
                    break
                if entries[at] >= 0:
                    entry, next_word = entries[at], reached + 1
            word = next_word
            if entry < 0:
                continue
            if count == len(found):
                found = doubled(found)
            found[count] = entry
            count += 1
        hits[document] = count
        distinct[document] = len(np.unique(found[:count]))
    return hits, distinct


@kernel
def _seed(number: int) -> np.uint64:
    """Start of the hashes of a language's entries, larger than any code point."""
    return extended(OFFSET, 0x110000 + number)


@kernel
def _usable_flags(data: Bytes, offsets: Offsets, words: Words) -> NDArray[np.bool_]:
    flags = np.empty(len(offsets) - 1, np.bool_)
    for entry in range(len(flags)):
        first, last = words.documents[entry], words.documents[entry + 1]
        flags[entry] = _is_usable(
            data, offsets[entry], offsets[entry + 1], words, first, last
        )
    return flags


@kernel
def _is_usable(
    data: Bytes, start: int, stop: int, words: Words, first: int, last: int
) -> bool:
    if last == first or last - first > _MOST_WORDS:
        return False
    if words.starts[first] != start or words.ends[last - 1] != stop:
        return False
    for word in range(first + 1, last):
        gap = words.starts[word] - words.ends[word - 1]
        if gap and not _is_joint(data, words.ends[word - 1], gap):
            return False
    return True


@kernel
def _is_joint(data: Bytes, start: int, gap: int) -> bool:
    """Whether a gap is one space (or no-break space), hyphen or apostrophe."""
    first = data[start]
    if gap == 1:
        return bool(first == 0x20 or first == 0x2D or first == 0x27)
    if gap == 2:
        return bool(first == 0xC2 and data[start + 1] == 0xA0)
    if gap != 3 or first != 0xE2 or data[start + 1] != 0x80:
        return False
    third = data[start + 2]
    return bool(third == 0x90 or third == 0x91 or third == 0x99 or third == 0xAF)
