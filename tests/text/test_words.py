"""Words by hand in every kind of script, and against Python's own regular expressions."""

import re

import numpy as np
import pyarrow as pa
import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st

from tamis.text.buffers import utf8_buffers
from tamis.text.words import no_words, segment


def words_of(*texts: str | None) -> list[list[str]]:
    data, offsets = utf8_buffers(pa.array(texts, pa.string()))
    cut = segment(data, offsets)
    found = [
        bytes(data[start:end]).decode()
        for start, end in zip(cut.starts, cut.ends, strict=True)
    ]
    assert cut.lengths.tolist() == [len(word) for word in found]
    bounds = zip(cut.documents[:-1], cut.documents[1:], strict=True)
    return [found[first:last] for first, last in bounds]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", [], id="empty"),
        pytest.param(" \n…—!? ☺", [], id="no letter and no digit"),
        pytest.param("It's 3.5 km", ["It", "s", "3", "5", "km"], id="Latin"),
        pytest.param("l’été à Nîmes", ["l", "été", "à", "Nîmes"], id="French"),
        pytest.param("e\u0301te\u0301", ["e\u0301te\u0301"], id="decomposed accents"),
        pytest.param("a_b __init__ __", ["a_b", "init__"], id="underscores join"),
        pytest.param("m² Ⅷ ½", ["m²", "Ⅷ", "½"], id="numbers of all kinds"),
        pytest.param("В 1812 году", ["В", "1812", "году"], id="Cyrillic"),
        pytest.param("η Αθήνα·", ["η", "Αθήνα"], id="Greek"),
        pytest.param("Հայոց լեզու։", ["Հայոց", "լեզու"], id="Armenian"),
        pytest.param("ქართული ენა", ["ქართული", "ენა"], id="Georgian"),
        pytest.param("שָׁלוֹם עולם", ["שָׁלוֹם", "עולם"], id="Hebrew with points"),
        pytest.param("في ١٩٤٥، بيروت", ["في", "١٩٤٥", "بيروت"], id="Arabic"),
        pytest.param(
            "نمی\u200cخواهم بروم", ["نمی\u200cخواهم", "بروم"], id="Persian non-joiner"
        ),
        pytest.param("हिन्दी में।", ["हिन्दी", "में"], id="Devanagari"),
        pytest.param("বাংলা ভাষা", ["বাংলা", "ভাষা"], id="Bengali"),
        pytest.param("தமிழ் மொழி", ["தமிழ்", "மொழி"], id="Tamil"),
        pytest.param("አማርኛ፡ቋንቋ", ["አማርኛ", "ቋንቋ"], id="Ethiopic word space"),
        pytest.param("བོད་ཡིག", ["བོད", "ཡིག"], id="Tibetan syllables"),
        pytest.param("한국어는 쉽다", ["한국어는", "쉽다"], id="Korean has spaces"),
        pytest.param(
            "我们在北京大学学习", ["我们", "在", "北京", "大学", "学习"], id="Chinese"
        ),
        pytest.param(
            "我用LINE。2024年",
            ["我", "用", "LINE", "2024", "年"],
            id="Latin and digits inside Chinese",
        ),
        pytest.param("二〇二四年", ["二", "〇", "二", "四年"], id="Han numerals"),
        pytest.param("東京タワーへ行く", ["東京タワー", "へ", "行く"], id="Japanese"),
        pytest.param("ผมรักประเทศไทย", ["ผม", "รัก", "ประเทศไทย"], id="Thai"),
        pytest.param("ຂ້ອຍຮັກລາວ", ["ຂ້ອຍ", "ຮັກ", "ລາວ"], id="Lao"),
        pytest.param("ខ្ញុំស្រឡាញ់កម្ពុជា", ["ខ្ញុំ", "ស្រឡាញ់", "កម្ពុជា"], id="Khmer"),
        pytest.param("ကျောင်းသား", ["ကျောင်းသား"], id="Burmese"),
        pytest.param("𠀀𠀁我们", ["𠀀", "𠀁", "我们"], id="beyond the first plane"),
        pytest.param("❤️ 👨‍👩‍👧 ok", ["ok"], id="emoji joiners are no words"),
    ],
)
def test_words(text: str, expected: list[str]) -> None:
    assert words_of("x", text, None, "y") == [["x"], expected, [], ["y"]]


def test_no_documents_have_no_words() -> None:
    data, offsets = utf8_buffers(pa.array([], pa.string()))
    cut = segment(data, offsets)
    assert len(cut.starts) == 0
    assert cut.documents.tolist() == [0]


def test_no_words_are_those_of_empty_documents() -> None:
    by_hand, found = no_words(2), segment(*utf8_buffers(pa.array(["", None])))
    assert [values.tolist() for values in by_hand] == [[], [], [], [0, 0, 0]]
    for own, other in zip(by_hand, found, strict=True):
        assert (own.dtype, own.tolist()) == (other.dtype, other.tolist())


def test_slices_of_a_column_are_honoured() -> None:
    column = pa.array(["not this", "中文 here", "nor this"]).slice(1, 1)
    data, offsets = utf8_buffers(column)
    cut = segment(data, offsets)
    assert bytes(data[cut.starts[0] : cut.ends[-1]]).decode() == "中文 here"


def test_a_document_is_cut_alike_whatever_stands_beside_it() -> None:
    texts = ["ผมรักประเทศไทย", "我们在北京", "plain", "東京タワーへ行く 𠀀", ""]
    together = words_of(*texts)
    assert together == [words_of(text)[0] for text in texts]


def test_more_than_one_chunk_gives_the_same_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    texts = ["我们在北京大学学习。" * 20, "𠀀我们 ผมรักประเทศไทย " * 20]
    whole = words_of(*texts)
    monkeypatch.setattr("tamis.text.breaks._CHUNK", 7)
    assert words_of(*texts) == whole


@pytest.mark.parametrize(
    "junk",
    [
        b"\xff\xfe\x80",
        b"a\xe4\xbd",
        b"\xed\xa0\x80 b",
        b"\xf4\x90\x80\x80",
        b"\xc0\xaf",
    ],
)
def test_bytes_that_are_no_utf8_are_no_words_and_do_no_harm(junk: bytes) -> None:
    text = "我们".encode() + b" " + junk + b" " + "我们".encode()
    cut = segment(np.frombuffer(text, np.uint8), np.array([0, len(text)]))
    assert bytes(text[cut.starts[0] : cut.ends[0]]).decode() == "我们"
    assert cut.ends[-1] == len(text)


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(min_codepoint=32, max_codepoint=0x2FFF), max_size=60))
def test_spaced_scripts_agree_with_a_regular_expression(text: str) -> None:
    text = regex.sub(
        r"[\p{scx=Thai}\p{scx=Lao}\p{scx=Khmer}\p{scx=Myanmar}]", " ", text
    )
    text = regex.sub(r"[\p{scx=Han}\p{scx=Hiragana}\p{scx=Katakana}]", " ", text)
    expected = regex.findall(r"[\p{L}\p{N}][\p{L}\p{N}\p{M}\p{Pc}\u200c\u200d]*", text)
    assert words_of(text) == [expected]


def test_ascii_agrees_with_the_standard_library() -> None:
    text = "The (quick) brown-fox, 3.5 times: don't!" * 3
    assert words_of(text) == [re.findall(r"\w+", text)]
