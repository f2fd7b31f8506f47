"""Words that differ in case have one hash, and other words have others."""

import numpy as np
import pytest

from tamis.decontamination.words import lower_hashes
from tamis.text.buffers import joined, read_only
from tamis.text.unicode import code_points
from tamis.text.words import Words

WORDS = [
    "a",
    "mill",
    "miller",
    "windmill",
    "windmills",
    "internationalisation",
    "élan",
    "moulineé",
    "мельница",
    "مطحنة",
    "磨坊",
    "風車小屋",
    "โรงสี",
    "चक्की",
    "straße",
    "𐐷𐐲",
    "a1",
    "1851",
]


def hashes(words: list[str]) -> list[int]:
    data, offsets = joined([word.encode() for word in words])
    lengths = np.array([len(word) for word in words], np.int32)
    documents = np.array([0, len(words)], np.int64)
    found = Words(offsets[:-1].copy(), offsets[1:].copy(), lengths, documents)
    tables = code_points()
    values: list[int] = lower_hashes(
        read_only(data), found, tables.index, tables.lower
    ).tolist()
    return values


def test_a_word_has_the_hash_of_its_lower_case_wherever_it_stands() -> None:
    small = hashes(WORDS)
    for change in (str.upper, str.title, str.lower):
        changed = [change(word) for word in WORDS]
        # ß has no capital of one letter.
        kept = [
            word if "ß" in word else other
            for word, other in zip(WORDS, changed, strict=True)
        ]
        assert hashes(kept) == small
        assert hashes(kept[::-1]) == small[::-1]
    assert [hashes([word])[0] for word in WORDS] == small
    assert len(set(small)) == len(WORDS)
    assert 0 not in small


@pytest.mark.parametrize(
    ("word", "small"),
    [
        ("\u212a", "k"),  # the sign for kelvin
        ("\u212aelvinsandmore", "kelvinsandmore"),
        ("\u0130zmir", "izmir"),
        ("Iz\u0130", "izi"),
        ("\u212a磨坊ไทย", "k磨坊ไทย"),
        ("磨坊磨坊磨坊\u0130", "磨坊磨坊磨坊i"),
        ("\u023a\u023a\u023a", "\u2c65\u2c65\u2c65"),  # three bytes in place of two
    ],
)
def test_letters_whose_lower_case_has_another_length(word: str, small: str) -> None:
    one, other = hashes([word, small])
    assert one == other


def test_words_of_any_length_that_differ_in_a_letter_differ() -> None:
    words = ["x" * length for length in range(1, 40)]
    words += ["x" * length + "y" for length in range(39)]
    words += ["é" * length for length in range(1, 20)]
    assert len(set(hashes(words))) == len(set(words))


def test_no_words_have_no_hash() -> None:
    assert hashes([]) == []


@pytest.mark.parametrize("end", [b"\xc3", b"\xe4\xb8", b"\xf0\x9f\x92", b"\xff"])
def test_bytes_that_are_no_text_end_with_the_word(end: bytes) -> None:
    data, offsets = joined([b"mill" + end, b"\xa9\xa9\xa9"])
    lengths, documents = np.array([5, 3], np.int32), np.array([0, 2], np.int64)
    found = Words(offsets[:-1].copy(), offsets[1:].copy(), lengths, documents)
    tables = code_points()
    alone, _ = joined([b"mill" + end])
    one = Words(
        offsets[:1].copy(), offsets[1:2].copy(), lengths[:1], documents[:2] // 2
    )
    both = lower_hashes(read_only(data), found, tables.index, tables.lower)
    first = lower_hashes(read_only(alone), one, tables.index, tables.lower)
    assert both[0] == first[0]


def test_plain_letters_have_no_capitals() -> None:
    tables = code_points()
    for code in (*range(0x800, 0x1000), *range(0x3000, 0xA000)):
        place = (int(tables.index[code >> 8]) << 8) | (code & 255)
        assert tables.lower[place] == 0, hex(code)


def test_every_letter_is_told_from_every_other_of_another_lower_case() -> None:
    letters = [chr(code) for code in range(0x80, 0x11000) if chr(code).isalpha()]
    tables = code_points()

    def small(letter: str) -> int:
        code = ord(letter)
        return code + int(
            tables.lower[(int(tables.index[code >> 8]) << 8) | (code & 255)]
        )

    found = hashes([f"a{letter}磨" for letter in letters])
    by_hash: dict[int, set[int]] = {}
    for letter, value in zip(letters, found, strict=True):
        by_hash.setdefault(value, set()).add(small(letter))
    assert all(len(own) == 1 for own in by_hash.values())
    assert len(by_hash) == len({small(letter) for letter in letters})
