"""The output folder, on a disk: whole files or none, one run at a time."""

import errno
import json
import os
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from tamis.errors import StorageError
from tamis.storage import Storage, options_for

RECORD = TypeAdapter(dict[str, int])


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(str(tmp_path / "out"))


def test_what_is_written_is_read_again(storage: Storage) -> None:
    storage.write_record("a/b.json", {"x": 1})
    assert json.loads(storage.open("a/b.json").read())["x"] == 1
    assert storage.read_record("a/b.json", RECORD) == {"x": 1}
    assert storage.sizes("a") == {"a/b.json": storage.size("a/b.json")}
    assert storage.names("a") == ["a/b.json"]
    assert storage.names("nothing") == []


def test_a_small_record_is_read_into_little_memory(storage: Storage) -> None:
    storage.write_record("a.json", {"x": 1})
    storage.exists("a.json")
    tracemalloc.start()
    storage.read_record("a.json", RECORD)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1 << 20  # of at most a GiB that a record may have


def test_only_the_first_creates(storage: Storage) -> None:
    assert storage.create("a", b"first")
    assert not storage.create("a", b"second")
    assert storage.open("a").read() == b"first"


@pytest.mark.parametrize("number", [errno.EPERM, errno.EOPNOTSUPP])
def test_a_disk_without_hard_links_is_said_and_nothing_left(
    storage: Storage, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def link(source: object, target: object) -> None:
        raise OSError(number, "no", str(source), None, str(target))

    monkeypatch.setattr(os, "link", link)
    with pytest.raises(StorageError, match=r"no hard links.*choose an output"):
        storage.create("commits/a.json", b"{}")
    assert storage.names("") == []


def test_bytes_of_a_range_are_read(storage: Storage) -> None:
    storage.write("a", "a你b".encode())
    assert storage.read_range("a", 1, 4).decode() == "你"
    with pytest.raises(StorageError, match="b: it does not exist"):
        storage.read_range("b", 0, 1)


def test_the_same_content_has_the_same_name(storage: Storage) -> None:
    names = []
    for content in (b"one", b"one", b"two"):
        with storage.writer("mix", "shard", ".bin") as written:
            written.temporary.write_bytes(content)
        names.append(written.name)
    assert names[0] == names[1] != names[2]
    assert storage.names("mix") == sorted(set(names))


def write_half(storage: Storage) -> None:
    with storage.writer("mix", "x", "") as written:
        written.temporary.write_bytes(b"half")
        raise ValueError("no")


def test_a_writer_that_fails_publishes_nothing(storage: Storage) -> None:
    with pytest.raises(ValueError, match="no"):
        write_half(storage)
    assert storage.names("mix") == []
    assert storage.names("work") == []


def test_a_missing_file_is_named(storage: Storage) -> None:
    with pytest.raises(StorageError, match=r"run\.json: it does not exist"):
        storage.read_record("run.json", RECORD)
    assert storage.size("run.json") is None


def test_removing_twice_is_no_error(storage: Storage) -> None:
    storage.write("a", b"")
    storage.remove(["a", "a", "never"])
    assert not storage.exists("a")


def test_a_second_run_in_the_same_folder_is_refused(storage: Storage) -> None:
    script = (
        "import sys; from tamis.storage import Storage\n"
        "with Storage(sys.argv[1]).lock(): print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, storage.root],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with (
            pytest.raises(
                StorageError, match=f"in use by another.*process {other.pid}"
            ) as refused,
            storage.lock(),
        ):
            pass
        assert "lapses" not in str(refused.value)  # on a disk it never has to
        Path(storage.path("lock.json")).write_bytes(b"[" * 1_000_000)
        with (
            pytest.raises(StorageError, match=r"in use by another.*an unknown process"),
            storage.lock(),
        ):
            pass
        other.kill()
    with storage.lock():  # the lock of a killed process is nobody's
        pass


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_is_said_in_one_line(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Storage, "_temporary", lambda self: Path("/dev/full"))
    with pytest.raises(StorageError, match="the disk is full"):
        storage.write("a", b"x" * 10)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_lock_that_cannot_be_written_is_said_in_one_line(storage: Storage) -> None:
    Path(storage.root).mkdir(exist_ok=True)
    Path(storage.path("lock.json")).symlink_to("/dev/full")
    with (
        pytest.raises(StorageError, match=r"^cannot write .*lock\.json: "),
        storage.lock(),
    ):
        pass


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_no_permission_is_said_in_one_line(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(StorageError, match="no permission"):
        Storage(str(tmp_path / "out")).write("a", b"")


def test_options_are_those_of_the_protocol() -> None:
    options = {"s3": {"anon": True}, "https": {"timeout": 3}}
    assert options_for("s3://bucket/a", options) == {"anon": True}
    assert options_for("http://host/a", options) == {"timeout": 3}
    assert options_for("out/", options) == {}


@pytest.mark.parametrize("name", ["../elsewhere", "mix/../../x", "/etc/passwd", ".."])
def test_a_name_leads_nowhere_else(storage: Storage, name: str) -> None:
    with pytest.raises(StorageError, match="is not the name of a file in it"):
        storage.open(name)
    with pytest.raises(StorageError, match="is not the name of a file in it"):
        storage.remove([name])
