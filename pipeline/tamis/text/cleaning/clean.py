"""C4's rules for lines, and RefinedWeb's, over the buffer of a batch.

A line that a rule removes counts for that rule, the first in this order:

    long_word    a word of more than 1,000 code points
    citation     counts [1], [edit], [citation needed], which are removed from lines
    unpunctuated  a line that ends neither a sentence nor a quotation
    short        less than 3 words
    javascript   a notice about scripts
    policy       a notice about cookies or terms
    uppercase    more than half of the characters are capitals
    number       digits and signs without a letter
    counter      "12 likes"
    single_word  less than 2 words
    button       counts buttons removed from lines up to 10 words; a line with less than
                 2 words left is removed as well

The first six are C4's (Raffel et al. 2020, section 2.2, and its published code), the
others RefinedWeb's (Penedo et al. 2023, appendix G.2). A line ends at a line feed.
Lines that stay keep their bytes. Blank lines between them stay, but never two in the
place of a removed line. A document without a word does not change.

With `like_datatrove` (0.10.1) lines end where str.splitlines ends them; blank lines and
white space around lines are removed; a word is everything between white space; and only
. ? ! " ' end a sentence. Datatrove's filter also stops at the first line that makes it
drop the document, with "lorem ipsum" or a curly bracket. So the text ends after that
line, and `tamis.text.statistics` finds the same.
"""

import numpy as np
from numpy.typing import NDArray

from tamis.compiled import kernel
from tamis.text.cleaning.buttons import is_counter, without_buttons
from tamis.text.cleaning.line import (
    Line,
    ends_sentence,
    has,
    is_number,
    is_uppercase,
    kinds_in,
    part,
    read_line,
    without_citations,
    word_count,
)
from tamis.text.cleaning.phrases import JAVASCRIPT, LOREM, POLICY, Phrases
from tamis.text.cleaning.rules import RULES
from tamis.text.unicode import SPACE, CodePoints, position
from tamis.text.utf8 import decode

_LONG_WORD, _CITATION, _UNPUNCTUATED, _SHORT, _JAVASCRIPT, _POLICY = range(6)
_UPPERCASE, _NUMBER, _COUNTER, _SINGLE_WORD, _BUTTON = range(6, 11)
WORDS, REMOVED_WORDS = len(RULES), len(RULES) + 1

MAX_WORD_LENGTH = 1000
MIN_WORDS = 3
MAX_BUTTON_WORDS = 10

_LINE_FEED, _OPEN, _CURLY_BRACKET = 0x0A, 0x5B, 0x7B
_KEPT, _CONDEMNS = -1, -2


@kernel
def clean_lines(
    data: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    tables: CodePoints,
    phrases: Phrases,
    lists: NDArray[np.int64],
    rules: NDArray[np.bool_],
    like_datatrove: bool,
) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64]]:
    """The cleaned documents' bytes and offsets, and (documents, RULES and two) counts:
    of each rule, of the words before cleaning, and of the words removed.

    lists  (documents,)  each document's list of `phrases`
    rules  (RULES,)      which rules are wanted
    """
    documents = len(offsets) - 1
    cleaned = np.empty(offsets[-1] - offsets[0], np.uint8)
    ends = np.zeros(documents + 1, np.int64)
    counts = np.zeros((documents, len(RULES) + 2), np.int64)
    longest = 0
    for document in range(documents):
        longest = max(longest, offsets[document + 1] - offsets[document])
    room = Line(
        np.empty(longest, np.int32),
        np.empty(longest, np.uint16),
        np.empty(longest, np.int64),
        np.empty(longest, np.uint8),
    )
    size = int(ends[0])  # 0; numba would compile again for a literal 0
    for document in range(documents):
        size = _clean_document(
            data,
            offsets[document],
            offsets[document + 1],
            tables,
            phrases,
            lists[document],
            rules,
            like_datatrove,
            room,
            cleaned,
            size,
            counts[document],
        )
        ends[document + 1] = size
    return cleaned[:size], ends, counts


