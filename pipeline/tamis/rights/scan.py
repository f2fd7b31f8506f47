"""Places in a page that must be parsed: one pass over the head, one over the page.

Both read the buffers of `tamis.text.buffers`; positions are in bytes of `data`.
Most pages have no such place, and cost no more than these two passes.

    tags      (found, 3)  int64  page, start, stop: `<meta` and `<link` tags of the head
                                 that contain a word of a reservation
    mentions  pairs              page, position: `creativecommons.org`

The head ends at `<body`, or after 256 KiB. Comments, scripts, styles and titles are
skipped. At most 64 tags and 64 mentions of a page are reported. Reading of a head ends
after 64 tags without an end within 2 kB.
"""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from tamis.compiled import kernel
from tamis.text.buffers import Bytes, Offsets, read_only
from tamis.text.growth import doubled_rows

MENTION = b"creativecommons.org"
HEAD_BYTES = 1 << 18
MOST_TAG_BYTES = 2_048
MOST_FOUND = 64

_META, _LINK, _BODY = (
    np.frombuffer(name, np.uint8) for name in (b"<meta", b"<link", b"<body")
)
_COMMENT, _COMMENT_END = (np.frombuffer(mark, np.uint8) for mark in (b"<!--", b"-->"))
_RAW_TEXT = tuple(
    (np.frombuffer(b"<" + name, np.uint8), np.frombuffer(b"</" + name, np.uint8))
    for name in (b"script", b"style", b"title")
)
_LESS, _EQUALS, _GREATER, _QUOTE, _APOSTROPHE = 0x3C, 0x3D, 0x3E, 0x22, 0x27
_LOWER = 0x20  # the bit that makes an ASCII letter lower case

# The two bytes after "no" in noai, noimageai, noindex, nosnippet, noarchive, nocache
# and none.
_SECOND = ("ai", "im", "in", "sn", "ar", "ca", "ne")
_AFTER_NO = tuple((ord(word[0]), ord(word[1])) for word in _SECOND)


def tags(data: Bytes, offsets: Offsets) -> NDArray[np.int64]:
    """Tags of the heads that may hold a notice; see the module's docstring."""
    return _tags(read_only(data), offsets)


def mentions(data: Bytes, offsets: Offsets) -> list[tuple[int, int]]:
    """Every `creativecommons.org`, in the order of the pages."""
    found: list[tuple[int, int]] = []
    for page, (start, stop) in enumerate(pairwise(offsets.tolist())):
        # bytes.find, on a copy: three times as fast as a kernel of our own.
        content = data[start:stop].tobytes()
        position = content.find(MENTION)
        of_page = 0
        while position >= 0 and of_page < MOST_FOUND:
            found.append((page, start + position))
            of_page += 1
            position = content.find(MENTION, position + 1)
    return found


@kernel
def _tags(data: Bytes, offsets: Offsets) -> NDArray[np.int64]:
    found = np.empty((16, 3), np.int64)
    count = 0
    for page in range(len(offsets) - 1):
        here = offsets[page]
        stop = min(offsets[page + 1], here + HEAD_BYTES)
        of_page = endless = 0
        while of_page < MOST_FOUND and endless < MOST_FOUND:
            here = _next(data, here, stop)
            if here >= stop or _begins(data, here, stop, _BODY):
                break
            if not (
                _begins(data, here, stop, _META) or _begins(data, here, stop, _LINK)
            ):
                here = _after_comment_or_raw_text(data, here, stop)
                continue
            end = _tag_end(data, here, stop)
            if _has_notice_word(data, here, end):
                if count == len(found):
                    found = doubled_rows(found)
                found[count, 0], found[count, 1], found[count, 2] = page, here, end
                count += 1
                of_page += 1
            endless += end == here
            here = max(end, here + 1)
    return found[:count].copy()


@kernel
def _next(data: Bytes, here: int, stop: int) -> int:
    """Place of the next `<`, or `stop`."""
    while here < stop and data[here] != _LESS:
        here += 1
    return here


@kernel
def _begins(data: Bytes, here: int, stop: int, word: Bytes) -> bool:
    """Whether a tag of that name begins here: the name, then something but a letter."""
    if here + len(word) >= stop:
        return False
    for place in range(len(word)):
        if data[here + place] | _LOWER != word[place] | _LOWER:
            return False
    following = data[here + len(word)] | _LOWER
    return not 0x61 <= following <= 0x7A


@kernel
def _after_comment_or_raw_text(data: Bytes, here: int, stop: int) -> int:
    """The position after a comment or raw text that begins here, else one byte on."""
    if here + 4 <= stop and (data[here : here + 4] == _COMMENT).all():
        return _after(data, here + 2, stop, _COMMENT_END)
    for start, end in _RAW_TEXT:
        if _begins(data, here, stop, start):
            return _after(data, here + len(start), stop, end)
    return here + 1


@kernel
def _after(data: Bytes, here: int, stop: int, mark: Bytes) -> int:
    """The position after the next `mark`, in any case, or `stop`."""
    first = mark[0] | _LOWER
    for start in range(here, stop - len(mark) + 1):
        if data[start] | _LOWER != first:
            continue
        is_there = True
        for place in range(1, len(mark)):
            if data[start + place] | _LOWER != mark[place] | _LOWER:
                is_there = False
                break
        if is_there:
            return start + len(mark)
    return stop


@kernel
def _tag_end(data: Bytes, here: int, stop: int) -> int:
    """The position after the `>` that ends a tag; `here` if none is near.

    A `>` in quotes does not count. Only a value's own quotes do: the apostrophe in
    `content=it's` opens none.
    """
    quote, is_value = 0, False
    for place in range(here, min(stop, here + MOST_TAG_BYTES)):
        code = data[place]
        if quote:
            if code == quote:
                quote = 0
        elif code == _GREATER:
            return place + 1
        elif is_value and code in (_QUOTE, _APOSTROPHE):
            quote = code
        is_value = code == _EQUALS or (is_value and code <= 0x20)
    return here


@kernel
def _has_notice_word(data: Bytes, start: int, stop: int) -> bool:
    """Whether the tag contains `noai` and the like, `tdm-` or `rsl+`."""
    for place in range(start, stop - 3):
        first, second = data[place] | _LOWER, data[place + 1] | _LOWER
        third, fourth = data[place + 2] | _LOWER, data[place + 3] | _LOWER
        if first == 0x6E and second == 0x6F and (third, fourth) in _AFTER_NO:
            return True
        if first == 0x74 and second == 0x64 and third == 0x6D and fourth == 0x2D:
            return True
        if first == 0x72 and second == 0x73 and third == 0x6C and fourth == 0x2B:
            return True
    return False
