"""Reading a start tag's attributes: class words, and what hides an element.

Of class, id, role and itemprop the words are kept as hashes: runs of letters,
cut where lower case meets upper case ("articleBody" is article, body), in lower
case, at least two bytes long. Digits separate words: they number things.
"""

from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pipeline.html.blocks.layout import (
    DIALOG,
    HIDDEN,
    MAX_NAMES,
    MAX_NAMES_OF_ELEMENT,
)
from pipeline.html.blocks.tags import FNV_OFFSET, FNV_PRIME, fnv1a

# Beyond the element's own flags; read by the tokenizer, never stored.
SELF_CLOSING: Final = 1 << 16
HAS_HREF: Final = 1 << 17
TAG_IS_CUT: Final = 1 << 18  # the page ends inside the tag

_QUOTE, _APOSTROPHE, _GREATER, _SLASH, _EQUALS, _SPACE = 34, 39, 62, 47, 61, 32

(_CLASS, _ID, _ROLE, _ITEMPROP, _STYLE, _HIDDEN, _ARIA_HIDDEN, _ARIA_MODAL) = (
    np.uint64(fnv1a(name))
    for name in (
        b"class",
        b"id",
        b"role",
        b"itemprop",
        b"style",
        b"hidden",
        b"aria-hidden",
        b"aria-modal",
    )
)
(_HREF, _DIALOG, _ALERTDIALOG) = (
    np.uint64(fnv1a(name)) for name in (b"href", b"dialog", b"alertdialog")
)
_TRUE = np.uint64(fnv1a(b"true"))
# style values without white space, up to the `;` or end
_DISPLAY_NONE = np.uint64(fnv1a(b"display:none"))
_DISPLAY_NONE_IMPORTANT = np.uint64(fnv1a(b"display:none!important"))
_VISIBILITY_HIDDEN = np.uint64(fnv1a(b"visibility:hidden"))


@njit(cache=True, nogil=True)
def read_attributes(
    data: NDArray[np.uint8],
    position: int,
    stop: int,
    names: NDArray[np.uint64],
    count: int,
) -> tuple[int, int, int]:
    """Read from behind the tag's name to behind its `>`.

    Words are appended to `names` from `count` on. Returns where the tag ends,
    the new count, and the flags found.
    """
    flags = 0
    limit = min(count + MAX_NAMES_OF_ELEMENT, MAX_NAMES)
    while position < stop:
        byte = data[position]
        if byte <= _SPACE or byte == _SLASH:
            position += 1
            continue
        if byte == _GREATER:
            if data[position - 1] == _SLASH:
                flags |= SELF_CLOSING
            return position + 1, count, flags
        name, position = _attribute_name(data, position, stop)
        while position < stop and data[position] <= _SPACE:
            position += 1
        first = last = position
        if position < stop and data[position] == _EQUALS:
            first, last, position = _value(data, position + 1, stop)
        if name in (_CLASS, _ID, _ROLE, _ITEMPROP):
            if name == _ROLE:
                role = _compact_hash(data, first, last)
                if role in (_DIALOG, _ALERTDIALOG):
                    flags |= DIALOG
            count = _append_words(data, first, last, names, count, limit)
        elif name == _HREF:
            flags |= HAS_HREF
        elif name == _STYLE:
            if _hides(data, first, last):
                flags |= HIDDEN
        elif name == _HIDDEN or (
            name == _ARIA_HIDDEN and _compact_hash(data, first, last) == _TRUE
        ):
            flags |= HIDDEN
        elif name == _ARIA_MODAL and _compact_hash(data, first, last) == _TRUE:
            flags |= DIALOG
    return stop, count, flags | TAG_IS_CUT


@njit(cache=True, nogil=True)
def _attribute_name(
    data: NDArray[np.uint8], position: int, stop: int
) -> tuple[np.uint64, int]:
    """Hash of the lower-cased name, and where it ends; takes at least one byte."""
    value = FNV_OFFSET
    start = position
    while position < stop:
        byte = data[position]
        if byte <= _SPACE or byte in (_SLASH, _GREATER):
            break
        if byte == _EQUALS and position > start:
            break
        if 65 <= byte <= 90:
            byte = np.uint8(byte | 32)
        value = (value ^ np.uint64(byte)) * FNV_PRIME
        position += 1
    return value, position


@njit(cache=True, nogil=True)
def _value(data: NDArray[np.uint8], position: int, stop: int) -> tuple[int, int, int]:
    """Start and stop of the value behind `=`, and where reading goes on."""
    while position < stop and data[position] <= _SPACE:
        position += 1
    if position >= stop or data[position] == _GREATER:
        return position, position, position
    quote = data[position]
    first = position
    if quote in (_QUOTE, _APOSTROPHE):
        first = position = position + 1
        while position < stop and data[position] != quote:
            position += 1
        return first, position, min(position + 1, stop)
    while position < stop and data[position] > _SPACE and data[position] != _GREATER:
        position += 1
    return first, position, position


@njit(cache=True, nogil=True)
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
    for position in range(first, last + 1):
        byte = data[position] if position < last else np.uint8(_SPACE)
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
    return count


@njit(cache=True, nogil=True)
def _compact_hash(data: NDArray[np.uint8], first: int, last: int) -> np.uint64:
    """Hash of a value in lower case without white space."""
    value = FNV_OFFSET
    for position in range(first, last):
        byte = data[position]
        if byte <= _SPACE:
            continue
        if 65 <= byte <= 90:
            byte = np.uint8(byte | 32)
        value = (value ^ np.uint64(byte)) * FNV_PRIME
    return value


@njit(cache=True, nogil=True)
def _hides(data: NDArray[np.uint8], first: int, last: int) -> bool:
    """Whether one declaration of a style value takes the element out of sight."""
    start = first
    for position in range(first, last + 1):
        if position == last or data[position] == 59:  # ';'
            value = _compact_hash(data, start, position)
            if value in (_DISPLAY_NONE, _DISPLAY_NONE_IMPORTANT, _VISIBILITY_HIDDEN):
                return True
            start = position + 1
    return False
