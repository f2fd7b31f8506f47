"""Statistics of a document's lines and paragraphs.

A line ends at a line feed, is stripped of the white space around it, and counts only if
it is not empty then. A paragraph is a run of lines without a blank one between. Both
are compared by hash, and the first of several equal ones is not a duplicate.

    line_count
    bullet_line_ratio                 lines that begin with a bullet; Gopher drops > 0.9
    ellipsis_line_ratio               lines that end in ... or …; Gopher drops > 0.3
    terminal_punctuation_line_ratio   lines that end a sentence, ignoring closing quotes
                                      and brackets; FineWeb drops < 0.12
    short_line_ratio                  lines up to 30 code points; FineWeb drops > 0.67
    newline_word_ratio                line ends between lines per word; FineWeb's > 0.3
    duplicate_line_ratio              of lines; Gopher drops > 0.3
    duplicate_line_char_ratio         of the text's code points; Gopher drops > 0.2
    duplicate_paragraph_ratio         of paragraphs; Gopher drops > 0.3
    duplicate_paragraph_char_ratio    of the text's code points; Gopher drops > 0.2
    char_duplicate_ratio              duplicate lines' share of the lines' code points;
                                      FineWeb's code drops > 0.01, its paper > 0.1
    hash_word_ratio                   # per word; Gopher drops > 0.1
    ellipsis_word_ratio               ... and … per word; Gopher drops > 0.1

Rae et al. 2021, table A1; Penedo et al. 2024, section 3.6. A document without lines or
words scores 0.
"""

import numpy as np
from numpy.typing import NDArray

from tamis.compiled import kernel
from tamis.text.hashing import (
    OFFSET,
    bytes_hash,
    empty_table,
    extended,
    finished,
    place,
)
from tamis.text.statistics.columns import LINES as COLUMNS
from tamis.text.unicode import CLOSER, SPACE, TERMINAL, CodePoints, position
from tamis.text.utf8 import Integer, decode

SHORT_LINE = 30

_LINE_FEED, _HASH, _DOT, _ELLIPSIS = 0x0A, 0x23, 0x2E, 0x2026
# • ‣ ⁃ ◦ ▪ ▫ ● ○ ■ □ · ∙ ・ ► – - * +, but not —, which opens speech in many languages.
_BULLETS = (
    *(0x2022, 0x2023, 0x2043, 0x25E6, 0x25AA, 0x25AB, 0x25CF, 0x25CB, 0x25A0, 0x25A1),
    *(0xB7, 0x2219, 0x30FB, 0x25BA, 0x2013, 0x2D, 0x2A, 0x2B),
)


@kernel
def line_statistics(
    data: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    chars: NDArray[np.int64],
    words: NDArray[np.int64],
    tables: CodePoints,
) -> NDArray[np.float64]:
    """(documents, len(COLUMNS)) statistics.

    `chars` and `words` are the numbers of code points and words of each document.
    """
    statistics = np.zeros((len(chars), len(COLUMNS)))
    most = 1
    for document in range(len(chars)):
        text = data[offsets[document] : offsets[document + 1]]
        most = max(most, np.sum(text == _LINE_FEED) + 1)
    hashes = np.empty(most, np.uint64)
    lengths = np.empty(most, np.int64)
    is_last = np.empty(most, np.bool_)
    table = empty_table(most)
    for document in range(len(chars)):
        text = data[offsets[document] : offsets[document + 1]]
        row = statistics[document]
        lines = _read_lines(text, tables, hashes, lengths, is_last, row)
        _compare(hashes[:lines], lengths[:lines], is_last[:lines], table, row)
        row[11], row[12] = _signs(text)
        _divide(row, chars[document], words[document])
    return statistics


@kernel
def _read_lines(
    text: NDArray[np.uint8],
    tables: CodePoints,
    hashes: NDArray[np.uint64],
    lengths: NDArray[np.int64],
    is_last: NDArray[np.bool_],
    row: NDArray[np.float64],
) -> int:
    """Store hash, length and paragraph end of each line; count other columns in `row`."""
    lines, start = 0, 0
    while start < len(text):
        end = start
        while end < len(text) and text[end] != _LINE_FEED:
            end += 1
        first, last = _trimmed(text, start, end, tables)
        if first < last:
            hashes[lines], lengths[lines] = _hash(text, first, last)
            is_last[lines] = False
            code, _ = decode(text, first, last)
            row[1] += code in _BULLETS
            ends_sentence, ends_ellipsis = _end(text, first, last, tables)
            row[2] += ends_ellipsis
            row[3] += ends_sentence
            row[4] += lengths[lines] <= SHORT_LINE
            lines += 1
        elif lines:
            is_last[lines - 1] = True
        start = end + 1
    if lines:
        is_last[lines - 1] = True
    row[0], row[5] = lines, max(0, lines - 1)
    return lines


