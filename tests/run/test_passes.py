"""A pass over saved rows under layers, also one document at a time after a death."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tamis.documents.parts import SavedRows
from tamis.runner.passes.chain import run_file
from tamis.runner.passes.work import Crashes, PassWork
from tamis.schema import RECORD
from tamis.stages.measure_text import MeasureText
from tamis.storage import Storage
from tamis.work.commits import LOADING, READING, File, Outputs

MEASURED = MeasureText().columns_written()
SAVED = pa.schema(
    [
        *(field for field in RECORD if field.name not in ("html", "drop_reason")),
        ("text", pa.string()),
        ("text_chars", pa.int32()),
        ("language", pa.string()),
    ]
)
TEXTS = ["le tamis trie", "старое решето", "筛子把面粉", "छलनी आटे को", "منخل"]


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(str(tmp_path))


@pytest.fixture
def saved(storage: Storage) -> SavedRows:
    """Five documents: the first dropped by a filter, the second by a barrier that cut
    the first character of all others.
    """
    rows = [
        {"id": n, "text": text, "text_chars": len(text), "language": "fra"}
        for n, text in enumerate(TEXTS)
    ]
    starts = [[0, len(text[:1].encode())] for text in TEXTS]
    decided = {
        "id": range(5),
        "drop_reason": ["not_wanted", None, None, None, None],
        "drop_stage": ["filter_language", None, None, None, None],
    }
    cut = {
        "id": range(5),
        "drop_reason": [None, "only_repeated_lines", None, None, None],
        "text_cuts": pa.array([None, *starts[1:]], pa.list_(pa.int32())),
        "text_chars": pa.array([None, *(len(t) - 1 for t in TEXTS[1:])], pa.int32()),
    }
    base = written(storage, "extracted", pa.Table.from_pylist(rows, SAVED))
    first = written(storage, "decisions", pa.table(decided))
    second = written(storage, "lines", pa.table(cut))
    layers = ((None, first), ("deduplicate_lines", second))
    return SavedRows(base, 0, 5, layers)


def written(storage: Storage, dataset: str, table: pa.Table) -> File:
    outputs = Outputs(storage, "a")
    with outputs.parquet(dataset, table.schema) as writer:
        writer.write_table(table)
    return outputs.files[0]


def passed(
    storage: Storage, rows: SavedRows, deaths: int = 0, crashes: Crashes = ()
) -> tuple[dict[str, Any], list[str], list[tuple[int, str, str]]]:
    """The tally, the texts kept, and (id, stage, reason) of those dropped."""
    schema = pa.schema([*SAVED, *MEASURED])
    work = PassWork("documents", "k", (MeasureText(),), schema, MEASURED, False)
    outputs = Outputs(storage, "a", "f", deaths)
    tally = run_file(outputs, work, rows, crashes)
    kept, dropped = (pq.read_table(storage.path(file.path)) for file in outputs.files)
    names = ("id", "stage", "reason")
    out = zip(*(dropped[name].to_pylist() for name in names), strict=True)
    return tally, kept["text"].to_pylist(), sorted(out)


def test_layers_count_as_the_stages_that_made_them(
    storage: Storage, saved: SavedRows
) -> None:
    tally, texts, dropped = passed(storage, saved)
    assert texts == ["子把面粉", "लनी आटे को", "نخل"]
    assert dropped == [
        (0, "filter_language", "not_wanted"),
        (1, "deduplicate_lines", "only_repeated_lines"),
    ]
    # The task that filtered has counted; the barrier is counted here.
    assert list(tally["stages"]) == ["deduplicate_lines", "measure_text"]
    counts = tally["stages"]["deduplicate_lines"]
    assert (counts["documents_in"], counts["documents_out"]) == (4, 3)
    assert counts["characters_in"] == sum(map(len, TEXTS[1:]))
    assert counts["characters_out"] == sum(len(text) - 1 for text in TEXTS[2:])


def test_one_document_at_a_time_finds_the_same(
    storage: Storage, saved: SavedRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, texts, dropped = passed(storage, saved)
    marks: list[Any] = []
    monkeypatch.setattr(Outputs, "mark", lambda _, place: marks.append(place))
    assert passed(storage, saved, deaths=1)[1:] == (texts, dropped)
    assert marks[0] == LOADING
    assert marks[1] == marks[-1] == READING
    place = {"id": 4, "url": None, "warc_path": None, "offset": None}
    place |= {"row": 4, "stage": "measure_text"}
    assert marks[-2] == place


def test_a_document_set_apart_brings_its_layers(
    storage: Storage, saved: SavedRows
) -> None:
    crashes = tuple((id_, "measure_text") for id_ in range(5))
    alone = [SavedRows(saved.file, n, n + 1, saved.layers) for n in range(5)]
    assert [passed(storage, rows, crashes=crashes)[2] for rows in alone[:3]] == [
        [(0, "filter_language", "not_wanted")],
        [(1, "deduplicate_lines", "only_repeated_lines")],
        [(2, "measure_text", "worker_crash")],
    ]
