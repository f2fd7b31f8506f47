"""An HTTP response from an archive: status, fields, and the decoded body.

Servers name codings that they do not apply, and crawlers store bodies that they have
decoded already. So a coding that fails on the first bytes was not applied; one that
fails later gives the bytes before the failure. Output is capped: a body that inflates
without end takes no more memory than the cap.
"""

import io
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass

from fastwarc.stream_io import BrotliReader, ZstdReader

from tamis.warc.headers import MAX_HEADER_BYTES, parse_fields
from tamis.warc.salvage import inflated_before_damage

_STATUS_LINE = re.compile(rb"HTTP/\d(?:\.\d)?[ \t]+(\d{3})(?!\d)")
_HEAD_END = re.compile(rb"\n\r?\n")
_CHUNK_LINE = re.compile(rb"[ \t]*([0-9a-fA-F]{1,8})[ \t]*(?:;[^\n]{0,4096})?\r?\n")
_STEP = 64 * 1024
# What a server says about the use of a page. Such a field may occur several times, each
# for another agent. So all are kept, while of other fields only the first counts.
_RIGHTS_LINE = re.compile(
    rb"(?<=\n)(x-robots-tag|tdm-reservation|tdm-policy|content-signal|content-usage"
    rb"|link(?=[^\n]*license))[ \t]*:([^\n]*)",
    re.IGNORECASE,
)
_RIGHTS_FIELDS = (
    "x-robots-tag",
    "tdm-reservation",
    "tdm-policy",
    "content-signal",
    "content-usage",
    "link",
)
_MOST_VALUE_BYTES = 2_000


@dataclass(frozen=True, slots=True)
class Response:
    """`status` is None if the block does not begin like a response."""

    status: int | None
    fields: dict[str, str]
    body_start: int


def parse_response(block: bytes) -> Response:
    """Status, fields and start of the body in a response record's block.

    Without a blank line after the head there is no body.
    """
    status = _STATUS_LINE.match(block)
    if status is None:
        return Response(None, {}, 0)
    end = _HEAD_END.search(block, 0, MAX_HEADER_BYTES)
    start = min(len(block), MAX_HEADER_BYTES) if end is None else end.end()
    fields = parse_fields(block[block.find(b"\n", 0, start) + 1 : start], "latin-1")
    return Response(int(status.group(1)), fields, start)


def rights_lines(block: bytes, response: Response) -> str | None:
    """A line `name: value` for each field about reuse, names in lower case.

    `Link` counts if it names a license. None if there is no such field.
    """
    if not any(name in response.fields for name in _RIGHTS_FIELDS):
        return None
    head = block[: response.body_start]
    lines = [
        f"{name.decode().lower()}: {value[:_MOST_VALUE_BYTES].decode('latin-1').strip()}"
        for name, value in _RIGHTS_LINE.findall(head)
    ]
    return "\n".join(lines) or None


def decode_body(
    body: memoryview, fields: dict[str, str], max_bytes: int
) -> bytes | memoryview:
    """The body without its transfer and content codings.

    At most `max_bytes + 1` bytes, to distinguish "too large" from "just fits".
    """
    transfer = fields.get("transfer-encoding", "").lower()
    content = fields.get("content-encoding", "").lower()
    if not transfer and not content:
        return body[: max_bytes + 1]
    decoded = bytes(body)
    if "chunked" in transfer:
        decoded = _dechunk(decoded)
    for coding in reversed([*content.split(","), *transfer.split(",")]):
        decode = _DECODERS.get(coding.strip())
        if decode is not None:
            decoded = decode(decoded, max_bytes + 1)
    return decoded[: max_bytes + 1]


def _dechunk(body: bytes) -> bytes:
    """The chunks joined (RFC 9112, section 7.1); bytes after the last one unchanged."""
    parts: list[bytes] = []
    position = 0
    while (line := _CHUNK_LINE.match(body, position)) is not None:
        size = int(line.group(1), 16)
        start = line.end()
        if size == 0:
            return b"".join(parts)
        parts.append(body[start : start + size])
        position = start + size
        if body.startswith(b"\r\n", position):
            position += 2
        elif body.startswith(b"\n", position):
            position += 1
        else:
            break
    return b"".join([*parts, body[position:]])


def _inflate(body: bytes, max_bytes: int, wbits: int) -> bytes | None:
    """The decoded body; None if its first bytes are not in this coding."""
    parts: list[bytes] = []
    length = 0
    while body and length < max_bytes:
        inflater = zlib.decompressobj(wbits)
        try:
            parts.append(inflater.decompress(body, max_bytes - length))
        except zlib.error:
            again = zlib.decompressobj(wbits)
            salvaged = inflated_before_damage(again, body, max_bytes - length)
            if not parts and not salvaged:
                return None
            parts.append(salvaged)
            break
        length += len(parts[-1])
        # Several members may follow each other; anything else is left out.
        body = inflater.unused_data if wbits == 31 else b""
    return b"".join(parts)


def _gunzip(body: bytes, max_bytes: int) -> bytes:
    inflated = _inflate(body, max_bytes, 31)
    return body if inflated is None else inflated


def _undeflate(body: bytes, max_bytes: int) -> bytes:
    """zlib's format as the standard says, or raw deflate as some servers send."""
    inflated = _inflate(body, max_bytes, 15)
    if inflated is None:
        inflated = _inflate(body, max_bytes, -15)
    return body if inflated is None else inflated


def _unbrotli(body: bytes, max_bytes: int) -> bytes:
    return _read_through(BrotliReader, body, max_bytes)


def _unzstd(body: bytes, max_bytes: int) -> bytes:
    return _read_through(ZstdReader, body, max_bytes)


def _read_through(
    reader_type: type[BrotliReader] | type[ZstdReader], body: bytes, max_bytes: int
) -> bytes:
    reader = reader_type(io.BytesIO(body))
    parts: list[bytes] = []
    length = 0
    try:
        while length < max_bytes and (
            part := reader.read(min(_STEP, max_bytes - length))
        ):
            parts.append(part)
            length += len(part)
    except OSError:
        if not parts:
            return body
    return b"".join(parts)


_DECODERS: dict[str, Callable[[bytes, int], bytes]] = {
    "gzip": _gunzip,
    "x-gzip": _gunzip,
    "deflate": _undeflate,
    "br": _unbrotli,
    "zstd": _unzstd,
}