@kernel
def _trimmed(
    text: NDArray[np.uint8], first: int, last: int, tables: CodePoints
) -> tuple[int, int]:
    """The bounds of a line without the white space around it."""
    while first < last:
        code, width = decode(text, first, last)
        if not tables.flags[position(tables.index, code)] & SPACE:
            break
        first += width
    while first < last:
        start = _character_before(text, first, last)
        code, _ = decode(text, start, last)
        if not tables.flags[position(tables.index, code)] & SPACE:
            break
        last = start
    return first, last


@kernel
def _end(
    text: NDArray[np.uint8], first: int, last: int, tables: CodePoints
) -> tuple[bool, bool]:
    """Whether a trimmed line ends a sentence, and whether it ends in an ellipsis."""
    while first < last:
        start = _character_before(text, first, last)
        code, _ = decode(text, start, last)
        flag = tables.flags[position(tables.index, code)]
        if flag & TERMINAL:
            is_dots = code == _DOT and start - first >= 2
            is_dots = is_dots and text[start - 1] == _DOT and text[start - 2] == _DOT
            return True, is_dots
        if not flag & (CLOSER | SPACE):
            return False, code == _ELLIPSIS
        last = start
    return False, False


@kernel(inline="always")
def _character_before(text: NDArray[np.uint8], first: int, last: int) -> int:
    """Start of the character that ends at `last`, at most 4 bytes before."""
    start = last - 1
    while start > first and last - start < 4 and text[start] & 0xC0 == 0x80:
        start -= 1
    return start


@kernel
def _hash(text: NDArray[np.uint8], first: int, last: int) -> tuple[np.uint64, np.int64]:
    """Hash of the bytes of a line, and its number of code points."""
    length = np.int64(0)
    for byte in text[first:last]:
        length += byte & 0xC0 != 0x80
    return bytes_hash(text, first, last), length


@kernel
def _signs(text: NDArray[np.uint8]) -> tuple[int, int]:
    """Number of # in a text, and of three dots or the sign …."""
    hash_signs, ellipses, dots = 0, 0, 0
    for byte in range(len(text)):
        hash_signs += text[byte] == _HASH
        dots = dots + 1 if text[byte] == _DOT else 0
        is_sign = text[byte] == 0xE2 and byte + 2 < len(text)
        if is_sign and text[byte + 1] == 0x80 and text[byte + 2] == 0xA6:
            ellipses += 1
        elif dots == 3:
            ellipses += 1
            dots = 0
    return hash_signs, ellipses


@kernel
def _compare(
    hashes: NDArray[np.uint64],
    lengths: NDArray[np.int64],
    is_last: NDArray[np.bool_],
    table: NDArray[np.uint64],
    row: NDArray[np.float64],
) -> None:
    """Count lines and paragraphs that repeat an earlier one of the same document."""
    mask = 15
    while mask + 1 < 2 * len(hashes):
        mask = 2 * mask + 1
    table[: mask + 1] = 0
    line_chars = 0
    for line in range(len(hashes)):
        line_chars += lengths[line]
        at = place(table, mask, hashes[line])
        if table[at] != 0:
            row[6] += 1
            row[7] += lengths[line]
        table[at] = hashes[line]
    table[: mask + 1] = 0
    paragraphs, value, length = 0, OFFSET, 0
    for line in range(len(hashes)):
        value = extended(value, np.int64(hashes[line]))
        length += lengths[line]
        if is_last[line]:
            key = finished(value)
            at = place(table, mask, key)
            if table[at] != 0:
                row[8] += 1
                row[9] += length
            table[at] = key
            paragraphs += 1
            value, length = OFFSET, 0
    row[8] /= max(1, paragraphs)
    row[10] = row[7] / max(1, line_chars)


@kernel
def _divide(row: NDArray[np.float64], chars: Integer, words: Integer) -> None:
    """Turn the counts of the functions above into ratios."""
    for column in (1, 2, 3, 4, 6):
        row[column] /= max(1.0, row[0])
    for column in (5, 11, 12):
        row[column] /= max(1, words)
    for column in (7, 9):
        row[column] /= max(1, chars)
