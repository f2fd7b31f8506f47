r"""MathML as TeX: `<msup><mi>x</mi><mn>2</mn></msup>` is `x^2`.

One pass over the bytes with a stack of open elements. An element writes what stands before
and behind each of its children; what stands before an accent or the index of a root is known
at its end only, and then moved. Presentation elements of MathML Core
(https://www.w3.org/TR/mathml-core/); an unknown element is a row of its children.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tamis.compiled import kernel
from tamis.html.blocks.layout import NO, YES, ZERO, Page
from tamis.html.blocks.read.attributes import (
    SELF_CLOSING,
    TAG_IS_CUT,
    read_attributes,
)
from tamis.html.blocks.read.characters import (
    IGNORED,
    SPACE,
    character_at,
    class_of,
    reference_at,
    write_character,
)
from tamis.html.blocks.read.meaning import attribute
from tamis.html.blocks.read.raw_text import after_comment
from tamis.html.blocks.read.tags import FNV_OFFSET, FNV_PRIME, fnv1a, tag_name
from tamis.html.blocks.simd import first_of
from tamis.html.blocks.write.tex_signs import (
    ABOVE,
    BELOW,
    LONGEST_NAME,
    tex_of,
)

MAX_NESTING: Final = 64
# A tag has 3 bytes or more, and an element writes 31 at most (a table); a character has 1
# byte or more, and writes 18 at most (`\textbackslash{}`, a blank before it, a brace that its
# base gets): nothing takes more than 20 times its bytes.
TEX_PER_BYTE: Final = 20

_LESS: Final = np.uint8(60)
_GREATER: Final = np.uint8(62)
_SLASH, _BANG, _QUESTION, _AMPERSAND, _BLANK = 47, 33, 63, 38, 32
_BACKSLASH, _OPEN, _CLOSE, _CARET, _LOW, _TILDE = 92, 123, 125, 94, 95, 126
_QUOTE, _COMMA, _PRIME, _DELETE = 39, 44, 0x2032, 0x7F

# Elements. What is below _FRACTION and has a name is a token: its content is text.
(ROW, _IDENTIFIER, _NUMBER, _OPERATOR, _TEXT, _FRACTION, _SQUARE_ROOT, _ROOT) = range(8)
(_SUP, _SUB, _SUBSUP, _OVER, _UNDER, _UNDEROVER) = range(8, 14)
(_FENCED, _TABLE, _TABLE_ROW, _BLANKS, _PHANTOM, _ANNOTATION) = range(14, 20)
_ELEMENTS: Final = {
    "mi": _IDENTIFIER,
    "mn": _NUMBER,
    "mo": _OPERATOR,
    "mtext": _TEXT,
    "ms": _TEXT,
    "mfrac": _FRACTION,
    "msqrt": _SQUARE_ROOT,
    "mroot": _ROOT,
    "msup": _SUP,
    "msub": _SUB,
    "msubsup": _SUBSUP,
    "mover": _OVER,
    "munder": _UNDER,
    "munderover": _UNDEROVER,
    "mfenced": _FENCED,
    "mtable": _TABLE,
    "mtr": _TABLE_ROW,
    "mlabeledtr": _TABLE_ROW,
    "mspace": _BLANKS,
    "mphantom": _PHANTOM,
    "annotation": _ANNOTATION,
    "annotation-xml": _ANNOTATION,
}
_NAMES: Final = np.array([fnv1a(name.encode()) for name in _ELEMENTS], np.uint64)
_KINDS: Final = np.array(list(_ELEMENTS.values()), np.int64)
# How many children an element must have; 0: any number.
_CHILDREN: Final = np.zeros(20, np.int64)
_CHILDREN[[_FRACTION, _ROOT, _SUP, _SUB, _OVER, _UNDER]] = 2
_CHILDREN[[_SUBSUP, _UNDEROVER]] = 3

# Columns of the stack: the element; children so far; where in `out` it begins, its last child
# begins, and its second child's mark stands; the second child's only character.
_KIND, _COUNT, _START, _CHILD, _MIDDLE, _MARK = range(6)


def _packed(name: bytes) -> np.uint64:
    return np.uint64(int.from_bytes(name, "little"))


# Names of attributes, as `lowered_at` returns them.
_FENCE_OPEN, _FENCE_CLOSE, _WIDTH = map(_packed, (b"open", b"close", b"width"))

_FUNCTION_NAMES = """
arccos arcsin arctan arg cos cosh cot coth csc deg det dim exp gcd hom inf ker lg lim liminf
limsup ln log max min Pr sec sin sinh sup tan tanh
"""
_FUNCTIONS: Final = np.array(
    [fnv1a(name.encode()) for name in _FUNCTION_NAMES.split()], np.uint64
)


def _tex(text: str) -> NDArray[np.uint8]:
    return np.frombuffer(text.encode(), np.uint8)


_FRAC, _SQRT, _TEXT_OF, _ROMAN = map(_tex, ("\\frac", "\\sqrt", "\\text{", "\\mathrm{"))
_BEGIN, _END = _tex("\\begin{matrix}"), _tex("\\end{matrix}")
_THIN, _QUAD, _TWO_QUADS, _CONTROL_BLANK = map(
    _tex, ("\\,", "\\quad", "\\qquad", "\\ ")
)
_TEXT_BACKSLASH, _NEXT_ROW = _tex("\\textbackslash{}"), _tex("\\\\ ")
_BRACES: Final = _tex("{}")


@kernel
def write_mathml(
    data: NDArray[np.uint8],
    position: int,
    stop: int,
    page: Page,
    out: NDArray[np.uint8],
    at: int,
) -> int:
    """Write the content of a `<math>` as TeX; returns where it stopped, `at` if it is empty.

    -1 for what is no MathML: where an element is not closed, has a wrong number of children,
    or is nested deeper than MAX_NESTING.
    """
    begin = at
    stack = np.zeros((MAX_NESTING, 6), np.int64)
    stack[0, _START] = at
    depth = 1
    while position < stop:
        if data[position] != _LESS:
            end = first_of(data, position, stop, _LESS)
            if _has_text(data, position, end):
                at = _before_child(stack, depth, out, at)
                at, code = _write_token(
                    data, position, end, _NUMBER + ZERO, page, out, begin, at
                )
                at = _after_child(stack, depth, out, begin, at, YES, code)
            position = end
            continue
        following = data[position + 1] if position + 1 < stop else _BLANK
        if following in (_BANG, _QUESTION):
            position = after_comment(data, position + 2, stop, NO)
            continue
        is_end = following == _SLASH
        name = position + 1 + is_end
        if name >= stop or not 97 <= (data[name] | 32) <= 122:
            return -1
        value, name_end = tag_name(data, name, stop)
        kind = _kind_of(value)
        after, _, flags = read_attributes(data, name_end, stop, page.names, ZERO, NO)
        if flags & TAG_IS_CUT:
            return -1
        if is_end:
            at = _end(stack, depth, kind, data, page, out, begin, at)
            depth -= 1
            if at < 0:
                return -1
            at = _after_child(stack, depth, out, begin, at, NO, ZERO)
            position = after
            continue
        at = _before_child(stack, depth, out, at)
        if _IDENTIFIER <= kind <= _TEXT:
            end = after
            if flags & SELF_CLOSING == 0:
                end, last = _end_of_token(data, after, stop, value)
                if last == 0:
                    return -1
                at, code = _write_token(data, after, end, kind, page, out, begin, at)
                after = last
            else:
                code = ZERO
            at = _after_child(stack, depth, out, begin, at, YES, code)
        elif flags & SELF_CLOSING:
            if _CHILDREN[kind]:
                return -1
            if kind == _BLANKS:
                at = _write_blanks(data, name_end, after, out, at)
            at = _after_child(stack, depth, out, begin, at, NO, ZERO)
        else:
            if depth == MAX_NESTING:
                return -1
            stack[depth] = 0
            stack[depth, _KIND], stack[depth, _START] = kind, at
            depth += 1
            at = _write_start(data, name_end, after, kind, stack, depth, page, out, at)
        position = after
    return at if depth == 1 else -1


@kernel
def text_of_mathml(
    data: NDArray[np.uint8], position: int, stop: int, page: Page
) -> tuple[int, int]:
    """Where the next run of text between tags starts and stops, annotations aside; `stop`
    twice without any.
    """
    while position < stop:
        following = data[position + 1] if position + 1 < stop else _BLANK
        if data[position] == _LESS and following in (_BANG, _QUESTION):
            position = after_comment(data, position + 2, stop, NO)
            continue
        name = position + 1 + (following == _SLASH)
        is_tag = name < stop and 97 <= (data[name] | 32) <= 122
        if data[position] != _LESS or not is_tag:
            return position, first_of(data, position + 1, stop, _LESS)
        value, name_end = tag_name(data, name, stop)
        if _kind_of(value) == _ANNOTATION:
            break
        position, _, _ = read_attributes(data, name_end, stop, page.names, ZERO, NO)
    return stop, stop


@kernel
def _kind_of(name: np.uint64) -> int:
    for index in range(len(_NAMES)):
        if _NAMES[index] == name:
            return int(_KINDS[index])
    return int(ROW + ZERO)


@kernel
def _has_text(data: NDArray[np.uint8], position: int, stop: int) -> bool:
    while position < stop and data[position] <= _BLANK:
        position += 1
    return position < stop


@kernel
def _write_start(
    data: NDArray[np.uint8],
    name_end: int,
    after: int,
    kind: int,
    stack: NDArray[np.int64],
    depth: int,
    page: Page,
    out: NDArray[np.uint8],
    at: int,
) -> int:
    """What an element begins with. A fence keeps where its tag is, for its end."""
    if kind == _FRACTION:
        return _write(_FRAC, out, at)
    if kind == _SQUARE_ROOT:
        at = _write(_SQRT, out, at)
        out[at] = _OPEN
        return at + 1
    if kind == _ROOT:
        return _write(_SQRT, out, at)
    if kind == _TABLE:
        return _write(_BEGIN, out, at)
    if kind == _BLANKS:
        return _write_blanks(data, name_end, after, out, at)
    if kind == _FENCED:
        stack[depth - 1, _MIDDLE], stack[depth - 1, _MARK] = name_end, after
        return _write_fence(
            data, name_end, after, _FENCE_OPEN, 40 + ZERO, page, out, at
        )
    return at


@kernel
def _end(
    stack: NDArray[np.int64],
    depth: int,
    kind: int,
    data: NDArray[np.uint8],
    page: Page,
    out: NDArray[np.uint8],
    begin: int,
    at: int,
) -> int:
    """What an element ends with; -1 if it is another, or lacks children."""
    frame = stack[depth - 1]
    if depth == 1 or frame[_KIND] != kind:
        return -1
    if _CHILDREN[kind] and frame[_COUNT] != _CHILDREN[kind]:
        return -1
    start = frame[_START]
    if kind == _SQUARE_ROOT:
        out[at] = _CLOSE
        return at + 1
    if kind == _ROOT:
        first = start + len(_SQRT)
        _reverse(out, first, frame[_MIDDLE])
        _reverse(out, frame[_MIDDLE], at)
        _reverse(out, first, at)
        return at
    if kind == _TABLE:
        return _write(_END, out, at)
    if kind == _FENCED:
        return _write_fence(
            data, frame[_MIDDLE], frame[_MARK], _FENCE_CLOSE, 41 + ZERO, page, out, at
        )
    if kind in (_OVER, _UNDER):
        name = tex_of(frame[_MARK] + (ABOVE if kind == _OVER else BELOW))
        if len(name) > 0:
            return _with_accent(name, out, start, frame[_MIDDLE])
    if kind in (_PHANTOM, _ANNOTATION):
        return int(start)
    return at


@kernel
def _with_accent(
    name: NDArray[np.uint8], out: NDArray[np.uint8], start: int, stop: int
) -> int:
    """Put a command before the base out[start:stop], in braces; returns where it stops."""
    if out[start] == _BLANK:  # what stood between a command and this letter
        start += 1
    has_braces = out[start] == _OPEN
    width = len(name) + (not has_braces)
    for place in range(stop - 1, start - 1, -1):
        out[place + width] = out[place]
    at = _write(name, out, start)
    if has_braces:
        return stop + width
    out[at] = _OPEN
    out[stop + width] = _CLOSE
    return stop + width + 1


@kernel
def _before_child(
    stack: NDArray[np.int64], depth: int, out: NDArray[np.uint8], at: int
) -> int:
    """Write what stands before the next child of the innermost element."""
    frame = stack[depth - 1]
    kind, count = frame[_KIND], frame[_COUNT]
    frame[_COUNT] += 1
    if count == 1 and kind != _FENCED:
        frame[_MIDDLE] = at
    if kind == _FENCED and count > 0:
        out[at] = _COMMA
        at += 1
    elif kind == _TABLE and count > 0:
        at = _write(_NEXT_ROW, out, at)
    elif kind == _TABLE_ROW and count > 0:
        out[at] = _AMPERSAND
        at += 1
    elif kind == _FRACTION or _ROOT <= kind <= _UNDEROVER:
        if count > 0 and kind >= _ROOT:
            is_below = kind in (_SUB, _UNDER) or (
                count == 1 and kind in (_SUBSUP, _UNDEROVER)
            )
            mark = 91 if kind == _ROOT else _LOW if is_below else _CARET
            out[at] = mark
            at += 1
        out[at] = _OPEN
        at += 1
    frame[_CHILD] = at
    return at


@kernel
def _after_child(
    stack: NDArray[np.int64],
    depth: int,
    out: NDArray[np.uint8],
    begin: int,
    at: int,
    is_token: bool,
    code: int,
) -> int:
    """Write what stands behind a child; `code` is its only character, or 0."""
    frame = stack[depth - 1]
    kind, count, child = frame[_KIND], frame[_COUNT], frame[_CHILD]
    if count == 2 and kind != _FENCED:
        frame[_MARK] = code
    if kind == _FRACTION:
        out[at] = _CLOSE
        return at + 1
    if not _ROOT <= kind <= _UNDEROVER:
        return at
    if (
        code == _PRIME
        and count > 1
        and kind in (_SUP, _SUBSUP)
        and count == _CHILDREN[kind]
    ):
        out[child - 2] = _QUOTE
        return int(child - 1)
    is_base = count == 1 and kind != _ROOT
    is_one = code > 0 and out[child] != _BACKSLASH and code not in (_QUOTE, 91, 93)
    if at > child and ((is_base and is_token) or (is_one and count > 1)):
        # Without braces; but `\alpha x_1` needs something in their place.
        if is_base and _needs_blank(out, begin, child - 1, out[child]):
            out[child - 1] = _BLANK
        else:
            for place in range(child, at):
                out[place - 1] = out[place]
            at -= 1
    else:
        out[at] = _CLOSE
        at += 1
    if kind == _ROOT and count > 1:
        out[at] = 93
        at += 1
    return at


@kernel
def _end_of_token(
    data: NDArray[np.uint8], position: int, stop: int, name: np.uint64
) -> tuple[int, int]:
    """Where a token's end tag begins and ends; 0 twice if it has none."""
    while True:
        less = first_of(data, position, stop, _LESS)
        if less + 2 >= stop:
            return ZERO, ZERO
        if data[less + 1] == _SLASH:
            value, name_end = tag_name(data, less + 2, stop)
            if value == name:
                return less, min(first_of(data, name_end, stop, _GREATER) + 1, stop)
            if _kind_of(value) != ROW:
                return ZERO, ZERO
        position = less + 1


