"""Repeats of tokens, against every pair of windows."""

import re
import unicodedata
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest

from tamis.dedup.kernels.substrings import code_point_spans, repeated, tokens
from tamis.text.buffers import read_only, utf8_buffers
from tamis.text.normalise import folding


def tokens_of(text: str) -> list[str]:
    data, offsets = utf8_buffers(pa.array([text]))
    _, places = tokens(read_only(data), offsets, folding())
    raw = text.encode()
    return [raw[a:b].decode() for a, b in zip(places.starts, places.stops, strict=True)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (" \n\u3000\u00a0\t", []),
        ("It's 3.5 m!", ["It", "'", "s", "3", ".", "5", "m", "!"]),
        ("Старое решето", ["Старое", "решето"]),
        ("قَلَم رصاص،", ["قَلَم", "رصاص", "،"]),
        ("छलनी आटे", ["छलनी", "आटे"]),
        ("面粉 flour。", ["面", "粉", "flour", "。"]),
        ("กินข้าว", ["กิ", "น", "ข้", "า", "ว"]),
        ("cafe\u0301 soft\u00adened", ["cafe\u0301", "soft\u00adened"]),
    ],
)
def test_tokens(text: str, expected: list[str]) -> None:
    assert tokens_of(text) == expected


def test_tokens_are_told_apart_as_they_are_written() -> None:
    data, offsets = utf8_buffers(pa.array(["a A é e 1 2 1", "a"]))
    hashes, places = tokens(read_only(data), offsets, folding())
    assert places.bounds.tolist() == [0, 7, 8]
    assert len(set(hashes[:6].tolist())) == 6
    assert hashes[6] == hashes[4]
    assert hashes[7] == hashes[0]


def test_every_space_of_unicode_parts_tokens() -> None:
    """Category Z, and the controls that are white space."""
    spaces = [
        chr(code)
        for code in range(0x110000)
        if unicodedata.category(chr(code)).startswith("Z") or chr(code).isspace()
    ]
    assert len(spaces) > 25
    for space in spaces:
        assert tokens_of(f"a{space}b{space}") == ["a", "b"], hex(ord(space))


def test_short_tokens_have_hashes_of_their_own() -> None:
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = [one + other for one in letters for other in ["", *letters]]
    data, offsets = utf8_buffers(pa.array([" ".join(words)]))
    hashes, _ = tokens(read_only(data), offsets, folding())
    assert len(set(hashes.tolist())) == len(words) == 26 * 27


def brute_force(
    documents: list[list[int]], length: int, keeps_first: bool
) -> list[bool]:
    """By comparing each window with every one before it."""
    flat = [token for document in documents for token in document]
    bounds = np.cumsum([0, *map(len, documents)]).tolist()
    windows = [
        first
        for start, stop in pairwise(bounds)
        for first in range(start, stop - length + 1)
    ]
    marked = [False] * len(flat)
    for place, window in enumerate(windows):
        own = flat[window : window + length]
        equal = [w for w in windows[:place] if flat[w : w + length] == own]
        if not equal or (keeps_first and window - equal[0] < length):
            continue
        marked[window : window + length] = [True] * length
        if not keeps_first:
            for w in equal:
                marked[w : w + length] = [True] * length
    return marked


@pytest.mark.parametrize("keeps_first", [True, False])
@pytest.mark.parametrize("length", [2, 5])
def test_the_same_tokens_repeat_as_by_brute_force(
    keeps_first: bool, length: int
) -> None:
    rng = np.random.default_rng(length)
    hashes_of = rng.integers(1 << 63, size=9, dtype=np.uint64)
    for alphabet in (1, 2, 3):
        documents = [
            rng.integers(alphabet, size=rng.integers(0, 30)).tolist() for _ in range(12)
        ]
        flat = [token for document in documents for token in document]
        bounds = np.cumsum([0, *map(len, documents)])
        found = repeated(
            hashes_of[np.array(flat, np.int64)], bounds, length, keeps_first=keeps_first
        )
        assert found.tolist() == brute_force(documents, length, keeps_first)
        assert found.any()


def test_of_a_word_said_over_and_over_one_window_stays() -> None:
    hashes = np.full(200, 7, np.uint64)
    found = repeated(hashes, np.array([0, 200]), 50, keeps_first=True)
    assert found.tolist() == [False] * 50 + [True] * 150


def test_nothing_repeats_in_nothing() -> None:
    none = np.empty(0, np.uint64)
    assert repeated(none, np.zeros(1, np.int64), 50, keeps_first=True).tolist() == []
    assert repeated(none, np.zeros(3, np.int64), 50, keeps_first=True).tolist() == []


def test_a_window_does_not_reach_into_the_next_document() -> None:
    hashes = np.array([1, 2, 3, 1, 2, 3], np.uint64)
    found = repeated(hashes, np.array([0, 3, 5, 6]), 3, keeps_first=False)
    assert not found.any()


def test_spans_are_in_code_points() -> None:
    texts = ["été là-bas", "老筛子 x", ""]
    data, offsets = utf8_buffers(pa.array(texts))
    data = read_only(data)
    _, places = tokens(data, offsets, folding())
    wanted = {"là", "-", "筛", "子", "x"}
    every = [token for text in texts for token in re.findall(r"[a-zéà]+|\S", text)]
    marked = np.array([token in wanted for token in every])
    positions, bounds = code_point_spans(data, offsets, places, marked)
    assert positions.tolist() == [4, 7, 1, 5]
    assert bounds.tolist() == [0, 2, 4, 4]
