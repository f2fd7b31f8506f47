"""What inline markup means, where plain text would say something else.

    formulas     TeX between dollar signs, from an annotation, `alttext`, a script or an
                 image's `alt`; of MathML without any of these the writer makes TeX
    quotations   `<q>` gets its quotation marks
    ruby         readings in brackets, where the page has none
    gutters      the numbers of lines of code are no code
    chrome       "[edit]" beside a heading; text for screen readers alone; text that is not shown

A span of text may stand for a character that the page does not have (LITERAL).
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tamis.compiled import kernel
from tamis.html.blocks.layout import (
    BRACKETED,
    DISPLAYED,
    FORMULA,
    IN_PRE,
    LITERAL,
    MATHML,
    MAX_SPANS,
    NO,
    SILENT,
    ZERO,
    Page,
)
from tamis.html.blocks.read import tags
from tamis.html.blocks.read.attributes import TAG_IS_CUT, read_attributes
from tamis.html.blocks.read.open_block import begin_block, end_word
from tamis.html.blocks.read.raw_text import after_comment
from tamis.html.blocks.read.tags import fnv1a
from tamis.html.blocks.simd import first_delimiter, first_of, lowered_at

_QUOTE, _APOSTROPHE, _GREATER, _SLASH, _EQUALS, _SPACE = 34, 39, 62, 47, 61, 32
_LESS: Final = np.uint8(60)
_DOLLAR, _BACKSLASH, _SQUARE = 36, 92, 91
_LONGEST_NAMED: Final = 10_000  # bytes
_OPEN, _CLOSE, _BANG, _QUESTION = 40, 41, 33, 63
_LEFT_QUOTE, _RIGHT_QUOTE = 0x201C, 0x201D
_DISPLAY_STYLE: Final = np.frombuffer(b"{\\displaystyle ", np.uint8)
_TEX: Final = np.frombuffer(b"tex", np.uint8)
_MATH_TEX: Final = np.frombuffer(b"math/tex", np.uint8)
_MODE_DISPLAY: Final = np.frombuffer(b"display", np.uint8)
_BLOCK: Final = np.frombuffer(b"block", np.uint8)
_EMOJI: Final = np.frombuffer(b"emoji", np.uint8)
_LATEX: Final = np.frombuffer(b"latex", np.uint8)
_MATH_FALLBACK: Final = np.frombuffer(b"math-fallback", np.uint8)


def _packed(name: bytes) -> np.uint64:
    return np.uint64(int.from_bytes(name, "little"))


# Names of attributes, of at most 8 bytes, as `lowered_at` returns them.
_ENCODING, _ALTTEXT, _DISPLAY, _TYPE, _ALT, _CLASS = map(
    _packed, (b"encoding", b"alttext", b"display", b"type", b"alt", b"class")
)


def _hashes(words: str) -> NDArray[np.uint64]:
    return np.array([fnv1a(word.encode()) for word in words.split()], np.uint64)


# Words of class and id: cells and spans that number lines of code; of such words two
# together; and those that do so within code alone.
_GUTTERS: Final = _hashes("gutter lineno linenos linenumber linenumbers lnum lnt")
_LINE, _BLOB = _hashes("line blob")
_NUMBERS: Final = _hashes("number numbers num nums")
_LN: Final = _hashes("ln")[0]
_EDIT_SECTION, _JAX = _hashes("editsection jax")
_MATH_NAME, _INLINE_NAME, _DISPLAY_NAME = _hashes("math inline display")
_ONLY, _SR, _SCREEN, _READER, _VISUALLY, _HIDDEN_WORD, _VISUALLY_HIDDEN = _hashes(
    "only sr screen reader visually hidden visuallyhidden"
)


@kernel
def says_nothing(
    page: Page,
    tag: int,
    names: NDArray[np.uint64],
    start: int,
    stop: int,
    unselected: bool,
) -> bool:
    """Whether an inline element, or a cell, by its names holds no text of the page."""
    top = page.stack[page.state[0].depth - 1]
    in_pre = page.elements[top].flags & np.uint32(IN_PRE) != 0
    if in_pre and unselected:
        return True
    # A <pre> may be a column of numbers, or the code that is numbered (Prism).
    may_number = in_pre or tag == tags.TD or tag == tags.TH
    has_sr = has_only = has_screen = has_reader = has_visually = has_hidden = False
    previous = np.uint64(0)
    for index in range(start, stop):
        name = names[index]
        if may_number or tag == tags.PRE:
            for known in _GUTTERS:
                if name == known:
                    return True
        if may_number:
            for known in _NUMBERS:
                if name == known and previous in (_LINE, _BLOB, _LN):
                    return True
        previous = name
        has_sr |= name == _SR
        has_only |= name == _ONLY
        has_screen |= name == _SCREEN
        has_reader |= name == _READER
        has_visually |= name == _VISUALLY
        has_hidden |= name == _HIDDEN_WORD
        if tag == tags.SPAN and name in (_EDIT_SECTION, _JAX, _VISUALLY_HIDDEN):
            return True
    if in_pre and tag != tags.CODE and stop - start == 1 and names[start] == _LN:
        return True
    return bool(
        tag == tags.SPAN
        and (
            (has_sr and has_only)
            or (has_screen and has_reader)
            or (has_visually and has_hidden)
        )
    )


@kernel
def is_twin(page: Page) -> bool:
    """Whether what begins here follows a formula at once, so that it shows it again."""
    state = page.state[0]
    return bool(state.after_formula >= 0 and state.after_formula == state.spans)


@kernel
def read_math(
    data: NDArray[np.uint8],
    position: int,
    after: int,
    stop: int,
    page: Page,
    is_silent: bool,
) -> int:
    """Read a `<math>`, whose tag's name ends at `position` and whose tag at `after`.

    It is its `alttext`, else its annotation of TeX, else its MathML, if that is shown.
    Returns where reading goes on, behind `</math>`; 0 where that is missing.
    """
    first, last, content_stop, end = _content_of_math(data, after, stop, page)
    if end == 0:
        return end
    state = page.state[0]
    begin, close = attribute(data, position, after, _DISPLAY)
    state.is_displayed = _holds(data, begin, close, _BLOCK)
    begin, close = attribute(data, position, after, _ALTTEXT)
    if close > begin:
        first, last = begin, close
    if last > first:
        _append_formula(data, first, last, page, ZERO)
    elif content_stop > after and not is_silent:
        _append_formula(data, after, content_stop, page, MATHML + ZERO)
    return end


@kernel
def _content_of_math(
    data: NDArray[np.uint8], after: int, stop: int, page: Page
) -> tuple[int, int, int, int]:
    """TeX in an annotation of the `<math>` that begins at `after`: where it starts and
    stops; where the content stops, or 0 if it has no text; where the end tag ends, or 0.

    The end tag is missing if a block, raw text, svg or a `<math` begins or ends before it.
    So the next `<math` begins where this search ended, or later: all searches together
    read a page once.
    """
    first, last = ZERO, ZERO
    has_text = False
    place = after
    while True:
        while place < stop and data[place] <= _SPACE:
            place += 1
        less = first_of(data, place, stop, _LESS)
        has_text |= less > place
        if less + 2 >= stop:
            break
        following = data[less + 1]
        if following in (_BANG, _QUESTION):
            # Not as in svg: what is no comment ends at the first `>`.
            place = after_comment(data, less + 2, stop, NO)
            continue
        is_end = following == _SLASH
        name_start = less + 1 + is_end
        if not 97 <= (data[name_start] | 32) <= 122:
            place = less + 1
            continue
        value, name_end = tags.tag_name(data, name_start, stop)
        tag = tags.tag_of_hash(value)
        place, _, flags = read_attributes(data, name_end, stop, page.names, ZERO, NO)
        if flags & TAG_IS_CUT:
            break
        if is_end and tag == tags.MATH:
            return first, last, less if has_text else ZERO, place
        if tags.PROPERTIES[tag] & np.uint32(tags.BLOCK | tags.RAW | tags.FOREIGN):
            break
        if tag == tags.ANNOTATION and not is_end and last == first:
            begin, close = attribute(data, name_end, place, _ENCODING)
            if _holds(data, begin, close, _TEX):
                first, last = _stripped(data, place, first_of(data, place, stop, _LESS))
    return ZERO, ZERO, ZERO, ZERO


@kernel
def read_script(
    data: NDArray[np.uint8], position: int, after: int, end: int, page: Page
) -> None:
    """`<script type="math/tex">`: its content, after:end, is a formula."""
    first, last = attribute(data, position, after, _TYPE)
    if not _holds(data, first, min(last, first + 8), _MATH_TEX):
        return
    page.state[0].is_displayed = _holds(data, first, last, _MODE_DISPLAY)
    _append_formula(data, after, end, page, ZERO)


@kernel
def read_named(
    data: NDArray[np.uint8],
    after: int,
    stop: int,
    page: Page,
    element: int,
    start: int,
    name_stop: int,
) -> None:
    r"""`<span class="math inline">`: TeX without marks around it, as pandoc writes for KaTeX.

    The tag ends at `after`. Elements in it are what shows the formula: then it is text.
    """
    is_math = is_inline = is_display = False
    for index in range(start, name_stop):
        name = page.names[index]
        is_math |= name == _MATH_NAME
        is_inline |= name == _INLINE_NAME
        is_display |= name == _DISPLAY_NAME
    is_silent = page.elements[element].flags & np.uint32(SILENT) != 0
    if is_silent or not is_math or not (is_inline or is_display):
        return
    end = first_of(data, after, stop, _LESS)
    if end + 1 >= stop or data[end + 1] != _SLASH or end - after > _LONGEST_NAMED:
        return
    first = after
    while first < end and data[first] <= _SPACE:
        first += 1
    is_marked = data[first] == _DOLLAR or (
        data[first] == _BACKSLASH and data[first + 1] in (_OPEN, _SQUARE)
    )
    if first == end or is_marked:
        return
    page.elements[element].flags |= np.uint32(SILENT)
    page.state[0].is_displayed = is_display
    _append_formula(data, first, end, page, ZERO)


@kernel
def read_image(data: NDArray[np.uint8], position: int, stop: int, page: Page) -> None:
    """The `alt` of an image that stands for an emoji or for a formula."""
    state = page.state[0]
    first, last = attribute(data, position, stop, _CLASS)
    if last - first < 5:
        return
    is_formula = _holds(data, first, last, _LATEX) or _holds(
        data, first, last, _MATH_FALLBACK
    )
    if not is_formula and not _holds(data, first, last, _EMOJI):
        return
    if is_formula and is_twin(page):
        return
    first, last = attribute(data, position, stop, _ALT)
    if last <= first or page.elements[page.stack[state.depth - 1]].flags & np.uint32(
        SILENT
    ):
        return
    if is_formula:
        state.is_displayed = False
        _append_formula(data, first, last, page, ZERO)
    elif last - first <= 32:
        _append(page, first, last, ZERO)


@kernel
def begin_part(page: Page, tag: int) -> None:
    """An inline element has begun: what has to stand before it."""
    state = page.state[0]
    element = page.elements[page.stack[state.depth - 1]]
    if element.flags & np.uint32(SILENT):
        return
    if tag == tags.Q:
        _append_literal(page, _LEFT_QUOTE)
    elif tag == tags.RUBY:
        state.has_rp = 0
    elif tag == tags.RP:
        state.has_rp = 1
    elif tag == tags.RT and not state.has_rp:
        element.flags |= np.uint32(BRACKETED)
        _append_literal(page, _OPEN)


@kernel
def end_part(page: Page, index: int) -> None:
    """An element that `begin_part` has seen ends: what has to stand behind it."""
    element = page.elements[index]
    if element.flags & np.uint32(SILENT) or page.state[0].has_text == 0:
        return
    if element.tag == tags.Q:
        _append_literal(page, _RIGHT_QUOTE)
    elif element.flags & np.uint32(BRACKETED):
        _append_literal(page, _CLOSE)


@kernel
def attribute(
    data: NDArray[np.uint8], position: int, stop: int, wanted: np.uint64
) -> tuple[int, int]:
    """Where the value of a tag's attribute is; nowhere if it has none."""
    while position < stop:
        byte = data[np.uint64(position)]
        if byte <= _SPACE or byte == _SLASH:
            position += 1
            continue
        if byte == _GREATER:
            break
        start = position
        position = first_delimiter(data, position + 1, stop)
        name = lowered_at(data, start, position)
        is_wanted = name == wanted and position - start <= 8
        while position < stop and data[np.uint64(position)] <= _SPACE:
            position += 1
        if position >= stop or data[np.uint64(position)] != _EQUALS:
            continue
        position += 1
        while position < stop and data[np.uint64(position)] <= _SPACE:
            position += 1
        if position >= stop or data[np.uint64(position)] == _GREATER:
            break
        first, quote = position, data[np.uint64(position)]
        if quote in (_QUOTE, _APOSTROPHE):
            last = first_of(data, first + 1, stop, quote)
            first, position = first + 1, min(last + 1, stop)
        else:
            while (
                position < stop
                and data[np.uint64(position)] > _SPACE
                and data[np.uint64(position)] != _GREATER
            ):
                position += 1
            last = position
        if is_wanted:
            return first, last
    return ZERO, ZERO


