"""A text without an outline has nothing that `find` would find: the look may not miss one."""

import random

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tamis.pii.kinds import PLACEHOLDERS
from tamis.pii.masking import Masks, find, mask
from tamis.pii.outlines import may_have, may_have_any
from tamis.pii.urls import masked_urls
from tamis.text.buffers import utf8_buffers

REAL = [
    *("jane@example.org", "jane＠example．org", "+33 6 12 34 56 78", "＋49 30 901820"),
    *("0049 (30) 901820-123", "00 33 1 42 68 53 00", "0033-1.42/68-53 00"),
    *("GB29 NWBK 6016 1331 9268 19", "DE89370400440532013000", "NO93 8601 1117 947"),
    *("4111 1111 1111 1111", "5500-0000-0000-0004", "371449635398431"),
    *("8.8.8.8", "193.51.208.69", "2001:4860:4860::8888", "2a00:1450:4007:80e::200e"),
    *("+٣٣٦١٢٣٤٥٦٧٨", "0033 ６１２３４５６７８９", "00๓๓ ๖๑๒๓๔๕๖๗๘"),
]
# Pieces of numbers and addresses, and what may stand between them.
SMALL = [
    *(
        "00",
        "+",
        "@",
        "%40",
        "：",
        ":",
        ".",
        "-",
        "/",
        " ",
        "\u00a0",
        "\u2011",
        "(",
        ")",
    ),
    *("=", "&", "?", "a", "GB29", "DE89", "2001", "é", "٣", "６", "．", "_", "::"),
]
PIECES = st.sampled_from([*"0123456789", *SMALL, *REAL])
texts = st.lists(PIECES, max_size=24).map("".join)


def has_any(text: str) -> bool:
    data, offsets = utf8_buffers(pa.array([text], pa.large_string()))
    return len(find(data, offsets, Masks(PLACEHOLDERS)).kind) > 0


@pytest.mark.parametrize("value", REAL)
@pytest.mark.parametrize("around", ["{}", "see {}, please", "?q={}&x=1", "/{}/"])
def test_real_values_have_an_outline(value: str, around: str) -> None:
    assert may_have(around.format(value))


def test_the_values_are_found_at_all() -> None:
    """What the other tests compare with."""
    assert sum(has_any(f"see {value} there") for value in REAL) >= len(REAL) - 3


@settings(max_examples=2000, deadline=None)
@given(texts)
@example("00" + "1" * 5)
@example("2 0 0 0 0 0 0 0 0 0 0 0 0 0")
def test_what_is_found_has_an_outline(text: str) -> None:
    for value in (text, text.replace("=", " ")):
        if has_any(value):
            assert may_have(text)


def test_numbers_with_every_separator_have_an_outline() -> None:
    """Cards and phones as people cut them: groups of any width."""
    rng = random.Random(7)
    for value in REAL:
        if not value.isascii() or "@" in value:
            continue
        for _ in range(200):
            cut = "".join(
                c + rng.choice(["", "", "", " ", "-", ".", "\u2011", ") "])
                for c in value
            )
            if has_any(cut):
                assert may_have(cut), cut


def test_most_addresses_and_texts_have_none() -> None:
    plain = [
        "https://www.example.org/2024/03/15/a-title-of-a-page.html?page=12&id=90210",
        "http://example.org/articles/123456789/",
        "In 2024 there were 1,234,567 of them, 12.5 % more than in 2023.",
    ]
    assert not may_have_any(pa.array(plain[:2]))
    assert [may_have(text) for text in plain[:2]] == [False, False]
    assert mask(plain[0]) == plain[0]


def test_a_lone_surrogate_is_looked_at_closely() -> None:
    assert may_have("\ud800")
    assert mask("\ud800 jane@example.org") == "\ud800 <EMAIL>"


def test_nothing_and_null_have_none() -> None:
    assert not may_have_any(pa.array([], pa.large_string()))
    assert not may_have_any(pa.array([None, ""], pa.large_string()))
    assert masked_urls([None, "", "https://a.example/?m=jane@example.org"]) == [
        None,
        "",
        "https://a.example/?m=EMAIL",
    ]
    assert np.asarray(masked_urls([])).size == 0
