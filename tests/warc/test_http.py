"""Bodies as servers really send them."""

import gzip
import io
import zlib

import pytest
from fastwarc.stream_io import BrotliWriter, ZstdWriter

from tamis.warc.http import decode_body, parse_response, rights_lines

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
    names = {name.replace("_", "-"): value for name, value in fields.items()}
    return bytes(decode_body(memoryview(body), names, max_bytes))


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