@kernel
def _write_token(
    data: NDArray[np.uint8],
    position: int,
    stop: int,
    kind: int,
    page: Page,
    out: NDArray[np.uint8],
    begin: int,
    at: int,
) -> tuple[int, int]:
    """Write the text of a token; returns where it stops, and its only character or 0."""
    count, code, is_word, value = ZERO, ZERO, True, FNV_OFFSET
    is_ascii, has_blank = True, False
    place = position
    while place < stop:
        character, second, place = _character(data, place, stop, page)
        if not _is_shown(character):
            has_blank |= character > 0 and class_of(character) == SPACE
            continue
        count += 1 + (second > 0)
        code = character
        is_ascii &= character < 0x80
        is_word &= 97 <= (character | 32) <= 122 and character < 0x80
        value = (value ^ np.uint64(character)) * FNV_PRIME
    if count == 0:
        if kind == _TEXT and has_blank:
            at = _write(_CONTROL_BLANK, out, at)
        return at, ZERO
    if kind == _TEXT:
        return _write_words(data, position, stop, _TEXT_OF, page, out, at), ZERO
    if count > 1 and is_word and kind != _NUMBER:
        for name in _FUNCTIONS:
            if name == value:
                out[at] = _BACKSLASH
                at += 1
                while position < stop:
                    character, _, position = _character(data, position, stop, page)
                    if _is_shown(character):
                        at = write_character(character, out, at)
                return at, ZERO
    if count > 1 and (kind == _IDENTIFIER or (is_word and kind == _OPERATOR)):
        start = _ROMAN if is_ascii else _TEXT_OF
        return _write_words(data, position, stop, start, page, out, at), ZERO
    at = _write_bare(data, position, stop, page, out, begin, at)
    return at, code if count == 1 else ZERO


