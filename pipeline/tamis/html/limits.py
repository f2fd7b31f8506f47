"""Pages that are too expensive for any parser, recognised by their bytes.

A parser's time grows with the square of the nesting depth, and of the number of one
element's attributes: 100,000 nested `<div>` take resiliparse over 40 s, 50,000
attributes take trafilatura 7 s. These limits reject the same pages in every run; a time
limit would not.

Kernels take Arrow's own buffers (see `tamis.text.buffers`), `data` and `offsets`.
Markup is read roughly, scripts and comments too: an end tag closes the element opened
last, and elements that need no end tag (`<p>`, `<li>`, `<br>`) do not count.
Read this way, the deepest of 3,087 real pages has 1,392 levels, and 99.9 % have 810 or
less.
"""

import numpy as np
from numpy.typing import NDArray

from tamis.compiled import kernel
from tamis.text.buffers import Bytes, Offsets

TOO_DEEP, TOO_MANY_ATTRIBUTES = np.int8(1), np.int8(2)
REASONS = (None, "html_too_deep", "html_too_many_attributes")

_BLOCK = 2048
_LESS_THAN, _GREATER_THAN, _SLASH = 0x3C, 0x3E, 0x2F
_QUOTE, _APOSTROPHE, _SPACE = 0x22, 0x27, 0x20


def _key(name: bytes) -> int:
    """A tag name of up to 8 letters as one number, the same that `_tag_key` returns."""
    return int.from_bytes(name, "big")


_FLAT_NAMES = (
    b"area base body br caption col colgroup dd dt embed head hr html img input li link"
    b" meta optgroup option p param rp rt script source style tbody td tfoot th thead"
    b" tr track wbr"
)
_FLAT = np.array(sorted(map(_key, _FLAT_NAMES.split())), np.uint64)


@kernel
def broken_limits(
    data: Bytes, offsets: Offsets, max_depth: int, max_attributes: int
) -> NDArray[np.int8]:
    """Index into REASONS for each page; 0 if it breaks no limit. 0.05 ms a page."""
    broken = np.zeros(len(offsets) - 1, np.int8)
    for page in range(len(broken)):
        start, stop = offsets[page], offsets[page + 1]
        tags, attributes = _survey(data, start, stop, max_attributes)
        if attributes > max_attributes:
            broken[page] = TOO_MANY_ATTRIBUTES
        elif (
            tags > max_depth
            and _rough_depth(data, start, stop) > max_depth
            and _depth(data, start, stop) > max_depth
        ):
            broken[page] = TOO_DEEP
    return broken


@kernel
def _survey(data: Bytes, start: int, stop: int, max_attributes: int) -> tuple[int, int]:
    """Number of start tags, and the most attributes of a tag that may have too many.

    An attribute takes two bytes at least, its name and a space. So a tag with too
    many is long: whole blocks after its start contain no other tag.
    """
    tags = attributes = empty_blocks = 0
    long_tag = 2 * max_attributes // _BLOCK - 1
    for block in range(start, stop, _BLOCK):
        found = _start_tags(data[block : min(block + _BLOCK + 1, stop)])
        tags += found
        empty_blocks = 0 if found else empty_blocks + 1
        if empty_blocks == long_tag:
            position = block
            while position > start and data[position] != _LESS_THAN:
                position -= 1
            attributes = max(attributes, _attributes(data, position, stop))
    return tags, attributes


@kernel
def _start_tags(block: Bytes) -> int:
    """Number of `<` not followed by `/`; the last byte is not counted."""
    # Two views and indices from zero: the compiler then counts 32 bytes at a time.
    first, second = block[:-1], block[1:]
    found = 0
    for place in range(len(second)):
        found += (first[place] == _LESS_THAN) & (second[place] != _SLASH)
    return found


@kernel
def _rough_depth(data: Bytes, start: int, stop: int) -> int:
    """Upper bound of the depth: every element is read as if it had an end tag."""
    deepest = level = 0
    for position in range(start, stop - 1):
        if data[position] == _LESS_THAN:
            level += -1 if data[position + 1] == _SLASH else 1
            level = max(level, 0)
            deepest = max(deepest, level)
    return deepest


@kernel
def _depth(data: Bytes, start: int, stop: int) -> int:
    """The largest number of elements that are open at once."""
    deepest = level = 0
    for position in range(start, stop - 1):
        if data[position] != _LESS_THAN:
            continue
        is_end = data[position + 1] == _SLASH
        key = _tag_key(data, position + 1 + is_end, stop)
        place = np.searchsorted(_FLAT, key)
        if key == 0 or (place < len(_FLAT) and _FLAT[place] == key):
            continue
        level = max(level - 1, 0) if is_end else level + 1
        deepest = max(deepest, level)
    return deepest


@kernel
def _tag_key(data: Bytes, position: int, stop: int) -> np.uint64:
    """The letters and digits at `position`, lower case, as a number; 0 for no letter.

    Only the last 8 characters of a longer name count: no such key is in `_FLAT`.
    """
    key = np.uint64(0)
    for place in range(position, min(position + 16, stop)):
        letter = data[place] | 0x20
        is_letter = 0x61 <= letter <= 0x7A
        is_digit = 0x30 <= data[place] <= 0x39
        if not is_letter and (not is_digit or place == position):
            break
        key = (key << np.uint64(8)) | np.uint64(letter)
    return key


@kernel
def _attributes(data: Bytes, start: int, stop: int) -> int:
    """Number of words after the tag name at `start` up to `>`, outside of quotes."""
    words = quote = 0
    last = _SPACE
    for position in range(start, stop):
        byte = data[position]
        if quote:
            quote = 0 if byte == quote else quote
        elif byte == _GREATER_THAN:
            break
        elif byte in (_QUOTE, _APOSTROPHE):
            quote = byte
        elif byte > _SPACE >= last:
            words += 1
        last = byte
    return words - 1
