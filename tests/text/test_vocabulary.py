"""Word statistics, worked out by hand."""

import pyarrow as pa
import pytest

from tamis.text.buffers import utf8_buffers
from tamis.text.function_words import (
    GOVERNS,
    NEVER_FIRST,
    NEVER_LAST,
    STOP,
    UNGOVERNED,
    endings_of,
    function_words,
    languages,
    words_of,
)
from tamis.text.statistics.columns import VOCABULARY as COLUMNS
from tamis.text.statistics.vocabulary import NO_LIST, vocabulary
from tamis.text.unicode import code_points
from tamis.text.words import read_only, segment


def measured(text: str, language: str | None = None) -> dict[str, float]:
    data, offsets = utf8_buffers(pa.array(["the the", text, "в в"]))
    lists = function_words(["eng", language, "rus"])
    _, _, statistics = vocabulary(
        read_only(data), segment(data, offsets), code_points(), lists
    )
    return dict(zip(COLUMNS, statistics[1].tolist(), strict=True))


def test_an_empty_document_scores_zero_where_there_is_a_list() -> None:
    assert set(measured("", "eng").values()) == {0.0}


def test_a_language_without_a_list_is_not_measured() -> None:
    for language in (None, "xxx"):
        found = measured("the cat and the dog", language)
        assert found["stop_word_count"] == NO_LIST
        assert found["stop_word_ratio"] == NO_LIST


@pytest.mark.parametrize(
    ("text", "mean", "longest"),
    [
        ("a bcd", 2.0, 3),
        ("œuf été", 3.0, 3),
        ("Εν αρχή", 3.0, 4),
        ("हिन्दी", 6.0, 6),
        ("我们在北京", 5 / 3, 2),
        ("e\u0301", 2.0, 2),
    ],
)
def test_word_lengths_are_code_points(text: str, mean: float, longest: int) -> None:
    found = measured(text)
    assert found["mean_word_length"] == pytest.approx(mean)
    assert found["longest_word"] == longest


def test_an_alphabetic_word_has_a_letter() -> None:
    assert measured("a1 22 ٣٣ лёд 你 ½")["alphabetic_word_ratio"] == pytest.approx(
        3 / 6
    )


def test_an_uppercase_word_has_two_capitals_and_nothing_else() -> None:
    found = measured("NASA А4 A ΑΒ Word iOS 日本")
    assert found["uppercase_word_ratio"] == pytest.approx(2 / 7)


@pytest.mark.parametrize(
    ("text", "language", "distinct", "share"),
    [
        pytest.param("The cat and the dog", "eng", 2, 3 / 5, id="English, case aside"),
        pytest.param("Le chat et le chien", "fra", 2, 3 / 5, id="French"),
        pytest.param("Дом и сад", "rus", 1, 1 / 3, id="Russian"),
        pytest.param("في البيت", "arb", 1, 1 / 2, id="Arabic"),
        pytest.param("राम का घर", "hin", 1, 1 / 3, id="Hindi"),
        pytest.param("他和我去北京", "cmn", 2, 2 / 4, id="Chinese"),
        pytest.param("ของผม", "tha", 1, 1 / 2, id="Thai"),
        pytest.param("of the", "fra", 0, 0, id="another language's"),
    ],
)
def test_stop_words(text: str, language: str, distinct: int, share: float) -> None:
    found = measured(text, language)
    assert found["stop_word_count"] == distinct
    assert found["stop_word_ratio"] == pytest.approx(share)


def test_every_language_of_the_table_has_stop_words_that_segment_as_they_stand() -> (
    None
):
    assert len(languages()) >= 100
    for language in languages():
        for role in (STOP, NEVER_FIRST, NEVER_LAST, GOVERNS, UNGOVERNED):
            found = words_of(language, role)
            assert len(found) >= 8 or role != STOP or not found, language
            data, offsets = utf8_buffers(pa.array([" ".join(found)]))
            words = segment(data, offsets)
            cut = [
                bytes(data[start:end]).decode()
                for start, end in zip(words.starts, words.ends, strict=True)
            ]
            assert cut == list(found), language


def test_no_ending_of_a_language_ends_in_another() -> None:
    """Such a one would never be looked for."""
    for language in languages():
        endings = endings_of(language)
        assert not [
            (long, short)
            for long in endings
            for short in endings
            if long != short and long.endswith(short)
        ]
