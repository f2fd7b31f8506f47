"""A start tag's attributes: the words of its names, and whether it is hidden.

The words of class, id, role and itemprop are kept as hashes. A word is a run of
letters, cut where upper case follows lower case ("articleBody" is article, body), in
lower case, at least two bytes long. Digits separate words: they number things.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tamis.compiled import kernel
from tamis.html.blocks.layout import DIALOG, HIDDEN, MAX_NAMES, MAX_NAMES_OF_ELEMENT
from tamis.html.blocks.read.tags import FNV_OFFSET, FNV_PRIME, fnv1a
from tamis.html.blocks.simd import first_delimiter, first_of, lowered_at

# Bits above the element's own flags; only the tokenizer reads them.
SELF_CLOSING: Final = 1 << 16
HAS_HREF: Final = 1 << 17
TAG_IS_CUT: Final = 1 << 18  # the page ends inside the tag
NOT_SHOWN: Final = 1 << 19  # by its style, or `hidden`
ARIA_HIDDEN: Final = 1 << 20
UNSELECTED: Final = 1 << 21  # user-select: none
NUMBERED: Final = 1 << 22  # has `start` or `value`
COUNTS_DOWN: Final = 1 << 23  # has `reversed`

_QUOTE, _APOSTROPHE, _GREATER, _SLASH, _EQUALS, _SPACE = 34, 39, 62, 47, 61, 32


def _packed(name: bytes) -> np.uint64:
    """A lower-case name of at most 8 bytes, as `lowered_at` returns it."""
    return np.uint64(int.from_bytes(name, "little"))


(_CLASS, _ID, _ROLE, _ITEMPROP, _STYLE, _HIDDEN, _HREF) = map(
    _packed, (b"class", b"id", b"role", b"itemprop", b"style", b"hidden", b"href")
)
_START, _VALUE, _REVERSED = map(_packed, (b"start", b"value", b"reversed"))
# Names of more than 8 bytes, in two halves.
(_ARIA_HID, _DEN, _ARIA_MOD, _AL) = map(
    _packed, (b"aria-hid", b"den", b"aria-mod", b"al")
)
# Hashes of values without white space, in lower case; of style, up to the `;` or end.
(_DIALOG, _ALERTDIALOG, _TRUE) = (
    np.uint64(fnv1a(value)) for value in (b"dialog", b"alertdialog", b"true")
)
(_DISPLAY_NONE, _DISPLAY_NONE_IMPORTANT, _VISIBILITY_HIDDEN) = (
    np.uint64(fnv1a(value))
    for value in (b"display:none", b"display:none!important", b"visibility:hidden")
)
_USER_SELECT_NONE, _WEBKIT_SELECT_NONE = (
    np.uint64(fnv1a(value))
    for value in (b"user-select:none", b"-webkit-user-select:none")
)


@kernel
def read_attributes(
    data: NDArray[np.uint8],
    position: int,
    stop: int,
    names: NDArray[np.uint64],
    count: int,
    opens: bool,
) -> tuple[int, int, int]:
    """Read a tag from the end of its name to the end of its `>`.

    Words are appended to `names` from `count` on. Returns where the tag ends,
    the new count, and the flags found. A tag that opens no element needs only where it
    ends, and whether it closes itself.
    """
    flags = 0
    limit = min(count + MAX_NAMES_OF_ELEMENT, MAX_NAMES)
    while position < stop:
        byte = data[np.uint64(position)]
        if byte <= _SPACE or byte == _SLASH:
            position += 1
            continue
        if byte == _GREATER:
            if data[np.uint64(position - 1)] == _SLASH:
                flags |= SELF_CLOSING
            return position + 1, count, flags
        start = position  # a name has at least one byte, even if it is a `=`
        position = first_delimiter(data, position + 1, stop)
        if not opens:
            while position < stop and data[np.uint64(position)] <= _SPACE:
                position += 1
            if position < stop and data[np.uint64(position)] == _EQUALS:
                _, _, position = _value(data, position + 1, stop)
            continue
        name, rest = lowered_at(data, start, position), np.uint64(0)
        if position - start > 8:
            rest = lowered_at(data, start + 8, position)
        while position < stop and data[np.uint64(position)] <= _SPACE:
            position += 1
        first = last = position
        if position < stop and data[np.uint64(position)] == _EQUALS:
            first, last, position = _value(data, position + 1, stop)
        if rest:
            flag = _flag_of_aria(name, rest)
            if flag and _compact_hash(data, first, last) == _TRUE:
                flags |= flag
        elif name == _HREF:
            flags |= HAS_HREF
        elif name in (_CLASS, _ID, _ITEMPROP):
            count = _append_words(data, first, last, names, count, limit)
        elif name == _ROLE:
            role = _compact_hash(data, first, last)
            if role in (_DIALOG, _ALERTDIALOG):
                flags |= DIALOG
            count = _append_words(data, first, last, names, count, limit)
        elif name == _HIDDEN:
            flags |= HIDDEN | NOT_SHOWN
        elif name == _STYLE:
            flags |= _flags_of_style(data, first, last)
        elif name in (_START, _VALUE):
            flags |= NUMBERED
        elif name == _REVERSED:
            flags |= COUNTS_DOWN
    return stop, count, flags | TAG_IS_CUT


@kernel(inline="always")
def _value(data: NDArray[np.uint8], position: int, stop: int) -> tuple[int, int, int]:
    """Start and stop of the value after `=`, and where reading goes on."""
    while position < stop and data[np.uint64(position)] <= _SPACE:
        position += 1
    if position >= stop or data[np.uint64(position)] == _GREATER:
        return position, position, position
    first, quote = position, data[np.uint64(position)]
    if quote in (_QUOTE, _APOSTROPHE):
        last = first_of(data, first + 1, stop, quote)
        return first + 1, last, min(last + 1, stop)
    while (
        position < stop
        and data[np.uint64(position)] > _SPACE
        and data[np.uint64(position)] != _GREATER
    ):
        position += 1
    return first, position, position


@kernel(inline="always")
def _flag_of_aria(name: np.uint64, rest: np.uint64) -> int:
    """The flag that aria-hidden or aria-modal sets if true; 0 for other names."""
    if name == _ARIA_HID and rest == _DEN:
        return HIDDEN | ARIA_HIDDEN
    return DIALOG if name == _ARIA_MOD and rest == _AL else 0


@kernel
def _append_words(
    data: NDArray[np.uint8],
    first: int,
    last: int,
    names: NDArray[np.uint64],
    count: int,
    limit: int,
) -> int:
    value, length = FNV_OFFSET, 0
    was_lower = False
    position = first
    while position <= last:
        # Most of a value is this: small letters, which need no look at what precedes.
        while position < last and 97 <= data[np.uint64(position)] <= 122:
            value = (value ^ np.uint64(data[np.uint64(position)])) * FNV_PRIME
            length += 1
            position += 1
            was_lower = True
        byte = data[np.uint64(position)] if position < last else np.uint8(_SPACE)
        is_upper = 65 <= byte <= 90
        is_letter = is_upper or 97 <= byte <= 122 or byte >= 0x80
        if length > 0 and (not is_letter or (is_upper and was_lower)):
            if length > 1 and count < limit:
                names[count] = value
                count += 1
            value, length = FNV_OFFSET, 0
        if is_letter:
            lowered = byte | 32 if is_upper else byte
            value = (value ^ np.uint64(lowered)) * FNV_PRIME
            length += 1
        was_lower = bool(is_letter and not is_upper)
        position += 1
    return count


@kernel
def _compact_hash(data: NDArray[np.uint8], first: int, last: int) -> np.uint64:
    """Hash of a value, in lower case and without white space."""
    value = FNV_OFFSET
    for position in range(first, last):
        byte = data[position]
        if byte <= _SPACE:
            continue
        if 65 <= byte <= 90:
            byte = np.uint8(byte | 32)
        value = (value ^ np.uint64(byte)) * FNV_PRIME
    return value


@kernel(inline="always")
def _flags_of_style(data: NDArray[np.uint8], first: int, last: int) -> int:
    """What the declarations of a style say: the element is hidden, or not to be copied."""
    start, flags = first, 0
    for position in range(first, last + 1):
        if position == last or data[position] == 59:  # ';'
            value = _compact_hash(data, start, position)
            if value in (_DISPLAY_NONE, _DISPLAY_NONE_IMPORTANT, _VISIBILITY_HIDDEN):
                flags |= HIDDEN | NOT_SHOWN
            elif value in (_USER_SELECT_NONE, _WEBKIT_SELECT_NONE):
                flags |= UNSELECTED
            start = position + 1
    return flags
