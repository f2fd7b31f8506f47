"""Signs of edited prose that need no words of a language, one row a document.

From the text, in one pass over what is between its words:

    line_words          log2(1 + words of a line), of the mean
    line_spread         standard deviation of the lines' words, over their mean
    prose_share         words in sentences of 5 to 60 words that a mark ends
    sentence_words      log2(1 + words of an ended sentence), of the mean
    sentence_spread     standard deviation of the ended sentences' words, over their mean
    question_share      ended sentences with ? or ! at their end
    comma_ratio         commas, colons and semicolons a word
    symbol_ratio        other signs a word: | / > @ $ * # and the like; not quotes, brackets,
                        dashes, apostrophes and dots

From measure_text: MEASURED. Left out, as they told nothing more apart on sites or in languages
that were not seen: shares of stop words, capitals, numbers and words with a letter, and what
opens lines.

NaN is "not measured", and counts neither way: sentences and commas in scripts that do without
such marks (Thai, Lao, Tibetan), the length of sentences where none is ended. A document without
words has NaN everywhere. Lines without words do not count.

A mark ends a sentence if it is a terminal of a script that has its own (。 ؟ ।), or . ! ? with
white space after it, unless a small letter is next or the dot is part of an abbreviation, as in
`tamis.text.statistics.sentences`. What stands at a line's end without a mark is no sentence.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tamis.compiled import kernel
from tamis.quality.names import MEASURED
from tamis.text.buffers import Bytes, Offsets, read_only
from tamis.text.statistics.sentences import NEED_SPACE, may_end
from tamis.text.unicode import (
    CLOSER,
    JOINER,
    LOWER,
    SPACE,
    SYMBOL,
    TERMINAL,
    CodePoints,
    code_points,
    position,
)
from tamis.text.utf8 import decode
from tamis.text.words import Words

# Not measured in scripts that do without marks.
OF_MARKS = (
    "prose_share",
    "sentence_words",
    "sentence_spread",
    "question_share",
    "comma_ratio",
)
OF_TEXT = (
    "line_words",
    "line_spread",
    *OF_MARKS,
    "symbol_ratio",
)
FEATURES = (*OF_TEXT, *MEASURED)

# More of these never lowers the score, more of any other feature never raises it, whatever
# the pages say: what is confounded with the sites of a corpus must not be learnt.
RISING = ("line_words", "prose_share", "sentence_words", "comma_ratio")

_SHORTEST_PROSE, _LONGEST_PROSE = 5, 60
_FEWEST_SENTENCES = 3  # for a spread

_LINE_FEED = 0x0A
# ? and ! of Latin, Arabic and CJK; the Greek question mark is a semicolon and no terminal.
_QUESTIONS = (0x21, 0x3F, 0x61F, 0xFF01, 0xFF1F)
# Comma, colon and semicolon, also of Arabic, Greek, Amharic and Chinese.
_COMMA_SIGNS = (
    *(0x2C, 0x3A, 0x3B, 0x60C, 0x61B, 0x387),
    *(0x1363, 0x1364, 0x1365, 0x3001, 0xFF0C, 0xFF1A, 0xFF1B, 0xFF64),
)
# Quotes, brackets, hyphens, dashes, the apostrophe and the ellipsis.
_PLAIN = (
    *(0x22, 0x27, 0x28, 0x5B, 0x2D, 0xAB, 0xBB, 0x201A, 0x201E, 0x2026),
    *(0x2010, 0x2011, 0x2012, 0x2013, 0x2014, 0x2015),
    *(0x3008, 0x300A, 0x300C, 0x300E, 0x3010, 0xFF08, 0x30FB, 0xB7),
)
# Thai and Lao, and Tibetan, whose shad is at every pause.
_FIRST_UNENDED, _LAST_UNENDED = 0xE00, 0xFFF
# What stands behind a sentence's last word: nothing; a mark that needs white space; that
# mark and white space; a mark that needs nothing.
_NONE, _MARK, _MARK_AND_SPACE, _OWN_MARK = range(4)


def features(
    data: Bytes,
    offsets: Offsets,
    words: Words,
    measured: Mapping[str, Any],
) -> NDArray[np.float64]:
    """(documents, len(FEATURES)); `measured` has an Arrow array per name of MEASURED."""
    of_text = text_features(read_only(data), offsets, words, code_points())
    columns = [
        pa.array(measured[name]).cast(pa.float64()).to_numpy(zero_copy_only=False)
        for name in MEASURED
    ]
    rows = np.column_stack([of_text, *columns])
    rows[np.diff(words.documents) == 0] = np.nan
    return rows


# Places in the counts of a document.
_LINES, _LINE_SQUARES, _PROSE, _ENDED, _ENDED_WORDS, _ENDED_SQUARES = range(6)
_ASKED, _COMMAS, _SYMBOLS, _UNENDED, _COUNTS = range(6, 11)


@kernel
def text_features(
    data: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    words: Words,
    tables: CodePoints,
) -> NDArray[np.float64]:
    """(documents, len(OF_TEXT))."""
    rows = np.empty((len(offsets) - 1, len(OF_TEXT)))
    for document in range(len(rows)):
        counts = np.zeros(_COUNTS)
        _count(data, offsets, words, document, tables, counts)
        _rates(
            counts,
            words.documents[document + 1] - words.documents[document],
            rows[document],
        )
    return rows


@kernel
def _count(
    data: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    words: Words,
    document: int,
    tables: CodePoints,
    counts: NDArray[np.float64],
) -> None:
    """Fill the counts of one document."""
    here, stop = offsets[document], offsets[document + 1]
    word, last = words.documents[document], words.documents[document + 1]
    line_words, sentence_words = 0, 0
    mark, is_question = _NONE, False
    while here < stop:
        if word < last and here == words.starts[word]:
            code, _ = decode(data, here, stop)
            flag = tables.flags[position(tables.index, code)]
            is_new = mark == _OWN_MARK or (mark == _MARK_AND_SPACE and not flag & LOWER)
            if is_new:
                _end_sentence(sentence_words, is_question, counts)
                sentence_words = 0
            mark = _NONE
            counts[_UNENDED] += _FIRST_UNENDED <= code <= _LAST_UNENDED
            line_words += 1
            sentence_words += 1
            here = words.ends[word]
            word += 1
            continue
        code, width = np.int64(data[here]), 1
        at = code
        if code >= 0x80:  # ASCII is the tables' first block
            code, width = decode(data, here, stop)
            at = position(tables.index, code)
        here += width
        flag = tables.flags[at]
        if code == _LINE_FEED:
            if line_words:
                _end_line(line_words, sentence_words, mark, is_question, counts)
            line_words, sentence_words, mark = 0, 0, _NONE
        elif flag & SPACE:
            if mark == _MARK:
                mark = _MARK_AND_SPACE
        elif flag & TERMINAL:
            if sentence_words:
                is_number = data[words.starts[word - 1]] <= 0x39
                if code not in NEED_SPACE:
                    mark = _OWN_MARK
                elif may_end(code, words.lengths[word - 1], is_number):
                    mark = _MARK
                is_question = code in _QUESTIONS
        elif code in _COMMA_SIGNS:
            counts[_COMMAS] += 1
        elif flag & SYMBOL and not flag & CLOSER and code not in _PLAIN:
            counts[_SYMBOLS] += 1
        elif not flag & (CLOSER | JOINER | SYMBOL):
            mark = _NONE
    if line_words:
        _end_line(line_words, sentence_words, mark, is_question, counts)


@kernel
def _end_sentence(length: int, is_question: bool, counts: NDArray[np.float64]) -> None:
    """Count a sentence that a mark ended."""
    if length == 0:
        return
    counts[_ENDED] += 1
    counts[_ENDED_WORDS] += length
    counts[_ENDED_SQUARES] += length * length
    counts[_ASKED] += is_question
    if _SHORTEST_PROSE <= length <= _LONGEST_PROSE:
        counts[_PROSE] += length


@kernel
def _end_line(
    length: int,
    sentence_words: int,
    mark: int,
    is_question: bool,
    counts: NDArray[np.float64],
) -> None:
    """Count a line with words, and its last sentence if a mark ended that."""
    if mark != _NONE:
        _end_sentence(sentence_words, is_question, counts)
    counts[_LINES] += 1
    counts[_LINE_SQUARES] += length * length


@kernel
def _rates(counts: NDArray[np.float64], words: int, row: NDArray[np.float64]) -> None:
    """Turn the counts of a document into its features."""
    row[:] = np.nan
    if words == 0:
        return
    lines, ended = counts[_LINES], counts[_ENDED]
    row[0] = np.log2(1 + words / lines)
    row[1] = _spread(lines, np.float64(words), counts[_LINE_SQUARES])
    if 2 * counts[_UNENDED] < words:
        row[2] = counts[_PROSE] / words
        if ended:
            row[3] = np.log2(1 + counts[_ENDED_WORDS] / ended)
            row[5] = counts[_ASKED] / ended
        if ended >= _FEWEST_SENTENCES:
            row[4] = _spread(ended, counts[_ENDED_WORDS], counts[_ENDED_SQUARES])
        row[6] = counts[_COMMAS] / words
    row[7] = counts[_SYMBOLS] / words


@kernel
def _spread(count: float, total: float, squares: float) -> float:
    """Standard deviation over the mean."""
    mean = total / count
    return np.float64(np.sqrt(max(0.0, squares / count - mean * mean)) / mean)
