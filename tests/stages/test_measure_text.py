"""The stage: columns, types, nulls, batches. What is counted: tests/text."""

from pathlib import Path

import pyarrow as pa
import pytest

from tamis.stages.measure_text import MeasureText
from tamis.text.columns import WORDS

PROSE = {
    "eng": "The mill by the river has been closed for years, and it stands empty.",
    "fra": "Le moulin est fermé depuis des années, et personne ne le rachète.",
    "rus": "Мельница на реке давно закрыта, и в ней никто не живёт.",
    "ell": "Ο μύλος στο ποτάμι έχει κλείσει εδώ και χρόνια.",
    "arb": "الطاحونة على النهر مغلقة منذ سنوات، ولا أحد يسكن فيها.",
    "hin": "नदी के किनारे की चक्की कई साल से बंद है।",
    "tha": "โรงสีริมแม่น้ำปิดมาหลายปีแล้วและไม่มีใครอยู่",
    "cmn": "河边的磨坊已经关了很多年，现在没有人住在那里。",
    "jpn": "川のそばの水車小屋は何年も前に閉まっている。",
}


def batch(texts: list[str | None], languages: list[str | None]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict(
        {
            "text": pa.array(texts, pa.string()),
            "language": pa.array(languages, pa.string()),
            "drop_reason": pa.nulls(len(texts), pa.string()),
        }
    )


def prose() -> pa.RecordBatch:
    return batch(list(PROSE.values()), list(PROSE))


def test_the_declared_columns_are_appended_in_their_order() -> None:
    config = MeasureText()
    measured = config.build()(prose())
    names = [name for name in measured.schema.names[3:] if name != WORDS]
    assert names == config.columns_written().names
    for field in config.columns_written():
        assert measured.schema.field(field.name).type == field.type


def test_prose_looks_like_prose_in_every_script() -> None:
    for row in MeasureText().build()(prose()).to_pylist():
        assert row["word_count"] >= 7, row
        assert row["stop_word_count"] >= 2, row
        assert row["sentence_count"] == 1
        assert row["alphabetic_word_ratio"] == 1
        assert row["duplicate_5gram_char_ratio"] == 0
        if row["language"] not in ("tha", "jpn", "cmn"):
            assert 3 <= row["mean_word_length"] <= 7
        else:
            assert 1.3 <= row["mean_word_length"] <= 4


def test_a_row_is_measured_alike_however_rows_are_batched() -> None:
    transform = MeasureText().build()
    whole = transform(prose()).to_pylist()
    single = [
        transform(prose().slice(row, 1)).to_pylist()[0] for row in range(len(PROSE))
    ]
    assert single == whole


def test_a_missing_text_is_not_measured() -> None:
    measured = MeasureText().build()(batch(["a b", None, ""], ["eng", "eng", "eng"]))
    assert measured["word_count"].to_pylist() == [2, None, 0]
    assert measured["has_curly_bracket"].to_pylist() == [False, None, False]
    assert measured["top_2gram_char_ratio"].to_pylist() == [0, None, 0]


def test_a_language_without_stop_words_has_none_to_count() -> None:
    measured = MeasureText().build()(batch(["a b"] * 3, ["eng", "xxx", None]))
    assert measured["stop_word_count"].to_pylist() == [0, None, None]
    assert measured["stop_word_ratio"].to_pylist() == [0, None, None]


@pytest.mark.parametrize("compat", [None, "datatrove"])
def test_an_empty_batch_has_the_columns(compat: str | None) -> None:
    config = MeasureText.model_validate({"compat": compat})
    measured = config.build()(prose().slice(0, 0))
    assert measured.num_rows == 0
    for field in config.columns_written():
        assert measured.schema.field(field.name).type == field.type


def test_hostile_texts_are_measured_without_harm() -> None:
    texts = [
        "的" * 50_000,
        "a" * 200_000,
        "\n" * 200_000,
        "... " * 50_000,
        "# " * 9,
        "€",
    ]
    measured = MeasureText().build()(batch(list(texts), ["eng"] * len(texts)))
    assert measured["word_count"].to_pylist() == [50_000, 1, 0, 0, 0, 0]
    assert measured["longest_word"].to_pylist()[1] == 200_000


def test_datatrove_s_reading_differs_where_it_is_said_to() -> None:
    rows = batch(["The the\n\nThe the ", "one two"], ["fra", "eng"])
    ours = MeasureText().build()(rows).to_pylist()
    theirs = MeasureText(compat="datatrove").build()(rows).to_pylist()
    assert [row["duplicate_line_ratio"] for row in ours] == [1 / 2, 0]
    assert [row["duplicate_line_ratio"] for row in theirs] == [0, 0]
    assert [row["top_2gram_char_ratio"] for row in theirs] == [
        pytest.approx(14 / 17),
        1,
    ]
    assert [row["top_2gram_char_ratio"] for row in ours] == [1, 0]
    assert [row["newline_word_ratio"] for row in theirs] == [1 / 2, 0]
    assert [row["stop_word_count"] for row in theirs] == [1, 0]


@pytest.mark.shared
def test_real_pages_are_measured(shared_data: Path) -> None:
    """One WET record of CommonCrawl: Aragonese, long, with a menu and lists."""
    wet = (shared_data / "cc-sample" / "whirlwind.warc.wet").read_bytes()
    text = wet.decode().split("\r\n\r\n")[4]
    (row,) = MeasureText().build()(batch([text], ["arg"])).to_pylist()
    assert row["word_count"] > 300
    assert row["stop_word_count"] > 10
