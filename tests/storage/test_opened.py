"""What a process keeps of tables that it has opened."""

import os
from pathlib import Path

import pyarrow as pa
import pytest

from tamis.errors import DamagedFile, StorageError
from tamis.storage import Storage
from tamis.storage.opened import Kept
from tamis.storage.parquet import parquet_writer


def published(storage: Storage, rows: int) -> str:
    table = pa.table({"text": [f"{n:09d} " * 20 for n in range(rows)]})
    with (
        storage.writer("documents", "a", ".parquet") as written,
        parquet_writer(str(written.temporary), table.schema) as writer,
    ):
        writer.write_table(table, row_group_size=100)
    return written.name


def texts(storage: Storage, name: str) -> list[str]:
    with storage.table(name) as table:
        found: list[str] = table.read(["text"])["text"].to_pylist()
    return found


@pytest.mark.parametrize("rows", [0, 3, 100_000])
def test_a_table_is_read_alike_at_every_opening(tmp_path: Path, rows: int) -> None:
    storage = Storage(str(tmp_path))
    name = published(storage, rows)
    expected = [f"{n:09d} " * 20 for n in range(rows)]
    for _ in range(3):
        assert texts(storage, name) == expected


def test_a_table_that_is_open_can_be_opened_again(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path))
    name = published(storage, 250)
    texts(storage, name)
    with storage.table(name) as one, storage.table(name) as other:
        first, second = one.iter_batches(7), other.iter_batches(11)
        while (batch := next(first, None)) is not None:
            next(second, None)
            assert batch.num_rows
    assert len(texts(storage, name)) == 250


@pytest.mark.parametrize("rows", [3, 100_000])
def test_a_table_that_was_damaged_since_is_not_taken_for_the_one_kept(
    tmp_path: Path, rows: int
) -> None:
    storage = Storage(str(tmp_path))
    name = published(storage, rows)
    texts(storage, name)
    path = tmp_path / name
    content = bytearray(path.read_bytes())
    content[-40] ^= 1
    path.write_bytes(content)
    about = path.stat()
    os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns + 1_000_000))
    with pytest.raises(DamagedFile, match="its footer is not the one"):
        texts(storage, name)


@pytest.mark.parametrize("rows", [3, 100_000])
@pytest.mark.parametrize("place", ["disk", "store"])
def test_a_table_that_was_removed_since_is_missed(
    tmp_path: Path, place: str, rows: int
) -> None:
    """By whomever: the folder that removes it is another one here."""
    root = str(tmp_path) if place == "disk" else f"memory://{tmp_path.name}"
    storage = Storage(root)
    name = published(storage, rows)
    for _ in range(3):
        assert len(texts(storage, name)) == rows
    Storage(root).remove([name])
    with pytest.raises(StorageError, match="it does not exist"):
        texts(storage, name)


def test_what_was_not_used_for_longest_goes_first() -> None:
    kept: Kept[str] = Kept(100)
    for number in range(5):
        kept.put((number,), f"value {number}", 30)
    assert [kept.take((number,)) for number in range(5)] == [
        *(None, None),
        *("value 2", "value 3", "value 4"),
    ]
    assert kept.take((2,)) is None  # it was taken
    kept.put((9,), "too large", 101)
    assert kept.take((9,)) is None
