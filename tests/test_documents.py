"""Parts: saved documents with layers on top, aligned row for row."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pipeline.documents import Part
from pipeline.storage import Storage
from pipeline.tasks import File, Outputs


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(str(tmp_path))


def file_of(storage: Storage, dataset: str, **columns: Any) -> File:
    outputs = Outputs(storage, "part")
    types = {"id": pa.uint64(), "drop_reason": pa.string(), "cluster": pa.uint64()}
    table = pa.table({k: pa.array(v, types.get(k)) for k, v in columns.items()})
    with outputs.parquet(dataset, table.schema) as writer:
        writer.write_table(table)
    return outputs.files[0]


@pytest.fixture
def part(storage: Storage) -> Part:
    first = file_of(storage, "documents", id=[1, 2], text=["a", "b"])
    second = file_of(storage, "documents", id=[3], text=["c"])
    return Part("a.warc.gz", "f", (first, second))


def test_files_of_a_part_are_read_as_one(storage: Storage, part: Part) -> None:
    table = part.read(storage, ["text", "id"])
    assert table.to_pydict() == {"text": ["a", "b", "c"], "id": [1, 2, 3]}
    assert part.rows == 3


def test_without_layers_nothing_is_dropped(storage: Storage, part: Part) -> None:
    assert part.read(storage, ["drop_reason"])["drop_reason"].to_pylist() == [None] * 3


def test_the_first_reason_keeps_the_credit(storage: Storage, part: Part) -> None:
    early = file_of(storage, "d", id=[1, 2, 3], drop_reason=[None, "word_count", None])
    late = file_of(
        storage, "e", id=[1, 2, 3], drop_reason=[None, "duplicate", "duplicate"]
    )
    part = part.with_layer(early, "x").with_layer(late, "y")
    reasons = part.read(storage, ["drop_reason"])["drop_reason"].to_pylist()
    assert reasons == [None, "word_count", "duplicate"]


def test_a_layer_brings_its_columns(storage: Storage, part: Part) -> None:
    layer = file_of(
        storage, "d", id=[1, 2, 3], cluster=[9, 9, None], drop_reason=[None] * 3
    )
    part = part.with_layer(layer, "x")
    table = part.read(storage, ["cluster", "text"])
    assert table.to_pydict() == {"cluster": [9, 9, None], "text": ["a", "b", "c"]}
    assert part.columns(storage) == {"id", "text", "cluster", "drop_reason"}


def test_a_layer_changes_the_fingerprint(storage: Storage, part: Part) -> None:
    layer = file_of(storage, "d", id=[1, 2, 3], drop_reason=[None] * 3)
    prints = {
        part.fingerprint,
        part.with_layer(layer, "x").fingerprint,
        part.with_layer(layer, "y").fingerprint,
    }
    assert len(prints) == 3
