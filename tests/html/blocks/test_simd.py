"""What 32 bytes at once find, against one byte at a time; and the trees' masks."""

import numpy as np
import pytest
from numba import njit
from numpy.typing import NDArray

from tamis.html.blocks.read.words import (
    begun_with_letters,
    hash_of_word,
    with_character,
)
from tamis.html.blocks.simd import first_delimiter, first_of, letters_at, lowered_at

TEXT = (
    b"Tamis reads <a class='x y'>ABCDEFGHIJKLMNOPQRSTUVWXYZ@[`{abcdefghijklmnopqrstuvwxyz"
    + "Привет, 世界 สวัสดี हिन्दी".encode()
    + b" data-value=1/2 \x00\x1f!\x7f\x80\xff" * 3
)
LETTERS = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
DELIMITERS = frozenset((*range(33), *b"/=>"))


@pytest.fixture(scope="module")
def data() -> NDArray[np.uint8]:
    return np.frombuffer(TEXT, np.uint8)


def ranges() -> list[tuple[int, int]]:
    """Starts and stops of every length up to 70, the array's end among them."""
    length = len(TEXT)
    starts = range(0, length, 3)
    return [
        (a, b)
        for a in starts
        for b in {a, a + 1, a + 31, a + 70, length}
        if b <= length
    ]


def test_the_next_byte_is_found_before_stop_and_not_behind_it(
    data: NDArray[np.uint8],
) -> None:
    for start, stop in ranges():
        for byte in (0x3D, 0x61, 0xFF, 0x02):
            found = TEXT.find(bytes([byte]), start, stop)
            assert first_of(data, start, stop, np.uint8(byte)) == (
                stop if found < 0 else found
            )


@pytest.mark.parametrize("whole", [True, False], ids=["whole page", "cut page"])
def test_runs_end_where_they_end_byte_by_byte(
    data: NDArray[np.uint8], whole: bool
) -> None:
    for start, stop in ranges():
        page = data if whole else data[:stop]
        kinds = [(byte in DELIMITERS, byte in LETTERS) for byte in TEXT[start:stop]]
        delimiter = next((i for i, (found, _) in enumerate(kinds) if found), len(kinds))
        letters = next(
            (i for i, (_, found) in enumerate(kinds) if not found), len(kinds)
        )
        assert first_delimiter(page, start, stop) == start + delimiter
        assert letters_at(page, start, stop) == start + letters


@pytest.mark.parametrize("whole", [True, False], ids=["whole page", "cut page"])
def test_eight_bytes_are_one_number_in_lower_case(
    data: NDArray[np.uint8], whole: bool
) -> None:
    for start, stop in ranges():
        page = data if whole else data[:stop]
        lowered = bytes(byte | 32 for byte in TEXT[start : min(start + 8, stop)])
        assert lowered_at(page, start, stop) == int.from_bytes(lowered, "little")


@njit(cache=True)
def _hash(codes: NDArray[np.int64], cut: int) -> np.uint64:
    """Of a word whose first letters come at once, and the rest one by one."""
    letters = codes[:cut].astype(np.uint8)
    value, piece, length = begun_with_letters(letters, 0, cut)
    for index in range(cut, len(codes)):
        value, piece, length = with_character(value, piece, length, codes[index])
    return hash_of_word(value, piece, length)


def hash_of(word: str, cut: int = 0) -> int:
    return int(_hash(np.array([ord(character) for character in word]), cut))


@pytest.mark.parametrize("length", [*range(1, 18), 32, 40])
def test_a_word_has_one_hash_however_its_letters_come(length: int) -> None:
    word = ("Donaudampfschiffahrtsgesellschaftskapitaen" * 2)[:length]
    hashes = {hash_of(word.upper(), cut) for cut in range(length + 1)}
    assert hashes == {hash_of(word)}


def test_different_words_have_different_hashes() -> None:
    words = [
        *("a", "b", "aa", "ab", "ba", "abcdefgh", "abcdefgi", "abcdefghi", "1", "11"),
        *(
            "слово",
            "слова",
            "café",
            "cafe",
            "ㄱ",
            "कमल",
            "كتاب",
            "ไทย",
            "word1",
            "wor1d",
        ),
    ]
    assert len(set(map(hash_of, words))) == len(words)
