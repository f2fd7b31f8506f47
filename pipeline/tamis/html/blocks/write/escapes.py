"""Text that stays text in Markdown: a backslash where CommonMark would read a mark, only there.

    in a line        `\\` before a sign that it would escape; `*`, `_` and backticks that could
                     open and close; `<` that could open a tag; `&` of a reference; `](`
    at its start     # > - + * 1. ``` ~~~ ===, <tag, [a]: and lines of hyphens
    in a cell        `|`
    in a heading     a `#` at its end

"Could open" is CommonMark's rule of flanking (section 6.2). Of a character beyond ASCII that
is no letter the rule's class is not known here: it counts as both. The form is `clean`'s:
what that removes, or what NFC makes an ASCII sign, would else join or become marks later.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tamis.compiled import kernel
from tamis.html.blocks.layout import NO, NONE, ZERO, Page
from tamis.html.blocks.read.characters import (
    DIGIT,
    IDEOGRAPH,
    LETTER,
    SPACE,
    character_at,
    class_of,
    reference_at,
)
from tamis.html.blocks.write.runs import FORMULA_MARK

_LINE_FEED, _BLANK, _BANG, _HASH, _AMPERSAND, _OPEN, _CLOSE, _STAR = (
    *(10, 32, 33, 35, 38),
    *(40, 41, 42),
)
_PLUS, _HYPHEN, _DOT, _SLASH, _COLON, _SEMICOLON, _LESS, _EQUALS, _GREATER = (
    *(43, 45, 46, 47),
    *(58, 59, 60, 61, 62),
)
_QUESTION, _BRACKET, _BACKSLASH, _CLOSING, _LOW, _TICK, _BAR, _TILDE = (
    *(63, 91, 92, 93),
    *(95, 96, 124, 126),
)
_ZERO, _NINE = 48, 57
# The bytes at which a line is more than copied.
_MARKS: Final = np.zeros(256, np.bool_)
_MARKS[[FORMULA_MARK, *b"\\`*_]<&|"]] = True
# What stands beside a run of `*` or `_`.
_EDGE, _WORD, _SIGN, _UNKNOWN = 0, 1, 2, 3


@kernel
def normalise(text: NDArray[np.uint8], first: int, last: int) -> int:
    """Remove in place what `clean` removes wherever it stands; returns the new end.

    What NFC makes a backtick (U+1FEF) or a semicolon (U+037E) becomes one.
    """
    at = position = first
    while position < last:
        byte = text[position]
        if byte < 0xC2:
            text[at] = byte
            at += 1
            position += 1
            continue
        code, after = character_at(text, position, last)
        if code == 0x1FEF or code == 0x037E:
            text[at] = _TICK if code == 0x1FEF else _SEMICOLON
            at += 1
        elif not (
            code in (0xAD, 0x81, 0x8D, 0x8F, 0x90, 0x9D, 0x2060, 0xFEFF)
            or 0xFDD0 <= code <= 0xFDEF
            or code & 0xFFFE == 0xFFFE
            or (code == 0x200B and _is_idle(text, first, at, after, last))
        ):
            for place in range(position, after):
                text[at] = text[place]
                at += 1
        position = after
    # What was removed may have been all of the last line.
    while at > first and (text[at - 1] == _LINE_FEED or text[at - 1] == _BLANK):
        at -= 1
    return int(at)


@kernel(inline="always")
def _is_idle(
    text: NDArray[np.uint8], first: int, before: int, after: int, last: int
) -> bool:
    """Whether a zero-width space stands between ASCII: beside a Thai letter it stays."""
    return bool(
        (before == first or text[before - 1] < 0x80)
        and (after == last or text[after] < 0x80)
    )


@kernel
def write_escaped(
    page: Page,
    text: NDArray[np.uint8],
    start: int,
    stop: int,
    is_first: bool,
    in_cell: bool,
    in_heading: bool,
    pairs: tuple[bool, bool, bool, int, int, int],
    out: NDArray[np.uint8],
    at: int,
) -> int:
    """Write one line of a paragraph, heading or cell; `pairs` is what the whole of it has."""
    has_ticks, has_stars, has_lows, last_greater, bracket, last = pairs
    begins_line = not in_cell and not in_heading
    mark = NONE + 0
    if begins_line:
        mark = _mark_of_line(text, start, stop, is_first)
    elif in_heading:
        mark = _closing_hashes(text, start, stop)
    in_formula = False
    position = start
    while position < stop:
        byte = text[position]
        if position == mark and not in_formula:
            out[at] = _BACKSLASH
            out[at + 1] = byte
            at += 2
            position += 1
            continue
        if not _MARKS[byte]:
            out[at] = byte
            at += 1
            position += 1
            continue
        if byte == FORMULA_MARK:
            in_formula = not in_formula
            position += 1
            continue
        following = text[position + 1] if position + 1 < stop else np.uint8(_LINE_FEED)
        if byte == _BAR:
            is_escaped = in_cell
        elif in_formula:
            is_escaped = False
        elif byte == _BACKSLASH:
            is_escaped = following == _LINE_FEED or is_sign(following)
        elif byte == _TICK:
            is_escaped = has_ticks
        elif byte == _LESS:
            is_escaped = position < last_greater and _may_follow_less(following)
        elif byte == _AMPERSAND:
            _, _, end = reference_at(text, position, stop, page)
            is_escaped = text[end - 1] == _SEMICOLON
        elif byte == _CLOSING:
            is_escaped = bracket < position and (
                following == _OPEN
                or (begins_line and following == _COLON and bracket == 0)
            )
        else:
            end = position + 1
            while end < stop and text[end] == byte:
                end += 1
            opens, closes = _flanks(text, position, end, start, stop, stop < last)
            is_escaped = (has_stars if byte == _STAR else has_lows) and (
                opens or closes
            )
            for place in range(position, end):
                if is_escaped or (place == mark):
                    out[at] = _BACKSLASH
                    at += 1
                out[at] = byte
                at += 1
            position = end
            continue
        if is_escaped:
            out[at] = _BACKSLASH
            at += 1
        out[at] = byte
        at += 1
        position += 1
        if in_formula and byte == _LESS and is_letter(following):
            out[at] = _BLANK  # says the same in TeX, and opens no tag
            at += 1
    return at


@kernel
def pairs_of(
    text: NDArray[np.uint8], start: int, stop: int
) -> tuple[bool, bool, bool, int, int, int]:
    """Of one paragraph: may its backticks, its `*`, its `_` pair; its last `>`, first `[`;
    and its end.

    A place that does not exist is before the text (`>`) or behind it (`[`).
    """
    ticks = ZERO
    star_opens = low_opens = stop + ZERO
    star_closes = low_closes = last_greater = NONE + 0
    bracket = stop + ZERO
    in_formula = False
    position = start
    while position < stop:
        byte = text[position]
        end = position + 1
        if byte == FORMULA_MARK:
            in_formula = not in_formula
        elif byte == _GREATER:
            last_greater = position
        elif byte == _BRACKET:
            if bracket == stop:
                bracket = position
        elif byte == _TICK and not in_formula:
            while end < stop and text[end] == _TICK:
                end += 1
            ticks += 1
            begins = position == start or text[position - 1] == _LINE_FEED
            if begins and end - position >= 3:
                ticks += 1  # a fence needs no partner
        elif (byte in (_STAR, _LOW)) and not in_formula:
            while end < stop and text[end] == byte:
                end += 1
            opens, closes = _flanks(text, position, end, start, stop, NO)
            if byte == _STAR:
                star_opens = min(star_opens, position) if opens else star_opens
                star_closes = position if closes else star_closes
            else:
                low_opens = min(low_opens, position) if opens else low_opens
                low_closes = position if closes else low_closes
        position = end
    return (
        ticks > 1,
        star_opens < star_closes,
        low_opens < low_closes,
        last_greater,
        bracket,
        stop,
    )


@kernel
def _mark_of_line(
    text: NDArray[np.uint8], start: int, stop: int, is_first: bool
) -> int:
    """The byte of a line to escape so that it begins no block; -1 if it begins none."""
    while start < stop and (text[start] == _BLANK or _is_zero_width(text, start, stop)):
        start += 1 if text[start] == _BLANK else 3
    if start == stop:
        return int(NONE)
    byte = text[start]
    following = text[start + 1] if start + 1 < stop else np.uint8(_BLANK)
    if byte == _GREATER:  # `>` and U+0338 are one character in NFC
        is_mark = following != 0xCC or text[start + 2] != 0xB8
    elif byte == _HASH:
        end = start
        while end < stop and text[end] == _HASH:
            end += 1
        is_mark = end - start <= 6 and (end == stop or text[end] == _BLANK)
    elif byte in (_HYPHEN, _STAR, _PLUS):
        is_mark = following == _BLANK
    elif byte == _LESS:
        is_mark = _may_follow_less(following) and not _ZERO <= following <= _NINE
    elif byte == _TILDE:
        is_mark = following == _TILDE and start + 2 < stop and text[start + 2] == byte
    elif _ZERO <= byte <= _NINE:
        return _mark_of_number(text, start, stop, is_first)
    else:
        is_mark = False
    if not is_mark and (
        byte in (_HYPHEN, _STAR, _LOW) or (not is_first and _is_of_rows(byte))
    ):
        is_mark = _is_rule(text, start, stop, is_first)
    return int(start) if is_mark else int(NONE)


@kernel(inline="always")
def _mark_of_number(
    text: NDArray[np.uint8], start: int, stop: int, is_first: bool
) -> int:
    """The dot of `1986. `; in a paragraph's later lines only 1 begins a list."""
    value, position = ZERO, start
    while position < stop and position < start + 9 and _ZERO <= text[position] <= _NINE:
        value = value * 10 + (text[position] - _ZERO)
        position += 1
        while _is_zero_width(text, position, stop):
            position += 3
    if position == stop or (text[position] != _DOT and text[position] != _CLOSE):
        return int(NONE)
    is_alone = position + 1 == stop
    if not is_alone and text[position + 1] != _BLANK:
        return int(NONE)
    return int(position) if is_first or (value == 1 and not is_alone) else int(NONE)


