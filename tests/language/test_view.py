import time

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tamis.language.view import clean, middle_views, text_view, text_views


@pytest.mark.parametrize(
    ("text", "line"),
    [
        pytest.param("", "", id="empty"),
        pytest.param(" \n\t\r\x00\u200b 12.3 ", ".", id="only noise"),
        pytest.param("Der\nTag", "Der Tag", id="lines are joined"),
        pytest.param("see https://a.org/x?y=z now", "see   now", id="address"),
        pytest.param("voir www.a.fr/x ici", "voir   ici", id="bare address"),
        pytest.param("écrire à jean.d@b.fr svp", "écrire à   svp", id="e-mail"),
        pytest.param("В 1812 году", "В   году", id="digits, Cyrillic"),
        pytest.param("عام ١٩٩٠ في", "عام   في", id="Arabic digits"),
        pytest.param(
            "西暦２０２４年\u3000春", "西暦 年 春", id="wide digits and space"
        ),
        pytest.param("เมื่อ ๒๕๖๐ ปี", "เมื่อ   ปี", id="Thai digits"),
        pytest.param("हिन्दी में", "हिन्दी में", id="Devanagari marks stay"),
        pytest.param("BONJOUR À TOUS", "bonjour à tous", id="capitals"),
        pytest.param("ПРИВЕТ ВСЕМ", "привет всем", id="Cyrillic capitals"),
    ],
)
def test_clean_leaves_words_only(text: str, line: str) -> None:
    assert clean(text) == line
    assert text_view(text.encode(), 1_000) == line
    assert text_views(pa.array([text, None, text]), 1_000).to_pylist() == [
        line,
        "",
        line,
    ]


def test_a_long_text_is_read_at_its_start_and_in_its_middle() -> None:
    text = "a" * 100 + "b" * 100 + "c" * 100
    assert text_view(text.encode(), 20) == "a" * 10 + " " + "b" * 10
    assert text_view(memoryview(text.encode()), 300) == text


def test_cuts_fall_between_characters() -> None:
    text = "日本語" * 50  # 3 bytes a character: 10 is no multiple
    view = text_view(text.encode(), 20)
    assert view == "日本語 日本語" or set(view) == set("日本語 ")
    assert "\ufffd" not in view


def test_the_two_parts_of_a_text_do_not_overlap() -> None:
    text = "abcdefghijk"
    assert text_view(text.encode(), 10) == "abcde fghij"


def test_the_middle_of_a_page() -> None:
    pages = [
        "menu " + "x" * 10 + " foot",
        "short",
        "",
        "&eacute; 3",
        "été" * 9,
    ]
    assert middle_views(pages, 10).to_pylist() == [
        *("x" * 10, "short", "", "é", "éétéétéété"),
    ]
    assert middle_views([], 10).to_pylist() == []


PIECES = [
    "a",
    "Z",
    "é",
    "É",
    "ǅ",
    "日",
    "7",
    "٣",
    " ",
    "\n",
    "\xa0",
    "\u1680",
    "\x1c",
    "𐀀",
]
PIECES += ["@", "://", "www.", "/", "w", "\ufffd", "b.c", "\u200b", "\0", "ª", "Ⅷ"]
BROKEN = [
    b"\x80",
    b"\xe6\x97",
    b"\xc0\x80",
    b"\xe0\x80\x80",
    b"\xf0\x80\x80\x80",
    b"\xff",
]
BROKEN += [b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xf1"]


@settings(max_examples=1_000, deadline=None)
@given(
    st.lists(
        st.lists(st.sampled_from([*map(str.encode, PIECES), *BROKEN]), max_size=30)
    ),
    st.integers(2, 40),
)
def test_the_kernel_s_lines_are_python_s(pieces: list[list[bytes]], size: int) -> None:
    """Of any bytes: nothing checks those of a column of texts."""
    texts = [b"".join(some) for some in pieces]
    column = pa.array(texts, pa.binary()).view(pa.string())
    lines = text_views(column, size).to_pylist()
    assert lines == [text_view(text, size) for text in texts]


def test_the_kernel_knows_every_character_as_python_does() -> None:
    texts = [f"a{chr(code)}b" for code in range(0x110000) if code >> 11 != 0x1B]
    alone = [text[1] for text in texts]
    for some in (texts, alone):
        lines = text_views(pa.array(some, pa.large_string())).to_pylist()
        assert lines == [clean(text) for text in some]


@pytest.mark.parametrize("piece", ["@", "a@", "字", "www.", "http://", "1", "\x00"])
def test_hostile_texts_cost_no_time(piece: str) -> None:
    """A pattern's steps cannot be counted: a text so long that the limit is far from
    both sides."""
    start = time.process_time()
    clean("@ " + (piece * 400_000)[:400_000])  # an @: who has none is not searched
    assert time.process_time() - start < 10  # measured: 0.04 s; quadratic: minutes