@kernel
def _write_bare(
    data: NDArray[np.uint8],
    position: int,
    stop: int,
    page: Page,
    out: NDArray[np.uint8],
    begin: int,
    at: int,
) -> int:
    """Write the characters of a token in math mode."""
    while position < stop:
        character, second, position = _character(data, position, stop, page)
        if _is_shown(character):
            at = _write_sign(character, out, begin, at)
            if second:
                at = _write_sign(second, out, begin, at)
    return at


@kernel
def _write_words(
    data: NDArray[np.uint8],
    position: int,
    stop: int,
    start: NDArray[np.uint8],
    page: Page,
    out: NDArray[np.uint8],
    at: int,
) -> int:
    r"""Write the text of a token in `\text{...}`, with white space as one blank."""
    at = _write(start, out, at)
    while position < stop:
        character, second, position = _character(data, position, stop, page)
        if character <= 0:
            continue
        if class_of(character) == SPACE:
            if out[at - 1] != _BLANK:
                out[at] = _BLANK
                at += 1
        elif character == _BACKSLASH:
            at = _write(_TEXT_BACKSLASH, out, at)
        elif character != _DELETE:
            if character in (
                _OPEN,
                _CLOSE,
                35,
                36,
                37,
                _AMPERSAND,
                _LOW,
                _CARET,
                _TILDE,
            ):
                out[at] = _BACKSLASH
                at += 1
            at = write_character(character, out, at)
            if character in (_CARET, _TILDE):
                at = _write(_BRACES, out, at)
            if second:
                at = write_character(second, out, at)
    out[at] = _CLOSE
    return at + 1


