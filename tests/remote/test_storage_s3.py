"""The output folder in an object store: as on a disk, over a real S3 API."""

import pickle
import threading
import time
from contextlib import suppress
from typing import Any

import pytest
from pydantic import TypeAdapter

from tamis.errors import StorageError
from tamis.storage import Storage
from tamis.storage import lock as lock_module

RECORD = TypeAdapter(dict[str, Any])


@pytest.fixture
def store(s3, request: pytest.FixtureRequest) -> Storage:
    return Storage(f"s3://bucket/{request.node.name}", s3)


def test_what_is_written_is_read_again(store: Storage) -> None:
    store.write_record("a/b.json", {"x": 1})
    assert store.read_record("a/b.json", RECORD) == {"x": 1}
    assert store.sizes("a") == {"a/b.json": store.size("a/b.json")}
    assert store.size("a/c.json") is None
    assert store.names("a") == ["a/b.json"]
    assert store.names("nothing") == []
    assert store.exists("a/b.json")
    assert not store.exists("a/c.json")


def test_only_the_first_creates(store: Storage) -> None:
    assert store.create("a", b"first")
    assert not store.create("a", b"second")
    assert store.open("a").read() == b"first"


def test_the_same_content_has_the_same_name(store: Storage) -> None:
    names = []
    for content in (b"one", b"one", b"two"):
        with store.writer("mix", "shard", ".bin") as written:
            written.temporary.write_bytes(content)
        assert not written.temporary.exists()
        names.append(written.name)
    assert names[0] == names[1] != names[2]
    assert store.names("mix") == sorted(set(names))


def test_what_another_writes_is_seen(store: Storage, s3) -> None:
    assert store.names("a") == []
    Storage(store.root, s3).write("a/b", b"1")
    assert store.names("a") == ["a/b"]
    assert store.exists("a/b")


def test_a_worker_opens_its_own_connection(store: Storage) -> None:
    store.write("a", b"1")
    assert pickle.loads(pickle.dumps(store)).open("a").read() == b"1"


def test_removing_twice_is_no_error(store: Storage) -> None:
    store.write("a", b"1")
    store.write("b/c", b"1")
    store.remove(["a", "a", "never"])
    store.remove(["b/c"])
    assert store.names("") == []


def test_a_missing_object_is_named(store: Storage) -> None:
    with pytest.raises(StorageError, match=r"/run\.json: it does not exist"):
        store.read_record("run.json", RECORD)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Locks that are renewed ten times a second, and lapse after one second."""
    monkeypatch.setattr(lock_module, "_HEARTBEAT_SECONDS", 0.1)
    monkeypatch.setattr(lock_module, "_LOOK_SECONDS", 0.1)
    monkeypatch.setattr(lock_module, "_STALE_SECONDS", 1.0)
    monkeypatch.setattr(lock_module, "_TAKEOVER_SECONDS", 0.1)


def held_by(owner: str, beat: int = 7) -> dict[str, Any]:
    return {"host": "other", "pid": 2, "beat": beat, "owner": owner}


def test_a_second_run_in_the_same_folder_is_refused(
    store: Storage, s3, quick: None
) -> None:
    told: list[str] = []
    with (
        store.lock(),
        pytest.raises(StorageError, match="in use by another"),
        Storage(store.root, s3).lock(note=told.append),
    ):
        pass
    assert "watching the lock of process" in told[0]
    assert not store.exists("lock.json")


def test_the_lock_of_a_run_that_died_is_taken_over(store: Storage, quick: None) -> None:
    store.write_record("lock.json", held_by("dead"))
    with store.lock():
        assert store.read_record("lock.json", RECORD)["owner"] != "dead"
    assert not store.exists("lock.json")


@pytest.mark.parametrize("content", [b"", b"{}", b'{"host": ', b"[" * 100_000])
def test_a_damaged_lock_is_nobody_s(
    store: Storage, quick: None, content: bytes
) -> None:
    store.write("lock.json", content)
    with store.lock():
        store.check_lock()
    assert not store.exists("lock.json")


def test_a_run_that_was_taken_for_dead_publishes_and_removes_nothing_more(
    store: Storage, quick: None
) -> None:
    other = held_by("other")
    with store.lock():
        store.publish("run.json", b"1")
        store.check_lock()
        store.write_record("lock.json", other)
        time.sleep(0.5)  # renewals leave it alone
        with pytest.raises(StorageError, match="another run has taken over"):
            store.check_lock()
        with pytest.raises(StorageError, match="another run has taken over"):
            store.publish("run.json", b"2")
    assert store.read_record("lock.json", RECORD) == other  # nor its lock
    assert store.open("run.json").read() == b"1"
    store.check_lock()  # who holds none cannot have lost it


def test_what_another_run_published_is_not_written_over(
    store: Storage, s3: dict[str, Any], quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asleep between the look at the lock and the write: the store refuses the write."""
    with store.lock():
        look = store.check_lock

        def asleep() -> None:
            look()
            monkeypatch.setattr(store, "check_lock", look)
            second = Storage(store.root, s3)
            second.write_record("lock.json", held_by("other"))
            second.write("run.json", b"of the second")

        monkeypatch.setattr(store, "check_lock", asleep)
        with pytest.raises(StorageError, match="another run has taken over"):
            store.publish("run.json", b"of the first")
    assert store.open("run.json").read() == b"of the second"


