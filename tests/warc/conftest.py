"""Archives made by hand, and the plain reading of one."""

import gzip
import io
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tamis.warc.document import block_limit
from tamis.warc.frames import open_archive
from tamis.warc.record import Loss, Record
from tamis.warc.records import read_records
from tamis.warc.source import Source
from tamis.warc.splits import Place, Split, plan_splits, reread

Warc = Callable[..., bytes]


@dataclass
class Read:
    """Everything that came out of an archive."""

    records: list[Record]
    losses: list[Loss]
    rereads: int = 0

    @property
    def ids(self) -> list[str]:
        return [r.header.fields.get("warc-record-id", "") for r in self.records]

    @property
    def records_lost(self) -> int:
        return sum(loss.records for loss in self.losses)


def _record(
    name: str,
    body: bytes = b"<html><p>text</p></html>",
    *,
    type: str = "response",
    head: bytes = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n",
    length: int | None = None,
    fields: tuple[str, ...] = (),
) -> bytes:
    """One record, uncompressed; `length` declares another length than it has."""
    block = (head if type == "response" else b"") + body
    lines = [
        "WARC/1.0",
        f"WARC-Type: {type}",
        f"WARC-Record-ID: <urn:{name}>",
        f"WARC-Target-URI: http://example.org/{name}",
        "WARC-Date: 2024-05-18T01:02:03Z",
        *fields,
        f"Content-Length: {len(block) if length is None else length}",
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + block + b"\r\n\r\n"


def _read(
    content: bytes, name: str = "a.warc.gz", split_bytes: int | None = None
) -> Read:
    """All records of an archive, split by split as a runner does it."""
    read = Read([], [])
    start: int | None = None
    for range_ in plan_splits(len(content), split_bytes):
        split: Split | None = Split(name, *range_, len(content))
        place, found = _read_split(content, split)
        if start is not None and (split := reread(split, place, start)) is not None:
            read.rereads += 1
            place, found = _read_split(content, split)
        start = max(start or 0, place.next_start)
        read.records += [step for step in found if isinstance(step, Record)]
        read.losses += [step for step in found if isinstance(step, Loss)]
    return read


def _read_split(content: bytes, split: Split) -> tuple[Place, list[Record | Loss]]:
    place = Place()
    source = Source(io.BytesIO(content), len(content), split.path)
    limit = block_limit(1 << 20)
    steps = read_records(open_archive(source), split, place, max_block_bytes=limit)
    return place, list(steps)


@pytest.fixture(scope="session")
def record() -> Warc:
    return _record


@pytest.fixture(scope="session")
def member() -> Warc:
    """The same record as a gzip member of its own."""
    return lambda *args, **settings: gzip.compress(_record(*args, **settings), mtime=0)


@pytest.fixture(scope="session")
def read() -> Callable[..., Read]:
    return _read
