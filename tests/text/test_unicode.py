import sys
import unicodedata

import numpy as np
import pytest

from tamis.text import unicode
from tamis.text.unicode import code_points, position


def flags_of(character: str) -> int:
    tables = code_points()
    return int(tables.flags[position(tables.index, ord(character))])


@pytest.mark.parametrize(
    ("character", "flag"),
    [
        ("é", unicode.LETTER | unicode.LOWER),
        ("Ж", unicode.LETTER | unicode.UPPER),
        ("ก", unicode.LETTER | unicode.UNSPACED),
        ("ー", unicode.LETTER | unicode.UNSPACED),
        ("한", unicode.LETTER),
        ("٣", unicode.NUMBER | unicode.DECIMAL),
        ("\u0301", unicode.JOINER),
        ("\u200d", unicode.JOINER),
        ("\u00a0", unicode.SPACE),
        ("।", unicode.TERMINAL | unicode.SYMBOL),
        ("」", unicode.CLOSER | unicode.SYMBOL),
        ("€", unicode.SYMBOL),
        ("\ue000", 0),
        ("\U0010ffff", 0),
    ],
)
def test_flags(character: str, flag: int) -> None:
    assert flags_of(character) == flag


def test_letters_agree_with_the_standard_library() -> None:
    """Where Python's Unicode version knows the code point at all."""
    for code in range(sys.maxunicode + 1):
        category = unicodedata.category(chr(code))
        if category not in ("Cn", "Cs", "Co"):
            is_letter = flags_of(chr(code)) & unicode.LETTER != 0
            assert is_letter == category.startswith("L"), hex(code)


def test_lower_case_agrees_with_the_standard_library() -> None:
    tables = code_points()
    for code in [*range(0x250), *range(0x370, 0x590), *range(0x1E00, 0x2000)]:
        delta = int(tables.lower[position(tables.index, code)])
        assert chr(code + delta) == chr(code).lower()[0]


def test_ascii_is_the_first_block() -> None:
    tables = code_points()
    assert tables.index[0] == 0
    assert tables.flags[ord("a")] == unicode.LETTER | unicode.LOWER
    assert tables.flags.dtype == np.uint16
