"""Damage costs the damaged record, and nothing else."""

import gzip
import hashlib
import io
import resource
import struct
import time
import zlib

import pytest
from fastwarc.stream_io import (
    Lz4Writer,
    ZstdWriter,
    zstd_train_dictionary_from_samples,
)

from tamis.errors import InputError


def zstd(content: bytes, dictionary: bytes | None = None) -> bytes:
    written = io.BytesIO()
    writer = ZstdWriter(written, dictionary=dictionary)
    writer.write(content)
    writer.close()
    # With a dictionary the writer repeats it before every frame.
    return written.getvalue()[8 + len(dictionary) if dictionary else 0 :]


def lz4(content: bytes) -> bytes:
    written = io.BytesIO()
    writer = Lz4Writer(written)
    writer.write(content)
    writer.close()
    return written.getvalue()


def plain(content: bytes) -> bytes:
    return content


NAMES = {
    gzip.compress: "a.warc.gz",
    zstd: "a.warc.zst",
    lz4: "a.warc.lz4",
    plain: "a.warc",
}


@pytest.mark.parametrize("compress", NAMES)
@pytest.mark.parametrize("padding", [b"", b"\0" * 512, b"\r\n"])
def test_every_codec_gives_every_record_with_its_place(
    record, read, compress, padding
) -> None:
    frames = [compress(record(name)) + padding for name in "abc"]
    result = read(b"".join(frames), NAMES[compress])
    assert result.ids == ["<urn:a>", "<urn:b>", "<urn:c>"]
    assert [r.offset for r in result.records] == [
        0,
        len(frames[0]),
        len(frames[0]) + len(frames[1]),
    ]
    assert result.records[1].block == (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html><p>text</p></html>"
    )
    assert not result.losses


@pytest.mark.parametrize("compress", NAMES)
def test_codec_is_told_by_content_and_not_by_name(record, read, compress) -> None:
    assert read(compress(record("a")), "download.bin").ids == ["<urn:a>"]


def test_empty_file_is_an_archive_without_records(read) -> None:
    result = read(b"")
    assert (result.records, result.losses) == ([], [])


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"%PDF-1.7 nothing to see", id="another format"),
        pytest.param(gzip.compress(b"https://example.org/\n" * 9), id="gzip of text"),
        pytest.param(b"\0" * 5000, id="only NUL"),
        pytest.param(b"\x1f\x8b\x08", id="three bytes of gzip"),
    ],
)
def test_file_that_is_no_archive_is_an_error_that_names_it(read, content) -> None:
    with pytest.raises(InputError, match=r"a\.warc\.gz"):
        read(content)


