"""Measure whether the order of a document's words is like prose or like shuffled words.

    shuffle_log_odds  how much likelier the order of words and marks is for shuffled words
                      than for prose, as a natural logarithm; 0 if it is not likelier,
                      or if there is too little text. 1 is 2.7 times.

Shuffled words break no rule of the papers if lines and marks stay in place. But five
signs are frequent in them, by the document's own words, and very rare in prose:

    repeats   a word is next to itself; "la la la" is one
    clashes   a word that governs is before one that it cannot govern: في على
    starts    a small letter begins a sentence, in scripts with capitals
    strands   a word is at a mark where it cannot be: "in the, went"; in Thai, Lao, Khmer
              and Burmese, which have few marks, at a space
    endings   a sentence does not end like a verb, in languages with the verb at the end

`shuffling` has the odds of each sign, for shuffled words and for prose. A single sign
adds at most 3.5: a writer may use no capitals, or a language may double its words. If
words were shuffled together with the marks at them, strands and endings are as in
prose: these two count only if together they indicate shuffling.

Roles and endings are from `tamis.text.function_words`; repeats and starts need none.
"""

import numpy as np
from numpy.typing import NDArray

from tamis.compiled import kernel
from tamis.text.function_words import (
    GOVERNS,
    NEVER_FIRST,
    NEVER_LAST,
    UNGOVERNED,
    FunctionWords,
)
from tamis.text.statistics.shuffling import (
    CLASHES,
    ENDINGS,
    HAS_LETTER,
    IS_CAPITAL,
    IS_JUDGED,
    IS_SMALL,
    IS_UNENDED,
    REPEATS,
    STARTS,
    STRANDS,
    expected,
    log_odds,
)
from tamis.text.unicode import (
    LETTER,
    LOWER,
    SPACE,
    TERMINAL,
    UPPER,
    CodePoints,
    flag_at,
    position,
)
from tamis.text.utf8 import Integer, decode
from tamis.text.words import Words

# What is between two words, the strongest last. Quotes, brackets and dashes are _OTHER:
# in 「はい。」と the particle is in a correct place.
_NOTHING, _ONLY_SPACE, _LINE_END, _CLAUSE_END, _DOTS, _SENTENCE_END, _OTHER = range(7)

_SPACE, _LINE_FEED, _DOT = 0x20, 0x0A, 0x2E
# Comma, colon and semicolon, also of Arabic, Greek and Chinese.
_COMMAS = (
    *(0x2C, 0x3A, 0x3B, 0x60C, 0x61B, 0x387),
    *(0x3001, 0xFF0C, 0xFF1A, 0xFF1B, 0xFF64),
)
# Malayalam may put a joiner after an ending.
_JOINERS = (0x200C, 0x200D)


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
    # Three kernels compile in two thirds of the time of one.
    kinds = _read_words(data, words, tables, lists)
    places, found = _look(data, offsets, words, hashes, roles, kinds, tables)
    chances = expected(words.documents, hashes, roles, kinds, places)
    return log_odds(places, found, chances)[:, np.newaxis]


@kernel
def _read_words(
    data: NDArray[np.uint8], words: Words, tables: CodePoints, lists: FunctionWords
) -> NDArray[np.uint8]:
    """Properties of each word's beginning and end: a sum of `HAS_LETTER` and so on."""
    kinds = np.empty(len(words.starts), np.uint8)
    for document in range(len(words.documents) - 1):
        first, last, own = 0, 0, lists.list_of[document]
        if own >= 0:
            first, last = lists.ending_lists[own], lists.ending_lists[own + 1]
        for word in range(words.documents[document], words.documents[document + 1]):
            here, end = words.starts[word], words.ends[word]
            flag, _ = flag_at(data, here, end, tables.index, tables.flags)
            # Without branches, which a processor cannot foresee here.
            case = IS_SMALL * (flag & LOWER != 0) | IS_CAPITAL * (flag & UPPER != 0)
            kind = (HAS_LETTER | case) * (flag & LETTER != 0)
            if kind == HAS_LETTER and first < last:
                is_ended = _has_ending(data, here, end, lists, first, last)
                kind |= IS_JUDGED if is_ended else IS_JUDGED | IS_UNENDED
            kinds[word] = kind
    return kinds


@kernel
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


@kernel
def _look(
    data: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    words: Words,
    hashes: NDArray[np.uint64],
    roles: NDArray[np.uint8],
    kinds: NDArray[np.uint8],
    tables: CodePoints,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(documents, 5) numbers of places where each sign could be, and where it is."""
    all_places = np.zeros((len(offsets) - 1, 5))
    all_found = np.zeros((len(offsets) - 1, 5))
    for document in range(len(all_places)):
        start, stop = words.documents[document], words.documents[document + 1]
        places, found = all_places[document], all_found[document]
        is_repeat = False
        for at in range(start, stop):
            is_last = at + 1 == stop
            here = words.ends[at]
            following = offsets[document + 1] if is_last else words.starts[at + 1]
            gap = _ONLY_SPACE  # nine times in ten, but not always in Thai
            is_space = following - here == 1 and data[here] == _SPACE
            if is_last or not is_space or data[following] >= 0xE0:
                gap = _gap(data, here, following, tables, is_last)
            if gap == _DOTS:
                # The dots in 3.5 and J. Smith end no sentence.
                is_long = words.lengths[at] > (1 if kinds[at] & HAS_LETTER else 2)
                is_end = is_long and (is_last or data[following - 1] <= _SPACE)
                gap = _SENTENCE_END if is_end else _OTHER
            if gap == _SENTENCE_END and kinds[at] & IS_JUDGED:
                places[ENDINGS] += 1
                found[ENDINGS] += kinds[at] & IS_UNENDED != 0
            if is_last:
                break
            if gap == _SENTENCE_END and kinds[at + 1] & (IS_SMALL | IS_CAPITAL):
                places[STARTS] += 1
                found[STARTS] += kinds[at + 1] & IS_SMALL != 0
            was_repeat, is_repeat = is_repeat, False
            if gap in (_CLAUSE_END, _SENTENCE_END):
                places[STRANDS] += 1
                is_late, is_early = roles[at] & NEVER_LAST, roles[at + 1] & NEVER_FIRST
                found[STRANDS] += is_late != 0 or is_early != 0
            elif gap <= _ONLY_SPACE:
                places[REPEATS] += 1
                # Equal numbers side by side may be from a table.
                is_repeat = hashes[at] == hashes[at + 1] and kinds[at] & HAS_LETTER != 0
                found[REPEATS] += is_repeat and not was_repeat
                is_clash = roles[at] & GOVERNS != 0 and roles[at + 1] & UNGOVERNED != 0
                found[CLASHES] += is_clash and not is_repeat
        places[CLASHES] = places[REPEATS]
    return all_places, all_found


@kernel
def _gap(
    data: NDArray[np.uint8], start: int, stop: int, tables: CodePoints, is_last: bool
) -> int:
    """The strongest separator between two words, from `_NOTHING` to `_OTHER`."""
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
        if _has_clause_spaces(before) and _has_clause_spaces(after):
            return _CLAUSE_END
    return gap


@kernel(inline="always")
def _has_clause_spaces(code: Integer) -> bool:
    """Whether it is Thai, Lao, Burmese or Khmer, where spaces separate clauses."""
    block = int(code) >> 7
    return block in (0x1C, 0x1D, 0x20, 0x2F)
