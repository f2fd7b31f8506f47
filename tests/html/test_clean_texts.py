"""Texts that are clean already are only looked at: the result is that of `clean`."""

import random

import pytest

from tamis.html.clean import clean
from tamis.html.clean_texts import clean_texts

# Pieces at which the form has a rule, and some of every kind of script.
PIECES = [
    *("a", "Z", ".", " ", "\n", "\n", "\n", "\t", "\r", "\x00", "\x1f", "\x7f"),
    *("\x85", "\xa0", "\xad", "é", "e\u0301", "\u0340", "\u0344", "ё", "и\u0306"),
    *(
        "\u05d0",
        "\u05b7",
        "\u0627",
        "\u0653",
        "\u0915",
        "\u093c",
        "\u09c7\u09be",
        "\u0e01",
    ),
    *("\u1100", "\u1161", "\u11a8", "가", "각", "\u200b", "\u200d", "\u2028", "\u2060"),
    *("\u3000", "中", "か", "\u3099", "\uf900", "\ufeff", "\ufdd0", "\uffff", "\uff01"),
    *("\ud800", "😀", "\U0001fffe", "\U0001d15e", "\U00011131\U00011127", "\U00020000"),
]


def test_many_texts_are_cleaned_as_one_by_one() -> None:
    pick = random.Random(1)
    texts = [
        "".join(pick.choices(PIECES[:40], k=pick.randrange(9))) for _ in range(20_000)
    ]
    texts += ["".join(pick.choices(PIECES, k=pick.randrange(5))) for _ in range(40_000)]
    assert clean_texts(texts) == [clean(text) for text in texts]


def test_every_character_is_cleaned_among_many_as_alone() -> None:
    characters = [chr(code) for code in range(0x30000)]
    for form in ("{}", "a{}b", "a{}", "\u1100{}", "か{}", "e{}"):
        texts = [form.format(character) for character in characters]
        assert clean_texts(texts) == [clean(text) for text in texts]


@pytest.mark.parametrize("text", ["", "a", "a b\n\nc", "\xa0a", "Ça va\n中文", "가각"])
def test_a_clean_text_is_returned_as_it_is(text: str) -> None:
    assert clean_texts([text])[0] is text
