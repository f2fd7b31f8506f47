"""Texts without the spans that were cut out of them."""

import pyarrow as pa
import pytest

from tamis.text.columns import CUTS_TYPE
from tamis.text.cuts import cut_texts

TEXTS = ["abc def", "дым лёд", "دقيق ناعم", "面粉与麸皮", "आटा चोकर", ""]


def span(text: str, start: int, stop: int) -> list[int]:
    """Byte positions of text[start:stop]."""
    return [len(text[:start].encode()), len(text[:stop].encode())]


@pytest.mark.parametrize("type_", [pa.string(), pa.large_string()])
def test_spans_go_and_the_rest_stays(type_: pa.DataType) -> None:
    cuts = [span(t, 0, 1) + span(t, 3, 4) if t else None for t in TEXTS]
    found = cut_texts(pa.array(TEXTS, type_), pa.array(cuts, CUTS_TYPE))
    assert found.to_pylist() == [t[1:3] + t[4:] for t in TEXTS]
    assert found.type == type_
    found.validate(full=True)


def test_a_whole_text_can_go() -> None:
    cuts = pa.array([span(t, 0, len(t)) for t in TEXTS], CUTS_TYPE)
    assert cut_texts(pa.array(TEXTS), cuts).to_pylist() == [""] * len(TEXTS)


def test_null_and_empty_lists_cut_nothing_and_null_texts_stay_null() -> None:
    texts = pa.array(["a", None, "b", None])
    cuts = pa.array([None, [0, 1], [], None], CUTS_TYPE)
    assert cut_texts(texts, cuts).to_pylist() == ["a", None, "b", None]
    assert cut_texts(texts[:0], cuts[:0]).to_pylist() == []


def test_slices_are_read_where_they_begin() -> None:
    texts = pa.array(["xx", *TEXTS])[1:]
    cuts = pa.array([[0, 2], *(span(t, 0, 1) if t else [] for t in TEXTS)], CUTS_TYPE)[
        1:
    ]
    assert cut_texts(texts, cuts).to_pylist() == [t[1:] for t in TEXTS]


def test_positions_behind_the_end_read_nothing_of_the_next_text() -> None:
    cuts = pa.array([[1, 99, 120, 130], None], CUTS_TYPE)
    assert cut_texts(pa.array(["abc", "def"]), cuts).to_pylist() == ["a", "def"]