@kernel
def _character(
    data: NDArray[np.uint8], position: int, stop: int, page: Page
) -> tuple[int, int, int]:
    """First and second code point at `position`, and where the next is; -1 for a tag."""
    byte = data[position]
    if byte == _LESS:
        if position + 1 < stop and data[position + 1] == _BANG:
            return -1 + ZERO, ZERO, after_comment(data, position + 2, stop, NO)
        return -1 + ZERO, ZERO, min(first_of(data, position, stop, _GREATER) + 1, stop)
    if byte == _AMPERSAND:
        first, second, after = reference_at(data, position, stop, page)
        return first + ZERO, second + ZERO, after + ZERO
    code, after = character_at(data, position, stop)
    return code + ZERO, ZERO, after + ZERO


@kernel
def _is_shown(code: int) -> bool:
    """Whether it is no tag, white space, control or invisible operator (U+2061 to U+2064)."""
    if code <= _BLANK or code == _DELETE:
        return False
    kind = class_of(code)
    return bool(kind != SPACE and kind != IGNORED)


@kernel
def _write_sign(code: int, out: NDArray[np.uint8], begin: int, at: int) -> int:
    """Write a character in math mode, as its command if it has one."""
    name = tex_of(code)
    if len(name) > 0:
        return _write(name, out, at)
    if _needs_blank(out, begin, at, min(code, 0x80)):
        out[at] = _BLANK
        at += 1
    return write_character(code, out, at)