def test_flipped_byte_costs_its_member_alone(member, read) -> None:
    frames = [member(name, bytes(range(256)) * 20) for name in "abc"]
    broken = bytearray(frames[1])
    broken[len(broken) // 2] ^= 1
    result = read(frames[0] + broken + frames[2])
    assert result.ids == ["<urn:a>", "<urn:c>"]
    (loss,) = result.losses
    assert (loss.offset, loss.bytes, loss.records) == (len(frames[0]), len(broken), 1)


def test_member_whose_checksum_is_wrong_is_not_believed(member, read) -> None:
    """The text inflates, with another byte in it: only the CRC knows."""
    frames = [member(name) for name in "ab"]
    broken = frames[0][:-8] + bytes([frames[0][-8] ^ 1]) + frames[0][-7:]
    assert read(broken + frames[1]).ids == ["<urn:b>"]


@pytest.mark.parametrize("kept", [5, 40, 150, -1])
def test_member_cut_at_the_end_of_the_file_is_lost(member, read, kept: int) -> None:
    frames = [member("a"), member("b")]
    result = read(frames[0] + frames[1][:kept])
    assert result.ids == ["<urn:a>"]
    assert result.records_lost == 1


def test_garbage_between_members_costs_no_record(member, read) -> None:
    result = read(member("a") + b"garbage \x1f\x8b\x08 garbage" + member("b"))
    assert result.ids == ["<urn:a>", "<urn:b>"]
    assert [(loss.bytes, loss.records) for loss in result.losses] == [(19, 0)]


def test_damaged_first_bytes_do_not_hide_the_rest(member, record, read) -> None:
    assert read(b"X" + member("a")[1:] + member("b")).ids == ["<urn:b>"]
    plain_name = "a.warc"
    assert read(b"X" + record("a")[1:] + record("b"), plain_name).ids == ["<urn:b>"]


def test_one_member_may_hold_all_records(record, read) -> None:
    result = read(gzip.compress(record("a") + record("b", b"\n") + record("c")))
    assert result.ids == ["<urn:a>", "<urn:b>", "<urn:c>"]
    assert [r.offset for r in result.records] == [0, 0, 0]
    assert [r.inner for r in result.records] == [
        0,
        len(record("a")),
        len(record("a") + record("b", b"\n")),
    ]


def test_records_may_run_over_member_ends(record, read) -> None:
    stream = record("a", b"x" * 5000) + record("b", b"y" * 5000)
    pieces = [stream[i : i + 700] for i in range(0, len(stream), 700)]
    result = read(b"".join(gzip.compress(piece) for piece in pieces))
    assert [r.block[-5000:] for r in result.records] == [b"x" * 5000, b"y" * 5000]
    assert not result.losses


def test_headers_with_line_feeds_alone(record, read) -> None:
    # The HTTP head got shorter by its three CRs.
    lf = [record(name, length=65).replace(b"\r\n", b"\n") for name in "ab"]
    assert read(b"".join(lf), "a.warc").ids == ["<urn:a>", "<urn:b>"]
    assert read(b"".join(map(gzip.compress, lf))).ids == ["<urn:a>", "<urn:b>"]


@pytest.mark.parametrize("compress", [gzip.compress, plain])
@pytest.mark.parametrize("length", [30, 1000])
def test_wrong_length_costs_its_record_alone(record, read, compress, length) -> None:
    """Too short is believed where nothing tells; too long would eat the next."""
    middle = record("b", length=length)
    content = b"".join(map(compress, [record("a"), middle, record("c")]))
    result = read(content, NAMES[compress])
    assert [i for i in result.ids if i != "<urn:b>"] == ["<urn:a>", "<urn:c>"]
    assert len(result.losses) == 1
    if length == 1000:
        assert result.losses[0].bytes == len(compress(middle))


def test_wrong_length_within_one_member_costs_its_record_alone(record, read) -> None:
    stream = record("a") + record("b", length=100) + record("c") + record("d")
    assert read(gzip.compress(stream)).ids == ["<urn:a>", "<urn:c>", "<urn:d>"]


def test_block_with_its_digest_is_whole_whatever_its_length_says(record, read) -> None:
    body = b"<html>proved</html>"
    block = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n" + body
    digest = f"WARC-Block-Digest: sha256:{hashlib.sha256(block).hexdigest()}"
    wrong = record("a", body, length=9999, fields=(digest,))
    result = read(wrong + record("b"), "a.warc")
    assert result.ids == ["<urn:a>", "<urn:b>"]
    assert result.records[0].block == block


def test_digest_shields_an_archive_within_a_record(record, read) -> None:
    """Garbage follows it: without its digest the inner record would look truer."""
    body = b"\n" + record("inner") + record("inner too")
    block = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n" + body
    digest = hashlib.sha1(block).hexdigest()
    outer = record("outer", body, fields=(f"WARC-Block-Digest: sha1:{digest}",))
    result = read(outer + b"garbage" + record("b"), "a.warc")
    assert result.ids == ["<urn:outer>", "<urn:b>"]


def test_damage_in_a_member_of_all_leaves_what_came_before(record, read) -> None:
    deflater = zlib.compressobj(wbits=31)
    begun = deflater.compress(b"".join(record(f"{n}") for n in range(200)))
    begun += deflater.flush(zlib.Z_FULL_FLUSH)
    result = read(begun + b"\xff" * 50)  # no deflate block begins so
    assert result.ids[:199] == [f"<urn:{n}>" for n in range(199)]
    assert len(result.losses) == 1


@pytest.mark.parametrize("damage", ["flip", "magic", "both"])
@pytest.mark.parametrize("split_bytes", [None, 200])
def test_frames_cut_anywhere_cost_the_records_that_the_damage_is_in(
    record, read, damage: str, split_bytes: int | None
) -> None:
    """As bgzip writes: no member but the first begins with a record."""
    records = [record(str(n), b"<p>%d</p>" % n * 30) for n in range(20)]
    content, size = b"".join(records), len(records[0])
    members = [
        gzip.compress(content[start : start + 97])
        for start in range(0, len(content), 97)
    ]
    # The members in which records 5 and 12 have their middle, and no others.
    hit = {"flip": [5], "magic": [12], "both": [5, 12]}[damage]
    for number in hit:
        index = int((number + 0.5) * size) // 97
        broken = bytearray(members[index])
        broken[0 if number == 12 else len(broken) // 2] ^= 0xFF
        members[index] = bytes(broken)
    result = read(b"".join(members), split_bytes=split_bytes)
    expected = [f"<urn:{n}>" for n in range(20) if n not in hit]
    assert result.ids == expected
    assert len({(r.offset, r.inner) for r in result.records}) == len(expected)
    assert result.records_lost >= len(hit)


def test_length_that_the_server_stated_proves_a_block_too(record, read) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"
    wrong = record("a", b"<p>nine</", head=head, length=500)
    result = read(wrong + record("b"), "a.warc")
    assert result.records[0].block == head + b"<p>nine</"


def test_header_without_length_costs_its_record(record, read) -> None:
    nameless = record("a").replace(b"Content-Length: 68", b"Content-Length: many")
    result = read(nameless + record("b"), "a.warc")
    assert (result.ids, result.records_lost) == (["<urn:b>"], 1)


def test_arc_of_version_1_and_2(read) -> None:
    page = b"HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\n<p>1996</p>"
    head = b"filedesc://a.arc 0.0.0.0 19960923142103 text/plain 21\n1 0 Archive\nURL line\n\n"
    first = b"http://a.example/x y 10.0.0.1 19961104142103 text/html %d\n" % len(page)
    second = (
        b"http://b.example/ 10.0.0.2 20020515000000 text/html 200 - - 0 f %d\n"
        % len(page)
    )
    content = head + first + page + b"\n" + second + page + b"\n"
    for arc, name in ((content, "a.arc"), (gzip.compress(content), "a.arc.gz")):
        result = read(arc, name)
        assert [r.header.fields["warc-target-uri"] for r in result.records] == [
            "filedesc://a.arc",
            "http://a.example/x%20y",
            "http://b.example/",
        ]
        assert [r.block for r in result.records[1:]] == [page, page]
        assert not result.losses


@pytest.mark.parametrize("is_compressed", [True, False])
@pytest.mark.parametrize("split_bytes", [None, 300])
def test_zstd_with_a_dictionary_of_its_own(
    record, read, is_compressed: bool, split_bytes: int | None
) -> None:
    records = [record(f"{n}", b"<p>%d</p>" % n) for n in range(40)]
    dictionary = zstd_train_dictionary_from_samples(records * 5, 1024)
    stored = zstd(dictionary) if is_compressed else dictionary
    frames = [zstd(r, dictionary) for r in records]
    assert sum(map(len, frames)) < 40 * 100
    content = struct.pack("<II", 0x184D2A5D, len(stored)) + stored + b"".join(frames)
    result = read(content, "a.warc.zst", split_bytes)
    assert result.ids == [f"<urn:{n}>" for n in range(40)]
    assert result.records[0].offset == 8 + len(stored)
    assert not result.losses


def test_damaged_dictionary_is_an_error_of_its_file(record, read, capfd) -> None:
    records = [record(f"{n}", b"<p>%d</p>" % n) for n in range(9)]
    dictionary = zstd_train_dictionary_from_samples(records * 20, 1024)
    frames = b"".join(zstd(r, dictionary) for r in records)
    broken = dictionary[:8] + b"\xff" * 200 + dictionary[208:]
    skippable = struct.pack("<II", 0x184D2A5D, len(broken)) + broken
    with pytest.raises(InputError, match=r"a\.warc\.zst"):
        read(skippable + frames, "a.warc.zst")
    capfd.readouterr()  # fastwarc writes of its panic


def test_member_that_inflates_without_end_costs_one_record(
    record, member, read, monkeypatch
) -> None:
    monkeypatch.setattr("tamis.warc.streams._MAX_JUNK", 8 << 20)
    deflater = zlib.compressobj(wbits=31)
    bomb = deflater.compress(record("bomb"))
    bomb += b"".join(deflater.compress(bytes(1 << 20)) for _ in range(64))
    bomb += deflater.flush()
    result = read(member("a") + bomb + member("b"))
    assert result.ids == ["<urn:a>", "<urn:b>"]
    assert result.losses[0].cause == "inflates to far too much"


@pytest.mark.parametrize("declared", [None, 5000, 10 << 30], ids=str)
def test_ten_megabytes_that_inflate_to_ten_gigabytes_cost_one_record(
    record, member, read, declared: int | None
) -> None:
    deflater = zlib.compressobj(9, wbits=31)
    bomb = deflater.compress(record("bomb", length=declared))
    bomb += deflater.flush(zlib.Z_FULL_FLUSH)
    again = zlib.compressobj(9, wbits=-15)
    repeated = again.compress(bytes(16 << 20)) + again.flush(zlib.Z_FULL_FLUSH)
    content = member("a") + bomb + repeated * 640 + member("b")
    assert len(content) > 10_000_000
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begin = time.process_time()
    result = read(content)
    assert time.process_time() - begin < 5  # 10 GB take longer
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 100 << 10  # KiB
    assert [name for name in result.ids if name != "<urn:bomb>"] == [
        "<urn:a>",
        "<urn:b>",
    ]
    assert result.losses[0].cause == "inflates to far too much"


def test_block_beyond_the_limit_is_cut_and_its_length_told(record, read) -> None:
    result = read(
        gzip.compress(record("a", b"x" * (4 << 20))) + gzip.compress(record("b"))
    )
    assert result.ids == ["<urn:a>", "<urn:b>"]
    assert len(result.records[0].block) < result.records[0].header.block_length
