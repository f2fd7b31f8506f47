"""Splits of any size give together what the whole file gives, each record once."""

import gzip
import random
import zlib

import pytest

from tamis.warc.splits import Place, Split, plan_splits, reread


@pytest.mark.parametrize(
    ("size", "split_bytes", "expected"),
    [
        pytest.param(0, None, [(0, 0)], id="empty file"),
        pytest.param(0, 4, [(0, 0)], id="empty file, with a size"),
        pytest.param(10, None, [(0, 10)], id="whole"),
        pytest.param(10, 10, [(0, 10)], id="as long as the file"),
        pytest.param(8, 4, [(0, 4), (4, 8)], id="divides"),
        pytest.param(9, 4, [(0, 4), (4, 9)], id="a short rest joins the last"),
        pytest.param(11, 4, [(0, 4), (4, 8), (8, 11)], id="a long rest is one more"),
    ],
)
def test_plan_splits(size: int, split_bytes: int | None, expected) -> None:
    assert plan_splits(size, split_bytes) == expected


def keys(result) -> list[tuple[int, int, int, str, bytes]]:
    return [
        (r.offset, r.inner, r.length, id_, r.block)
        for r, id_ in zip(result.records, result.ids, strict=True)
    ]


def losses(result) -> tuple[int, int]:
    return result.records_lost, sum(loss.bytes for loss in result.losses)


@pytest.mark.parametrize("compress", [gzip.compress, bytes])
@pytest.mark.parametrize("split_bytes", [1, 7, 100, 333, 1000, 100_000])
def test_any_split_size_gives_the_same_records(
    record, read, compress, split_bytes: int
) -> None:
    sizes = random.Random(0).choices(range(600), k=12)
    frames = [compress(record(f"{n}", b"x" * n)) for n in sizes]
    frames[5] = frames[5][:-30]  # and damage
    frames.insert(8, b"garbage")
    content = b"".join(frames)
    whole = read(content)
    parts = read(content, split_bytes=split_bytes)
    assert len(whole.records) == 11
    assert keys(parts) == keys(whole)
    assert losses(parts) == losses(whole)


@pytest.mark.parametrize("compress", [gzip.compress, bytes])
def test_archive_stored_in_a_body_deceives_no_split(record, read, compress) -> None:
    """What is stored uncompressed holds true members, whole and in a row."""
    inner = b"".join(compress(record(f"inner-{n}", b"y" * 200)) for n in range(20))
    outer = [record("a"), record("archive", inner), record("b")]
    stored = zlib.compressobj(0, zlib.DEFLATED, 31)
    middle = stored.compress(outer[1]) + stored.flush()
    content = b"".join([compress(outer[0]), middle, compress(outer[2])])
    if compress is bytes:
        content = b"".join(outer)
    for split_bytes in (100, 400, 1500):
        result = read(content, split_bytes=split_bytes)
        assert result.ids == ["<urn:a>", "<urn:archive>", "<urn:b>"]
        assert result.rereads > 0


def test_magic_bytes_in_a_body_are_no_member(record, read) -> None:
    body = b"\x1f\x8b\x08\0\0\0\0\0\0\3" * 500 + b"\nWARC/1.0\r\n" * 50
    stored = zlib.compressobj(0, zlib.DEFLATED, 31)
    content = gzip.compress(record("a")) + stored.compress(record("b", body))
    content += stored.flush() + gzip.compress(record("c"))
    for split_bytes in (50, 500, 5000):
        result = read(content, split_bytes=split_bytes)
        assert result.ids == ["<urn:a>", "<urn:b>", "<urn:c>"]


def test_one_member_for_all_belongs_to_the_first_split(record, read) -> None:
    content = gzip.compress(b"".join(record(f"{n}") for n in range(50)))
    assert len(read(content, split_bytes=100).records) == 50


def test_split_is_read_again_only_where_its_start_was_wrong() -> None:
    split = Split("a.warc.gz", 100, 200, 500)
    assert reread(split, Place(120, 220), 120) is None
    assert reread(split, Place(200, 200), 450) is None  # the one before covers it
    again = reread(split, Place(110, 220), 120)
    assert again == Split("a.warc.gz", 120, 200, 500, exact=True)


def test_arc_line_longer_than_a_first_read_starts_a_record(read) -> None:
    """A URL that does not compress: the line is not whole in the first kilobyte."""
    noise = bytes(random.Random(1).choices(range(33, 127), k=6000)).decode()
    page = b"HTTP/1.0 200 OK\r\n\r\n<p>"
    line = f"http://x/{noise} 1.2.3.4 20010203040506 text/html {len(page)}\n".encode()
    first = b"filedesc://a.arc 0.0.0.0 20010203040506 text/plain 2\nv\n\n"
    content = b"".join(gzip.compress(r) for r in (first, *[line + page + b"\n"] * 3))
    whole = read(content, "a.arc.gz")
    assert [r.inner for r in whole.records] == [0, 0, 0, 0]
    assert keys(read(content, "a.arc.gz", 2000)) == keys(whole)
