"""Differences between two texts, worked out by hand."""

import time

import pytest

from tamis.text.differences import MAX_WORDS, Difference, differences


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        pytest.param("", "", [], id="empty"),
        pytest.param("one two", "one two", [], id="equal"),
        pytest.param("one two", "one\n\ntwo ", [], id="other white space"),
        pytest.param("", "new", [Difference("", "", "new", "")], id="from nothing"),
        pytest.param(
            "the quiet harbour",
            "the loud harbour",
            [Difference("the ", "quiet ", "loud ", "harbour")],
            id="Latin",
        ),
        pytest.param(
            "в тихой гавани",
            "в гавани",
            [Difference("в ", "тихой ", "", "гавани")],
            id="Cyrillic, a word less",
        ),
        pytest.param(
            "ميناء هادئ جدا",
            "ميناء صاخب جدا",
            [Difference("ميناء ", "هادئ ", "صاخب ", "جدا")],
            id="Arabic",
        ),
        pytest.param(
            "我们在北京上网",
            "我们在上海上网",
            [Difference("我们在", "北京", "上海", "上网")],
            id="Chinese, without spaces",
        ),
        pytest.param(
            "सड़क पर गाड़ी",
            "सड़क पर गाय",
            [Difference("सड़क पर ", "गाड़ी", "गाय", "")],
            id="Hindi, vowel signs stay with their letters",
        ),
        pytest.param(
            "ผมรักไทย",
            "ผมรักลาว",
            [Difference("ผมรัก", "ไทย", "ลาว", "")],
            id="Thai, without spaces",
        ),
    ],
)
def test_what_differs(left: str, right: str, expected: list[Difference]) -> None:
    assert differences(left, right) == expected


def test_two_places_are_two_differences_with_their_surroundings() -> None:
    left = "a b c d e f g h i j k l"
    right = "a B c d e f g h i j K l"
    assert differences(left, right) == [
        Difference("a ", "b ", "B ", "c d e f g h "),
        Difference("e f g h i j ", "k ", "K ", "l"),
    ]


def test_only_the_beginning_of_a_long_text_is_compared() -> None:
    left = "word " * MAX_WORDS
    assert differences(left + "end", left + "other") == []


@pytest.mark.parametrize(
    ("left", "right"),
    [
        pytest.param("a " * 5000, "b " + "a " * 4998 + "b", id="one word repeated"),
        pytest.param("a b " * 2500, "a b b " * 1666 + "a", id="two words repeated"),
        pytest.param(
            " ".join(map(str, range(5000))),
            " ".join(map(str, range(5000, 0, -1))),
            id="the other way round",
        ),
    ],
)
def test_hostile_texts_take_no_longer_than_long_ones(left: str, right: str) -> None:
    start = time.process_time()
    assert differences(left, right)
    assert time.process_time() - start < 5.0
