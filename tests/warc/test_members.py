"""Members inflated at once give the records that streaming them gives."""

import io
import random
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from xxhash import xxh3_64_digest

from tamis.warc import libdeflate
from tamis.warc.frames import open_archive
from tamis.warc.libdeflate import MOST_INFLATED, WholeMembers, whole_members
from tamis.warc.record import Record
from tamis.warc.records import read_records
from tamis.warc.source import Source
from tamis.warc.splits import Place, Split

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
PAGES = ("", "-charsets", "-daniel", "-htmldate", "-recipes", "-wcxb")
FEXTRA, FNAME, FCOMMENT, FHCRC = 4, 8, 16, 2


@pytest.fixture
def by_streams(monkeypatch, read) -> Callable:
    """The same reading without libdeflate."""

    def read_by_streams(*args, **settings):
        with monkeypatch.context() as patch:
            patch.setattr(libdeflate, "library", lambda: None)
            return read(*args, **settings)

    return read_by_streams


@pytest.fixture
def tried(monkeypatch) -> list[tuple[int, bool]]:
    """Offsets that libdeflate was asked for, and whether it gave the content."""
    seen: list[tuple[int, bool]] = []
    inflated = WholeMembers.inflated

    def noted(self: WholeMembers, offset: int, since: int) -> memoryview | None:
        content = inflated(self, offset, since)
        seen.append((offset, content is not None))
        return content

    monkeypatch.setattr(WholeMembers, "inflated", noted)
    return seen


def packed(
    content: bytes, *, flags: int = 0, extra: bytes = b"", level: int = 6
) -> bytes:
    """A gzip member whose header has these flags and the bytes they announce."""
    deflater = zlib.compressobj(level, zlib.DEFLATED, -15)
    body = deflater.compress(content) + deflater.flush()
    head = b"\x1f\x8b\x08" + bytes([flags]) + b"\0\0\0\0\0\xff" + extra
    return head + body + struct.pack("<II", zlib.crc32(content), len(content) % 2**32)


def with_header_crc(content: bytes, *, off_by: int = 0) -> bytes:
    head = b"\x1f\x8b\x08" + bytes([FHCRC]) + b"\0\0\0\0\0\xff"
    crc = (zlib.crc32(head) + off_by) & 0xFFFF
    return packed(content, flags=FHCRC, extra=struct.pack("<H", crc))


def changed(member: bytes, place: int) -> bytes:
    broken = bytearray(member)
    broken[place] ^= 1
    return bytes(broken)


def noise(length: int) -> bytes:
    return random.Random(7).randbytes(length)


def of_size(record: Callable, size: int) -> bytes:
    usual = len(record("b", bytes(10**6)))
    return record("b", bytes(10**6 + size - usual))


# Each is put between two sound members, a and z. `ids` are those of whole records.
ODD: dict[str, tuple[Callable, str]] = {
    "a sound one": (lambda r: packed(r("b")), "abz"),
    "an empty one": (lambda r: packed(b""), "az"),
    "two records": (lambda r: packed(r("b") + r("c")), "abcz"),
    "no record": (lambda r: packed(b"not a record\n" * 9), "az"),
    "a request": (lambda r: packed(r("b", type="request")), "abz"),
    "a record of another length": (lambda r: packed(r("b", length=7)), "abz"),
    "a record in two members": (
        lambda r: packed(r("b")[:90]) + packed(r("b")[90:]),
        "abz",
    ),
    "extra field": (
        lambda r: packed(r("b"), flags=FEXTRA, extra=b"\x04\0sl\0\0"),
        "abz",
    ),
    "extra field longer than the file": (
        lambda r: packed(r("b"), flags=FEXTRA, extra=b"\xff\xff"),
        "az",
    ),
    "name and comment": (
        lambda r: packed(r("b"), flags=FNAME | FCOMMENT, extra=b"b.html\0hello\0"),
        "abz",
    ),
    "name that does not end": (
        lambda r: packed(r("b"), flags=FNAME, extra=b"\x01" * 99),
        "az",
    ),
    "header with a CRC": (lambda r: with_header_crc(r("b")), "abz"),
    "header with a wrong CRC": (lambda r: with_header_crc(r("b"), off_by=1), "az"),
    "flag without meaning": (lambda r: packed(r("b"), flags=0x80), "az"),
    "garbage behind": (lambda r: packed(r("b")) + b"garbage\0\x1f\x8b\x08", "abz"),
    "its last bytes twice": (lambda r: packed(r("b")) + packed(r("b"))[-8:], "abz"),
    "zeros behind": (lambda r: packed(r("b")) + b"\0" * 5000, "abz"),
    "a member within the body, stored": (
        lambda r: packed(r("b", packed(r("inner")) * 3), level=0),
        "abz",
    ),
    "a wrong CRC": (lambda r: changed(packed(r("b")), -8), "az"),
    "a wrong size": (lambda r: changed(packed(r("b")), -4), "az"),
    "a size of 4 GB": (lambda r: packed(r("b"))[:-4] + b"\xff" * 4, "az"),
    "a flipped bit": (lambda r: changed(packed(r("b", noise(4000))), 2000), "az"),
    "its end cut": (lambda r: packed(r("b"))[:-3], "az"),
    "its half cut": (lambda r: packed(r("b", noise(4000)))[:2000], "az"),
    "inflates to as much as there is room": (
        lambda r: packed(of_size(r, MOST_INFLATED)),
        "abz",
    ),
    "inflates to a byte more": (
        lambda r: packed(of_size(r, MOST_INFLATED + 1)),
        "abz",
    ),
    "packs to more than a window": (lambda r: packed(r("b", noise(3 << 20))), "abz"),
    "200 MB of zeros in a record": (
        lambda r: packed(r("b", bytes(200 << 20)), level=1),
        "abz",
    ),
    "200 MB of zeros": (lambda r: packed(bytes(200 << 20), level=1), "az"),
}


