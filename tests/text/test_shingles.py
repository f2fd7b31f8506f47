"""Kernel against a second implementation: Python strings, `regex` and integers."""

import unicodedata

import numpy as np
import pyarrow as pa
import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from tamis.text.buffers import utf8_buffers
from tamis.text.shingles import shingles

MASK = 2**64 - 1
FACTOR = 0x9E3779B97F4A7C15
SEED = 0xCBF29CE484222325

UNSPACED = (
    r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}ー--\p{M}]"
)
WORD = regex.compile(
    rf"{UNSPACED}\p{{M}}*|[[\p{{L}}\p{{N}}--{UNSPACED}]\p{{M}}]+", regex.V1
)

SCRIPTS = {
    "Latin": "Der Müller kauft 12 Äpfel und 3 Birnen auf dem Markt von Łódź.",
    "Cyrillic": "Утром мы пошли в лес за грибами, а вечером пили чай с мёдом.",
    "Greek": "Το πρωί πήγαμε στη θάλασσα και το βράδυ φάγαμε ψάρι με λάδι.",
    "Arabic": "ذهب الولد إلى السوق في الصباح واشترى خبزاً وجبناً وزيتوناً.",
    "Hebrew": "הילד הלך בבוקר אל השוק וקנה לחם וגבינה וזיתים לארוחת הערב.",
    "Devanagari": "सुबह हम बाज़ार गए और शाम को हमने घर पर चाय के साथ मिठाई खाई।",
    "Bengali": "সকালে আমরা বাজারে গিয়েছিলাম এবং সন্ধ্যায় বাড়িতে চা খেয়েছি।",
    "Tamil": "காலையில் நாங்கள் சந்தைக்குச் சென்றோம், மாலையில் தேநீர் குடித்தோம்.",
    "Thai": "ตอนเช้าเราไปตลาดและตอนเย็นเราดื่มชาที่บ้านกับเพื่อนบ้าน",
    "Han": "早上我们去市场买了十二个苹果，晚上在家里喝茶。",
    "Japanese": "朝は市場へ行って、りんごを１２個買い、夜は家でコーヒーを飲みました。",
    "Hangul": "아침에는 시장에 가서 사과 열두 개를 사고 저녁에는 집에서 차를 마셨다.",
    "Georgian": "დილით ბაზარში წავედით და საღამოს სახლში ჩაი დავლიეთ თაფლით.",
    "Armenian": "Առավոտյան գնացինք շուկա, իսկ երեկոյան տանը թեյ խմեցինք մեղրով։",
}


def mix(value: int) -> int:
    value = ((value ^ value >> 30) * 0xBF58476D1CE4E5B9) & MASK
    value = ((value ^ value >> 27) * 0x94D049BB133111EB) & MASK
    return value ^ value >> 31


def folded(text: str) -> str:
    text = unicodedata.normalize("NFKD", text).casefold()
    return "".join(
        char
        for char in unicodedata.normalize("NFKD", text)
        if not regex.fullmatch(
            r"[\p{Cf}ـ]|[\p{Mn}&&\p{Script=Inherited}--゙゚]", char, regex.V1
        )
    )


def words(text: str) -> list[str]:
    # Hangul is not taken apart: put it together again.
    return [
        regex.sub(
            r"[\u1100-\u11ff]+", lambda m: unicodedata.normalize("NFC", m[0]), word
        )
        for word in WORD.findall(folded(text))
    ]


def word_hash(word: str) -> tuple[int, int]:
    value, digits, was_digit = SEED, 0, False
    for char in word:
        digit = unicodedata.decimal(char, None)
        if digit is not None:
            digits = (digits + 48 + digit) * FACTOR & MASK
            if not was_digit:
                value = (value ^ 48) * FACTOR & MASK
        else:
            value = (value ^ ord(char)) * FACTOR & MASK
        was_digit = digit is not None
    return mix(value), digits


def expected_shingles(text: str, ngram: int) -> set[int]:
    hashes = [word_hash(word)[0] for word in words(text)]
    found = set()
    for first in range(len(hashes) - ngram + 1):
        rolled = 0
        for value in hashes[first : first + ngram]:
            rolled = (rolled + value) * FACTOR & MASK
        found.add(mix(rolled))
    return found


def expected_text_hash(text: str) -> int:
    joined = SEED
    hashes = [value ^ digits for value, digits in map(word_hash, words(text))]
    for value in hashes or text.encode():
        joined = ((joined << 5 | joined >> 59) & MASK ^ value) * FACTOR & MASK
    return mix(joined ^ len(hashes))


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize("ngram", [1, 2, 5])
def test_shingles_and_text_hash_of_many_scripts(script: str, ngram: int) -> None:
    text = SCRIPTS[script]
    found = shingles(*utf8_buffers(pa.array(["before", text, ""])), ngram=ngram)
    own = found.hashes[found.offsets[1] : found.offsets[2]]
    assert set(own.tolist()) == expected_shingles(text, ngram)
    assert found.texts[1] == expected_text_hash(text)


@given(st.text("abé 1２ßﬁ.가나ç世カก้", max_size=40), st.integers(1, 6))
def test_shingles_of_any_text(text: str, ngram: int) -> None:
    text = unicodedata.normalize("NFC", text)
    found = shingles(*utf8_buffers(pa.array([text])), ngram=ngram)
    assert found.hashes.tolist() == sorted(expected_shingles(text, ngram))
    assert found.texts[0] == expected_text_hash(text)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        pytest.param("", 0, id="empty"),
        pytest.param("one two three four", 0, id="shorter than a shingle"),
        pytest.param("one two three four five", 1, id="exactly one"),
        pytest.param("a a a a a a a a", 1, id="a repeated one counts once"),
        pytest.param("你好世界吧", 1, id="five Chinese characters"),
        pytest.param("你好 world of tea", 1, id="mixed"),
    ],
)
def test_number_of_shingles(text: str, count: int) -> None:
    found = shingles(*utf8_buffers(pa.array([text])), ngram=5)
    assert len(found.hashes) == count
    assert found.offsets.tolist() == [0, count]


def test_batches_slices_and_nulls_make_no_difference() -> None:
    texts = ["skipped", *SCRIPTS.values(), None, ""]
    column = pa.array(texts)
    together = shingles(*utf8_buffers(column[1:]), ngram=5)
    for row, text in enumerate(texts[1:]):
        alone = shingles(*utf8_buffers(pa.array([text], pa.string())), ngram=5)
        own = together.hashes[together.offsets[row] : together.offsets[row + 1]]
        assert np.array_equal(own, alone.hashes)
        assert together.texts[row] == alone.texts[0]


def test_an_empty_batch_has_no_shingles() -> None:
    found = shingles(*utf8_buffers(pa.array([], pa.string())), ngram=5)
    assert (len(found.hashes), found.offsets.tolist(), len(found.texts)) == (0, [0], 0)


def test_bytes_that_are_no_utf8_do_no_harm() -> None:
    column = pa.array([b"caf\xe9 \xff\xfe one two", b"\xf0\x9f"]).view(pa.string())
    found = shingles(*utf8_buffers(column), ngram=1)
    assert len(found.hashes) == 3  # caf, one, two
