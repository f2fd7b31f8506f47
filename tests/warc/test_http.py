"""Bodies as servers really send them."""

import gzip
import io
import lzma
import random
import zlib

import pytest
from fastwarc.stream_io import BrotliWriter, ZstdWriter

from tamis.warc.http import decode_body, is_binary, parse_response, rights_lines

TEXT = "<p>naïve · лёд · 日本語 · مرحبا · ภาษา</p>".encode() * 50


def written(writer_type: type, content: bytes) -> bytes:
    target = io.BytesIO()
    writer = writer_type(target)
    writer.write(content)
    writer.close()
    return target.getvalue()


def raw_deflate(content: bytes) -> bytes:
    deflater = zlib.compressobj(wbits=-15)
    return deflater.compress(content) + deflater.flush()


def chunked(content: bytes, size: int = 100) -> bytes:
    pieces = [content[i : i + size] for i in range(0, len(content), size)]
    lines = [b"%x;ext=1\r\n%s\r\n" % (len(piece), piece) for piece in pieces]
    return b"".join(lines) + b"0\r\nTrailer: x\r\n\r\n"


def decoded(body: bytes, *, max_bytes: int = 1 << 20, **fields: str) -> bytes:
    lines = [f"{n.replace('_', '-')}: {value}\r\n" for n, value in fields.items()]
    return whole("HTTP/1.1 200 OK\r\n" + "".join(lines), body, max_bytes)


def whole(head: str, body: bytes, max_bytes: int = 1 << 20) -> bytes:
    block = head.encode() + b"\r\n" + body
    response = parse_response(block)
    assert response.status == 200
    start = response.body_start
    return bytes(decode_body(memoryview(block)[start:], response, max_bytes))


CODINGS = [
    ("gzip", gzip.compress(TEXT)),
    ("x-gzip", gzip.compress(TEXT[:99]) + gzip.compress(TEXT[99:])),
    ("deflate", zlib.compress(TEXT)),
    ("deflate", raw_deflate(TEXT)),
    ("br", written(BrotliWriter, TEXT)),
    ("zstd", written(ZstdWriter, TEXT)),
    ("identity", TEXT),
    ("unheard-of", TEXT),
    ("gzip, br", written(BrotliWriter, gzip.compress(TEXT))),
]


@pytest.mark.parametrize(("coding", "body"), CODINGS)
def test_content_codings_are_undone(coding: str, body: bytes) -> None:
    assert decoded(body, content_encoding=coding.upper()) == TEXT


@pytest.mark.parametrize(("coding", "body"), CODINGS)
def test_chunks_are_joined_before_that(coding: str, body: bytes) -> None:
    fields = {"content_encoding": coding, "transfer_encoding": "chunked"}
    assert decoded(chunked(body), **fields) == TEXT


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
def test_coding_that_was_not_applied_leaves_the_body(coding: str) -> None:
    assert decoded(TEXT, content_encoding=coding) == TEXT
    assert decoded(b"", content_encoding=coding) == b""


def test_body_that_is_not_chunked_stays_as_it_is() -> None:
    assert decoded(TEXT, transfer_encoding="chunked") == TEXT


def test_broken_chunk_leaves_the_rest_as_it_is() -> None:
    body = b"3\r\nabc\r\n4\r\ndefg\r\nzz\r\nrest"
    assert decoded(body, transfer_encoding="chunked") == b"abcdefgzz\r\nrest"
    assert decoded(b"5\r\nab", transfer_encoding="chunked") == b"ab"


@pytest.mark.parametrize("wbits", [31, 15])
def test_what_inflates_before_the_damage_is_kept(wbits: int) -> None:
    deflater = zlib.compressobj(wbits=wbits)
    begun = deflater.compress(TEXT) + deflater.flush(zlib.Z_FULL_FLUSH)
    coding = "gzip" if wbits == 31 else "deflate"
    assert decoded(begun + b"\xff" * 50, content_encoding=coding) == TEXT
    cut = decoded(begun[:-20], content_encoding=coding)
    assert len(cut) > 50
    assert TEXT.startswith(cut)


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
def test_body_that_inflates_without_end_is_capped(coding: str) -> None:
    bomb = bytes(64 << 20)
    bodies = {
        "gzip": lambda: gzip.compress(bomb),
        "deflate": lambda: zlib.compress(bomb),
        "br": lambda: written(BrotliWriter, bomb),
        "zstd": lambda: written(ZstdWriter, bomb),
    }
    body = bodies[coding]()
    assert decoded(body, max_bytes=1000, content_encoding=coding) == bytes(1001)