@kernel
def _is_of_rows(byte: int) -> bool:
    """Whether a line that underlines a heading, or the head of a table, may begin so."""
    return bool(byte in (_EQUALS, _BAR, _COLON, _HYPHEN))


@kernel(inline="always")
def _is_rule(text: NDArray[np.uint8], start: int, stop: int, is_first: bool) -> bool:
    """Whether a line is all of one sign; behind another line, also of `|`, `:` and `-`."""
    sign = text[start]
    signs = ZERO
    is_row = not is_first and sign != _EQUALS and sign != _STAR and sign != _LOW
    is_same = True
    for position in range(start, stop):
        byte = text[position]
        if byte == _BLANK:
            continue
        is_same &= byte == sign
        is_row &= byte in (_BAR, _COLON, _HYPHEN)
        if not (is_same or is_row):
            return False
        signs += 1
    # Behind the mark of an item two are enough.
    return bool(is_row or (is_same and (signs >= 3 or sign != _LOW or not is_first)))


@kernel(inline="always")
def _closing_hashes(text: NDArray[np.uint8], start: int, stop: int) -> int:
    """Where the `#` at a heading's end begin, which CommonMark takes off; -1 without."""
    first = stop
    while first > start and text[first - 1] == _HASH:
        first -= 1
    is_closing = first < stop and (first == start or text[first - 1] == _BLANK)
    return int(first) if is_closing else int(NONE)


