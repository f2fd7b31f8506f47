"""One line of text, and the tests on which the rules are built.

A line is four arrays of its characters, without white space at its ends:

    codes   int32   code points in lower case
    flags   uint16  as in `tamis.text.unicode`
    at      int64   first byte of each in the batch's buffer
    widths  uint8   its bytes

If characters are removed from a line, all four arrays become shorter.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tamis.compiled import kernel
from tamis.text.cleaning.phrases import ANYWHERE, LETTERS, Phrases, place_of
from tamis.text.unicode import (
    CLOSER,
    DECIMAL,
    LETTER,
    NUMBER,
    SPACE,
    TERMINAL,
    UNSPACED,
    UPPER,
    CodePoints,
    position,
)
from tamis.text.utf8 import decode


class Line(NamedTuple):
    """The four arrays; see the module's docstring."""

    codes: NDArray[np.int32]
    flags: NDArray[np.uint16]
    at: NDArray[np.int64]
    widths: NDArray[np.uint8]


_LINE_FEED, _DOT, _ELLIPSIS, _OPEN, _CLOSE = 0x0A, 0x2E, 0x2026, 0x5B, 0x5D
# The other ends of a line for str.splitlines.
_BREAKS = (0x0B, 0x0C, 0x0D, 0x1C, 0x1D, 0x1E, 0x85, 0x2028, 0x2029)
_CAPITAL_I_WITH_DOT = 0x130
# C4's . ? ! " ' and the closing quotation marks of other languages: ’ ” “ » › 」 』
_ASCII_ENDS = (0x2E, 0x3F, 0x21, 0x22, 0x27)
_QUOTES = (0x22, 0x27, 0x2019, 0x201D, 0x201C, 0xBB, 0x203A, 0x300D, 0x300F)
# Thai and Lao have no mark for the end of a sentence.
_THAI_AND_LAO = (0x0E00, 0x0EFF)
_EDIT = np.frombuffer(b"[edit]", np.uint8)
_CITATION_NEEDED = np.frombuffer(b"[citation needed]", np.uint8)


@kernel
def read_line(
    data: NDArray[np.uint8],
    start: int,
    stop: int,
    tables: CodePoints,
    like_datatrove: bool,
    room: Line,
) -> tuple[int, int, int, int]:
    """Fill `room` from byte `start`; returns first and last character without white
    space around them, where the line's end begins, and where the next line begins."""
    codes, flags, at, widths = room.codes, room.flags, room.at, room.widths
    count, here = 0, start
    first, last = -1, 0
    while here < stop:
        code, width = np.int64(data[here]), 1
        place = code  # ASCII is the tables' first block
        if code >= 0x80:
            code, width = decode(data, here, stop)
            place = position(tables.index, code)
        if code == _LINE_FEED or (like_datatrove and code in _BREAKS):
            return max(first, 0), last, here, here + width
        flag = tables.flags[place]
        # İ does not change: its lower-case form is two code points.
        small = 0 if code == _CAPITAL_I_WITH_DOT else tables.lower[place]
        codes[count], flags[count] = code + small, flag
        at[count], widths[count] = here, width
        count += 1
        if not flag & SPACE:
            if first < 0:
                first = count - 1
            last = count
        here += width
    return max(first, 0), last, here, here


@kernel
def part(room: Line, first: int, last: int) -> Line:
    """Characters `first` to `last`, in the same memory."""
    return Line(
        room.codes[first:last],
        room.flags[first:last],
        room.at[first:last],
        room.widths[first:last],
    )


@kernel
def without(line: Line, first: int, last: int) -> Line:
    """The line without characters `first` to `last`."""
    gap = last - first
    for place in range(last, len(line.codes)):
        line.codes[place - gap] = line.codes[place]
        line.flags[place - gap] = line.flags[place]
        line.at[place - gap] = line.at[place]
        line.widths[place - gap] = line.widths[place]
    return part(line, 0, len(line.codes) - gap)


@kernel
def trimmed(line: Line) -> Line:
    first, last = 0, len(line.codes)
    while first < last and line.flags[first] & SPACE:
        first += 1
    while first < last and line.flags[last - 1] & SPACE:
        last -= 1
    return part(line, first, last)


@kernel
def has(line: Line, code: int) -> bool:
    for other in line.codes:  # noqa: SIM110  # numba compiles no generator
        if other == code:
            return True
    return False


