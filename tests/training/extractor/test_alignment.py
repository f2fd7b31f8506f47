import pytest

from tamis.training.extractor.alignment import matched_shares, words_of


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("", [], id="empty"),
        pytest.param("Don't STOP", ["don", "t", "stop"], id="English"),
        pytest.param("Ёлка, дым", ["ёлка", "дым"], id="Cyrillic"),
        pytest.param("你好 abc", ["你", "好", "abc"], id="Chinese"),
        pytest.param("ไทย", ["ไ", "ท", "ย"], id="Thai"),
        pytest.param("مرحبا", ["مرحبا"], id="Arabic"),
    ],
)
def test_words(text: str, words: list[str]) -> None:
    assert words_of(text) == words


@pytest.mark.parametrize(
    ("blocks", "reference", "shares"),
    [
        pytest.param([], "a b c", [], id="no blocks"),
        pytest.param(["a b c d"], "", [0.0], id="no reference"),
        pytest.param(
            ["menu home", "the cat sat on the mat", "legal"],
            "the cat sat on the mat",
            [0.0, 1.0, 0.0],
            id="one block wanted",
        ),
        pytest.param(
            ["one two three four", "ad", "five six seven eight"],
            "one two three four five six seven eight",
            [1.0, 0.0, 1.0],
            id="across an advertisement",
        ),
        pytest.param(
            ["a b c d e f", "x y", "g h i"],
            "a b c d e f x y g h i",
            [1.0, 1.0, 1.0],
            id="short blocks between matches",
        ),
        pytest.param(
            [
                "big news today",
                "intro text here",
                "big news today",
                "more of the story",
            ],
            "intro text here big news today more of the story",
            [0.0, 1.0, 1.0, 1.0],
            id="the copy at the right place wins",
        ),
        pytest.param(
            ["猫坐在垫子上", "导航"], "猫坐在垫子上", [1.0, 0.0], id="Chinese"
        ),
    ],
)
def test_matched_shares(blocks: list[str], reference: str, shares: list[float]) -> None:
    assert matched_shares(blocks, reference).tolist() == shares
