"""Words of a run of Thai, Lao, Khmer or Burmese: looking three words ahead.

Of the words of ICU's dictionary that begin here, the longest is taken that two more
words follow; else the shortest that one follows; else the longest. Where no word begins,
or behind a short one, the text goes on to the next place where a word may begin and
one of the dictionary does; marks stay with what they stand on. The boundaries are those
of ICU 78's break engines for these scripts, which follow the same rules.

    data          (bytes,)  uint8  UTF-8
    starts, ends  (runs,)   int64  bytes data[start:end] are a run
    classes       (256,)    uint8  what each letter of the script is, sums of the
                                   constants below; 0 what is left to ICU

A unit is a letter's place in its script: code point less `offset`.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from tamis.text.tries import Trie, step
from tamis.text.utf8 import Integer, decode

_KNOWN = 1
_BEGINS = 2  # a word may begin with it
_ENDS = 4  # a word may end with it
_MARK = 8
_ABBREVIATES = 16  # ฯ, which goes to the word before it
_REPEATS = 32  # ๆ, likewise

_WIDTH = 3  # bytes of every letter that the kernel knows
_MAX_CANDIDATES = 20
# Words that begin at a place are bits of a number, the shortest the highest, so that the
# lowest bit is the longest. It is found by a table (Leiserson, Prokop and Randall 1998).
_ONE_LETTER = np.uint64(1 << 63)
_DE_BRUIJN = np.uint64(0x03F79D71B4CB0A89)
_LETTERS_OF = np.zeros(64, np.uint8)
for _bit in range(64):
    _LETTERS_OF[(int(_DE_BRUIJN) << _bit) % (1 << 64) >> 58] = 64 - _bit
# What is not in the dictionary joins a word shorter than this, if it has less in common
# with words of the dictionary.
_SHORT = 3


class Script(NamedTuple):
    """One of the four. Shorter runs than `shortest` letters are one word."""

    name: str
    offset: int
    shortest: int
    classes: NDArray[np.uint8]


def _script(
    name: str,
    offset: int,
    *,
    known: tuple[tuple[int, int], ...],
    begins: tuple[tuple[int, int], ...],
    never_last: tuple[tuple[int, int], ...] = (),
    marks: tuple[tuple[int, int], ...],
    shortest: int = 4,
) -> Script:
    """Ranges hold their last code point. `known`: those of Line_Break SA."""
    classes = np.zeros(256, np.uint8)
    for ranges, flag in (
        (known, _KNOWN | _ENDS),
        (begins, _BEGINS),
        (marks, _MARK),
    ):
        for first, last in ranges:
            classes[first - offset : last - offset + 1] |= flag
    for first, last in never_last:
        classes[first - offset : last - offset + 1] &= ~np.uint8(_ENDS)
    classes[classes & _KNOWN == 0] = 0
    return Script(name, offset, shortest, classes)


THAI = _script(
    "thaidict",
    0xE00,
    known=((0xE01, 0xE3A), (0xE40, 0xE4E)),
    begins=((0xE01, 0xE2E), (0xE40, 0xE44)),
    never_last=((0xE31, 0xE31), (0xE40, 0xE44)),
    marks=((0xE31, 0xE31), (0xE34, 0xE3A), (0xE47, 0xE4E)),
    shortest=5,
)
THAI.classes[0x2F] |= _ABBREVIATES
THAI.classes[0x46] |= _REPEATS
LAO = _script(
    "laodict",
    0xE80,
    known=(
        *((0xE81, 0xE82), (0xE84, 0xE84), (0xE86, 0xE8A), (0xE8C, 0xEA3)),
        *((0xEA5, 0xEA5), (0xEA7, 0xEBD), (0xEC0, 0xEC4), (0xEC6, 0xEC6)),
        *((0xEC8, 0xECE), (0xEDC, 0xEDF)),
    ),
    begins=((0xE81, 0xEAE), (0xEDC, 0xEDD), (0xEC0, 0xEC4)),
    never_last=((0xEC0, 0xEC4),),
    marks=((0xEB1, 0xEB1), (0xEB4, 0xEBC), (0xEC8, 0xECE)),
)
KHMER = _script(
    "khmerdict",
    0x1780,
    known=((0x1780, 0x17D3), (0x17D7, 0x17D7), (0x17DC, 0x17DD)),
    begins=((0x1780, 0x17B3),),
    never_last=((0x17D2, 0x17D2),),
    marks=((0x17B4, 0x17D3), (0x17DD, 0x17DD)),
)
BURMESE = _script(
    "burmesedict",
    0x1000,
    known=((0x1000, 0x103F), (0x1050, 0x108F), (0x109A, 0x109F)),
    begins=((0x1000, 0x102A),),
    marks=(
        *((0x102B, 0x103E), (0x1056, 0x1059), (0x105E, 0x1060), (0x1062, 0x1064)),
        *((0x1067, 0x106D), (0x1071, 0x1074), (0x1082, 0x108D), (0x108F, 0x108F)),
        (0x109A, 0x109D),
    ),
)
SCRIPTS = (THAI, LAO, KHMER, BURMESE)


@njit(cache=True, nogil=True)
def lookahead_breaks(
    data: NDArray[np.uint8],
    starts: NDArray[np.int64],
    ends: NDArray[np.int64],
    is_left: NDArray[np.bool_],
    trie: Trie,
    script: Script,
) -> NDArray[np.int64]:
    """Where in `data` words part within the runs that `is_left` marks, ascending.

    Marks are taken off the runs that were cut: all those of nothing but what is known.
    """
    longest, places = 0, 0
    for run in range(len(starts)):
        if is_left[run]:
            longest = max(longest, ends[run] - starts[run])
            places += (ends[run] - starts[run]) // _WIDTH
    units = np.empty(longest // _WIDTH, np.uint8)
    words = np.empty(longest // _WIDTH, np.uint64)
    prefixes = np.empty(longest // _WIDTH, np.uint8)
    breaks = np.empty(places, np.int64)
    count = 0
    for run in range(len(starts)):
        if not is_left[run]:
            continue
        length = _known_units(data, starts[run], ends[run], units, script)
        if length == 0:
            continue
        is_left[run] = False
        if length < script.shortest:
            continue
        _find_words(units[:length], trie, words, prefixes)
        here = _next_break(units[:length], 0, script.classes, words, prefixes)
        while here < length:
            breaks[count] = starts[run] + _WIDTH * here
            count += 1
            here = _next_break(units[:length], here, script.classes, words, prefixes)
    return breaks[:count].copy()


@njit(cache=True, nogil=True)
def _known_units(
    data: NDArray[np.uint8],
    start: Integer,
    stop: Integer,
    units: NDArray[np.uint8],
    script: Script,
) -> int:
    """Number of letters, entered into `units`; 0 if one of them is not known."""
    length = 0
    for here in range(start, stop, _WIDTH):
        code, width = decode(data, here, stop)
        unit = code - script.offset
        if width != _WIDTH or not 0 <= unit < 256 or not script.classes[unit]:
            return 0
        units[length] = unit
        length += 1
    return length


@njit(cache=True, nogil=True)
def _find_words(
    text: NDArray[np.uint8],
    trie: Trie,
    words: NDArray[np.uint64],
    prefixes: NDArray[np.uint8],
) -> None:
    """Enter for each place the words that begin there: the highest bit, one of one letter.

    And how many letters were looked at until no word went on with them, at most 255.
    """
    for place in range(len(text)):
        entry = trie.first[text[place]]
        found, bit, end, count = np.uint64(0), _ONE_LETTER, place + 1, 0
        while True:
            if entry & np.uint32(255) and count < _MAX_CANDIDATES:
                found |= bit
                count += 1
            if entry <= 255 or end == len(text):
                break
            entry = step(trie, entry, text[end])
            bit >>= np.uint64(1)
            end += 1
        words[place] = found
        prefixes[place] = min(end - place, 255)


@njit(cache=True, nogil=True)
def _next_break(
    text: NDArray[np.uint8],
    here: int,
    classes: NDArray[np.uint8],
    words: NDArray[np.uint64],
    prefixes: NDArray[np.uint8],
) -> int:
    """Where the word that begins `here` ends."""
    stop = len(text)
    end = here + _best_length(words[:stop], here)
    if (
        end < stop
        and end - here < _SHORT
        and words[end] == 0
        and (end == here or prefixes[end] < _SHORT)
    ):
        end += 1
        while end < stop and not (
            classes[text[end - 1]] & _ENDS
            and classes[text[end]] & _BEGINS
            and words[end]
        ):
            end += 1
    while end < stop and classes[text[end]] & _MARK:
        end += 1
    if end < stop and words[end] == 0:
        end += _suffixes(text, end, classes)
    return end


@njit(cache=True, nogil=True)
def _best_length(words: NDArray[np.uint64], here: int) -> int:
    """Letters of the word to take, 0 if none begins here."""
    candidates = words[here]
    best = _longest(candidates)
    if here + best == len(words):
        return best
    while candidates:
        length = _longest(candidates)
        following = words[here + length]
        if following:
            best = length
            if _goes_on(words, here + length):
                break
        candidates &= candidates - np.uint64(1)
    return best


@njit(cache=True, nogil=True)
def _goes_on(words: NDArray[np.uint64], here: int) -> bool:
    """Whether the longest word from `here` is the last, or any has a word behind it."""
    candidates = words[here]
    if here + _longest(candidates) == len(words):
        return True
    while candidates:
        if words[here + _longest(candidates)]:
            return True
        candidates &= candidates - np.uint64(1)
    return False


@njit(cache=True, nogil=True, inline="always")
def _longest(words: np.uint64) -> int:
    """Letters of the longest of the words that begin at a place, 0 if none does."""
    if words == 0:
        return 0
    lowest = words & (~words + np.uint64(1))
    return int(_LETTERS_OF[(lowest * _DE_BRUIJN) >> np.uint64(58)])


@njit(cache=True, nogil=True)
def _suffixes(text: NDArray[np.uint8], here: int, classes: NDArray[np.uint8]) -> int:
    """How many of ฯ and ๆ stand here that go to the word before, each but once."""
    suffix = _ABBREVIATES | _REPEATS
    before, current, count = classes[text[here - 1]], classes[text[here]], 0
    if current & _ABBREVIATES and not before & suffix:
        count = 1
        before, current = current, np.uint8(0)
        if here + 1 < len(text):
            current = classes[text[here + 1]]
    if current & _REPEATS and not before & _REPEATS:
        count += 1
    return count
