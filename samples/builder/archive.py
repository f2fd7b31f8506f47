"""Captures become WARC files as CommonCrawl writes them.

One warcinfo, then request, response and metadata of each page, each record a
gzip member of its own. Dates, record ids and the gzip header are fixed, so that
the same captures give the same bytes.
"""

import struct
import uuid
import zlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from urllib.parse import urlsplit

from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from builder.pages import Capture

_FIRST_DAY = datetime(2025, 3, 1, 6, tzinfo=UTC)
_SECONDS_BETWEEN_FETCHES = 37
_NAMESPACE = uuid.UUID("7a0c1b52-3f51-5c0e-9d0b-5b7f0c1a2e77")
# Magic, deflate, no flags, time 0, best compression, unknown system.
_GZIP_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff"


def fetched_at(capture: Capture, position: int) -> datetime:
    seconds = position * _SECONDS_BETWEEN_FETCHES
    return _FIRST_DAY + timedelta(days=capture.day, seconds=seconds)


def record_id(kind: str, capture: Capture) -> str:
    """The same for the same URL, day and kind of record."""
    name = f"{kind} {capture.day} {capture.kind} {capture.url}"
    return f"<urn:uuid:{uuid.uuid5(_NAMESPACE, name)}>"


def write_warc(path: Path, fetches: Sequence[tuple[Capture, datetime]]) -> None:
    with path.open("wb") as stream:
        stream.write(_warcinfo(path.name))
        for capture, when in fetches:
            stream.write(_request(capture, when))
            stream.write(_response(capture, when))
            stream.write(_metadata(capture, when))


def gzip_member(payload: bytes) -> bytes:
    """`gzip.compress` without the bytes that depend on clock and platform."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = deflate.compress(payload) + deflate.flush()
    trailer = struct.pack("<II", zlib.crc32(payload), len(payload) & 0xFFFFFFFF)
    return _GZIP_HEADER + packed + trailer


def _warcinfo(name: str) -> bytes:
    fields = (
        "isPartOf: TAMIS-SAMPLES\r\n"
        "description: synthetic pages for the demo and the tests of tamis\r\n"
        "format: WARC File Format 1.1\r\n"
    )
    named = str(uuid.uuid5(_NAMESPACE, name))
    headers = {
        "WARC-Record-ID": f"<urn:uuid:{named}>",
        "WARC-Date": _iso(_FIRST_DAY),
        "WARC-Filename": name,
    }
    return _record("", "warcinfo", headers, fields.encode())


def _request(capture: Capture, when: datetime) -> bytes:
    address = urlsplit(capture.url)
    target = address.path + (f"?{address.query}" if address.query else "")
    http = StatusAndHeaders(
        f"GET {target} HTTP/1.1",
        [
            ("User-Agent", "SampleBot/1.0 (https://crawler.example/)"),
            ("Accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.5"),
            ("Accept-Encoding", "gzip"),
            ("Host", address.netloc),
            ("Connection", "Keep-Alive"),
        ],
        is_http_request=True,
    )
    headers = {
        "WARC-Record-ID": record_id("request", capture),
        "WARC-Date": _iso(when),
        "WARC-Concurrent-To": record_id("response", capture),
    }
    return _record(capture.url, "request", headers, b"", http)


def _response(capture: Capture, when: datetime) -> bytes:
    http = StatusAndHeaders(
        capture.status,
        [
            ("Date", when.strftime("%a, %d %b %Y %H:%M:%S GMT")),
            *([("Content-Type", capture.content_type)] * bool(capture.content_type)),
            *capture.headers,
            ("Server", "example"),
        ],
        protocol="HTTP/1.1",
    )
    headers = {
        "WARC-Record-ID": record_id("response", capture),
        "WARC-Date": _iso(when),
        "WARC-IP-Address": "192.0.2.80",
    }
    if capture.payload_type:
        headers["WARC-Identified-Payload-Type"] = capture.payload_type
    if capture.truncated:
        headers["WARC-Truncated"] = capture.truncated
    if capture.record_type == "revisit":
        headers["WARC-Profile"] = (
            "http://netpreserve.org/warc/1.1/revisit/identical-payload-digest"
        )
        headers["WARC-Refers-To-Target-URI"] = capture.url
    return _record(capture.url, capture.record_type, headers, capture.body, http)


def _metadata(capture: Capture, when: datetime) -> bytes:
    headers = {
        "WARC-Record-ID": record_id("metadata", capture),
        "WARC-Date": _iso(when),
        "WARC-Concurrent-To": record_id("response", capture),
    }
    fields = f"fetchTimeMs: {40 + len(capture.body) % 400}\r\n"
    return _record(capture.url, "metadata", headers, fields.encode())


def _record(
    url: str,
    kind: str,
    headers: dict[str, str],
    payload: bytes,
    http: StatusAndHeaders | None = None,
) -> bytes:
    plain = BytesIO()
    writer = WARCWriter(plain, gzip=False, warc_version="1.1")
    writer.write_record(
        writer.create_warc_record(
            url,
            kind,
            payload=BytesIO(payload),
            length=len(payload),
            warc_headers_dict=headers,
            http_headers=http,
        )
    )
    return gzip_member(plain.getvalue())


def _iso(when: datetime) -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")
