"""Any document can be fetched again by what its row says of its place."""

import gzip
import io
from pathlib import Path

import pytest

from tamis.errors import InputError
from tamis.stages.read_warc import ReadWarc
from tamis.warc.fetch import fetch_record
from tamis.warc.splits import Split


class Counted(io.BytesIO):
    """A file that notes which bytes were read of it."""

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self.touched: set[int] = set()

    def read(self, size: int | None = -1, /) -> bytes:
        start = self.tell()
        part = super().read(size)
        self.touched |= set(range(start, start + len(part)))
        return part


def rows(path: Path) -> list[dict]:
    size = path.stat().st_size
    split = Split(str(path), 0, size, size)
    return [row for batch in ReadWarc().read(split) for row in batch.to_pylist()]


@pytest.mark.parametrize("compress", [gzip.compress, bytes])
def test_fetched_document_equals_the_one_that_was_read(
    record, compress, tmp_path: Path
) -> None:
    path = tmp_path / "a.warc"
    content = b"".join(compress(record(n, n.encode() * 3000)) for n in "abc")
    path.write_bytes(content)
    for row in rows(path):
        file = Counted(content)
        fetched = fetch_record(
            file, row["warc_offset"], row["warc_length"], path=path.name
        )
        assert fetched._asdict() == row
        stop = row["warc_offset"] + row["warc_length"]
        assert file.touched <= set(range(row["warc_offset"], stop))


def test_record_in_a_shared_member_is_found_by_its_id(record, tmp_path: Path) -> None:
    path = tmp_path / "one.warc.gz"
    content = gzip.compress(b"".join(record(n, n.encode() * 99) for n in "abc"))
    path.write_bytes(content)
    for row in rows(path):
        fetched = fetch_record(
            io.BytesIO(content),
            row["warc_offset"],
            row["warc_length"],
            path=str(path),
            size=len(content),
            id=row["id"],
        )
        assert (fetched.record_id, fetched.html) == (row["record_id"], row["html"])


def test_record_that_would_not_be_admitted_is_fetched_too(member) -> None:
    content = member("a", head=b"HTTP/1.1 404 Gone\r\n\r\n", body=b"gone")
    fetched = fetch_record(io.BytesIO(content), 0, len(content), path="a.warc.gz")
    assert fetched.html == b"gone"


@pytest.mark.parametrize(("offset", "length"), [(0, 20), (5, 100), (10_000, 10)])
def test_place_without_a_whole_record_is_an_error(member, offset, length) -> None:
    content = member("a")
    with pytest.raises(InputError, match=r"^a\.warc\.gz: "):
        fetch_record(io.BytesIO(content), offset, length, path="a.warc.gz")
