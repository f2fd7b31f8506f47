"""Splits that found the wrong place are read again from the right one."""

import gzip
import random
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from tamis.runner.passes.splits import misplaced, task_name
from tamis.work.commits import Commit


def commit(start: int, stop: int, first: int, following: int) -> Commit:
    tally = {
        "split": [start, stop, False, ""],
        "source": {"first_start": first, "next_start": following},
    }
    return Commit(str(start), "f", (), tally)


def test_splits_that_follow_each_other_are_right() -> None:
    assert misplaced([commit(0, 10, 0, 12), commit(10, 20, 12, 20)]) is None


def test_a_split_deceived_by_what_looks_like_a_record() -> None:
    found = misplaced(
        [commit(0, 10, 0, 15), commit(10, 20, 12, 21), commit(20, 30, 21, 30)]
    )
    assert found == (1, 15)


def test_a_record_longer_than_a_split_leaves_the_split_empty() -> None:
    """The second split has no record of its own, and says its end for both places."""
    assert (
        misplaced(
            [commit(0, 10, 0, 25), commit(10, 20, 20, 20), commit(20, 30, 25, 30)]
        )
        is None
    )


def test_a_split_that_read_within_a_long_record() -> None:
    found = misplaced(
        [commit(0, 10, 0, 25), commit(10, 20, 12, 22), commit(20, 30, 22, 30)]
    )
    assert found == (1, 25)


def member(number: int, kind: str, body: bytes) -> bytes:
    """A response record as a gzip member of its own."""
    http = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\n\r\n".encode() + body
    lines = [
        "WARC/1.0",
        "WARC-Type: response",
        f"WARC-Record-ID: <urn:uuid:{number:032x}>",
        "WARC-Date: 2024-05-18T01:58:10Z",
        f"WARC-Target-URI: http://example.org/{number}",
        "Content-Type: application/http; msgtype=response",
        f"Content-Length: {len(http)}",
    ]
    record = "\r\n".join(lines).encode() + b"\r\n\r\n" + http + b"\r\n\r\n"
    return gzip.compress(record, mtime=0)


def archive(pages: int, inner: bytes) -> bytes:
    """Pages, one of which is an archive stored as it is: members within a member."""
    members = []
    for number in range(pages):
        if number == pages // 2:
            members.append(member(number, "application/gzip", inner))
        else:
            noise = random.Random(number).randbytes(3000).hex()
            members.append(member(number, "text/html", f"<p>{noise}".encode()))
    return b"".join(members)


def test_an_archive_within_an_archive_deceives_no_run(
    tmp_path: Path, tamis: Any
) -> None:
    """Its members are found by splits that begin within it, and unfound again."""
    outer = tmp_path / "outer.warc.gz"
    outer.write_bytes(archive(20, archive(40, gzip.compress(b"nothing"))))
    whole = tamis.run(f"input={outer}", "read_warc.split_bytes=10MiB")
    expected = offsets(tamis.output)
    assert whole["source"]["admitted"] == 19
    tamis.output = tmp_path / "split"
    split = tamis.run(f"input={outer}", "read_warc.split_bytes=5000")
    assert offsets(tamis.output) == expected
    assert split["source"]["admitted"] == 19
    assert split["source"]["refused"] == whole["source"]["refused"]


def test_a_moved_archive_has_the_name_that_it_had(tmp_path: Path, tamis: Any) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    (old / "a.warc.gz").write_bytes(archive(2, b""))
    tamis.run(f"input={old}/a.warc.gz")
    old.rename(new)
    tamis.run(f"input={new}/a.warc.gz")
    paths = {
        path
        for kept in (tamis.output / "dropped").glob("*.parquet")
        for path in pq.read_table(kept)["warc_path"].to_pylist()
    }
    (name,) = paths
    assert name.startswith("a.warc.gz-")


def offsets(run: Path) -> list[int]:
    return sorted(
        offset
        for folder in ("dropped", "mix")
        for path in (run / folder).glob("*.parquet")
        for offset in pq.read_table(path)["warc_offset"].to_pylist()
    )


def test_a_name_becomes_part_of_a_file_name() -> None:
    assert task_name("a.warc.gz") == "a.warc.gz"
    assert task_name("a b/ü?.warc.gz").startswith("a_b___.warc.gz-")
    assert task_name("é.warc.gz") != task_name("è.warc.gz")