@kernel
def _needs_blank(out: NDArray[np.uint8], begin: int, at: int, byte: int) -> bool:
    r"""Whether a character would become part of what ends at `at`: `\alpha`, or the script
    of `x^2`, where it would be read wrongly by people only.
    """
    is_letter = 97 <= (byte | 32) <= 122 or byte >= 0x80
    if not is_letter and not 48 <= byte <= 57:
        return False
    if at - 2 > begin and out[at - 2] in (_CARET, _LOW) and out[at - 1] != _OPEN:
        return True
    place, first = at, max(begin, at - LONGEST_NAME)
    while place > first and 97 <= (out[place - 1] | 32) <= 122:
        place -= 1
    return bool(is_letter and begin < place < at and out[place - 1] == _BACKSLASH)


@kernel
def _write_blanks(
    data: NDArray[np.uint8], position: int, stop: int, out: NDArray[np.uint8], at: int
) -> int:
    """`<mspace>` as a thin space, one quad or two, by its width in em; others are none."""
    first, last = attribute(data, position, stop, _WIDTH)
    if last - first < 3 or data[last - 2] != 101 or data[last - 1] != 109:
        return at
    if data[first] == 48:
        first += 1
    if data[first] == 46:
        is_thin = data[first + 1] == 49 and data[first + 2] in (54, 55)
        return _write(_THIN, out, at) if is_thin else at
    if last - first == 3 and data[first] == 49:
        return _write(_QUAD, out, at)
    if last - first == 3 and data[first] == 50:
        return _write(_TWO_QUADS, out, at)
    return at


@kernel
def _write_fence(
    data: NDArray[np.uint8],
    position: int,
    stop: int,
    name: np.uint64,
    default: int,
    page: Page,
    out: NDArray[np.uint8],
    at: int,
) -> int:
    """The first character of an attribute; `default` where there is no such attribute."""
    first, last = attribute(data, position, stop, name)
    if last > first:
        code, _, _ = _character(data, first, last, page)
        return _write_sign(code, out, at, at) if _is_shown(code) else at
    if first == 0:
        out[at] = default
        return at + 1
    return at


@kernel
def _write(text: NDArray[np.uint8], out: NDArray[np.uint8], at: int) -> int:
    for place in range(len(text)):
        out[at + place] = text[place]
    return at + len(text)


@kernel
def _reverse(out: NDArray[np.uint8], first: int, stop: int) -> None:
    while first < stop - 1:
        stop -= 1
        out[first], out[stop] = out[stop], out[first]
        first += 1
