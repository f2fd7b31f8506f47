"""Block text as bytes: references decoded, white space collapsed, lines kept.

White space runs become one space; <br> becomes a line feed. In preformatted text
line feeds, tabs and spaces stay. Controls of ASCII are left out; those of C1 are for `clean`. Functions write
to `out` from `at` on and return where they stopped; `out` must be large enough
(`bytes_needed`).
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tamis.compiled import kernel
from tamis.html.blocks.layout import (
    BREAK,
    DISPLAYED,
    FORMULA,
    IN_CODE,
    IN_PRE,
    LINKED,
    LITERAL,
    LOWERED,
    MATHML,
    NO,
    RAISED,
    ZERO,
    Page,
)
from tamis.html.blocks.read import tags
from tamis.html.blocks.read.characters import (
    SPACE,
    character_at,
    class_of,
    reference_at,
    write_character,
)
from tamis.html.blocks.simd import first_of
from tamis.html.blocks.write.mathml import TEX_PER_BYTE, text_of_mathml, write_mathml

_AMPERSAND, _LINE_FEED, _RETURN, _TAB, _BLANK = 38, 10, 13, 9, 32
_HASH, _DOLLAR, _BRACKET, _CLOSING, _CARET, _LOW = 35, 36, 91, 93, 94, 95
_BACKSLASH: Final = np.uint8(92)
_DOLLAR_SIGN: Final = np.uint8(36)
_ROUND = 40
_TEX_SIGNS: Final = np.zeros(256, np.bool_)
_TEX_SIGNS[list(b"\\^_=+{")] = True
_SURE_TEX_SIGNS: Final = np.zeros(256, np.bool_)
_SURE_TEX_SIGNS[list(b"\\^_")] = True
_IS_NAME: Final = np.zeros(256, np.bool_)
_IS_NAME[list(b"0123456789_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")] = (
    True
)
_LONGEST_INLINE: Final = 400  # bytes
_LONGEST_DISPLAYED: Final = 4000
_ZERO_, _NINE, _PLUS, _MINUS, _SIGN = 48, 57, 43, 45, 0xE2  # the first byte of U+2212
_LONGEST_NOTE = 6
# No control is text: this one is a mark for `markdown`.
FORMULA_MARK: Final = 1


@kernel
def bytes_needed(page: Page, first: int, last: int) -> int:
    """The most bytes that blocks first:last may take, with the marks around them.

    A reference never grows to more than 1.2 times its length (`&nGt;`), but a byte
    that is not UTF-8 becomes the three of U+FFFD, and one of MathML TEX_PER_BYTE. 600 bytes
    a block are for the marks of deep lists.
    """
    needed = 64
    for index in range(first, last):
        block = page.blocks[index]
        needed += 600
        for span in range(block.span_start, block.span_stop):
            per_byte = TEX_PER_BYTE if page.spans[span].flags & MATHML else 3
            needed += per_byte * (page.spans[span].stop - page.spans[span].start) + 8
    return needed


@kernel
def write_block(
    data: NDArray[np.uint8],
    page: Page,
    index: int,
    out: NDArray[np.uint8],
    at: int,
    marks_formulas: bool,
) -> int:
    """Write the text of one block, without white space at its ends.

    `marks_formulas`: FORMULA_MARK stands before and behind each formula.
    """
    block = page.blocks[index]
    start = at
    is_pre = block.flags & np.uint32(IN_PRE) != 0
    is_heading = tags.H1 <= page.elements[block.container].tag <= tags.H6
    for number in range(block.span_start, block.span_stop):
        span = page.spans[number]
        if span.flags & BREAK:
            at = _end_line(out, start, at)
        elif span.flags & LITERAL:
            at = write_character(span.start, out, at)
        elif span.flags & FORMULA:
            at = _write_formula(
                data,
                span.start,
                span.stop,
                span.flags + ZERO,
                page,
                out,
                start,
                at,
                marks_formulas,
            )
        else:
            before = at
            if is_pre or span.flags & IN_CODE:
                at = write_run(
                    data, span.start, span.stop, page, is_pre, out, start, at
                )
            else:
                at = _write_text(
                    data, span.start, span.stop, page, out, start, at, marks_formulas
                )
            if span.flags & (RAISED | LOWERED) and not is_pre:
                at = _with_mark(page, number, block.span_stop, out, start, before, at)
            elif is_heading and span.flags & LINKED and _is_chrome(out, before, at):
                at = before
    while at > start and (out[at - 1] == _BLANK or out[at - 1] == _LINE_FEED):
        at -= 1
    return at


@kernel
def _write_text(
    data: NDArray[np.uint8],
    position: int,
    stop: int,
    page: Page,
    out: NDArray[np.uint8],
    start: int,
    at: int,
    marks_formulas: bool,
) -> int:
    r"""Write a run of text; what it has between the marks of `_delimited` is a formula."""
    if (
        first_of(data, position, stop, _BACKSLASH) == stop
        and first_of(data, position, stop, _DOLLAR_SIGN) == stop
    ):
        return int(write_run(data, position, stop, page, NO, out, start, at))
    while position < stop:
        before, first, last, after = _delimited(data, position, stop)
        at = write_run(data, position, before, page, NO, out, start, at)
        if before == stop:
            break
        is_displayed = first - before == 2 and data[before + 1] != _ROUND
        flags = (DISPLAYED if is_displayed else 0) + ZERO
        at = _write_formula(
            data, first, last, flags, page, out, start, at, marks_formulas
        )
        position = after
    return at


@kernel
def _delimited(
    data: NDArray[np.uint8], position: int, stop: int
) -> tuple[int, int, int, int]:
    r"""The next TeX between `\(` and `\)`, `\[` and `\]`, `$$` and `$$`, `$` and `$`.

    Returns where the opening mark begins, where it ends, and the same of the closing one;
    `stop` four times without any.
    """
    while True:
        before = _first_mark(data, position, stop)
        if before + 2 >= stop:
            return stop, stop, stop, stop
        mark = data[before + 1]
        position = before + 1
        if data[before] == _DOLLAR:
            width = 2 if mark == _DOLLAR else 1
            last = _closing_dollars(data, before + width, stop, width)
            is_displayed = width == 2
        elif mark in (_ROUND, _BRACKET):
            width = 2
            last = _closing_bracket(data, before + 2, stop, mark)
            is_displayed = mark == _BRACKET
        else:
            continue
        position = before + width
        first = before + width
        if last < stop and _is_tex(
            data, first, last, is_displayed, data[before] == _DOLLAR
        ):
            return before, first, last, last + width


@kernel
def _first_mark(data: NDArray[np.uint8], position: int, stop: int) -> int:
    """Where the first dollar sign or backslash is, else `stop`."""
    while position < stop and (
        data[position] != _DOLLAR_SIGN and data[position] != _BACKSLASH
    ):
        position += 1
    return position


@kernel
def _closing_bracket(
    data: NDArray[np.uint8], position: int, stop: int, mark: int
) -> int:
    r"""Where the next of `\(`, `\)`, `\[`, `\]` is if it closes the bracket, else `stop`."""
    last = first_of(data, position, stop, _BACKSLASH)
    while last + 1 < stop:
        following = data[last + 1]
        if following in (_ROUND, _ROUND + 1, _BRACKET, _CLOSING):
            end = mark + 1 if mark == _ROUND else mark + 2
            return int(last) if following == end else stop
        last = first_of(data, last + 2, stop, _BACKSLASH)
    return stop


@kernel
def _closing_dollars(
    data: NDArray[np.uint8], position: int, stop: int, width: int
) -> int:
    """Where the dollar signs are that close a formula, else `stop`.

    A single one has a letter or a sign before it and no letter or digit behind it, as
    the opening one has no blank behind it: `$5 and $10` are prices.
    """
    if width == 1 and data[position] <= _BLANK:
        return stop
    limit = min(
        stop, position + (_LONGEST_DISPLAYED if width == 2 else _LONGEST_INLINE)
    )
    last = first_of(data, position, limit, _DOLLAR_SIGN)
    if last + width > limit or last == position:
        return stop
    if width == 2:
        return int(last) if data[last + 1] == _DOLLAR else stop
    following = data[last + 1] if last + 1 < stop else _BLANK
    is_open = data[last - 1] <= _BLANK or data[last - 1] == _BACKSLASH
    return stop if is_open or _IS_NAME[following] else int(last)


@kernel
def _is_tex(
    data: NDArray[np.uint8], first: int, last: int, is_displayed: bool, is_dollar: bool
) -> bool:
    r"""Whether it has a sign of TeX, or is one word in a line: not `\[1\]`, `\(see there\)`.

    Between dollar signs, which stand for money and for names in code, only some signs count.
    """
    while first < last and data[first] <= _BLANK:
        first += 1
    while last > first and data[last - 1] <= _BLANK:
        last -= 1
    is_word = first < last
    for place in range(first, last):
        byte = data[place]
        if _TEX_SIGNS[byte] and (not is_dollar or _SURE_TEX_SIGNS[byte]):
            return True
        is_word &= byte > _BLANK
    return bool(is_word and not is_displayed and not is_dollar)


@kernel
def _write_formula(
    data: NDArray[np.uint8],
    first: int,
    last: int,
    flags: int,
    page: Page,
    out: NDArray[np.uint8],
    start: int,
    at: int,
    marks_formulas: bool,
) -> int:
    """Write TeX between dollar signs; of MathML that is none, its text without them."""
    width = 2 if flags & DISPLAYED else 1
    begin = at + marks_formulas + width
    if flags & MATHML:
        end = write_mathml(data, first, last, page, out, begin)
        if end < 0:
            return _write_text_of_mathml(data, first, last, page, out, start, at)
    else:
        end = write_run(data, first, last, page, NO, out, begin, begin)
        if end > begin and out[end - 1] == _BLANK:
            end -= 1
    if end == begin:
        return at
    if marks_formulas:
        out[at], out[end + width] = FORMULA_MARK, FORMULA_MARK
    for place in range(width):
        out[begin - 1 - place], out[end + place] = _DOLLAR, _DOLLAR
    return end + width + marks_formulas


@kernel
def _write_text_of_mathml(
    data: NDArray[np.uint8],
    position: int,
    stop: int,
    page: Page,
    out: NDArray[np.uint8],
    start: int,
    at: int,
) -> int:
    while position < stop:
        first, position = text_of_mathml(data, position, stop, page)
        at = write_run(data, first, position, page, NO, out, start, at)
    return at


@kernel
def _with_mark(
    page: Page,
    number: int,
    last: int,
    out: NDArray[np.uint8],
    start: int,
    before: int,
    at: int,
) -> int:
    """Mark a raised or lowered run, written from `before` to `at`, if it needs a mark.

    A linked one is the mark of a note, and gets brackets. A digit that would touch a digit gets
    `^` or `_`: else 10 to the 8th would be 108.
    """
    flags = page.spans[number].flags
    kind = flags & (RAISED | LOWERED)
    is_first = number == 0 or page.spans[number - 1].flags & kind == 0
    is_last = number + 1 == last or page.spans[number + 1].flags & kind == 0
    if not is_first or at == before:
        return at
    previous = out[before - 1] if before > start else np.uint8(0)
    if flags & LINKED and flags & RAISED:
        is_short = at - before <= _LONGEST_NOTE
        if is_last and is_short and out[before] != _BRACKET and previous != _BRACKET:
            at = _inserted(out, before, at, _BRACKET)
            out[at] = _CLOSING
            at += 1
        return at
    first = out[before]
    is_number = _ZERO_ <= first <= _NINE or first in (_PLUS, _MINUS) or first == _SIGN
    if _ZERO_ <= previous <= _NINE and is_number:
        at = _inserted(out, before, at, _CARET if flags & RAISED else _LOW)
    return at


@kernel
def _inserted(out: NDArray[np.uint8], place: int, at: int, byte: int) -> int:
    for position in range(at, place, -1):
        out[position] = out[position - 1]
    out[place] = byte
    return at + 1


@kernel
def _is_chrome(out: NDArray[np.uint8], first: int, last: int) -> bool:
    """Whether a link in a heading is only a sign: a hash, a pilcrow, a section or a chain."""
    while first < last and out[first] == _BLANK:
        first += 1
    while last > first and out[last - 1] == _BLANK:
        last -= 1
    if last - first == 1:
        return bool(out[first] == _HASH)
    if last - first == 2:  # C2 B6, C2 A7
        return bool(out[first] == 0xC2 and out[first + 1] in (0xB6, 0xA7))
    if last - first == 4:  # F0 9F 94 97
        return bool(
            out[first] == 0xF0 and out[first + 2] == 0x94 and out[first + 3] == 0x97
        )
    return False


@kernel
def write_line(
    data: NDArray[np.uint8],
    position: int,
    stop: int,
    page: Page,
    out: NDArray[np.uint8],
) -> int:
    """Write bytes position:stop of a page as one line, at the start of `out`."""
    end = write_run(data, position, stop, page, NO, out, ZERO, ZERO)
    return end - 1 if end > 0 and out[end - 1] == _BLANK else end


@kernel
def write_run(
    data: NDArray[np.uint8],
    position: int,
    stop: int,
    page: Page,
    is_pre: bool,
    out: NDArray[np.uint8],
    start: int,
    at: int,
) -> int:
    """Write bytes position:stop of a page as text; the block began at `start`."""
    while position < stop:
        code, second = int(data[position]), 0
        if _BLANK < code < 0x7F and code != _AMPERSAND:
            out[at] = code
            at += 1
            position += 1
            continue
        if code == _AMPERSAND:
            code, second, position = reference_at(data, position, stop, page)
        elif code < 0x80:
            position += 1
        else:
            code, position = character_at(data, position, stop)
        if class_of(code) != SPACE:
            if code == 0x7F:
                continue
            at = write_character(code, out, at)
            if second:
                at = write_character(second, out, at)
        elif is_pre:
            at = _write_kept_space(code, out, start, at)
        elif at > start and out[at - 1] != _BLANK and out[at - 1] != _LINE_FEED:
            out[at] = _BLANK
            at += 1
    return at


@kernel(inline="always")
def _write_kept_space(code: int, out: NDArray[np.uint8], start: int, at: int) -> int:
    """Write white space of preformatted text, without blank lines at its start."""
    if code == _RETURN:
        return at
    if code == _LINE_FEED:
        return _end_line(out, start, at)
    out[at] = _TAB if code == _TAB else _BLANK
    return at + 1


@kernel
def _end_line(out: NDArray[np.uint8], start: int, at: int) -> int:
    """Write a line feed, unless nothing was written so far."""
    while at > start and (out[at - 1] == _BLANK or out[at - 1] == _TAB):
        at -= 1
    if at > start:
        out[at] = _LINE_FEED
        at += 1
    return at
