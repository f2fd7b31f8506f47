"""No flipped bit of a file of ours is read as if it had been written so."""

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import TypeAdapter

from tamis.errors import DamagedFile
from tamis.mix.pieces import piece, rows_of_way
from tamis.report.reading import Manifest
from tamis.storage import Storage
from tamis.storage.lock import Held
from tamis.storage.records import sealed
from tamis.tally import SUMMARY
from tamis.work.commits import Commit, File, Outputs
from tamis.work.executors import InlineExecutor
from tamis.work.ledger import known_commit, publish_commit
from tamis.work.tasks import Silent, Task, Tasks

TABLE = pa.table(
    {
        "id": pa.array(range(60), pa.uint64()),
        "text": [f"Ein Satz, der {n}. 你好" for n in range(60)],
        "band": pa.array([n * 7919 for n in range(60)], pa.uint64()),
    }
)
SOME = TypeAdapter(dict[str, Any])


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(str(tmp_path / "out"))


def written(storage: Storage, **options: Any) -> File:
    """A file of two row groups, one row in the second."""
    outputs = Outputs(storage, "a")
    with outputs.parquet("documents", TABLE.schema, **options) as writer:
        writer.write_table(TABLE[:59])
        writer.write_table(TABLE[59:])
    return outputs.files[0]


def flips(content: bytes, *, every: int = 1) -> Any:
    """The content with one bit flipped, byte by byte."""
    for place in range(0, len(content), every):
        damaged = bytearray(content)
        damaged[place] ^= 1 << (place % 8)
        yield place, bytes(damaged)


@pytest.mark.parametrize(
    "options", [{}, {"compression": "none", "use_dictionary": False}]
)
def test_every_flipped_bit_of_a_table_is_found_or_harmless(
    storage: Storage, options: dict[str, Any]
) -> None:
    """Harmless is what is not read: the magic at the start, a page's own statistics."""
    file = written(storage, **options)
    content = storage.open(file.path).read()
    found = 0
    for place, damaged in flips(content, every=3):
        Path(storage.path(file.path)).write_bytes(damaged)
        for columns in (None, ["text"]):
            try:
                with storage.table(file.path) as table:
                    whole = table.read(columns)
                    batches = list(table.iter_batches(7, columns=columns))
            except DamagedFile:
                found += columns is None
                continue
            expected = TABLE.select(columns or TABLE.schema.names)
            assert whole.equals(expected), place
            assert pa.Table.from_batches(batches).equals(expected), place
    footer = int.from_bytes(content[-8:-4], "little")
    assert 3 * found > footer + (len(content) - footer) // 2


def test_another_table_of_the_same_size_is_not_taken_for_ours(storage: Storage) -> None:
    file = written(storage)
    other = TABLE.set_column(0, "id", pa.array(range(1, 61), pa.uint64()))
    with pq.ParquetWriter(storage.path(file.path), other.schema) as writer:
        writer.write_table(other)
    with (
        pytest.raises(DamagedFile, match="its footer is not the one that was written"),
        storage.table(file.path) as table,
    ):
        table.read()


def test_every_flipped_bit_of_a_piece_is_found(storage: Storage) -> None:
    outputs = Outputs(storage, "a")
    with piece(outputs, "work/x", TABLE.schema, 2) as kept:
        kept.add(TABLE, np.arange(60) % 2)
    (file,) = outputs.files
    content = storage.open(file.path).read()
    for place, damaged in flips(content, every=3):
        Path(storage.path(file.path)).write_bytes(damaged)
        found = 0
        for way in (0, 1):
            try:
                list(rows_of_way(storage, outputs.files, way, 2))
            except DamagedFile:
                found += 1
        assert found >= 1, place


COMMIT = Commit("a", "f", (File("d", "d/a", 3, 40),), {"rows": 3, "of": {"eng": 1}})


