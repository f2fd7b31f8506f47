"""Parts: saved documents with layers on top, aligned row for row."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tamis.documents.parts import Part, SavedRows, with_layer
from tamis.storage import Storage
from tamis.work.commits import File, Outputs


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


CUTS = pa.list_(pa.int32())


@pytest.fixture
def cut(storage: Storage, part: Part) -> Part:
    """The part under a layer that cuts, one that drops, and one that cuts again."""
    texts = ["été là", "面粉 x", "c"]
    base = file_of(storage, "documents", id=[1, 2, 3], text=texts)
    first = file_of(
        storage,
        "lines",
        id=[1, 2, 3],
        drop_reason=[None, None, None],
        text_cuts=pa.array([[0, 2], None, []], CUTS),
        text_chars=[5, 4, 1],
    )
    second = file_of(storage, "urls", id=[1, 2, 3], drop_reason=[None, "seen", None])
    third = file_of(
        storage,
        "substrings",
        id=[1, 2, 3],
        drop_reason=[None, None, None],
        text_cuts=pa.array([[3, 4], [0, 6], None], CUTS),
        text_chars=[4, 2, 1],
    )
    part = Part("a.warc.gz", "f", (base,))
    for layer in (first, second, third):
        part = part.with_layer(layer, layer.path)
    return part


def test_a_text_is_read_without_what_layers_cut_out(
    storage: Storage, cut: Part
) -> None:
    columns = ["text", "text_chars", "drop_reason"]
    assert cut.read(storage, columns).to_pydict() == {
        "text": ["télà", " x", "c"],
        "text_chars": [4, 2, 1],
        "drop_reason": [None, "seen", None],
    }
    table = Part("a", "f", cut.files, cut.layers[:2]).read(storage, columns)
    assert table.to_pydict() == {
        "text": ["té là", "面粉 x", "c"],
        "text_chars": [5, 4, 1],
        "drop_reason": [None, "seen", None],
    }


@pytest.mark.parametrize("columns", [["markdown"], ["markdown", "text"]], ids="+".join)
def test_a_text_that_was_cut_has_no_markdown(
    storage: Storage, columns: list[str]
) -> None:
    texts = {"text": ["été là", "面粉", "c"], "markdown": ["# été là", "- 面粉", "c"]}
    part = Part("a", "f", (file_of(storage, "documents", id=[1, 2, 3], **texts),))
    cuts = pa.array([[0, 2], None, []], CUTS)
    nothing = [None, None, None]
    layer = file_of(storage, "lines", id=[1, 2, 3], drop_reason=nothing, text_cuts=cuts)
    part = part.with_layer(layer, "x")
    assert part.read(storage, columns)["markdown"].to_pylist() == [None, "- 面粉", "c"]
    (batch,) = part.batches(storage, columns)
    assert batch["markdown"].to_pylist() == [None, "- 面粉", "c"]


def test_batches_are_what_is_read_whole(storage: Storage, part: Part) -> None:
    layer = file_of(
        storage,
        "lines",
        id=[1, 2, 3],
        drop_reason=["x", None, None],
        text_cuts=pa.array([[0, 1], None, []], CUTS),
    )
    part = part.with_layer(layer, "x")
    columns = ["text", "drop_reason", "id"]
    whole = part.read(storage, columns)
    for rows in (1, 2, 3, 100):
        batches = list(part.batches(storage, columns, rows))
        assert [len(batch) for batch in batches][:-1] == [rows] * (len(batches) - 1)
        assert pa.Table.from_batches(batches).to_pylist() == whole.to_pylist()


def test_rows_of_a_file_find_their_rows_of_the_layers(
    storage: Storage, part: Part
) -> None:
    reasons = [None, "early", None]
    layer = file_of(storage, "d", id=[1, 2, 3], drop_reason=reasons, cluster=[7, 8, 9])
    first, second = part.files
    for file, start, stop, at, expected in (
        (first, 0, 2, 0, [(1, 7, None), (2, 8, "early")]),
        (first, 1, 2, 0, [(2, 8, "early")]),
        (second, 0, 1, 2, [(3, 9, None)]),
    ):
        rows = SavedRows(file, start, stop, (("stage", layer),), at)
        (batch,) = rows.batches(storage, 10)
        before, after, own = with_layer(batch, 0)
        assert before.schema.names == ["id", "text", "drop_reason"]
        assert before["drop_reason"].null_count == len(expected)
        columns = (after["id"], after["cluster"], after["drop_reason"])
        found = zip(*(column.to_pylist() for column in columns), strict=True)
        assert list(found) == expected
        assert own["id"].equals(after["id"])
