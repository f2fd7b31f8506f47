"""Words are found once for a column, and never mistaken for another's."""

import pyarrow as pa
import pytest

from pipeline.text import shared_words
from pipeline.text.buffers import utf8_buffers
from pipeline.text.shared_words import Text, text_of
from pipeline.text.words import segment

TEXTS = ["l'été 2024", "我们在LINE上", "ผมรักไทย", "सड़क पर", "كتاب جديد", "", None]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many documents each segmentation was asked about."""
    asked: list[int] = []

    def counting(data: object, offsets: object) -> object:
        asked.append(len(offsets) - 1)  # type: ignore[arg-type]  # as `segment` has it
        return segment(data, offsets)  # type: ignore[arg-type]

    monkeypatch.setattr(shared_words, "_last", None)
    monkeypatch.setattr(shared_words, "segment", counting)
    return asked


def as_lists(text: Text) -> list[list[int]]:
    return [column.tolist() for column in text.words]


def test_a_column_is_segmented_once_for_all_who_ask(calls: list[int]) -> None:
    column = pa.array(TEXTS)
    batch = pa.RecordBatch.from_arrays([column], ["text"])
    first = text_of(batch["text"])
    wider = batch.append_column("n", pa.array(range(len(TEXTS))))
    assert text_of(wider["text"]) is first
    assert calls == [len(TEXTS)]
    expected = segment(*utf8_buffers(column))
    assert as_lists(first) == [own.tolist() for own in expected]


def test_another_column_or_part_of_it_is_another_text(calls: list[int]) -> None:
    column = pa.array(TEXTS)
    for part in (column, column[:3], column[3:], column[:0], pa.array(["a b", "c"])):
        found = text_of(part)
        assert found.words.documents[-1] == len(found.words.starts)
        assert as_lists(found) == [own.tolist() for own in segment(*utf8_buffers(part))]
    assert calls == [7, 3, 4, 0, 2]


def test_bytes_that_are_remembered_are_nobody_else_s(calls: list[int]) -> None:
    """Columns made and forgotten one after the other would lie in the same place."""
    for number in range(50):
        words = ["turnip"] * (number % 3 + 1)
        assert len(text_of(pa.array([" ".join(words)])).words.starts) == len(words)
    assert len(calls) == 50
