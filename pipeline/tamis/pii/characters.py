"""What a byte of UTF-8 can be in an address or a number, for the kernel of `anchors`.

Lengths are in bytes. No function reads at `last` or after it.
"""

from tamis.compiled import kernel
from tamis.text.buffers import Bytes

NEITHER, DIGIT, LETTER = 0, 1, 2


@kernel
def class_of(byte: int) -> int:
    """DIGIT, LETTER or NEITHER; only ASCII has digits and letters here."""
    if 0x30 <= byte <= 0x39:
        return DIGIT
    if 0x41 <= byte <= 0x5A or 0x61 <= byte <= 0x7A:
        return LETTER
    return NEITHER


@kernel
def is_hexadecimal(byte: int) -> bool:
    return 0x30 <= byte <= 0x39 or 0x41 <= byte <= 0x46 or 0x61 <= byte <= 0x66


@kernel
def is_local(byte: int) -> bool:
    """Whether a byte can be before an at sign; `rules` decides which letters may."""
    return (
        byte >= 0x80
        or class_of(byte) != NEITHER
        or byte == 0x2E
        or byte == 0x5F
        or byte == 0x2D
        or byte == 0x2B
        or byte == 0x25
        or byte == 0x27
    )


@kernel
def is_domain(byte: int) -> bool:
    """Whether a byte can be in a domain name; a dot can."""
    return byte >= 0x80 or class_of(byte) != NEITHER or byte == 0x2D or byte == 0x2E


@kernel
def is_foreign_or_letter(byte: int) -> bool:
    """Whether a byte is an ASCII letter or part of a character outside ASCII."""
    return byte >= 0x80 or class_of(byte) == LETTER


@kernel
def is_full_width(data: Bytes, position: int, last: int, third: int) -> bool:
    """Whether U+FF00 to U+FF3F is at `position`: the one with this third byte."""
    return (
        position + 2 < last
        and data[position] == 0xEF
        and data[position + 1] == 0xBC
        and data[position + 2] == third
    )


@kernel
def digit_width(data: Bytes, position: int, last: int) -> int:
    """Bytes of the decimal digit at `position`, 0 if there is none.

    ASCII, full-width, Arabic, Persian, Devanagari, Bengali and Thai digits.
    """
    byte = data[position]
    if byte < 0x80:
        return 1 if 0x30 <= byte <= 0x39 else 0
    if position + 1 >= last:
        return 0
    second = data[position + 1]
    if byte == 0xD9:
        return 2 if 0xA0 <= second <= 0xA9 else 0
    if byte == 0xDB:
        return 2 if 0xB0 <= second <= 0xB9 else 0
    if position + 2 >= last:
        return 0
    third = data[position + 2]
    if byte == 0xE0 and (second == 0xA5 or second == 0xA7):
        return 3 if 0xA6 <= third <= 0xAF else 0
    if (byte == 0xE0 and second == 0xB9) or (byte == 0xEF and second == 0xBC):
        return 3 if 0x90 <= third <= 0x99 else 0
    return 0


@kernel
def separator_width(data: Bytes, position: int, last: int) -> int:
    """Bytes of a space, hyphen, dot, slash or bracket within a number, else 0."""
    byte = data[position]
    if byte < 0x80:
        return (
            1
            if byte == 0x20 or byte == 0x28 or byte == 0x29 or (0x2D <= byte <= 0x2F)
            else 0
        )
    if position + 1 < last and byte == 0xC2 and data[position + 1] == 0xA0:
        return 2
    if position + 2 >= last:
        return 0
    second, third = data[position + 1], data[position + 2]
    if byte == 0xE2 and second == 0x80:  # spaces, hyphens and direction marks
        return 3 if third <= 0x95 or third >= 0xAA else 0
    if byte == 0xE2:
        return 3 if second == 0x88 and third == 0x92 else 0  # minus
    if byte == 0xE3:
        return 3 if second == 0x80 and third == 0x80 else 0  # ideographic space
    if byte == 0xEF and second == 0xBC:  # full-width ( ) - . /
        return 3 if third in (0x88, 0x89, 0x8D, 0x8E, 0x8F) else 0
    return 0
