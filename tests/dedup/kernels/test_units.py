"""Lines and paragraphs: where they are, what is equal, and how they go."""

from itertools import islice, product

import numpy as np
import pyarrow as pa
import pytest

from tamis.dedup.kernels.units import ngram_hashes, removal, unit_hashes, units
from tamis.text.buffers import read_only, utf8_buffers
from tamis.text.cuts import cut_texts
from tamis.text.normalise import folding


def units_of(text: str, feeds: int) -> list[str]:
    data, offsets = utf8_buffers(pa.array([text]))
    found = units(read_only(data), offsets, feeds)
    raw = text.encode()
    pairs = zip(found.starts, found.stops, strict=True)
    return [raw[start:stop].decode() for start, stop in pairs]


@pytest.mark.parametrize(
    ("text", "lines", "paragraphs"),
    [
        ("", [], []),
        (" \n\t\r\n", [], []),
        ("a", ["a"], ["a"]),
        ("  a b \n\nc\r\n", ["a b", "c"], ["a b", "c"]),
        ("дым\nлёд\n \n雪\n", ["дым", "лёд", "雪"], ["дым\nлёд", "雪"]),
        ("a\r\nb\r\n\r\nc", ["a", "b", "c"], ["a\r\nb", "c"]),
    ],
)
def test_units(text: str, lines: list[str], paragraphs: list[str]) -> None:
    assert units_of(text, 1) == lines
    assert units_of(text, 2) == paragraphs


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("Lire  la suite…", "lire la suite", True),
        ("STRASSE 12", "Straße 7", True),
        ("Читать далее", "читать ДАЛЕЕ »", True),
        ("اقرأ المزيد", "اقرأ المزيد!", True),
        ("قَلَم", "قلم", True),
        ("続きを読む", "続きを読む。", True),
        ("อ่านต่อ", "อ่านต่อ >", True),
        ("page 1", "page", False),
        ("a b", "b a", False),
        ("a b", "ab", False),
        ("續", "续", False),
        ("की", "का", False),
    ],
)
def test_units_are_the_same_when_their_words_are(
    one: str, other: str, is_same: bool
) -> None:
    data, offsets = utf8_buffers(pa.array([one, other]))
    data = read_only(data)
    first, second = unit_hashes(data, offsets, units(data, offsets, 1), 1, folding())
    assert (first == second) == is_same


def test_hundreds_of_thousands_of_units_have_hashes_of_their_own() -> None:
    """Two of them alike have odds of 5e-9; if half of the bits were lost, of 12 to 1."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = map("".join, product(letters, repeat=4))
    lines = [f"the same {word}" for word in islice(words, 450_000)]
    data, offsets = utf8_buffers(pa.array(["\n".join(lines)]))
    data = read_only(data)
    hashes = unit_hashes(data, offsets, units(data, offsets, 1), 1, folding())
    assert len(np.unique(hashes)) == len(lines)


def test_units_of_too_few_words_have_no_hash() -> None:
    data, offsets = utf8_buffers(pa.array(["***\n}\nмука\nдве муки\n面粉\n面"]))
    data = read_only(data)
    found = units(data, offsets, 1)
    for least, expected in ((1, [0, 0, 1, 1, 1, 1]), (2, [0, 0, 0, 1, 1, 0])):
        hashes = unit_hashes(data, offsets, found, least, folding())
        assert (hashes != 0).tolist() == expected


def test_ngrams_are_those_of_each_unit() -> None:
    texts = pa.array(["a b c d\nb c d", "x\n\nA, b. c", ""])
    data, offsets = utf8_buffers(texts)
    data = read_only(data)
    hashes, bounds = ngram_hashes(data, offsets, units(data, offsets, 1), 3, folding())
    assert bounds.tolist() == [0, 2, 3, 3, 4]
    assert hashes[1] == hashes[2]  # b c d
    assert hashes[0] == hashes[3]  # a b c
    assert hashes[0] != hashes[1]


@pytest.mark.parametrize(
    ("text", "feeds", "removed", "expected"),
    [
        ("a\nb\nc", 1, [1], "a\nc"),
        ("a\nb\nc", 1, [0, 2], "b"),
        ("a\nb\nc", 1, [1, 2], "a"),
        ("a\n\nb\n\nc\n", 1, [1], "a\n\nc\n"),
        (" a\n\nb\n", 1, [1], " a"),
        ("a\nb", 1, [0, 1], ""),
        ("дым\nлёд\n雪", 1, [1], "дым\n雪"),
        ("a\nb\n\nc\nd\n\ne", 2, [1], "a\nb\n\ne"),
        ("a\nb", 1, [], "a\nb"),
        ("", 1, [], ""),
    ],
)
def test_a_unit_goes_with_the_space_behind_it(
    text: str, feeds: int, removed: list[int], expected: str
) -> None:
    texts = pa.array(["before", text])
    data, offsets = utf8_buffers(texts)
    found = units(read_only(data), offsets, feeds)
    marked = np.zeros(len(found.starts), bool)
    marked[[place + 1 for place in removed]] = True
    positions, bounds = removal(offsets, found, marked)
    assert positions.max(initial=0) <= len(text.encode())  # counted from its own start
    cuts = pa.ListArray.from_arrays(bounds.astype(np.int32), positions)
    assert cut_texts(texts, cuts).to_pylist() == ["before", expected]