@kernel
def _append_formula(
    data: NDArray[np.uint8], first: int, last: int, page: Page, kind: int
) -> None:
    """`kind`: MATHML, or 0 for TeX."""
    prefix = len(_DISPLAY_STYLE)
    first, last = _stripped(data, first, last)
    if last - first > prefix and data[last - 1] == 125:  # '}'
        is_same = True
        for place in range(prefix):
            is_same &= data[first + place] == _DISPLAY_STYLE[place]
        if is_same:
            first, last = first + prefix, last - 1
    if last > first:
        flags = FORMULA | kind
        if page.state[0].is_displayed:
            flags |= DISPLAYED
        _append(page, first, last, flags)
        page.state[0].after_formula = page.state[0].spans


@kernel
def _stripped(data: NDArray[np.uint8], first: int, last: int) -> tuple[int, int]:
    """The range without white space at its ends."""
    while first < last and data[first] <= _SPACE:
        first += 1
    while last > first and data[last - 1] <= _SPACE:
        last -= 1
    return first, last


@kernel
def _append_literal(page: Page, code: int) -> None:
    _append(page, code, code, LITERAL + ZERO)


@kernel
def _append(page: Page, first: int, last: int, flags: int) -> None:
    state = page.state[0]
    if state.spans >= MAX_SPANS - 2:
        return  # an end tag may close hundreds of elements
    if state.has_text == 0:
        begin_block(page)
    end_word(page)
    span = page.spans[state.spans]
    span.start, span.stop, span.flags = first, last, flags
    state.spans += 1
    state.pending_breaks = 0


@kernel
def _holds(
    data: NDArray[np.uint8], first: int, last: int, word: NDArray[np.uint8]
) -> bool:
    """Whether the bytes hold a word of small letters, in any case."""
    for start in range(first, last - len(word) + 1):
        is_same = True
        for place in range(len(word)):
            byte = data[start + place]
            lowered = byte | 32 if 65 <= byte <= 90 else byte
            if lowered != word[place]:
                is_same = False
                break
        if is_same:
            return True
    return False