def test_every_flipped_bit_of_a_record_is_found(storage: Storage) -> None:
    publish_commit(storage, "commits/a.json", COMMIT)
    content = storage.open("commits/a.json").read()
    for place, damaged in flips(content):
        storage.write("commits/a.json", damaged)
        assert isinstance(known_commit(storage, "commits/a.json"), DamagedFile), place


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"files": {}}, id="another type"),
        pytest.param({"files": [{"dataset": "d"}]}, id="half a file"),
        pytest.param({"more": 1}, id="a key more"),
        pytest.param({"key": 7}, id="a number for a text"),
        pytest.param({"replaced_by": None}, id="null"),
        pytest.param(
            {"files": [{"dataset": "d", "path": "d/a", "rows": -1, "bytes": 9}]},
            id="less than no rows",
        ),
        pytest.param(
            {"files": [{"dataset": "d", "path": "d/a", "rows": "3", "bytes": 9}]},
            id="a text for a number",
        ),
    ],
)
def test_a_record_of_another_shape_counts_as_none(
    storage: Storage, change: dict[str, Any]
) -> None:
    """Even with the right digest, as another version may write it."""
    record = {
        "key": "a",
        "fingerprint": "f",
        "files": [],
        "tally": {},
        "replaced_by": [],
    }
    storage.write_record("commits/a.json", record)
    assert known_commit(storage, "commits/a.json") == Commit("a", "f")
    storage.write_record("commits/a.json", {**record, **change})
    assert isinstance(known_commit(storage, "commits/a.json"), DamagedFile)


@pytest.mark.parametrize("kind", [SUMMARY, TypeAdapter(Manifest), TypeAdapter(Held)])
def test_other_keys_and_types_are_refused_in_every_record(
    storage: Storage, kind: TypeAdapter[Any]
) -> None:
    for content in ({"strange": 1}, {"seconds": "7", "seed": "7", "pid": "7"}):
        storage.write_record("a.json", content)
        with pytest.raises(DamagedFile, match=r"a\.json is damaged: "):
            storage.read_record("a.json", kind)


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b"[]", b"null", b'"x"', b"[" * 10**6, b"\xff\xfe", b"{" * 10**6],
)
def test_what_is_no_record_is_said_in_one_line(
    storage: Storage, content: bytes
) -> None:
    storage.write("a.json", content)
    with pytest.raises(DamagedFile) as error:
        storage.read_record("a.json", SOME)
    assert len(str(error.value).splitlines()) == 1
    storage.write("a.json", b"1234")
    with pytest.raises(DamagedFile, match="more than 3 bytes"):
        storage.read_record("a.json", SOME, most_bytes=3)


def test_a_sealed_record_is_plain_json_for_others() -> None:
    record = {"é": [1, 2.5, None], "b": {"c": "你"}}
    for indent in (None, 1):
        found = json.loads(sealed(record, indent=indent))
        assert found.pop("digest")
        assert found == record
    assert set(json.loads(sealed({}))) == {"digest"}


def test_the_error_of_a_worker_is_the_driver_s(storage: Storage) -> None:
    error = storage.damaged("d/a.parquet", "half of it is missing")
    other = pickle.loads(pickle.dumps(error))
    assert (str(other), other.names, other.root) == (
        str(error),
        ("d/a.parquet",),
        storage.root,
    )


class Noting(Silent):
    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, message: str) -> None:
        self.notes.append(message)


def write_rows(outputs: Outputs) -> dict[str, Any]:
    with outputs.parquet("documents", TABLE.schema) as writer:
        writer.write_table(TABLE)
    return {}


def read_rows(outputs: Outputs, files: tuple[File, ...]) -> dict[str, Any]:
    for file in files:
        with outputs.storage.table(file.path) as table:
            table.read()
    return {}


def test_a_cut_file_is_written_again_under_its_record(storage: Storage) -> None:
    task = Task("a", "f", write_rows, ())
    (commit,) = Tasks(storage, InlineExecutor()).run("documents", [task])
    path = Path(storage.path(commit.files[0].path))
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    progress = Noting()
    tasks = Tasks(storage, InlineExecutor(), progress)
    assert tasks.run("documents", [task]) == [commit]
    assert path.read_bytes() == whole
    (note,) = progress.notes
    assert f"{path} has {len(whole) - 1} bytes, and not {len(whole)}" in note


def test_all_damaged_files_of_a_group_are_told_at_once(storage: Storage) -> None:
    """The other tasks end before, and keep what they did."""
    tasks = Tasks(storage, InlineExecutor())
    commits = tasks.run("documents", [Task(key, "f", write_rows, ()) for key in "abc"])
    for commit in commits[:2]:
        path = Path(storage.path(commit.files[0].path))
        path.write_bytes(path.read_bytes()[:-9] + bytes(9))
    work = [Task(c.key, "f", read_rows, (c.files,)) for c in commits]
    with pytest.raises(DamagedFile) as error:
        tasks.run("reading", work)
    damaged = tuple(commit.files[0].path for commit in commits[:2])
    assert error.value.names == damaged
    assert set(tasks.committed("reading", work)) == {"c"}
    tasks.forget(damaged)
    assert set(
        tasks.committed("documents", [Task(k, "f", dict, ()) for k in "abc"])
    ) == {"c"}
