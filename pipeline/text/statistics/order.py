"""Whether a document's words stand in an order that prose can have.

    shuffle_log_odds  how much likelier the places of words and marks are if the words
                      were shuffled than in prose, as a natural logarithm; 0 where no
                      likelier, or where there is too little to tell. 1 is 2.7 times.

Shuffled words break no rule of the papers as long as lines and marks stay. But five
things happen among them as often as the document's own words make likely, and next to
never in prose:

    repeats   a word stands beside itself; "la la la" is one
    clashes   a word that governs stands before one that it cannot govern: في على
    starts    a small letter begins a sentence, in scripts with capitals
    strands   a word stands at a mark that it cannot stand at: "in the, went"; in Thai,
              Lao, Khmer and Burmese, which put few marks, at a space
    endings   a sentence does not end like a verb, in languages where the verb stands last

What prose has of each (`_OF_CHANCE`, `_OF_PLACES`) is above what the gold texts of
benchmarks/fairness.py and its sentences in 75 languages had on 2026-11-22. One of the
five adds at most `_MOST`: a writer may use no capitals, a language double its words. Where
words were shuffled with the marks that they carry, strands and endings stay those of
prose: the two count only if together they speak for shuffling.

Roles and endings are from `pipeline.text.function_words`; repeats and starts need none.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pipeline.text.function_words import (
    GOVERNS,
    NEVER_FIRST,
    NEVER_LAST,
    UNGOVERNED,
    FunctionWords,
)
from pipeline.text.hashing import empty_table, place
from pipeline.text.unicode import (
    LETTER,
    LOWER,
    SPACE,
    TERMINAL,
    UPPER,
    CodePoints,
    flag_at,
    position,
)
from pipeline.text.utf8 import Integer, decode
from pipeline.text.words import Words

COLUMNS = ("shuffle_log_odds",)

_REPEATS, _CLASHES, _STRANDS, _STARTS, _ENDINGS = 0, 1, 2, 3, 4
# Of repeats, clashes and strands prose has this share of what shuffling gives, and as
# many again in a place where one could be.
_OF_CHANCE = (0.15, 0.05, 0.05)
_OF_PLACES = (0.002, 0.001, 0.005)
# The share of sentences that begin small, or do not end in a verb, in prose.
_SMALL, _UNENDED = 0.08, 0.2
_ENOUGH = 3  # sentences to judge by
_MOST = 3.5  # of one of the five: one text in 33 is of another kind
_SUREST = 0.95  # of the share of small words, or of those unlike verbs

# What is between two words, the strongest last. Quotes, brackets and dashes are something
# else: in 「はい。」と the particle is in its place.
_NOTHING, _ONLY_SPACE, _LINE_END, _CLAUSE_END, _DOTS, _SENTENCE_END, _OTHER = range(7)

# What a word is like.
_HAS_LETTER, _IS_SMALL, _IS_CAPITAL, _IS_JUDGED, _IS_UNENDED = 1, 2, 4, 8, 16

_SPACE, _LINE_FEED, _DOT = 0x20, 0x0A, 0x2E
# Comma, colon and semicolon, and their like in Arabic, Greek and Chinese.
_COMMAS = (
    *(0x2C, 0x3A, 0x3B, 0x60C, 0x61B, 0x387),
    *(0x3001, 0xFF0C, 0xFF1A, 0xFF1B, 0xFF64),
)
# Malayalam may put a joiner behind an ending.
_JOINERS = (0x200C, 0x200D)


@njit(cache=True, nogil=True)
def order_statistics(
    data: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    words: Words,
    hashes: NDArray[np.uint64],
    roles: NDArray[np.uint8],
    tables: CodePoints,
    lists: FunctionWords,
) -> NDArray[np.float64]:
    """(documents, 1) statistics of words with these hashes and roles."""
    statistics = np.zeros((len(offsets) - 1, 1))
    most = 0
    for document in range(len(statistics)):
        most = max(most, words.documents[document + 1] - words.documents[document])
    table = empty_table(most)
    counts = np.empty(len(table), np.int32)
    slots = np.empty(most, np.int64)
    kinds = np.empty(most, np.uint8)
    places, found, chances = np.zeros(5), np.zeros(5), np.zeros(5)
    for document in range(len(statistics)):
        start, stop = words.documents[document], words.documents[document + 1]
        kinds_here = kinds[: stop - start]
        _read_words(
            data, words, start, tables, lists, lists.list_of[document], kinds_here
        )
        end = offsets[document + 1]
        _look(data, words, start, end, hashes, roles, kinds_here, tables, places, found)
        own, own_roles = hashes[start:stop], roles[start:stop]
        _expect(own, own_roles, kinds_here, table, counts, slots, places, chances)
        statistics[document, 0] = _log_odds(places, found, chances)
    return statistics


@njit(cache=True, nogil=True)
def _read_words(
    data: NDArray[np.uint8],
    words: Words,
    start: int,
    tables: CodePoints,
    lists: FunctionWords,
    own: int,
    kinds: NDArray[np.uint8],
) -> None:
    """Note of each word from `start` on how it begins and ends, in the `own` list."""
    first, last = 0, 0
    if own >= 0:
        first, last = lists.ending_lists[own], lists.ending_lists[own + 1]
    for word in range(len(kinds)):
        here, end = words.starts[start + word], words.ends[start + word]
        flag, _ = flag_at(data, here, end, tables.index, tables.flags)
        kind = 0
        if flag & LETTER:
            kind = _HAS_LETTER
            kind |= _IS_SMALL if flag & LOWER else 0
            kind |= _IS_CAPITAL if flag & UPPER else 0
        if kind == _HAS_LETTER and first < last:
            kind |= _IS_JUDGED
            kind |= (
                0 if _has_ending(data, here, end, lists, first, last) else _IS_UNENDED
            )
        kinds[word] = kind


@njit(cache=True, nogil=True)
def _has_ending(
    data: NDArray[np.uint8],
    start: int,
    stop: int,
    lists: FunctionWords,
    first: int,
    last: int,
) -> bool:
    """Whether a word has one of the endings `first` to `last`, or is one."""
    if stop - start > 3:
        code, _ = decode(data, stop - 3, stop)
        stop -= 3 if code in _JOINERS else 0
    for ending in range(first, last):
        end = lists.ending_ends[ending]
        size = end - lists.ending_ends[ending - 1] if ending else end
        step = 0
        while step < min(size, stop - start) and (
            data[stop - 1 - step] == lists.endings[end - 1 - step]
        ):
            step += 1
        if step == size:
            return True
    return False


@njit(cache=True, nogil=True)
def _look(
    data: NDArray[np.uint8],
    words: Words,
    start: int,
    end: int,
    hashes: NDArray[np.uint64],
    roles: NDArray[np.uint8],
    kinds: NDArray[np.uint8],
    tables: CodePoints,
    places: NDArray[np.float64],
    found: NDArray[np.float64],
) -> None:
    """Count where each of the five could be, and where it is; the text ends at `end`."""
    places[:], found[:] = 0, 0
    is_repeat = False
    for word in range(len(kinds)):
        at = start + word
        is_last = word + 1 == len(kinds)
        behind = end if is_last else words.starts[at + 1]
        end_here = words.ends[at]
        gap = _ONLY_SPACE  # nine times in ten, but not always in Thai
        is_space = behind - end_here == 1 and data[end_here] == _SPACE
        if is_last or not is_space or data[behind] >= 0xE0:
            gap = _gap(data, end_here, behind, tables, is_last)
        if gap == _DOTS:
            # 3.5 and J. Smith are no ends.
            is_long = words.lengths[at] > (1 if kinds[word] & _HAS_LETTER else 2)
            is_end = is_long and (is_last or data[behind - 1] <= _SPACE)
            gap = _SENTENCE_END if is_end else _OTHER
        if gap == _SENTENCE_END and kinds[word] & _IS_JUDGED:
            places[_ENDINGS] += 1
            found[_ENDINGS] += kinds[word] & _IS_UNENDED != 0
        if is_last:
            break
        if gap == _SENTENCE_END and kinds[word + 1] & (_IS_SMALL | _IS_CAPITAL):
            places[_STARTS] += 1
            found[_STARTS] += kinds[word + 1] & _IS_SMALL != 0
        was_repeat, is_repeat = is_repeat, False
        if gap in (_CLAUSE_END, _SENTENCE_END):
            places[_STRANDS] += 1
            is_late, is_early = roles[at] & NEVER_LAST, roles[at + 1] & NEVER_FIRST
            found[_STRANDS] += is_late != 0 or is_early != 0
        elif gap <= _ONLY_SPACE:
            places[_REPEATS] += 1
            # Figures of a table may be equal.
            is_repeat = hashes[at] == hashes[at + 1] and kinds[word] & _HAS_LETTER != 0
            found[_REPEATS] += is_repeat and not was_repeat
            is_clash = roles[at] & GOVERNS != 0 and roles[at + 1] & UNGOVERNED != 0
            found[_CLASHES] += is_clash and not is_repeat
    places[_CLASHES] = places[_REPEATS]


@njit(cache=True, nogil=True)
def _gap(
    data: NDArray[np.uint8], start: int, stop: int, tables: CodePoints, is_last: bool
) -> int:
    """The strongest thing between two words: see `_NOTHING` and its like."""
    gap: int = _NOTHING
    here = start
    while here < stop:
        code, width = np.int64(data[here]), 1
        if code >= 0x80:
            code, width = decode(data, here, stop)
        here += width
        flag = tables.flags[position(tables.index, code)]
        if code == _DOT:
            gap = max(gap, _DOTS)
        elif flag & TERMINAL:
            gap = max(gap, _SENTENCE_END)
        elif code in _COMMAS:
            gap = max(gap, _CLAUSE_END)
        elif code == _LINE_FEED:
            gap = max(gap, _LINE_END)
        else:
            gap = max(gap, _ONLY_SPACE if flag & SPACE else _OTHER)
    if gap in (_ONLY_SPACE, _LINE_END) and not is_last and data[stop] in (0xE0, 0xE1):
        before, _ = decode(data, max(0, start - 3), start)
        after, _ = decode(data, stop, min(stop + 3, len(data)))
        if _parts_by_space(before) and _parts_by_space(after):
            return _CLAUSE_END
    return gap


@njit(cache=True, nogil=True, inline="always")
def _parts_by_space(code: Integer) -> bool:
    """Whether it is a Thai or Lao, Burmese or Khmer character."""
    block = int(code) >> 7
    return block in (0x1C, 0x1D, 0x20, 0x2F)


@njit(cache=True, nogil=True)
def _expect(
    hashes: NDArray[np.uint64],
    roles: NDArray[np.uint8],
    kinds: NDArray[np.uint8],
    table: NDArray[np.uint64],
    counts: NDArray[np.int32],
    slots: NDArray[np.int64],
    places: NDArray[np.float64],
    chances: NDArray[np.float64],
) -> None:
    """How many of each of the five shuffled words would have in these places."""
    count = max(1, len(hashes))
    mask = 15
    while mask + 1 < 2 * len(hashes):
        mask = 2 * mask + 1
    table[: mask + 1] = 0
    for word in range(len(hashes)):
        at = place(table, mask, hashes[word])
        if table[at] == 0:
            table[at] = hashes[word]
            counts[at] = 0
        counts[at] += 1
        slots[word] = at
    # Of two words side by side: the same; the first governs, the second cannot be
    # governed, and they are not the same.
    twice, governing, ungoverned, both = 0, 0, 0, 0
    first, last = 0, 0
    small, capital, judged, unended = 0, 0, 0, 0
    for word in range(len(hashes)):
        role, kind = roles[word], kinds[word]
        if kind & _HAS_LETTER:
            twice += counts[slots[word]] - 1
        governing += role & GOVERNS != 0
        ungoverned += role & UNGOVERNED != 0
        if role & GOVERNS and role & UNGOVERNED:
            both += counts[slots[word]]
        last += role & NEVER_LAST != 0
        first += role & NEVER_FIRST != 0
        small += kind & _IS_SMALL != 0
        capital += kind & _IS_CAPITAL != 0
        judged += kind & _IS_JUDGED != 0
        unended += kind & _IS_UNENDED != 0
    pairs = count * count
    chances[_REPEATS] = places[_REPEATS] * twice / pairs
    chances[_CLASHES] = places[_CLASHES] * (governing * ungoverned - both) / pairs
    chances[_STRANDS] = places[_STRANDS] * (
        last / count + first / count - last * first / pairs
    )
    chances[_STARTS] = places[_STARTS] * small / max(1, small + capital)
    chances[_ENDINGS] = places[_ENDINGS] * unended / max(1, judged)


@njit(cache=True, nogil=True)
def _log_odds(
    places: NDArray[np.float64],
    found: NDArray[np.float64],
    chances: NDArray[np.float64],
) -> float:
    """What the five say together: rare ones as of Poisson, shares as of Bernoulli."""
    said = np.zeros(5)
    for kind in range(3):
        chance = chances[kind]
        in_prose = _OF_CHANCE[kind] * chance + _OF_PLACES[kind] * places[kind]
        if chance > in_prose:
            said[kind] = found[kind] * np.log(chance / in_prose) - (chance - in_prose)
    for kind in range(3, 5):
        in_prose = _SMALL if kind == _STARTS else _UNENDED
        share = min(_SUREST, chances[kind] / max(1.0, places[kind]))
        if share > in_prose and places[kind] >= _ENOUGH:
            others = places[kind] - found[kind]
            said[kind] = found[kind] * np.log(share / in_prose)
            said[kind] += others * np.log((1 - share) / (1 - in_prose))
    said = np.minimum(said, _MOST)
    marks = max(0.0, said[_STRANDS] + said[_ENDINGS])
    # The last digits of a logarithm differ between processors.
    odds = said[_REPEATS] + said[_CLASHES] + said[_STARTS] + marks
    rounded: float = max(0.0, np.round(odds, 4))
    return rounded
