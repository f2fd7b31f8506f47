import unicodedata
from itertools import chain

import numpy as np
import pyarrow as pa
import pytest

from tamis.text.buffers import utf8_buffers
from tamis.text.normalise import (
    CODE_MASK,
    COUNT_BITS,
    KIND_SHIFT,
    SEPARATOR,
    SEVERAL,
    SKIPPED,
    _folded,
    folding,
)
from tamis.text.shingles import shingles


def text_hash(text: str) -> int:
    return int(shingles(*utf8_buffers(pa.array([text])), ngram=5).texts[0])


def shingle_set(text: str, ngram: int = 1) -> set[int]:
    return set(shingles(*utf8_buffers(pa.array([text])), ngram=ngram).hashes.tolist())


@pytest.mark.parametrize(
    ("text", "same"),
    [
        pytest.param("Hello, World", "hello world", id="case, punctuation"),
        pytest.param("STRASSE", "Straße", id="German sharp s"),
        pytest.param("ISPARTA ışık", "isparta IŞIK", id="Turkish dotless i"),
        pytest.param("ΟΔΥΣΣΕΥΣ", "οδυσσεύς", id="Greek final sigma and tonos"),
        pytest.param("Ёлка и йод", "елка и иод", id="Cyrillic marks"),
        pytest.param("crème brûlée", "creme brulee", id="accents"),
        pytest.param("e\u0301te\u0301", "été", id="combining accents"),
        pytest.param("Ｈｅｌｌｏ　１２３", "hello 123", id="full width"),
        pytest.param("ｶﾀｶﾅ ｶﾞｲﾄﾞ", "カタカナ ガイド", id="half-width kana"),
        pytest.param("ﬁne ﬂow", "fine flow", id="ligatures"),
        pytest.param("x² + ½", "x2 1 2", id="superscripts and fractions"),
        pytest.param("أَهْلًا", "اهلا", id="Arabic vowel signs and hamza"),
        pytest.param("مـــرحبا", "مرحبا", id="tatweel"),
        pytest.param("שָׁלוֹם", "שלום", id="Hebrew points"),
        pytest.param("١٢٣ ४५६ ๗๘๙", "123 456 789", id="digits of other scripts"),
        pytest.param("co\u00adoperate", "cooperate", id="soft hyphen"),
        pytest.param("می\u200cخواهم", "میخواهم", id="zero-width non-joiner"),
        pytest.param("сім\u02bcя", "сім'я", id="a letter that is an apostrophe"),
        pytest.param("你好，世界！", "你好世界", id="Chinese punctuation"),
        pytest.param("これ は ペン です", "これはペンです", id="spaces in Japanese"),
        pytest.param("한국어, 문장", "한국어 문장", id="Hangul"),
    ],
)
def test_these_are_the_same_text(text: str, same: str) -> None:
    assert text_hash(text) == text_hash(same)


@pytest.mark.parametrize(
    ("text", "other"),
    [
        pytest.param("a b", "ab", id="word boundary"),
        pytest.param("a b", "b a", id="order"),
        pytest.param("a", "a a", id="repetition"),
        pytest.param("page 1", "page 2", id="digits"),
        pytest.param("page 1", "page 11", id="number of digits"),
        pytest.param("कि", "की", id="Devanagari vowel signs"),
        pytest.param("มา", "ม้า", id="Thai tone mark"),
        pytest.param("かき", "がき", id="voiced kana"),
        pytest.param("ދިވެހި", "ދވހ", id="Thaana vowels"),
        pytest.param("ทำ", "ทา", id="Thai am"),
        pytest.param("한국 어", "한국어", id="a space in Hangul"),
        pytest.param("", "!", id="empty text and one without words"),
        pytest.param("???", "!!!", id="two texts without words"),
        pytest.param("🙂", "🙃", id="two emoji"),
    ],
)
def test_these_are_different_texts(text: str, other: str) -> None:
    assert text_hash(text) != text_hash(other)


@pytest.mark.parametrize(
    ("text", "other"),
    [("page 1", "page 22"), ("on 2024-01-31", "on 1999-12-1"), ("१२", "7")],
)
def test_shingles_see_a_number_but_not_which(text: str, other: str) -> None:
    assert shingle_set(text) == shingle_set(other)


def test_a_letter_of_an_unspaced_script_is_a_word_with_its_marks() -> None:
    assert len(shingle_set("กา น้ำ")) == 3  # ก, า, น with two marks (ำ is ํ and า)
    assert len(shingle_set("世界 wide")) == 3
    assert shingle_set("ガ") == shingle_set("カ\u3099")


def test_the_table_is_what_unicode_says() -> None:
    """For every code point that the running Python knows, whatever its version."""
    table = folding()
    alphabets = (range(0x3400), range(0xA000, 0xAC00), range(0xE000, 0x17000))
    for code in chain(*alphabets, range(0x1AFF0, 0x20000)):
        if unicodedata.category(chr(code)) == "Cn":
            continue
        entry = int(table.entries[(int(table.blocks[code >> 8]) << 8) | (code & 255)])
        kind = entry >> KIND_SHIFT
        folded = list(_folded(code))
        if kind == SKIPPED:
            assert folded == []
        elif kind == SEVERAL:
            start = (entry & CODE_MASK) >> COUNT_BITS
            stop = start + (entry & ((1 << COUNT_BITS) - 1))
            assert table.parts[start:stop].tolist() == folded
        else:
            assert [part >> KIND_SHIFT for part in folded] == [kind]
            target = (code + entry) & CODE_MASK
            assert kind == SEPARATOR or folded[0] & CODE_MASK == target


def test_ascii_is_the_first_block() -> None:
    assert folding().blocks[0] == 0


def test_a_character_begins_at_most_two_words_per_byte() -> None:
    """What the kernel's scratch array relies on."""
    table = folding()
    several = np.flatnonzero(table.entries >> KIND_SHIFT == SEVERAL)
    most = (table.entries[several] & ((1 << COUNT_BITS) - 1)).max()
    longest = max(range(0x800, 0x10000), key=lambda code: len(list(_folded(code))))
    assert longest == 0xFDFA  # ﷺ: three spaces, so four words in three bytes
    assert most == len(list(_folded(0xFDFA)))
    for code in (0x3316, 0xFDFA, 0xBD, 0x1F240):
        words = shingles(*utf8_buffers(pa.array([chr(code)])), 1).hashes
        assert len(words) <= 2 * len(chr(code).encode())