@kernel
def word_count(line: Line, like_datatrove: bool) -> tuple[int, int]:
    """Number of words of a line, and of characters of the longest.

    A word is what is between white space, if it has a letter or a digit. In scripts
    without spaces between words, two letters count as one word. For datatrove
    everything between white space is a word.
    """
    words, longest, length, unspaced = 0, 0, 0, 0
    has_word = False
    for flag in line.flags:
        if flag & SPACE:
            words += has_word
            has_word, length = False, 0
        elif flag & UNSPACED and not like_datatrove:
            words += has_word
            unspaced += 1
            has_word, length = False, 0
        else:
            has_word |= like_datatrove or flag & (LETTER | NUMBER) != 0
            length += 1
            longest = max(longest, length)
    return words + has_word + (unspaced + 1) // 2, longest


@kernel
def without_citations(line: Line) -> tuple[Line, int]:
    """The line without [3], [], [edit] and [citation needed], and how many there were.

    One pass from left to right, like a regular expression's substitution.
    """
    count, here, kept = 0, 0, 0
    while here < len(line.codes):
        length = _citation_length(line, here)
        if length:
            count += 1
            here += length
            continue
        line.codes[kept], line.flags[kept] = line.codes[here], line.flags[here]
        line.at[kept], line.widths[kept] = line.at[here], line.widths[here]
        kept += 1
        here += 1
    return part(line, 0, kept), count


@kernel
def _citation_length(line: Line, first: int) -> int:
    if line.codes[first] != _OPEN:
        return 0
    if _is_at(line, first, _EDIT):
        return len(_EDIT)
    if _is_at(line, first, _CITATION_NEEDED):
        return len(_CITATION_NEEDED)
    last = first + 1
    while last < len(line.codes) and line.flags[last] & DECIMAL:
        last += 1
    is_citation = last < len(line.codes) and line.codes[last] == _CLOSE
    return last + 1 - first if is_citation else 0


@kernel
def _is_at(line: Line, first: int, phrase: NDArray[np.uint8]) -> bool:
    if first + len(phrase) > len(line.codes):
        return False
    for step in range(len(phrase)):
        is_small = not line.flags[first + step] & UPPER
        if not is_small or line.codes[first + step] != phrase[step]:
            return False
    return True


@kernel
def ends_sentence(line: Line, like_datatrove: bool) -> bool:
    """Whether a line ends as C4 requires: in a full stop or similar, or a quotation
    mark, but not in three dots. Thai and Lao lines always do."""
    last = len(line.codes)
    if last == 0:
        return False
    code = line.codes[last - 1]
    if like_datatrove:
        return code in _ASCII_ENDS and not _ends_in_dots(line, last)
    if _THAI_AND_LAO[0] <= code <= _THAI_AND_LAO[1]:
        return True
    is_quoted = code in _QUOTES
    while last and line.flags[last - 1] & (CLOSER | SPACE):
        last -= 1
    if last == 0 or line.codes[last - 1] == _ELLIPSIS or _ends_in_dots(line, last):
        return False
    return is_quoted or line.flags[last - 1] & TERMINAL != 0


@kernel
def _ends_in_dots(line: Line, last: int) -> bool:
    return (
        last >= 3
        and line.codes[last - 1] == _DOT
        and line.codes[last - 2] == _DOT
        and line.codes[last - 3] == _DOT
    )


@kernel
def kinds_in(line: Line, phrases: Phrases, language: int) -> int:
    """Sum of the kinds with a phrase anywhere in the line."""
    found = np.int64(0)
    begins = phrases.begins[language]
    codes = line.codes
    for place in range(len(codes) - LETTERS + 1):
        if not begins[
            place_of(codes[place], codes[place + 1], codes[place + 2], codes[place + 3])
        ]:
            continue
        for phrase in range(phrases.lists[language], phrases.counters[language]):
            if phrases.kinds[phrase] & ANYWHERE and phrase_at(
                line, place, phrases, phrase
            ):
                found |= phrases.kinds[phrase]
    return int(found)


@kernel
def phrase_at(line: Line, place: int, phrases: Phrases, phrase: int) -> int:
    """The phrase's length if it begins at this character, else 0."""
    first = phrases.starts[phrase]
    length = phrases.starts[phrase + 1] - first
    if place < 0 or place + length > len(line.codes):
        return 0
    for step in range(length):
        if line.codes[place + step] != phrases.codes[first + step]:
            return 0
    return int(length)


@kernel
def is_uppercase(line: Line) -> bool:
    """Whether more than half of a line's characters are capitals."""
    capitals = 0
    for flag in line.flags:
        capitals += flag & UPPER != 0
    return 2 * capitals > len(line.flags)


@kernel
def is_number(line: Line) -> bool:
    """Whether a line has digits and possibly signs, but no letter."""
    has_digit = False
    for flag in line.flags:
        if flag & LETTER:
            return False
        has_digit |= flag & NUMBER != 0
    return has_digit