@pytest.mark.parametrize("split_bytes", [None, 300])
@pytest.mark.parametrize(("odd", "ids"), ODD.values(), ids=ODD.keys())
def test_odd_member_is_judged_as_its_stream_is(
    read, by_streams, record, odd: Callable, ids: str, split_bytes: int | None
) -> None:
    middle = odd(record)
    archive = packed(record("a")) + middle + packed(record("z")) + packed(record("y"))
    if split_bytes is not None and len(archive) > 1 << 20:
        split_bytes = len(archive) // 3
    ours, theirs = read(archive, split_bytes=split_bytes), by_streams(archive)
    assert ours.records == theirs.records
    assert [(x.offset, x.cause) for x in ours.losses] == [
        (x.offset, x.cause) for x in theirs.losses
    ]
    assert ours.ids == [f"<urn:{name}>" for name in f"{ids}y"]


def test_damage_at_any_place_is_judged_as_the_stream_is(
    read, by_streams, record
) -> None:
    dice = random.Random(11)
    sound = [packed(record(name, noise(300) + b"<p>text " * 40)) for name in "abcdef"]
    for _ in range(150):
        broken = bytearray(b"".join(sound))
        for _ in range(dice.choice((1, 2, 5))):
            place = dice.randrange(len(broken))
            if dice.random() < 0.3:
                del broken[place : place + dice.choice((1, 9, 500))]
            else:
                broken[place] = dice.randrange(256)
        archive = bytes(broken)
        if archive[:3] != b"\x1f\x8b\x08":
            continue
        ours, theirs = read(archive), by_streams(archive)
        assert ours.records == theirs.records
        assert ours.losses == theirs.losses


def test_libdeflate_tells_where_a_member_ends(record) -> None:
    """Would fail with a `deflate` that hides it: reading would be right, and slow."""
    first = packed(record("a"))
    archive = first + packed(record("b"))
    source = Source(io.BytesIO(archive), len(archive), "a.warc.gz")
    whole = whole_members(source, len(archive))
    assert whole is not None
    assert whole.inflated(0, 0) == record("a")
    assert whole.end == len(first)
    assert whole.inflated(whole.end, 0) == record("b")
    assert whole.end == len(archive)


@pytest.mark.parametrize(
    ("size", "is_whole"),
    [
        pytest.param(MOST_INFLATED, True, id="as large as there is room"),
        pytest.param(MOST_INFLATED + 1, False, id="a byte larger"),
    ],
)
def test_member_is_inflated_at_once_if_there_is_room(
    read, record, tried, size: int, is_whole: bool
) -> None:
    read(packed(of_size(record, size)) + packed(record("z")))
    assert tried[0] == (0, is_whole)


def test_large_members_are_streamed_together(monkeypatch, read, record, tried) -> None:
    """A stream for each would inflate 64 kB for each, however small it is packed."""
    monkeypatch.setattr(libdeflate, "MOST_INFLATED", 100)
    archive = b"".join(packed(record(str(n), noise(300))) for n in range(1000))
    assert len(read(archive).records) == 1000
    assert len(tried) <= len(archive) / (64 << 10) + 2


@pytest.mark.shared
@pytest.mark.parametrize("pages", PAGES)
def test_real_pages_are_inflated_at_once_and_as_streams_inflate_them(
    monkeypatch, tried, pages: str
) -> None:
    path = DATA / f"pages-dev{pages}.warc.gz"
    if not path.exists():
        pytest.skip(f"{path.name} is not on this machine")
    ours = seen_in(path)
    whole = [offset for offset, is_whole in tried if is_whole]
    # Windows are short at first; and only streams see that the last one is the last.
    assert len(whole) >= len(ours) - 8
    monkeypatch.setattr(libdeflate, "library", lambda: None)
    assert ours == seen_in(path)


def seen_in(path: Path) -> list[tuple]:
    """Place, header and a hash of the block of each record."""
    size = path.stat().st_size
    split = Split(str(path), 0, size, size)
    with path.open("rb") as file:
        archive = open_archive(Source(file, size, path.name))
        steps = read_records(archive, split, Place(), max_block_bytes=8 << 20)
        return [
            (step.offset, step.length, step.header, xxh3_64_digest(step.block))
            for step in steps
            if isinstance(step, Record)
        ]
