"""Count the sentences of a document.

    sentence_count  C4 needs 5 (Raffel et al. 2020, section 2.2)

A sentence ends at a line feed, at a terminal of a script that has its own (。 ؟ ।), and
at . ! ? if white space follows (closing quotes and brackets may be between), unless a
small letter is next. After a single letter, or up to two digits, a dot is part of an
abbreviation. A sentence counts if it has a letter or a digit.
"""

import numpy as np
from numpy.typing import NDArray

from tamis.compiled import kernel
from tamis.text.statistics.columns import SENTENCES as COLUMNS
from tamis.text.unicode import (
    CLOSER,
    JOINER,
    LETTER,
    LOWER,
    NUMBER,
    SPACE,
    TERMINAL,
    CodePoints,
    position,
)
from tamis.text.utf8 import decode

_LINE_FEED, _DOT = 0x0A, 0x2E
NEED_SPACE = (0x21, 0x2E, 0x3F)  # ! . ?


@kernel
def sentence_statistics(
    data: NDArray[np.uint8], offsets: NDArray[np.int64], tables: CodePoints
) -> NDArray[np.float64]:
    """(documents, len(COLUMNS)) statistics."""
    statistics = np.zeros((len(offsets) - 1, len(COLUMNS)))
    for document in range(len(statistics)):
        statistics[document, 0] = _read_sentences(
            data, offsets[document], offsets[document + 1], tables
        )
    return statistics


@kernel
def _read_sentences(
    data: NDArray[np.uint8], here: int, stop: int, tables: CodePoints
) -> int:
    """Sentences of the text from `here` to `stop`."""
    sentences = 0
    # What the sentence has so far: a letter or digit, a terminal, white space after
    # that; and the length and kind of the word that ends here.
    has_word, has_terminal, has_space = False, False, False
    length, is_number = 0, False
    while here < stop:
        code, width = np.int64(data[here]), 1
        at = code
        if code >= 0x80:  # ASCII is the tables' first block
            code, width = decode(data, here, stop)
            at = position(tables.index, code)
        here += width
        flag = tables.flags[at]
        if flag & (LETTER | NUMBER):
            if has_terminal and has_space:
                sentences += flag & LOWER == 0
            has_word, has_terminal, has_space = True, False, False
            length, is_number = length + 1, flag & NUMBER != 0
            while here < stop:  # the rest of an ASCII word, which changes no more
                byte = data[np.uint64(here)]
                if byte >= 0x80 or not tables.flags[byte] & (LETTER | NUMBER):
                    break
                length, is_number = length + 1, tables.flags[byte] & NUMBER != 0
                here += 1
        elif code == _LINE_FEED or (flag & TERMINAL and code not in NEED_SPACE):
            sentences += has_word
            has_word, has_terminal, has_space, length = False, False, False, 0
        elif flag & TERMINAL:
            has_terminal |= has_word and may_end(code, length, is_number)
            length = 0
        elif flag & SPACE:
            has_space = has_terminal
            length = 0
        elif not flag & (CLOSER | JOINER):
            length = 0
    return sentences + has_word


@kernel(inline="always")
def may_end(code: int | np.int64, length: int, is_number: bool) -> bool:
    """Whether a terminal behind a word of so many characters is no abbreviation's dot."""
    return bool(code != _DOT or length >= (3 if is_number else 2))
