"""Where personal data may be: one linear pass over the batch's UTF-8 buffer.

An anchor is a short range of bytes that has the outline of an address or a number.
Anchors include everything that `rules` would accept, and false alarms. Text without an
at sign and without long digit sequences costs this pass and no more.

    document  (anchors,)  int64  which document
    kind      (anchors,)  int64  EMAIL, IBAN, PHONE, CARD, IP, or NATIONAL for a phone
                                 number without its country, where these are asked for
    start     (anchors,)  int64  first byte of the range in `data`
    stop      (anchors,)  int64  end of the range

The range read around a byte is bounded (`_REACH`), so that even a document of at signs,
digits or dots only costs a constant per byte. Anchors are in reading order.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tamis.compiled import kernel
from tamis.pii.characters import (
    DIGIT,
    LETTER,
    NEITHER,
    class_of,
    digit_width,
    is_domain,
    is_foreign_or_letter,
    is_full_width,
    is_hexadecimal,
    is_local,
    separator_width,
)
from tamis.pii.kinds import CARD, EMAIL, IBAN, IP, PHONE
from tamis.text.buffers import Bytes, Offsets, read_only
from tamis.text.growth import doubled_rows

_LOCAL_REACH = 128  # bytes before an at sign: 64 characters of two bytes
_DOMAIN_REACH = 256  # a domain name has at most 253 characters
_MOST_IBAN_CHARACTERS = 34
_FEWEST_IBAN_CHARACTERS = 15  # Norway's
_MOST_PHONE_DIGITS = 18  # E.164 allows 15; the rest for 00 and a trunk 0
_FEWEST_PHONE_DIGITS = 7
_FEWEST_CARD_DIGITS, _MOST_CARD_DIGITS = 14, 19
_MOST_IPV6_BYTES = 39
NATIONAL = 100  # no kind of data: its findings are PHONE
# Bytes that an anchor can begin with, or the at sign of one: ASCII, full-width forms;
# and where numbers without a country are looked for, digits of other scripts.
_BEGIN = np.zeros(256, np.bool_)
_BEGIN[[*b"0123456789@+", 0xEF]] = True
_BEGIN_ANY = _BEGIN.copy()
_BEGIN_ANY[[0xD9, 0xDB, 0xE0]] = True
_FEWEST_NATIONAL_DIGITS, _MOST_NATIONAL_DIGITS = 8, 13


class Anchors(NamedTuple):
    """Parallel arrays; see the module's docstring."""

    document: NDArray[np.int64]
    kind: NDArray[np.int64]
    start: NDArray[np.int64]
    stop: NDArray[np.int64]


def anchors(
    data: Bytes, offsets: Offsets, has_national: NDArray[np.bool_] | None = None
) -> Anchors:
    """Every place of the batch that `rules` must check.

    `has_national`: the documents in which numbers without a country are looked for.
    """
    if has_national is None:
        has_national = np.zeros(len(offsets) - 1, np.bool_)
    return Anchors(*_scan(read_only(data), offsets, has_national).T)


@kernel
def _scan(
    data: Bytes, offsets: Offsets, has_national: NDArray[np.bool_]
) -> NDArray[np.int64]:
    found = np.empty((64, 4), np.int64)
    count = 0
    for document in range(len(offsets) - 1):
        first, last = offsets[document], offsets[document + 1]
        is_asked = has_national[document]
        may_begin = _BEGIN_ANY if is_asked else _BEGIN
        position = first
        while position < last:
            byte = data[position]
            # Nearly all bytes of prose are letters and spaces: they are done here.
            if not may_begin[byte]:
                position += 1
                continue
            kind, start, stop = -1, position, position
            # A sign may be full-width. Each kernel is called in one place only: for a
            # second one it would be compiled again.
            is_at = byte == 0x40 or is_full_width(data, position, last, 0xA0)
            is_plus = byte == 0x2B or is_full_width(data, position, last, 0x8B)
            after = position + (3 if byte == 0xEF else 1)
            if is_at:
                start, stop = _email(data, first, position, after, last)
                kind = EMAIL if stop > start else -1
            elif is_plus:
                stop = _phone(data, first, position, after, last)
                kind = PHONE if stop > position else -1
                start -= (
                    kind == PHONE
                    and byte == 0x2B
                    and position > first
                    and data[start - 1] == 0x28
                )
            elif 0x30 <= byte <= 0x39 and not _is_digit_before(data, first, position):
                kind, start, stop = _number(data, first, position, last)
            if is_asked and kind < 0 and (byte >= 0x80 or 0x30 <= byte <= 0x39):
                stop = _national(data, first, position, last)
                start = position
                kind = NATIONAL if stop > position else -1
            position += 1
            if kind < 0:
                continue
            if count == len(found):
                found = doubled_rows(found)
            found[count, 0] = document
            found[count, 1] = kind
            found[count, 2] = start
            found[count, 3] = stop
            count += 1
    return found[:count]


