"""Classes of characters and the decoding of character references.

Classes are coarse on purpose: words, sentences and numbers are counted in the same
way in every script. In scripts written without spaces (Han, kana, Thai, Lao, Khmer,
Burmese) every character counts as one word.
"""

import html.entities
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tamis.compiled import kernel
from tamis.html.blocks.layout import REFERENCE_SLOTS, Page
from tamis.html.blocks.read.tags import FNV_OFFSET, FNV_PRIME, fnv1a, open_addressing

OTHER: Final = 0
SPACE: Final = 1
# Words are made of LETTER and DIGIT.
LETTER: Final = 2
DIGIT: Final = 3
TERMINAL: Final = 4
COMMA: Final = 5
IDEOGRAPH: Final = 6
IGNORED: Final = 7  # zero width: part of a word, no character of its own

REPLACEMENT: Final = 0xFFFD
_LONGEST_NAME: Final = 33


def _classes() -> NDArray[np.uint8]:
    """Class of each code point below _LISTED; later lines override earlier ones."""
    classes = np.full(_LISTED, LETTER, np.uint8)
    classes[:0x80] = OTHER
    for first, last, kind in (
        (0x00, 0x20, SPACE),
        *((ord(character), ord(character), TERMINAL) for character in ".!?"),
        *((ord(character), ord(character), COMMA) for character in ",;:"),
        (ord("0"), ord("9"), DIGIT),
        (ord("A"), ord("Z"), LETTER),
        (ord("_"), ord("_"), LETTER),
        (ord("a"), ord("z"), LETTER),
        (0x80, 0xBF, OTHER),
        *((code, code, LETTER) for code in (0xAA, 0xB5, 0xBA)),
        *((code, code, SPACE) for code in (0x85, 0xA0)),
        (0xAD, 0xAD, IGNORED),
        *((code, code, OTHER) for code in (0xD7, 0xF7)),
        *((code, code, COMMA) for code in (0x0387, 0x055D, 0x060C, 0x061B)),
        *((code, code, TERMINAL) for code in (0x0589, 0x061F, 0x06D4)),
        (0x0660, 0x0669, DIGIT),
        (0x06F0, 0x06F9, DIGIT),
    ):
        classes[first : last + 1] = kind
    return classes


_LISTED: Final = 0x800  # what UTF-8 writes with one or two bytes
_CLASSES: Final = _classes()

# windows-1252's characters at 0x80-0x9F: HTML reads &#128; to &#159; as these.
_WINDOWS_1252: Final = np.array(
    [ord(bytes([b]).decode("cp1252", "replace")) for b in range(0x80, 0xA0)], np.uint32
)


@lru_cache(maxsize=1)
def reference_table() -> tuple[
    NDArray[np.uint64], NDArray[np.uint32], NDArray[np.uint32]
]:
    """HTML's named references: hashes of the names, and their one or two code points.

    From the standard library's list, by slot. The hash is FNV-1a of the name, with its
    `;` if that is part of it.
    """
    names = list(html.entities.html5)
    keys, places = open_addressing(
        [fnv1a(name.encode()) for name in names], REFERENCE_SLOTS
    )
    first = np.zeros(REFERENCE_SLOTS, np.uint32)
    second = np.zeros(REFERENCE_SLOTS, np.uint32)
    for name, place in zip(names, places, strict=True):
        text = html.entities.html5[name]
        first[place] = ord(text[0])
        second[place] = ord(text[1]) if len(text) > 1 else 0
    return keys, first, second


@kernel
def class_of(code: int) -> int:
    """Class of a code point."""
    if code < _LISTED:
        return int(_CLASSES[code])
    return _class_of_others(code)


@kernel
def character_at(data: NDArray[np.uint8], position: int, stop: int) -> tuple[int, int]:
    """Code point of the UTF-8 sequence at `position`, and where the next starts.

    A sequence cut by `stop` or otherwise broken is REPLACEMENT, one byte long.
    """
    lead = int(data[position])
    if lead < 0x80:
        return lead, position + 1
    length = 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4
    if lead < 0xC2 or lead > 0xF4 or position + length > stop:
        return REPLACEMENT, position + 1
    code = lead & (0x7F >> length)
    for offset in range(1, length):
        following = int(data[position + offset])
        if following & 0xC0 != 0x80:
            return REPLACEMENT, position + 1
        code = code << 6 | following & 0x3F
    is_overlong = code < (0x80 if length == 2 else 0x800 if length == 3 else 0x10000)
    if is_overlong or 0xD800 <= code < 0xE000 or code > 0x10FFFF:
        return REPLACEMENT, position + 1
    return code, position + length


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


