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
)
from tamis.html.blocks.simd import first_of

_AMPERSAND, _LINE_FEED, _RETURN, _TAB, _BLANK = 38, 10, 13, 9, 32
_HASH, _DOLLAR, _BRACKET, _CLOSING, _CARET, _LOW = 35, 36, 91, 93, 94, 95
_BACKSLASH: Final = np.uint8(92)
_ROUND = 40
_TEX_SIGNS: Final = np.zeros(256, np.bool_)
_TEX_SIGNS[list(b"\\^_=+{")] = True
_ZERO_, _NINE, _PLUS, _MINUS, _SIGN = 48, 57, 43, 45, 0xE2  # the first byte of U+2212
_LONGEST_NOTE = 6
# No control is text: this one is a mark for `markdown`.
FORMULA_MARK: Final = 1


@kernel
def bytes_needed(page: Page, first: int, last: int) -> int:
    """The most bytes that blocks first:last may take, with the marks around them.

    A reference never grows to more than 1.2 times its length (`&nGt;`), but a byte
    that is not UTF-8 becomes the three of U+FFFD. 600 bytes a block are for the marks
    of deep lists.
    """
    needed = 64
    for index in range(first, last):
        block = page.blocks[index]
        needed += 600
        for span in range(block.span_start, block.span_stop):
            needed += 3 * (page.spans[span].stop - page.spans[span].start) + 8
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
            out[at] = FORMULA_MARK
            at += marks_formulas
            marks = 2 if span.flags & DISPLAYED else 1
            at = _write_formula(data, span.start, span.stop, marks, page, out, at)
            out[at] = FORMULA_MARK
            at += marks_formulas
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
    r"""Write a run of text; what it has between `\(` and `\)`, `\[` and `\]` is a formula."""
    while position < stop:
        first, last = _delimited(data, position, stop)
        at = write_run(data, position, first, page, NO, out, start, at)
        if first == stop:
            break
        out[at] = FORMULA_MARK
        at += marks_formulas
        marks = 2 if data[first + 1] == _BRACKET else 1
        at = _write_formula(data, first + 2, last, marks, page, out, at)
        out[at] = FORMULA_MARK
        at += marks_formulas
        position = last + 2
    return at


@kernel
def _delimited(data: NDArray[np.uint8], position: int, stop: int) -> tuple[int, int]:
    r"""Where the next `\(` or `\[` begins and what closes it; `stop` twice without one."""
    while True:
        first = first_of(data, position, stop, _BACKSLASH)
        if first + 4 >= stop:
            return stop, stop
        position = first + 1
        mark = data[position]
        if mark != _ROUND and mark != _BRACKET:
            continue
        end = mark + 1 if mark == _ROUND else mark + 2
        last = first_of(data, first + 2, stop, _BACKSLASH)
        while last + 1 < stop and data[last + 1] != end:
            last = first_of(data, last + 2, stop, _BACKSLASH)
        if last + 1 >= stop:
            return stop, stop
        if _is_tex(data, first + 2, last, mark == _BRACKET):
            return first, last


@kernel
def _is_tex(data: NDArray[np.uint8], first: int, last: int, is_displayed: bool) -> bool:
    r"""Whether it has a sign of TeX, or is one word in a line: not `\[1\]`, `\(see there\)`."""
    while first < last and data[first] <= _BLANK:
        first += 1
    while last > first and data[last - 1] <= _BLANK:
        last -= 1
    is_word = first < last
    for place in range(first, last):
        byte = data[place]
        if _TEX_SIGNS[byte]:
            return True
        is_word &= byte > _BLANK
    return bool(is_word and not is_displayed)


@kernel
def _write_formula(
    data: NDArray[np.uint8],
    first: int,
    last: int,
    marks: int,
    page: Page,
    out: NDArray[np.uint8],
    at: int,
) -> int:
    """Write TeX between dollar signs."""
    for _ in range(marks):
        out[at] = _DOLLAR
        at += 1
    at = write_run(data, first, last, page, NO, out, at, at)
    if out[at - 1] == _BLANK:
        at -= 1
    for _ in range(marks):
        out[at] = _DOLLAR
        at += 1
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


@kernel
def write_character(code: int, out: NDArray[np.uint8], at: int) -> int:
    """Write one code point as UTF-8."""
    if code < 0x80:
        out[at] = code
        return at + 1
    if code < 0x800:
        out[at] = 0xC0 | code >> 6
        out[at + 1] = 0x80 | code & 0x3F
        return at + 2
    if code < 0x10000:
        out[at] = 0xE0 | code >> 12
        out[at + 1] = 0x80 | code >> 6 & 0x3F
        out[at + 2] = 0x80 | code & 0x3F
        return at + 3
    out[at] = 0xF0 | code >> 18
    out[at + 1] = 0x80 | code >> 12 & 0x3F
    out[at + 2] = 0x80 | code >> 6 & 0x3F
    out[at + 3] = 0x80 | code & 0x3F
    return at + 4


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