@pytest.mark.parametrize(
    ("block", "status", "fields", "body"),
    [
        pytest.param(
            b"HTTP/1.1 200 OK\r\nA: b\r\n\r\nbody", 200, {"a": "b"}, b"body", id="CRLF"
        ),
        pytest.param(
            b"HTTP/1.0 404 No: colon\nA: b\n\nbody", 404, {"a": "b"}, b"body", id="LF"
        ),
        pytest.param(b"HTTP/2 200\r\n\r\n", 200, {}, b"", id="HTTP/2, empty body"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nno colon\r\nA:\xe9\0\r\n\r\n\r\nx",
            200,
            {"a": "é\0"},
            b"\r\nx",
            id="odd lines",
        ),
        pytest.param(b"HTTP/1.1 200 OK\r\nA: b\r\n", 200, {"a": "b"}, b"", id="no end"),
        pytest.param(b"<html>", None, {}, b"<html>", id="no head"),
        pytest.param(
            b"HTTP/1.1 OK\r\n\r\n", None, {}, b"HTTP/1.1 OK\r\n\r\n", id="bad"
        ),
        pytest.param(b"", None, {}, b"", id="nothing"),
    ],
)
def test_parse_response(block, status, fields, body) -> None:
    response = parse_response(block)
    assert (response.status, response.fields) == (status, fields)
    assert block[response.body_start :] == body


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\n", None, id="nothing"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nX-Robots-Tag: noai\r\nServer: a\r\n"
            b"x-robots-tag:googlebot: noindex \r\nTDM-Reservation: 1\r\n\r\n",
            "x-robots-tag: noai\nx-robots-tag: googlebot: noindex\ntdm-reservation: 1",
            id="every line, in order",
        ),
        pytest.param(
            b"HTTP/1.1 200 OK\nLink: </a.css>; rel=preload\n"
            b'Link: </l>; rel="license"\nContent-Signal: ai-train=no\n\n',
            'link: </l>; rel="license"\ncontent-signal: ai-train=no',
            id="links that name a license",
        ),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nA: X-Robots-Tag: noai\r\n\r\n", None, id="in a value"
        ),
        pytest.param(
            b"HTTP/1.1 200 X-Robots-Tag: " + b"a" * 9_000, None, id="not a field"
        ),
        pytest.param(
            b"HTTP/1.1 200 OK\nTDM-Policy: " + "é".encode("latin-1") * 9_000,
            "tdm-policy: " + "é" * 1_999,  # the space is one of the 2,000
            id="a long value",
        ),
    ],
)
def test_fields_about_reuse_are_kept_each(head: bytes, expected: str | None) -> None:
    assert rights_lines(head, parse_response(head)) == expected


@pytest.mark.parametrize(
    ("head", "body"),
    [
        pytest.param(
            "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\ncontent-encoding: gzip\r\n",
            gzip.compress(gzip.compress(TEXT)),
            id="two lines",
        ),
        pytest.param(
            "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n",
            zlib.compress(TEXT),
            id="gzip that is zlib",
        ),
        pytest.param(
            "HTTP/1.1 200 OK\r\nContent-Encoding: br\r\n",
            gzip.compress(TEXT),
            id="br that is gzip",
        ),
        pytest.param(
            "HTTP/1.1 200 OK\r\nContent-Encoding: deflate\r\n",
            gzip.compress(TEXT),
            id="deflate that is gzip",
        ),
        pytest.param(
            'HTTP/1.1 200 OK\r\nContent-Encoding: "gzip;q=1.0"\r\n',
            gzip.compress(TEXT),
            id="quoted, with a weight",
        ),
        pytest.param(
            "HTTP/1.1 200 OK\r\nContent-Encoding: identity\r\n",
            gzip.compress(TEXT),
            id="identity that is gzip",
        ),
        pytest.param("HTTP/1.1 200 OK\r\n", gzip.compress(TEXT), id="unnamed gzip"),
        pytest.param(
            "HTTP/1.1 200 OK\r\n", written(ZstdWriter, TEXT), id="unnamed zstd"
        ),
        pytest.param("HTTP/1.1 200 OK\r\n", chunked(TEXT), id="unnamed chunks"),
        pytest.param(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n",
            chunked(chunked(TEXT)),
            id="chunked twice",
        ),
        pytest.param(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n",
            b"\r\n" + chunked(TEXT),
            id="a blank line before the first chunk",
        ),
        pytest.param(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n"
            "Transfer-Encoding: chunked\r\n",
            chunked(TEXT),
            id="identity and chunked in two lines",
        ),
        pytest.param(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n",
            b"%016x\r\n%s\r\n0\r\n\r\n" % (len(TEXT), TEXT),
            id="16 digits",
        ),
        pytest.param(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n",
            b"%020x\r\n%s\r\n0\r\n\r\n" % (len(TEXT), TEXT),
            id="20 digits",
        ),
        pytest.param(
            "HTTP/1.1 200 OK\r\n",
            b"%x\n%s\n0\n\n" % (len(TEXT), TEXT),
            id="unnamed chunks that end in LF",
        ),
        pytest.param(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n",
            b"\r\n\r\n" + chunked(TEXT),
            id="two blank lines before the first chunk",
        ),
        pytest.param(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n",
            chunked(chunked(chunked(TEXT))),
            id="chunked three times",
        ),
        pytest.param(
            "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n",
            gzip.compress(chunked(TEXT)),
            id="chunked, then gzip",
        ),
    ],
)
def test_framing_never_reaches_the_text(head: str, body: bytes) -> None:
    assert whole(head, body) == TEXT


