"""Word lists of many languages in one hash table, and their hits in a batch.

An entry is a word or a phrase, and counts or is mild: a mild one takes the words it matches
from all others, and is no hit. So `maine coon` shields its second word, which is listed
alone. An entry matches whole words only (those of
`tamis.text.words`), in lower case. Between the words of a phrase, one space, hyphen or
apostrophe matches any of these. In scripts without spaces an entry must start where a
word starts and end where a word ends, however ICU cuts the text in between: the entry
他妈的 is found in 他妈|的 and in 他|妈的, but 干 is not found in 干净.

    keys     (places,)  uint64  hash of each entry and of each of its beginnings, by
                                language; 0 marks an empty place
    entries  (places,)  int32   number of the key's entry; -1 for a mere beginning,
                                -2 for a mild entry
    begins   (2^14,)    uint8   2^17 bits: 1 at the hash of every key

The beginnings show where a search can stop: most words of a text begin no entry. Five
in six are told by the bit of their first four code points, of the others most by the
bit of the whole word: the bits stay in a core's cache, as the keys do not.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tamis.compiled import kernel
from tamis.text.buffers import Bytes, Offsets, read_only
from tamis.text.growth import doubled
from tamis.text.hashing import (
    OFFSET,
    eight_bytes,
    empty_table,
    extended,
    finished,
    place,
)
from tamis.text.unicode import code_points, position
from tamis.text.utf8 import decode
from tamis.text.words import Words, segment

NO_LIST = -1

_NONE, _MILD = -1, -2  # of `entries`
_BEGINNING = 4  # code points
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_BIT_SHIFT = np.uint64(64 - 17)
_BEYOND_ASCII = np.uint64(0x80808080)
_MOST_WORDS = 16  # of a phrase: ICU cuts long Thai and Chinese entries into many
_SPACE = 0x20


class Lexicon(NamedTuple):
    """The table that `lexicon` builds; `languages` numbers those that have a list."""

    keys: NDArray[np.uint64]
    entries: NDArray[np.int32]
    begins: NDArray[np.uint8]
    languages: dict[str, int]


class Hits(NamedTuple):
    """Per document; all 0 if the document's language has no list."""

    hits: NDArray[np.int64]
    distinct: NDArray[np.int64]  # different entries among the hits


def lexicon(lists: Mapping[str, Mapping[str, bool]]) -> Lexicon:
    """The lists by language as one table: each entry, and whether it counts.

    See `usable` for what an entry may be. Of two spellings that match the same words
    (`half-baked`, `Half baked`) it is enough that one counts.
    """
    languages = {language: number for number, language in enumerate(sorted(lists))}
    # Sorted, so that the table does not depend on the order of a list; mild ones first, as
    # of two entries at one place the later stays.
    listed = sorted(
        {
            (number, counts, entry.strip())
            for language, number in languages.items()
            for entry, counts in lists[language].items()
        }
    )
    numbers = np.array([number for number, _, _ in listed], np.int64)
    is_mild = np.array([not counts for _, counts, _ in listed], np.bool_)
    data, offsets = _buffers([entry for _, _, entry in listed])
    words = segment(data, offsets)
    arrays = _table(read_only(data), offsets, words, numbers, is_mild, *_folding())
    return Lexicon(*arrays, languages)


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

    `languages` has one code per document. Matches do not overlap: a phrase counts once,
    and the words in it do not count again. Matches of mild entries are no hits.
    """
    numbers = np.array(
        [table.languages.get(language or "", NO_LIST) for language in languages],
        np.int64,
    )
    arrays = (table.keys, table.entries, table.begins)
    return Hits(*_count(read_only(data), words, numbers, *arrays, *_folding()))


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
    is_mild: NDArray[np.bool_],
    index: NDArray[np.uint16],
    lower: NDArray[np.int32],
) -> tuple[NDArray[np.uint64], NDArray[np.int32], NDArray[np.uint8]]:
    begins = np.zeros(1 << 14, np.uint8)
    keys = empty_table(len(data) + len(words.starts))
    entries = np.full(len(keys), _NONE, np.int32)
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
                byte, bit = _bit_of(value)
                begins[byte] |= bit
        entries[at] = _MILD if is_mild[entry] else entry
    return keys, entries, begins


@kernel
def _count(
    data: Bytes,
    words: Words,
    numbers: NDArray[np.int64],
    keys: NDArray[np.uint64],
    entries: NDArray[np.int32],
    begins: NDArray[np.uint8],
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
        count, seed = 0, _seed(numbers[document])
        word, last = words.documents[document], words.documents[document + 1]
        while word < last:
            begin, end = words.starts[word], words.ends[word]
            if not _may_begin(data, begin, end, seed, begins, index, lower):
                word += 1
                continue
            entry, next_word = np.int32(_NONE), word + 1
            value = seed
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
                if not _has_bit(begins, value):
                    break
                at = place(keys, mask, finished(value))
                if keys[at] == 0:
                    break
                if entries[at] != _NONE:
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


@kernel(forceinline=True)
def _may_begin(
    data: Bytes,
    here: int,
    stop: int,
    seed: np.uint64,
    begins: NDArray[np.uint8],
    index: NDArray[np.uint16],
    lower: NDArray[np.int32],
) -> bool:
    """Whether an entry may begin with the first four code points of data[here:stop]."""
    value = seed
    size = min(stop - here, _BEGINNING)
    if here + 8 <= len(data):
        four = eight_bytes(data, here)
        if not four << np.uint64(64 - 8 * size) >> np.uint64(64 - 8 * size) & (
            _BEYOND_ASCII
        ):
            # Without branches: a processor cannot foresee the length of a word.
            one = extended(seed, _lower(four, 0, lower))
            two = extended(one, _lower(four, 8, lower))
            three = extended(two, _lower(four, 16, lower))
            value = extended(three, _lower(four, 24, lower))
            value = three if size == 3 else value
            value = two if size == 2 else value
            value = one if size == 1 else value
            return _has_bit(begins, value)
    for _ in range(_BEGINNING):
        if here < stop:
            code, width = decode(data, here, stop)
            value = extended(value, code + lower[position(index, code)])
            here += width
    return _has_bit(begins, value)


@kernel(inline="always")
def _lower(four: np.uint64, shift: int, lower: NDArray[np.int32]) -> np.int64:
    """The byte above `shift` bits, in lower case if it is ASCII."""
    byte = four >> np.uint64(shift) & np.uint64(0xFF)
    return np.int64(np.int64(byte) + lower[byte])


@kernel(inline="always")
def _has_bit(begins: NDArray[np.uint8], value: np.uint64) -> bool:
    byte, bit = _bit_of(value)
    return bool(begins[byte] & bit)


@kernel(inline="always")
def _bit_of(value: np.uint64) -> tuple[np.uint64, np.uint8]:
    """The place of a hash's bit in `begins`; it depends on all bits of FNV's hash."""
    at = (value * _MULTIPLIER) >> _BIT_SHIFT
    return at >> np.uint64(3), np.uint8(1) << np.uint8(at & np.uint64(7))


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