@kernel
def _number(data: Bytes, first: int, position: int, last: int) -> tuple[int, int, int]:
    """Kind, start and stop of what may begin with the ASCII digits at `position`."""
    stop = _iban(data, first, position, last)
    if stop > position:
        return IBAN, position - 2, stop
    before = data[position - 1] if position > first else 0x20
    if class_of(before) != NEITHER or before == 0x5F:  # v1.2.3.4, id_4111...
        return -1, position, position
    stop = _ipv4(data, position, last)
    if stop > position and before != 0x2E and before != 0x2D:
        return IP, position, stop
    stop = _ipv6(data, position, last)
    if stop > position and before != 0x3A and before != 0x2E:
        return IP, position, stop
    if _goes_on_from_digits(data, first, position):
        return -1, position, position
    if data[position] == 0x30:
        stop = _phone(data, first, position, position, last)
        return PHONE if stop > position else -1, position, stop
    stop = _card(data, position, last)
    return CARD if stop > position else -1, position, stop


@kernel
def _email(data: Bytes, first: int, at: int, after: int, last: int) -> tuple[int, int]:
    """Range around an at sign that a dot and two letters follow, else an empty one."""
    start = at
    while (
        start > max(first, at - _LOCAL_REACH)
        and is_local(data[start - 1])
        and not (start - 3 >= first and is_full_width(data, start - 3, last, 0xA0))
    ):
        start -= 1
    if start == at:
        return at, at
    stop, has_top_level = after, False
    while (
        stop < min(last, after + _DOMAIN_REACH)
        and is_domain(data[stop])
        and not is_full_width(data, stop, last, 0xA0)
    ):
        is_dot = data[stop] == 0x2E
        stop += 1
        if data[stop - 1] == 0xEF and is_full_width(data, stop - 1, last, 0x8E):
            is_dot = True
            stop += 2
        has_top_level = has_top_level or (
            is_dot
            and stop + 1 < last
            and is_foreign_or_letter(data[stop])
            and is_foreign_or_letter(data[stop + 1])
        )
    return (start, stop) if has_top_level else (at, at)


@kernel
def _phone(data: Bytes, first: int, start: int, position: int, last: int) -> int:
    """End of the digits after a plus sign, or from 00 on; `start` if too few."""
    before = data[start - 1] if start > first else 0x20
    if class_of(before) != NEITHER or before == 0x2B:
        return start
    if position == start and not (position + 1 < last and data[position + 1] == 0x30):
        return start
    digits, stop, _, _ = _digit_groups(data, position, last, _MOST_PHONE_DIGITS)
    return stop if digits >= _FEWEST_PHONE_DIGITS else start


@kernel
def _national(data: Bytes, first: int, position: int, last: int) -> int:
    """End of 8 to 13 digits in groups, that begin here and not earlier; else `position`.

    A gap of three, as in `30 / 40`, may also be between two numbers: where the digits go
    on for too long they end before the first such gap.
    """
    if not digit_width(data, position, last) or _is_within_number(
        data, first, position, last
    ):
        return position
    start, most = position, _MOST_NATIONAL_DIGITS + 1
    digits, stop, part, end_of_part = _digit_groups(data, position, last, most)
    if digits > _MOST_NATIONAL_DIGITS:
        digits, stop = part, end_of_part
    return stop if digits >= _FEWEST_NATIONAL_DIGITS else start


@kernel
def _digit_groups(
    data: Bytes, position: int, last: int, most: int
) -> tuple[int, int, int, int]:
    """How many digits follow in groups, `most` at most, and their end; the same for those
    before the first gap of three.
    """
    digits, gap, stop = 0, 0, position
    part, end_of_part = 0, position
    while position < last and gap <= 3 and digits < most:
        width = digit_width(data, position, last)
        if width:
            if gap == 3 and part == 0:
                part, end_of_part = digits, stop
            position += width
            digits, gap, stop = digits + 1, 0, position
            continue
        width = separator_width(data, position, last)
        if not width:
            break
        position += width
        gap += 1
    return digits, stop, part, end_of_part