def test_a_file_is_replaced_only_if_it_is_the_one_that_was_seen(store: Storage) -> None:
    first = store.replace("run.json", b"1", None)
    assert first is not None
    assert store.tag("run.json") == first
    assert store.replace("run.json", b"2", None) is None
    second = store.replace("run.json", b"2", first)
    assert second is not None
    assert store.replace("run.json", b"3", first) is None
    assert store.open("run.json").read() == b"2"
    assert store.tag("none") is None


def test_objects_are_removed_a_thousand_at_a_time(
    store: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"work/{number}" for number in range(5)]
    for name in names:
        store.write(name, b"")
    monkeypatch.setattr(store.filesystem, "rm_file", None)
    store.remove(iter(names[:4]))
    assert store.names("work") == names[4:]
    store.write("work/range", b"abcd")
    assert store.read_range("work/range", 1, 3) == b"bc"


def test_of_two_that_take_over_one_gives_way(
    store: Storage, s3: dict[str, Any], quick: None
) -> None:
    store.write_record("lock.json", held_by("dead"))
    have_it: list[int] = []

    def take(number: int) -> None:
        with suppress(StorageError), Storage(store.root, s3).lock():
            have_it.append(number)
            time.sleep(2)

    threads = [threading.Thread(target=take, args=(n,)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(have_it) == 1
    assert not store.exists("lock.json")


def test_a_store_out_of_reach_is_said_in_one_line() -> None:
    options = {
        "endpoint_url": "http://127.0.0.1:9",
        "key": "k",
        "secret": "hunter2",
        "config_kwargs": {"retries": {"total_max_attempts": 1}},
    }
    store = Storage("s3://bucket/out", {"s3": options})
    store.filesystem.retries = 1
    with pytest.raises(StorageError, match=r"cannot write bucket/out/a: .*127") as said:
        store.write("a", b"1")
    assert "hunter2" not in str(said.value)


def test_a_missing_bucket_is_one_line(s3) -> None:
    store = Storage("s3://no-such-bucket/out", s3)
    for write in (
        lambda: store.write("a", b"1"),
        lambda: store.create("a", b"1"),
        lambda: write_file(store),
    ):
        with pytest.raises(StorageError, match=r"bucket.* does not exist") as said:
            write()
        assert "\n" not in str(said.value)


def write_file(store: Storage) -> None:
    with store.writer("mix", "shard", ".bin") as written:
        written.temporary.write_bytes(b"1")
