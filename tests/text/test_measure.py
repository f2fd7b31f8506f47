"""All statistics together: names, safety against bytes that are no UTF-8, batches."""

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from tamis.text.buffers import utf8_buffers
from tamis.text.function_words import function_words
from tamis.text.statistics import datatrove
from tamis.text.statistics.columns import COLUMNS
from tamis.text.statistics.measure import measure
from tamis.text.words import segment

MAY_OUTNUMBER_WORDS = ("hash_word_ratio", "ellipsis_word_ratio", "newline_word_ratio")


def measured(data: bytes, offsets: list[int]) -> dict[str, list[float]]:
    buffer, ends = np.frombuffer(data, np.uint8), np.array(offsets, np.int64)
    lists = function_words(["eng"] * (len(offsets) - 1))
    found = measure(buffer, ends, segment(buffer, ends), function_words=lists)
    return {name: values.tolist() for name, values in found.items()}


def test_no_name_stands_twice() -> None:
    assert len(set(COLUMNS)) == len(COLUMNS) == 35


@settings(max_examples=120, deadline=None)
@given(st.lists(st.binary(max_size=40), max_size=4))
def test_any_bytes_are_measured_within_their_document(documents: list[bytes]) -> None:
    """A document's numbers are those it has alone, whatever its neighbours hold."""
    offsets = np.cumsum([0, *map(len, documents)]).tolist()
    together = measured(b"".join(documents), offsets)
    for row, document in enumerate(documents):
        alone = measured(document, [0, len(document)])
        assert {name: values[row] for name, values in together.items()} == {
            name: values[0] for name, values in alone.items()
        }


@settings(max_examples=200, deadline=None)
@given(st.text("ab. ,\n—…#{字のกé", max_size=80))
def test_ratios_stay_between_0_and_1_and_counts_are_whole(text: str) -> None:
    data = text.encode()
    for name, (value,) in measured(data, [0, len(data)]).items():
        assert value >= 0
        if name.endswith("_ratio") and name not in MAY_OUTNUMBER_WORDS:
            assert value <= 1
        if name.endswith("_count") or name.startswith("has_"):
            assert value == int(value)


def test_no_documents_give_no_rows() -> None:
    data, offsets = utf8_buffers(pa.array([], pa.string()))
    words = segment(data, offsets)
    ours = measure(data, offsets, words, function_words=function_words([]))
    theirs = datatrove.measure(data, offsets, words)
    assert tuple(ours) == tuple(theirs) == COLUMNS
    assert {len(values) for values in (*ours.values(), *theirs.values())} == {0}
