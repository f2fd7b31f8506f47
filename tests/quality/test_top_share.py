"""`keep_share`: the best documents of each language, over all parts."""

import random
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from tamis.cutoffs import find as cutoffs_find
from tamis.documents.parts import Part
from tamis.errors import SchemaError
from tamis.runner.replay import replay
from tamis.schema import RECORD
from tamis.stages.filter_quality import FilterQuality
from tamis.storage import Storage
from tamis.work.commits import Outputs, fingerprint_of
from tamis.work.executors import InlineExecutor
from tamis.work.tasks import Tasks

DOCUMENTS = pa.schema(
    [
        ("id", pa.uint64()),
        ("language", pa.string()),
        ("quality_score", pa.float32()),
        ("word_count", pa.int32()),
    ]
)
Row = tuple[int, str | None, float | None]
Stay = Callable[..., set[int]]


def saved(
    storage: Storage, name: str, rows: Sequence[Row], cuts: Sequence[int] = ()
) -> Part:
    """A part of some files, cut before these rows; a document has as many words as its id."""
    outputs = Outputs(storage, name)
    ids, languages, scores = zip(*rows, strict=True) if rows else ((), (), ())
    words = [id_ % 1000 for id_ in ids]
    table = pa.table([ids, languages, scores, words], schema=DOCUMENTS)
    bounds = [0, *cuts, len(rows)]
    for number, (start, stop) in enumerate(pairwise(bounds)):
        with outputs.parquet("documents", DOCUMENTS, f"{name}-{number}") as writer:
            writer.write_table(table.slice(start, stop - start))
    return Part(name, fingerprint_of(name, list(rows)), tuple(outputs.files))


@pytest.fixture
def stay(tmp_path: Path) -> Stay:
    """Ids of the documents that stay, of some parts."""

    def staying(
        parts: Sequence[Sequence[Row]], cuts: Sequence[int] = (), **settings: Any
    ) -> set[int]:
        storage = Storage(str(tmp_path))
        config = FilterQuality(**{"preset": None, **settings})
        documents = [
            saved(storage, f"part-{number}", rows, cuts)
            for number, rows in enumerate(parts)
        ]
        found = config.run(documents, Tasks(storage, InlineExecutor()))
        tables = [pq.read_table(storage.path(layer.path)) for layer in found.layers]
        assert [len(table) for table in tables] == [len(rows) for rows in parts]
        layers = [row for table in tables for row in table.to_pylist()]
        return {row["id"] for row in layers if row["drop_reason"] is None}

    return staying


ENGLISH = [(number, "eng", number / 10) for number in range(1, 11)]
THAI = [(number, "tha", number / 100) for number in range(11, 15)]


def test_the_best_of_each_language_stay_whatever_part_they_are_in(stay: Stay) -> None:
    parts = [ENGLISH[:6] + THAI[2:], [], THAI[:2] + ENGLISH[6:]]
    assert stay(parts, keep_share={"eng": 0.2, "default": 0.5}) == {9, 10, 13, 14}


def test_a_language_without_a_share_stays_whole(stay: Stay) -> None:
    found = stay([ENGLISH + THAI], keep_share={"en": 0.1})
    assert found == {10, 11, 12, 13, 14}


def test_the_smallest_may_be_the_best(stay: Stay) -> None:
    shares = {"default": 0.2}
    assert stay([ENGLISH], keep_share=shares, share_keeps="smallest") == {1, 2}
    found = stay([ENGLISH], keep_share=shares, share_column="word_count")
    assert found == {9, 10}


def test_of_equal_values_the_smaller_ids_stay(stay: Stay) -> None:
    parts = [[(7, "fra", 0.5), (3, "fra", 0.5)], [(5, "fra", 0.5), (9, "fra", 0.5)]]
    assert stay(parts, keep_share={"fra": 0.5}) == {3, 5}


def test_who_has_no_value_is_not_ranked(stay: Stay) -> None:
    rows: list[Row] = [(1, "arb", None), (2, "arb", float("nan")), (3, "arb", 0.1)]
    rows += [(4, "arb", 0.2), (5, None, 0.3), (6, None, 0.4)]
    # Of the two with a value one stays; a missing language is one by itself.
    assert stay([rows], keep_share={"default": 0.5}) == {1, 2, 4, 6}


