"""Counters and buttons, which RefinedWeb removes from short lines.

Penedo et al. 2023, appendix G.2, and their patterns as DCLM publishes them:

    counter   a line that is a number, with K, M, B or "Mio." perhaps, and "likes" ...
    cart      "items in cart", with its number
    more      "read more" at the end, with dots or an arrow after it
    sign_in   "sign in" at the beginning, unless a word follows it

DCLM removes "Sign-in" from every line that begins with it, and "Read more..." with
three dots; ours must not change "Sign in blue ink" or "You should read more."
"""

from tamis.compiled import kernel
from tamis.text.cleaning.line import Line, part, phrase_at, trimmed, without
from tamis.text.cleaning.phrases import CART, MORE, SIGN_IN, Phrases
from tamis.text.unicode import (
    DECIMAL,
    JOINER,
    LETTER,
    NUMBER,
    SPACE,
    TERMINAL,
    UNSPACED,
)

_DOT = 0x2E
# The dots and arrows after "read more": … » › > → ] )
_POINTERS = (0x2026, 0xBB, 0x203A, 0x3E, 0x2192, 0x5D, 0x29)
_DIGIT_MARKS = (0x2C, 0x2E, 0x27, 0x2019, 0x66C)  # , . ' ’ ٬
# Signs of a power after a number: k m b, and 千 万 萬, thousand and ten thousand.
_POWERS = (0x6B, 0x6D, 0x62, 0x5343, 0x4E07, 0x842C)


@kernel
def is_counter(line: Line, phrases: Phrases, language: int) -> bool:
    """Whether a line is a number and what it counts, without the signs around both."""
    here, last = 0, len(line.codes)
    while here < last and not _is_of_word(line, here):
        here += 1
    if here == last or not line.flags[here] & DECIMAL:
        return False
    while last > here and not _is_of_word(line, last - 1):
        last -= 1
    here = _number_end(line, here)
    is_apart = here < last and line.flags[here] & SPACE != 0
    while here < last and line.flags[here] & SPACE:
        here += 1
    if here == last or not (is_apart or line.flags[here] & UNSPACED):
        return False
    rest = part(line, here, last)
    for phrase in range(phrases.counters[language], phrases.lists[language + 1]):
        length = phrase_at(rest, 0, phrases, phrase)
        if length and length == len(rest.codes):
            return True
    return False


@kernel
def without_buttons(line: Line, phrases: Phrases, language: int) -> tuple[Line, int]:
    """The line without its buttons, and how many there were."""
    count = 0
    for phrase in range(phrases.lists[language], phrases.counters[language]):
        kind = phrases.kinds[phrase]
        first, last = 0, 0
        if kind == CART:
            first, last = _cart(line, phrases, phrase)
        elif kind == MORE:
            first, last = _more(line, phrases, phrase)
        elif kind == SIGN_IN:
            first, last = _sign_in(line, phrases, phrase)
        if first < last:
            line = trimmed(without(line, first, last))
            count += 1
    return line, count


@kernel
def _cart(line: Line, phrases: Phrases, phrase: int) -> tuple[int, int]:
    """Where the phrase is in the line, with the number before it, or (0, 0)."""
    for place in range(len(line.codes)):
        length = phrase_at(line, place, phrases, phrase)
        if length and _stands_alone(line, place, place + length):
            first = place
            while first and line.flags[first - 1] & (SPACE | DECIMAL):
                first -= 1
            return first, place + length
    return 0, 0


@kernel
def _more(line: Line, phrases: Phrases, phrase: int) -> tuple[int, int]:
    """Where the phrase is at the end, with dots or an arrow after it, or (0, 0)."""
    last, dots = len(line.codes), 0
    while last:
        code = line.codes[last - 1]
        is_dot = code == _DOT
        if not (is_dot or code in _POINTERS or line.flags[last - 1] & SPACE):
            break
        dots += is_dot
        last -= 1
    if dots == 1:  # a sentence that ends in "read more."
        return 0, 0
    length = phrases.starts[phrase + 1] - phrases.starts[phrase]
    first = last - length
    if first < 0 or not phrase_at(line, first, phrases, phrase):
        return 0, 0
    if not _stands_alone(line, first, last):
        return 0, 0
    return first, len(line.codes)


@kernel
def _sign_in(line: Line, phrases: Phrases, phrase: int) -> tuple[int, int]:
    """Where the phrase is at the beginning, if no word follows it, or (0, 0)."""
    last = phrase_at(line, 0, phrases, phrase)
    after = last
    while after < len(line.codes) and line.flags[after] & SPACE:
        after += 1
    if after < len(line.codes):
        goes_on = _is_of_word(line, after) or line.flags[after] & TERMINAL != 0
        return (0, 0) if goes_on else (0, last)
    return 0, last


@kernel
def _stands_alone(line: Line, first: int, last: int) -> bool:
    """Whether no letter touches these characters; only in scripts with spaces."""
    if line.flags[first] & UNSPACED:
        return True
    is_begun = first > 0 and _is_of_word(line, first - 1)
    goes_on = last < len(line.codes) and _is_of_word(line, last)
    return not is_begun and not goes_on


@kernel
def _is_of_word(line: Line, place: int) -> bool:
    return bool(line.flags[place] & (LETTER | NUMBER | JOINER) != 0)


@kernel
def _number_end(line: Line, here: int) -> int:
    """End of the number that begins here, with its marks and one sign of its power."""
    while here < len(line.codes) and (
        line.flags[here] & DECIMAL
        or line.codes[here] in _DIGIT_MARKS
        or _separates_digits(line, here)
    ):
        here += 1
    is_power = here < len(line.codes) and line.codes[here] in _POWERS
    is_word = is_power and here + 1 < len(line.codes)
    is_word = is_word and line.flags[here + 1] & LETTER and line.codes[here] < 0x80
    return here + 1 if is_power and not is_word else here


@kernel
def _separates_digits(line: Line, place: int) -> bool:
    """Whether this is the space in "1 204"."""
    is_inside = 0 < place < len(line.codes) - 1 and line.flags[place] & SPACE != 0
    return bool(is_inside and line.flags[place + 1] & DECIMAL != 0)
