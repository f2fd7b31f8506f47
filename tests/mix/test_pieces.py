"""Pieces: the rows of a task, put aside by the way that each goes on."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from tamis.mix.pieces import piece, rows_of_way
from tamis.storage import Storage
from tamis.work.commits import Outputs


def test_a_piece_gives_each_way_its_rows_in_order(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path))
    outputs = Outputs(storage, "piece")
    schema = pa.schema([("text", pa.string())])
    with piece(outputs, "work/x", schema, 4) as written:
        for texts, ways in ((["a", "ж", "你"], [2, 0, 2]), (["ไ", "न"], [0, 3])):
            written.add(pa.table({"text": texts}), np.array(ways))
    found = [
        [
            text
            for batch in rows_of_way(storage, outputs.files, way, 4)
            for text in batch["text"].to_pylist()
        ]
        for way in range(4)
    ]
    assert found == [["ж", "ไ"], [], ["a", "你"], ["न"]]
    assert storage.names("work") == [outputs.files[0].path]


def fill_half(outputs: Outputs) -> None:
    schema = pa.schema([("text", pa.string())])
    with piece(outputs, "work/x", schema, 2) as written:
        written.add(pa.table({"text": ["a"]}), np.array([1]))
        written._write()
        raise ValueError("no")


def test_a_piece_that_fails_leaves_nothing(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path))
    with pytest.raises(ValueError, match="no"):
        fill_half(Outputs(storage, "piece"))
    assert storage.names("work") == []
