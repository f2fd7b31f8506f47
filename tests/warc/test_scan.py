"""Scanning from any place finds the next record, and nothing that only looks so."""

import gzip
import io

import pytest

from tamis.warc.frames import open_archive
from tamis.warc.scan import find_record
from tamis.warc.source import Source


@pytest.fixture
def find():
    def find_from(content: bytes, start: int, stop: int | None = None) -> int | None:
        source = Source(io.BytesIO(content), len(content), "a.warc.gz")
        return find_record(open_archive(source), start, stop)

    return find_from


@pytest.mark.parametrize("compress", [gzip.compress, bytes])
def test_every_place_leads_to_the_next_start(record, find, compress) -> None:
    frames = [compress(record(name)) for name in "abc"]
    starts = [0, len(frames[0]), len(frames[0]) + len(frames[1])]
    content = b"".join(frames)
    for place in range(len(content)):
        following = [start for start in starts if start >= place]
        assert find(content, place) == (following[0] if following else None)
        assert find(content, place, place + 1) == (place if place in starts else None)


def test_header_without_its_whole_record_is_no_start(record, find) -> None:
    header = b"WARC/1.0\r\nWARC-Type: response\r\nContent-Length: 40\r\n\r\n"
    content = record("a", b"\n" + header + b"x" * 100) + record("b")
    assert find(content, 1) == len(record("a", b"\n" + header + b"x" * 100))


def test_member_that_is_damaged_or_alone_is_no_start(record, find) -> None:
    true, last = gzip.compress(record("a")), gzip.compress(record("b"))
    broken = true[:-6] + b"\0\0" + true[-4:]
    followed_by_junk = true + b"junk"
    for false in (broken, followed_by_junk, true[:40], gzip.compress(b"no record")):
        content = last + b"?" + false + last
        assert find(content, 1) == len(content) - len(last)