@kernel
def reference_at(
    data: NDArray[np.uint8], position: int, stop: int, page: Page
) -> tuple[int, int, int]:
    """Decode `&...` at `position`: first and second code point, and where it ends.

    The second code point is 0 for all but some mathematical signs. If there is no
    reference, the result is the ampersand itself, one byte long.
    """
    at = position + 1
    if at < stop and data[at] == 35:  # '#'
        return _numeric_reference(data, position, stop)
    value = FNV_OFFSET
    best_first, best_second, best_stop = 38, 0, position + 1
    limit = min(stop, at + _LONGEST_NAME)
    while at < limit:
        byte = data[at]
        if not (
            48 <= byte <= 57 or 65 <= byte <= 90 or 97 <= byte <= 122 or byte == 59
        ):
            break
        value = (value ^ np.uint64(byte)) * FNV_PRIME
        at += 1
        slot = value & np.uint64(REFERENCE_SLOTS - 1)
        while page.reference_keys[slot] != 0:
            if page.reference_keys[slot] == value:
                best_first = int(page.reference_first[slot])
                best_second = int(page.reference_second[slot])
                best_stop = at
                break
            slot = (slot + np.uint64(1)) & np.uint64(REFERENCE_SLOTS - 1)
        if byte == 59:
            break
    return best_first, best_second, best_stop


@kernel
def _numeric_reference(
    data: NDArray[np.uint8], position: int, stop: int
) -> tuple[int, int, int]:
    at = position + 2
    is_hexadecimal = at < stop and (data[at] | 32) == 120
    if is_hexadecimal:
        at += 1
    first_digit, code = at, 0
    while at < stop:
        byte = int(data[at])
        if 48 <= byte <= 57:
            digit = byte - 48
        elif is_hexadecimal and 97 <= (byte | 32) <= 102:
            digit = (byte | 32) - 87
        else:
            break
        # Stops growing beyond Unicode, so that a long number cannot overflow.
        code = min(code * (16 if is_hexadecimal else 10) + digit, 0x110000)
        at += 1
    if at == first_digit:
        return 38, 0, position + 1
    if at < stop and data[at] == 59:
        at += 1
    if 0x80 <= code < 0xA0:
        code = int(_WINDOWS_1252[code - 0x80])
    if code == 0 or 0xD800 <= code < 0xE000 or code > 0x10FFFF:
        code = REPLACEMENT
    return code, 0, at


@kernel
def _class_of_others(code: int) -> int:
    if 0x4E00 <= code <= 0x9FFF:
        return IDEOGRAPH
    if code < 0x2000:
        if code == 0x1363:
            return COMMA
        if code in (0x0964, 0x0965, 0x0E5A, 0x0E5B, 0x104A, 0x104B, 0x1362):
            return TERMINAL
        if code == 0x17D4 or code == 0x17D5:
            return TERMINAL
        if (
            0x0E00 <= code <= 0x0EFF
            or 0x1000 <= code <= 0x109F
            or 0x1780 <= code <= 0x17FF
        ):
            return IDEOGRAPH
        return DIGIT if 0x0966 <= code <= 0x096F else LETTER
    if code < 0x3040:
        if code <= 0x200A or code in (0x2028, 0x2029, 0x202F, 0x205F, 0x3000):
            return SPACE
        if code <= 0x200F or 0x202A <= code <= 0x202E or 0x2060 <= code <= 0x206F:
            return IGNORED
        if code in (0x2026, 0x3002):
            return TERMINAL
        if code == 0x3001:
            return COMMA
        if 0x3005 <= code <= 0x3007:
            return IDEOGRAPH
        return LETTER if 0x2C00 <= code <= 0x2DFF else OTHER
    if code <= 0x9FFF:
        if 0x3100 <= code <= 0x31EF or 0x3200 <= code <= 0x33FF:
            return LETTER
        return OTHER if 0x4DC0 <= code <= 0x4DFF else IDEOGRAPH
    if 0xF900 <= code <= 0xFAFF or 0x20000 <= code <= 0x3134F:
        return IDEOGRAPH
    if 0xFF00 <= code <= 0xFF65:
        if code in (0xFF01, 0xFF0E, 0xFF1F, 0xFF61):
            return TERMINAL
        if code in (0xFF0C, 0xFF1A, 0xFF1B, 0xFF64):
            return COMMA
        if 0xFF10 <= code <= 0xFF19:
            return DIGIT
        return LETTER if 0xFF21 <= code <= 0xFF5A else OTHER
    if 0xFF66 <= code <= 0xFF9F:
        return IDEOGRAPH
    if code in (0xFEFF, 0xFE0F, 0xFE0E):
        return IGNORED
    if code >= 0x1F000 or 0xFE00 <= code <= 0xFE6F or 0xE000 <= code <= 0xF8FF:
        return OTHER
    return LETTER