def test_a_chunk_that_the_crawler_cut_loses_its_size_alone() -> None:
    page = b"<!DOCTYPE html><p>Half a p"
    assert whole("HTTP/1.1 200 OK\r\n", b"1f40\r\n" + page) == page
    packed = gzip.compress(TEXT)
    cut = b"%x\r\n" % (2 * len(packed)) + packed
    assert whole("HTTP/1.1 200 OK\r\n", cut) == TEXT


@pytest.mark.parametrize(
    "body",
    [b"200\r\nitems in stock", b"beef\r\n<p>and more of it", b"", b"x\x9c is a word"],
)
def test_what_looks_like_framing_stays(body: bytes) -> None:
    assert whole("HTTP/1.1 200 OK\r\n", body) == body


@pytest.mark.parametrize(
    "line",
    [
        b"http/1.1 200 OK",
        b"HTTP 200 OK",
        b"ICY 200 OK",
        b"HTTP/1.1 0200 OK",
        b"\r\nHTTP/1.1 200 OK",
        b"HTTP/1.1 100 Continue\r\nX: 1\r\n\r\nHTTP/1.1 200 OK",
        b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/2 200",
    ],
)
def test_status_lines_as_others_read_them(line: bytes) -> None:
    block = line + b"\r\nContent-Type: text/html\r\n\r\nbody"
    response = parse_response(block)
    assert response.status == 200
    assert response.fields == {"content-type": "text/html"}
    assert block[response.body_start :] == b"body"


def test_a_long_head_is_read_whole_or_not_at_all() -> None:
    cookies = b"Set-Cookie: a=%s\r\n" % (b"b" * 1000)
    for count, is_whole in ((100, True), (1100, False)):
        head = b"HTTP/1.1 200 OK\r\n" + cookies * count
        response = parse_response(head + b"Content-Type: text/html\r\n\r\nbody")
        assert response.is_whole is is_whole
        assert ("content-type" in response.fields) is is_whole


def test_a_body_that_stays_packed_is_binary() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\n\r\n"
    response = parse_response(head)
    assert is_binary(b"\x00\x01packed", response)
    assert not is_binary(TEXT, response)
    assert not is_binary("\ufeff<p>".encode("utf-16-le"), response)
    assert not is_binary(b"\x00\x01", parse_response(b"HTTP/1.1 200 OK\r\n\r\n"))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(lzma.compress(random.Random(1).randbytes(900)), True, id="xz"),
        pytest.param(
            zlib.compress(random.Random(1).randbytes(900))[2:], True, id="raw deflate"
        ),
        pytest.param(("<p>" + "Straße 東京 " * 90).encode(), False, id="UTF-8"),
        pytest.param(("<p>" + "Straße " * 90).encode("cp1252"), False, id="cp1252"),
        pytest.param(("<p>" + "東京 " * 90).encode("iso2022_jp"), False, id="JIS"),
        pytest.param(("<p>" + "서울 " * 90).encode("iso2022_kr"), False, id="KR"),
        pytest.param(("<p>" + "Straße " * 90).encode("utf-16-le"), False, id="UTF-16"),
        pytest.param(
            b"<p>" + b"A page\x01 of one odd byte. " * 9, False, id="odd bytes"
        ),
        pytest.param(b"", False, id="empty"),
    ],
)
def test_a_body_that_nothing_names_packed_is_known_by_its_bytes(
    body: bytes, expected: bool
) -> None:
    assert is_binary(body, parse_response(b"HTTP/1.1 200 OK\r\n\r\n")) is expected


@pytest.mark.parametrize(
    "body",
    [
        b"0\n<html><p>Not a last chunk.</p>",
        b"0\r\n\r\n<html><p>Nor this.</p>",
    ],
)
def test_a_joined_body_that_begins_with_a_zero_stays(body: bytes) -> None:
    assert decoded(body, transfer_encoding="chunked") == body


def test_a_chunked_body_of_nothing_is_empty() -> None:
    for body in (b"0\r\n\r\n", b"0\r\nTrailer: x\r\n\r\n", b"0\r\n", b"0\n"):
        assert decoded(body, transfer_encoding="chunked") == b""


@pytest.mark.parametrize(
    "first", [b"\n<html>", b"\r\n<html>", b"c<p>", b"<!DOCTYPE", b"K"]
)
def test_text_that_begins_like_a_deflated_block_stays(first: bytes) -> None:
    body = first + TEXT
    assert decoded(body, content_encoding="deflate") == body


def test_a_body_of_many_members_costs_no_more_than_its_length() -> None:
    member = gzip.compress(b"")
    assert decoded(member * 500 + gzip.compress(TEXT), content_encoding="gzip") == TEXT
    hostile = member * 50_000
    assert decoded(hostile, content_encoding="gzip") == b""