def test_who_breaks_a_bound_is_not_ranked(stay: Stay) -> None:
    bounds = {"word_count": (None, 8)}
    assert stay([ENGLISH], keep_share={"eng": 0.25}, bounds=bounds) == {7, 8}


@pytest.mark.parametrize("share", [0, 1])
def test_none_or_all_may_stay(stay: Stay, share: float) -> None:
    expected = {row[0] for row in ENGLISH} if share else set()
    assert stay([ENGLISH], keep_share={"eng": share}) == expected


def test_no_document_is_no_trouble(stay: Stay) -> None:
    assert stay([[], []], keep_share={"eng": 0.5}) == set()


def test_reasons_name_the_column_and_earlier_ones_keep_the_credit(
    tmp_path: Path,
) -> None:
    storage = Storage(str(tmp_path))
    part = saved(storage, "a", ENGLISH[:4])
    outputs = Outputs(storage, "a")
    schema = pa.schema([("id", pa.uint64()), ("drop_reason", pa.string())])
    with outputs.parquet("decisions", schema, "a") as writer:
        reasons = [None, None, None, "toxic_text"]
        writer.write_table(pa.table([[1, 2, 3, 4], reasons], schema=schema))
    part = part.with_layer(outputs.files[0], "x")
    config = FilterQuality(
        preset=None, keep_share={"eng": 0.5}, bounds={"word_count": (2, None)}
    )
    found = config.run([part], Tasks(storage, InlineExecutor()))
    table = pq.read_table(storage.path(found.layers[0].path))
    # Row 4 is gone already; of rows 2 and 3 the better one stays.
    assert table["drop_reason"].to_pylist() == [
        "word_count",
        "quality_score_share",
        None,
        None,
    ]


@pytest.mark.parametrize("most", [1000, 40, 3, 0])
@pytest.mark.parametrize("cuts", [(), (1, 70)])
def test_how_much_is_held_at_once_changes_nothing(
    stay: Stay, monkeypatch: pytest.MonkeyPatch, most: int, cuts: tuple[int, ...]
) -> None:
    """Counting digit by digit, against a sort: many equal values, and ids that differ."""
    monkeypatch.setattr(cutoffs_find, "_MOST_GATHERED", most)
    draw = random.Random(3)
    rows: list[Row] = [
        (draw.getrandbits(64), draw.choice(["eng", "jpn"]), draw.choice([0.5, 0.7, 1]))
        for _ in range(200)
    ]
    expected = set()
    for language, share in {"eng": 0.3, "jpn": 0.9}.items():
        own = sorted((-row[2], row[0]) for row in rows if row[1] == language)
        expected |= {id_ for _, id_ in own[: -int(-share * len(own) // 1)]}
    shares = {"eng": 0.3, "jpn": 0.9}
    assert stay([rows[:90], rows[90:]], cuts, keep_share=shares) == expected


def test_only_a_number_can_rank(stay: Stay) -> None:
    with pytest.raises(SchemaError, match="language is of type string, not a number"):
        stay([ENGLISH], keep_share={"eng": 0.5}, share_column="language")


def test_of_a_document_alone_only_a_broken_bound_is_told() -> None:
    """What `tamis explain` shows: whether the others are better, nobody knows yet."""
    bounds = {"word_count": (8, None)}
    config = FilterQuality(preset=None, bounds=bounds, keep_share={"eng": 0.5})
    found = []
    for words in (7, 8):
        values = dict.fromkeys(RECORD.names)
        record = pa.RecordBatch.from_pylist([values], RECORD)
        columns = {"language": pa.array(["eng"]), "word_count": pa.array([words])}
        for name, column in columns.items():
            record = record.append_column(name, column)
        _, *steps = replay(record, [config])
        found.append([(step.stage, step.reason) for step in steps])
    assert found == [[("filter_quality", "word_count")], []]


def test_the_stage_sees_the_whole_run_only_where_it_has_to() -> None:
    assert FilterQuality().kind == "transform"
    whole = FilterQuality(preset=None, keep_share={"eng": 0.5})
    assert whole.kind == "barrier"
    assert whole.columns_read() == ("language", "quality_score")
    with pytest.raises(ValidationError, match="less than or equal to 1"):
        FilterQuality(keep_share={"eng": 50})
    with pytest.raises(ValidationError, match="no ISO 639-3 code"):
        FilterQuality(keep_share={"english": 0.5})
