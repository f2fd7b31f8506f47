from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tamis.linear.features import buckets, weighted_sums, whole_documents, windows_of
from tamis.text.buffers import utf8_buffers
from tamis.text.words import segment

BITS = 12
MASK = (1 << 64) - 1


def bucket_lists(texts: list[str]) -> list[list[int]]:
    data, offsets = utf8_buffers(pa.array(texts, pa.string()))
    words = segment(data, offsets)
    found, starts = buckets(data, words, whole_documents(words), BITS)
    return [part.tolist() for part in np.split(found, starts[1:-1])]


def expected_buckets(runs: list[list[str]]) -> list[int]:
    """The definition in plain Python: `runs` of words that touch, in lower case."""

    def hashed(codes: list[int]) -> int:
        value = 0xCBF29CE484222325
        for code in codes:
            value = (value ^ code) * 0x100000001B3 & MASK
        return value

    def bucket(value: int) -> int:
        return (value * 0x9E3779B97F4A7C15 & MASK) >> (64 - BITS)

    def extended(value: int, code: int) -> int:
        return (value ^ code) * 0x100000001B3 & MASK

    words = [hashed([0x110001, *map(ord, word)]) for run in runs for word in run]
    grams = [bucket(word) for word in words]
    for one, two in pairwise(words):
        head = extended(extended(one, 0x110002) ^ (two >> (64 - BITS)), 0x110002)
        grams.append(bucket(head ^ two))
    for run in runs:
        codes = [0x110003, *map(ord, "".join(run)), 0x110003]
        for length in (2, 3, 4, 5):
            for start in range(len(codes) - length + 1):
                grams.append(bucket(hashed(codes[start : start + length])))
    return sorted(grams)


@pytest.mark.parametrize(
    ("text", "runs", "grams"),
    [
        pytest.param("", [], 0, id="empty"),
        pytest.param("!?", [], 0, id="no words"),
        # 1 word; ^a ^ab ^ab$ ab ab$ b$
        pytest.param("ab", [["ab"]], 7, id="one word"),
        pytest.param("AB, cd.", [["ab"], ["cd"]], 15, id="two words and their pair"),
        pytest.param("Ёж", [["ёж"]], 7, id="Cyrillic"),
        pytest.param("لا", [["لا"]], 7, id="Arabic"),
        pytest.param("हिन्", [["हिन्"]], 1 + 14, id="Devanagari with marks"),
        # 我们 and 爱 touch: characters run through both, 2 words and a pair
        pytest.param("我们爱。", [["我们", "爱"]], 13, id="Chinese"),
    ],
)
def test_grams_of_a_window(text: str, runs: list[list[str]], grams: int) -> None:
    (found,) = bucket_lists([text])
    assert len(found) == grams
    assert sorted(found) == expected_buckets(runs)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text("abcdéñßαβжщ", min_size=1, max_size=12), max_size=8))
def test_grams_follow_the_definition(words: list[str]) -> None:
    runs = [[word] for word in words]
    assert sorted(bucket_lists([" ".join(words)])[0]) == expected_buckets(runs)


def test_a_window_is_the_same_alone_and_between_others() -> None:
    texts = ["one two", "", "слово", "我们在北京", "ab", "สวัสดี"]
    assert bucket_lists(texts) == [bucket_lists([text])[0] for text in texts]


def test_the_sum_is_that_of_the_grams_over_the_root_of_their_number() -> None:
    weights = np.random.default_rng(0).integers(-99, 99, 1 << BITS).astype(np.int16)
    texts = ["one two three", "", "我们在北京"]
    data, offsets = utf8_buffers(pa.array(texts))
    words = segment(data, offsets)
    sums = weighted_sums(data, words, whole_documents(words), weights)
    expected = [
        weights[grams].sum() / np.sqrt(len(grams)) if grams else 0.0
        for grams in bucket_lists(texts)
    ]
    assert sums.tolist() == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("text", "starts"),
    [
        pytest.param("", [], id="empty"),
        pytest.param("one", [0], id="one word"),
        pytest.param("abcd " * 119, [0], id="594 of 400 characters are one window"),
        pytest.param("abcd " * 121, [0, 61], id="604 are two of 302"),
        pytest.param("abcd " * 240, [0, 81, 161], id="1199 are three of 400"),
        pytest.param("a" * 5_000 + " b", [0, 1], id="a word is never cut"),
    ],
)
def test_windows_are_of_equal_length(text: str, starts: list[int]) -> None:
    data, offsets = utf8_buffers(pa.array([text]))
    windows = windows_of(segment(data, offsets))
    assert windows.words[:-1].tolist() == starts
    assert windows.documents.tolist() == [0, len(starts)]


def test_windows_end_with_their_document() -> None:
    data, offsets = utf8_buffers(pa.array(["one two", "", "three", "!"]))
    windows = windows_of(segment(data, offsets))
    assert windows.words.tolist() == [0, 2, 3]
    assert windows.documents.tolist() == [0, 1, 1, 2, 2]
