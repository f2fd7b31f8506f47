"""Repeated n-grams, worked out by hand and by an independent count."""

from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tamis.text.buffers import utf8_buffers
from tamis.text.hashing import word_hashes
from tamis.text.statistics.columns import DUPLICATE, TOP
from tamis.text.statistics.columns import NGRAMS as COLUMNS
from tamis.text.statistics.ngrams import ngram_ratios
from tamis.text.unicode import code_points
from tamis.text.words import segment


def measured(*texts: str) -> list[dict[str, float]]:
    data, offsets = utf8_buffers(pa.array(texts))
    words = segment(data, offsets)
    tables = code_points()
    hashes = word_hashes(data, words, tables.index, tables.lower)
    chars = np.array([len(text) for text in texts])
    ratios = ngram_ratios(hashes, words, chars)
    return [dict(zip(COLUMNS, row, strict=True)) for row in ratios.tolist()]


@pytest.mark.parametrize(
    ("text", "column", "expected"),
    [
        pytest.param("", "top_2gram_char_ratio", 0, id="empty"),
        pytest.param("one", "top_2gram_char_ratio", 0, id="one word"),
        pytest.param("a b c d", "top_2gram_char_ratio", 0, id="once is no repetition"),
        pytest.param(
            "an ox, an ox!", "top_2gram_char_ratio", 2 * 5 / 13, id="with its space"
        ),
        pytest.param(
            "An Ox an ox up", "top_2gram_char_ratio", 2 * 5 / 14, id="case aside"
        ),
        pytest.param("a a a", "top_2gram_char_ratio", 1, id="overlaps, at most 1"),
        pytest.param(
            "дом и сад, дом и сад",
            "top_3gram_char_ratio",
            2 * 9 / 20,
            id="Cyrillic",
        ),
        pytest.param(
            "我们在北京，他们也去，我们在北京",
            "top_3gram_char_ratio",
            2 * 7 / 16,
            id="Chinese",
        ),
        pytest.param(
            "a b c d e a b c d e",
            "duplicate_5gram_char_ratio",
            5 / 19,
            id="letters only",
        ),
        pytest.param(
            "a b c d e a b c d e", "duplicate_6gram_char_ratio", 0, id="no 6-gram twice"
        ),
        pytest.param(
            "a b c d e " * 3, "duplicate_5gram_char_ratio", 10 / 30, id="counted once"
        ),
    ],
)
def test_ngrams(text: str, column: str, expected: float) -> None:
    before, found, after = measured("x y x y x y", text, "z")
    assert found[column] == pytest.approx(expected)
    assert before["top_2gram_char_ratio"] == pytest.approx(3 * 3 / 11)
    assert set(after.values()) == {0.0}


def counted(words: list[str]) -> dict[str, float]:
    """The same by Python's own dictionaries and strings."""
    chars = len(" ".join(words))
    found = dict.fromkeys(COLUMNS, 0.0)
    for n in TOP:
        grams = Counter(" ".join(words[i : i + n]) for i in range(len(words) - n + 1))
        gram, count = max(grams.items(), key=lambda item: item[1], default=("", 1))
        if count > 1:
            found[f"top_{n}gram_char_ratio"] = min(1.0, len(gram) * count / chars)
    for n in DUPLICATE:
        seen: set[tuple[str, ...]] = set()
        repeated, here = 0, 0
        while here <= len(words) - n:
            key = tuple(words[here : here + n])
            repeated += sum(map(len, key)) if key in seen else 0
            here += n if key in seen else 1
            seen.add(key)
        found[f"duplicate_{n}gram_char_ratio"] = repeated / max(1, chars)
    return found


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(["a", "bb", "ccc", "é", "жж"]), max_size=60))
def test_an_independent_count_agrees(words: list[str]) -> None:
    assert measured(" ".join(words))[0] == pytest.approx(counted(words))