@kernel
def _clean_document(
    data: NDArray[np.uint8],
    start: int,
    stop: int,
    tables: CodePoints,
    phrases: Phrases,
    language: int,
    rules: NDArray[np.bool_],
    like_datatrove: bool,
    room: Line,
    cleaned: NDArray[np.uint8],
    size: int,
    row: NDArray[np.int64],
) -> int:
    """Write one document from byte `size` of `cleaned` on; return where it ends."""
    beginning, here = size, start
    is_changed, was_blank, is_first = like_datatrove, True, True
    while here < stop:
        line_start = here
        first, last, end, here = read_line(
            data, here, stop, tables, like_datatrove, room
        )
        is_edited = False
        if first == last:
            if like_datatrove or (is_changed and was_blank):
                is_changed = True
                continue
            line = part(room, 0, 0)
        else:
            line = part(room, first, last)
            words, longest = word_count(line, like_datatrove)
            verdict, line, is_edited = _judge(
                line, words, longest, phrases, language, rules, like_datatrove, row
            )
            row[WORDS] += words
            is_changed |= is_edited or verdict >= 0
            if verdict >= 0:
                row[REMOVED_WORDS] += words
                row[verdict] += verdict not in (_CITATION, _BUTTON)
                continue
            if is_edited:
                row[REMOVED_WORDS] += words - word_count(line, like_datatrove)[0]
            if verdict == _CONDEMNS:
                here = stop
        if not is_first:
            cleaned[size] = _LINE_FEED
            size += 1
        is_first, was_blank = False, first == last
        if is_edited:
            size = _write_characters(data, line, cleaned, size)
        else:
            bounds = (line_start, end)
            if like_datatrove:
                last_character = len(line.at) - 1
                last_byte = line.at[last_character] + line.widths[last_character]
                bounds = (line.at[0], last_byte)
            size = _write_bytes(data, bounds[0], bounds[1], cleaned, size)
    if not is_changed:
        return _write_bytes(data, start, stop, cleaned, beginning)
    return _trim(cleaned, beginning, size, tables)


@kernel
def _judge(
    line: Line,
    words: int,
    longest: int,
    phrases: Phrases,
    language: int,
    rules: NDArray[np.bool_],
    like_datatrove: bool,
    row: NDArray[np.int64],
) -> tuple[int, Line, bool]:
    """The rule that removes the line (or _KEPT, _CONDEMNS), the line without removed
    parts, and whether any part was removed."""
    if rules[_LONG_WORD] and longest > MAX_WORD_LENGTH:
        return _LONG_WORD, line, False
    is_edited = False
    if rules[_CITATION] and has(line, _OPEN):
        line, citations = without_citations(line)
        row[_CITATION] += citations
        is_edited = citations > 0
    if rules[_UNPUNCTUATED] and not ends_sentence(line, like_datatrove):
        return _UNPUNCTUATED, line, is_edited
    if rules[_SHORT] and words < MIN_WORDS:
        return _SHORT, line, is_edited
    if rules[_JAVASCRIPT] or rules[_POLICY]:
        kinds = kinds_in(line, phrases, language)
        if like_datatrove and kinds & LOREM:
            return _CONDEMNS, line, is_edited
        if rules[_JAVASCRIPT] and kinds & JAVASCRIPT:
            return _JAVASCRIPT, line, is_edited
        if like_datatrove and has(line, _CURLY_BRACKET):
            return _CONDEMNS, line, is_edited
        if rules[_POLICY] and kinds & POLICY:
            return _POLICY, line, is_edited
    if rules[_UPPERCASE] and is_uppercase(line):
        return _UPPERCASE, line, is_edited
    if rules[_NUMBER] and is_number(line):
        return _NUMBER, line, is_edited
    if rules[_COUNTER] and is_counter(line, phrases, language):
        return _COUNTER, line, is_edited
    if rules[_SINGLE_WORD] and words < 2:
        return _SINGLE_WORD, line, is_edited
    if rules[_BUTTON] and words <= MAX_BUTTON_WORDS:
        line, buttons = without_buttons(line, phrases, language)
        row[_BUTTON] += buttons
        is_edited |= buttons > 0
        if buttons and word_count(line, like_datatrove)[0] < 2:
            return _BUTTON, line, is_edited
    return _KEPT, line, is_edited


@kernel
def _write_bytes(
    data: NDArray[np.uint8],
    start: int,
    stop: int,
    cleaned: NDArray[np.uint8],
    size: int,
) -> int:
    for byte in range(stop - start):
        cleaned[size + byte] = data[start + byte]
    return size + stop - start


@kernel
def _write_characters(
    data: NDArray[np.uint8], line: Line, cleaned: NDArray[np.uint8], size: int
) -> int:
    for character in range(len(line.at)):
        first = line.at[character]
        size = _write_bytes(data, first, first + line.widths[character], cleaned, size)
    return size


@kernel
def _trim(cleaned: NDArray[np.uint8], start: int, stop: int, tables: CodePoints) -> int:
    """Remove white space at both ends of the written line; return its new end."""
    first = start
    while first < stop:
        code, width = decode(cleaned, first, stop)
        if not tables.flags[position(tables.index, code)] & SPACE:
            break
        first += width
    while stop > first:
        last = stop - 1
        while last > first and stop - last < 4 and cleaned[last] & 0xC0 == 0x80:
            last -= 1
        code, _ = decode(cleaned, last, stop)
        if not tables.flags[position(tables.index, code)] & SPACE:
            break
        stop = last
    if first > start:
        for byte in range(first, stop):
            cleaned[start + byte - first] = cleaned[byte]
    return start + stop - first