@kernel
def _flanks(
    text: NDArray[np.uint8],
    position: int,
    end: int,
    start: int,
    stop: int,
    goes_on: bool,
) -> tuple[bool, bool]:
    """Whether the run position:end of `*` or `_` may open emphasis, and may close it.

    `goes_on`: whether lines follow `stop`. A line that does not end its paragraph is written
    with a backslash at its end, which is a sign.
    """
    before = _kind_before(text, position, start)
    after = _kind_after(text, end, stop)
    if after == _EDGE and _is_line_end(text, end, stop, goes_on):
        after = _SIGN
    is_left = after != _EDGE and (after != _SIGN or before != _WORD)
    is_right = before != _EDGE and (before != _SIGN or after != _WORD)
    if text[position] == _STAR:
        return is_left, is_right
    return is_left and before != _WORD, is_right and after != _WORD


@kernel
def _kind_before(text: NDArray[np.uint8], position: int, start: int) -> int:
    while position - 3 >= start and _is_zero_width(text, position - 3, position):
        position -= 3
    if position == start:
        return _EDGE
    first = position - 1
    while first > start and text[first] & 0xC0 == 0x80:
        first -= 1
    code, _ = character_at(text, first, position)
    return _kind_of(code)


@kernel
def _kind_after(text: NDArray[np.uint8], position: int, stop: int) -> int:
    while _is_zero_width(text, position, stop):
        position += 3
    if position == stop:
        return _EDGE
    code, _ = character_at(text, position, stop)
    return _kind_of(code)


@kernel
def _is_line_end(
    text: NDArray[np.uint8], position: int, stop: int, goes_on: bool
) -> bool:
    while _is_zero_width(text, position, stop):
        position += 3
    return goes_on if position == stop else bool(text[position] == _LINE_FEED)


@kernel
def _kind_of(code: int) -> int:
    kind = class_of(code)
    if code < 0x80:
        if code in (_LINE_FEED, _BLANK):
            return _EDGE
        return _WORD if (kind in (LETTER, DIGIT)) and code != _LOW else _SIGN
    if kind == SPACE:
        return _EDGE
    is_word = kind in (LETTER, DIGIT, IDEOGRAPH)
    return _WORD if is_word and code != 0x30FB else _UNKNOWN


@kernel
def _is_zero_width(text: NDArray[np.uint8], position: int, stop: int) -> bool:
    """Whether a zero-width space stands there: `clean` may remove it."""
    return bool(
        position + 2 < stop
        and text[position] == 0xE2
        and text[position + 1] == 0x80
        and text[position + 2] == 0x8B
    )


@kernel
def is_sign(byte: np.uint8) -> bool:
    """Whether a byte is one of ASCII's signs, which a backslash escapes."""
    return bool(
        33 <= byte <= 47 or 58 <= byte <= 64 or 91 <= byte <= 96 or 123 <= byte <= 126
    )


@kernel
def is_letter(byte: np.uint8) -> bool:
    return bool(97 <= (byte | 32) <= 122)


@kernel
def _may_follow_less(byte: np.uint8) -> bool:
    """Whether a tag, a comment or an address in angle brackets may begin so."""
    return bool(
        is_letter(byte) or _ZERO <= byte <= _NINE or byte in (_SLASH, _BANG, _QUESTION)
    )