@kernel
def _is_within_number(data: Bytes, first: int, position: int, last: int) -> bool:
    """Whether a letter, a digit or a parameter's `=` stands before the digits here, or
    a digit before the one sign that does.
    """
    before, place = np.uint8(0x20), position
    for step in range(2):
        if place <= first:
            return False
        width = 1
        while (
            width < 4 and place - width > first and data[place - width] & 0xC0 == 0x80
        ):
            width += 1
        place -= width
        before = data[place]
        if digit_width(data, place, last):
            return True
        is_name = class_of(before) == LETTER or before == 0x5F or before == 0x3D
        if step == 0 and is_name:
            return True
        if step == 0 and not separator_width(data, place, last) and before != 0x2C:
            return False
    return False


@kernel
def _card(data: Bytes, position: int, last: int) -> int:
    """End of 14 or more digits in groups separated by one space or hyphen."""
    if not 0x32 <= data[position] <= 0x36:  # first digits of all schemes
        return position
    digits, stop = _grouped(data, position, last, False, _MOST_CARD_DIGITS + 1)
    return stop if digits >= _FEWEST_CARD_DIGITS else position


@kernel
def _iban(data: Bytes, first: int, position: int, last: int) -> int:
    """End of the run after two letters and two digits, if long enough for an IBAN."""
    if (
        position - 2 < first
        or position + 2 > last
        or class_of(data[position - 1]) != LETTER
        or class_of(data[position - 2]) != LETTER
        or class_of(data[position + 1]) != DIGIT
        or (position - 3 >= first and class_of(data[position - 3]) != NEITHER)
    ):
        return position
    most = _MOST_IBAN_CHARACTERS - 2  # but for the country
    characters, stop = _grouped(data, position, last, True, most)
    return stop if characters + 2 >= _FEWEST_IBAN_CHARACTERS else position


@kernel
def _grouped(
    data: Bytes, position: int, last: int, has_letters: bool, most: int
) -> tuple[int, int]:
    """How many digits, or letters and digits, stand from `position` on in groups with
    one space or hyphen between them, `most` at most; and where the last one ends.
    """
    count, stop = 0, position
    while position < last and count < most:
        kind = class_of(data[position])
        if kind == DIGIT or (has_letters and kind != NEITHER):
            count += 1
            position += 1
            stop = position
            continue
        width = separator_width(data, position, last)
        if not width or position != stop:
            break
        position += width
    return count, stop


@kernel
def _ipv4(data: Bytes, position: int, last: int) -> int:
    """End of four groups of one to three digits, without a fifth after them."""
    start = position
    for group in range(4):
        digits = 0
        while position < last and class_of(data[position]) == DIGIT and digits < 4:
            position += 1
            digits += 1
        if digits == 0 or digits > 3:
            return start
        if group < 3:
            if position >= last or data[position] != 0x2E:
                return start
            position += 1
    if position < last and (
        class_of(data[position]) != NEITHER
        or data[position] == 0x5F
        or data[position] == 0x2D
    ):
        return start
    if (
        position + 1 < last
        and data[position] == 0x2E
        and class_of(data[position + 1]) != NEITHER
    ):
        return start
    return position


@kernel
def _ipv6(data: Bytes, position: int, last: int) -> int:
    """End of hexadecimal groups separated by colons; the first has four digits.

    All global unicast addresses lie in 2000::/3 (RFC 4291, section 2.4), so the
    first group is never shorter and begins with 2 or 3.
    """
    start = position
    if not 0x32 <= data[position] <= 0x33:
        return start
    if position + 4 >= last or data[position + 4] != 0x3A:
        return start
    colons, is_short = 0, False
    while position < min(last, start + _MOST_IPV6_BYTES + 1):
        if data[position] == 0x3A:
            colons += 1
            is_short = is_short or data[position - 1] == 0x3A
        elif not is_hexadecimal(data[position]):
            break
        position += 1
    if position < last and class_of(data[position]) != NEITHER:
        return start
    return position if colons == 7 or (is_short and colons < 9) else start


@kernel
def _goes_on_from_digits(data: Bytes, first: int, position: int) -> bool:
    """Whether the digits at `position` are a later part of a longer number."""
    if position == first:
        return False
    before = data[position - 1]
    if before == 0x2E or before == 0x2C or before == 0x2F or before == 0x3D:
        return True  # a fraction, a path, a parameter
    is_separated = before == 0x20 or before == 0x2D or before == 0xA0
    width = 2 if before == 0xA0 else 1
    return (
        is_separated
        and position - width > first
        and class_of(data[position - width - 1]) == DIGIT
    )


@kernel
def _is_digit_before(data: Bytes, first: int, position: int) -> bool:
    return position > first and class_of(data[position - 1]) == DIGIT
