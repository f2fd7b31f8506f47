"""Many texts in the form of `tamis.html.clean`: most are in it already, and only looked at.

Every character has a kind. A text of plain characters alone, with its spaces and line feeds
in the places that the form allows, does not change when it is cleaned. The kernel is
careful: it may send a clean text to `clean`, but never keeps one that is not.
"""

import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tamis.compiled import kernel
from tamis.html.clean import clean, is_removed
from tamis.text.buffers import Bytes, Offsets, joined

_CODES: Final = 0x20000  # characters beyond these are never plain
_UNUSUAL, _PLAIN, _SPACE, _LINE_FEED = 0, 1, 2, 3
# Ideographs and Hangul's syllables are plain, all of them.
_SYLLABLES: Final = range(0xAC00, 0xD7A4)
_ALL_PLAIN: Final = (range(0x3400, 0xA000), _SYLLABLES)
# Asking for the kind of a character takes 2 µs. Those of other blocks are seldom met.
_ASKED: Final = (range(0x3400), range(0xFF00, 0xFFF0), range(0x1F000, 0x1FB00))


def clean_texts(texts: Sequence[str]) -> list[str]:
    """`clean` of each text."""
    data, offsets = joined([text.encode("utf-8", "surrogatepass") for text in texts])
    are_clean = _are_clean(data, offsets, _kinds()).tolist()
    return [
        text if is_clean else clean(text)
        for text, is_clean in zip(texts, are_clean, strict=True)
    ]


@lru_cache(maxsize=1)
def _kinds() -> NDArray[np.uint8]:
    """Kind of each code point below _CODES.

    A plain character is itself in NFC, does not combine with the one before it, and
    `clean` neither removes it nor takes it for white space.
    """
    codes = [code for block in _ASKED for code in block]
    # Normalised together, which is ten times as fast as one by one. A line feed neither
    # decomposes nor combines, so the characters stay apart.
    lines = "\n".join("." if code == 10 else chr(code) for code in codes)
    composed = unicodedata.normalize("NFC", lines).split("\n")
    decomposed = unicodedata.normalize("NFD", lines).split("\n")
    # Whatever combines with a character before it stands second in a decomposition.
    seconds = set("".join(text[1:] for text in decomposed))
    seconds.update(unicodedata.normalize("NFD", "".join(map(chr, _SYLLABLES))))
    kinds = np.zeros(_CODES, np.uint8)
    for block in _ALL_PLAIN:
        kinds[block.start : block.stop] = _PLAIN
    for code, same in zip(codes, composed, strict=True):
        character = chr(code)
        if (
            character == same
            and character not in seconds
            and not unicodedata.combining(character)
            and not character.isspace()
            and not is_removed(character)
        ):
            kinds[code] = _PLAIN
    kinds[[0x09, 0x20, 0xA0, 0x3000]] = _SPACE
    kinds[10] = _LINE_FEED
    return kinds


@kernel
def _are_clean(
    data: Bytes, offsets: Offsets, kinds: NDArray[np.uint8]
) -> NDArray[np.bool_]:
    """Whether each text is certainly clean."""
    found = np.zeros(len(offsets) - 1, np.bool_)
    for text in range(len(found)):
        found[text] = _is_clean(data, offsets[text], offsets[text + 1], kinds)
    return found


@kernel
def _is_clean(data: Bytes, start: int, stop: int, kinds: NDArray[np.uint8]) -> bool:
    # Before the text as after two line feeds: none may follow.
    line_feeds, last, position = 2, np.uint8(_LINE_FEED), start
    while position < stop:
        code = np.uint32(data[np.uint64(position)])
        length = 1
        if code >= 0x80:
            length = 2 if code < 0xE0 else 3 if code < 0xF0 else 4
            code &= np.uint32(0x7F >> length)
            for place in range(position + 1, position + length):
                code = code << np.uint32(6) | np.uint32(data[np.uint64(place)] & 0x3F)
        position += length
        kind = kinds[code] if code < _CODES else np.uint8(_UNUSUAL)
        if kind == _PLAIN:
            line_feeds = 0
        elif kind == _LINE_FEED:
            line_feeds += 1
            if last == _SPACE or line_feeds > 2:
                return False
        elif kind == _UNUSUAL:
            return False
        else:
            line_feeds = 0
        last = kind
    return start == stop or last == _PLAIN
