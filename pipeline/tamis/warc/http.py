"""An HTTP response from an archive: status, fields, and the decoded body.

Servers name codings that they do not apply, apply others than they name, and crawlers
store bodies that they have decoded already. So a coding that fails on the first bytes was
not applied; one that fails later gives the bytes before the failure; and magic bytes count
for more than a name. Output is capped: a body that inflates without end takes no more
memory than the cap.
"""

import io
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tamis.warc.headers import parse_fields
from tamis.warc.salvage import inflated_before_damage

if TYPE_CHECKING:
    from fastwarc.stream_io import BrotliReader, ZstdReader

# As warcio and fastwarc read it: `http/1.1 200`, `HTTP 200`, `ICY 200`, a blank line
# before it.
_STATUS_LINE = re.compile(
    rb"[\r\n]{0,8}(?:HTTP(?:/\d(?:\.\d)?)?|ICY)[ \t]+0{0,4}(\d{3})(?!\d)", re.I
)
_HEAD_END = re.compile(rb"\n\r?\n")
# A head that is longer is not read: the record drops as `http_head_too_large`.
MAX_HEAD_BYTES = 1 << 20
_MOST_INTERIM = 8  # responses such as `100 Continue` before the one that counts
# Sizes of up to 16 digits and zeros before them; some servers send blank lines first.
_CHUNK_LINE = re.compile(
    rb"(?:\r?\n){0,4}[ \t]*(0{0,64}[0-9a-fA-F]{1,16})[ \t]*(?:;[^\n]{0,4096})?\r?\n"
)
# Text by itself may look like a chunk that ends in LF alone, if it is as short as a line.
_SHORTEST_LF_CHUNK = 256
_PAGE_START = re.compile(rb"\s{0,64}<(?:!doctype\s|html[\s>]|\?xml\s)", re.I)
_CODINGS_LINE = re.compile(
    rb"(?<=\n)(transfer|content)-encoding[ \t]*:([^\n]*)", re.IGNORECASE
)
_TRAILERS = re.compile(rb"(?:[!-9;-~]{1,128}:[^\n]{0,4096}\r?\n){0,64}(?:\r?\n)?")
_MOST_LAYERS = 4  # of codings, named or not
_MOST_COPIED = 256 << 20  # each member of gzip costs a copy of what follows it
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
    """`status` is None if the block does not begin like a response.

    `transfer` and `content` are the codings of all lines that name some, in their order.
    `is_whole` is false for a head of more than MAX_HEAD_BYTES.
    """

    status: int | None
    fields: dict[str, str]
    body_start: int
    transfer: tuple[str, ...] = ()
    content: tuple[str, ...] = ()
    is_whole: bool = True


def parse_response(block: bytes) -> Response:
    """Status, fields and start of the body in a response record's block.

    Interim responses (1xx) before it are skipped. Without a blank line after the head
    there is no body.
    """
    start = 0
    status = _STATUS_LINE.match(block)
    if status is None:
        return Response(None, {}, 0)
    end = _HEAD_END.search(block, status.end(), MAX_HEAD_BYTES)
    for _ in range(_MOST_INTERIM):
        is_interim = status.group(1).startswith(b"1") and status.group(1) != b"101"
        final = _STATUS_LINE.match(block, end.end()) if is_interim and end else None
        if end is None or final is None:
            break
        start, status = end.end(), final
        end = _HEAD_END.search(block, status.end(), start + MAX_HEAD_BYTES)
    most = min(len(block), start + MAX_HEAD_BYTES)
    body_start = most if end is None else end.end()
    head = block[start:body_start]
    fields = parse_fields(head[head.find(b"\n", status.end() - start) + 1 :], "latin-1")
    codings: dict[bytes, list[str]] = {b"transfer": [], b"content": []}
    if "transfer-encoding" in fields or "content-encoding" in fields:
        for kind, value in _CODINGS_LINE.findall(head):
            codings[kind.lower()] += _codings(value.decode("latin-1"))
    return Response(
        int(status.group(1)),
        fields,
        body_start,
        tuple(codings[b"transfer"]),
        tuple(codings[b"content"]),
        is_whole=end is not None or body_start == len(block),
    )


def _codings(value: str) -> list[str]:
    """`gzip;q=1.0, "br"` -> gzip, br; `identity` is none."""
    names = [
        part.partition(";")[0].strip(" \t\r'\"").lower() for part in value.split(",")
    ]
    return [name for name in names if name and name != "identity"]


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
    body: memoryview, response: Response, max_bytes: int
) -> bytes | memoryview:
    """The body without its transfer and content codings.

    At most `max_bytes + 1` bytes, to distinguish "too large" from "just fits". Codings
    that are applied and not named are undone as well, by their magic bytes.
    """
    is_plain = not response.transfer and not response.content
    if is_plain and not _may_be_coded(body):
        return body[: max_bytes + 1]
    decoded = bytes(body)
    if "chunked" in response.transfer:
        decoded = _dechunk(decoded)
    layers = 0
    # By the server, and by a proxy once more.
    while layers < _MOST_LAYERS and _is_chunked(decoded):
        decoded = _dechunk(decoded)
        layers += 1
    layers = 0
    for coding in reversed((*response.content, *response.transfer)):
        decode = _DECODERS.get(coding)
        if decode is not None and layers < _MOST_LAYERS:
            decoded = decode(decoded, max_bytes + 1)
            layers += 1
    while layers < _MOST_LAYERS:
        unpacked = _unpacked(decoded, max_bytes + 1)
        if unpacked == decoded:
            break
        decoded = unpacked
        layers += 1
    return decoded[: max_bytes + 1]


def _unpacked(body: bytes, max_bytes: int) -> bytes:
    """Without the coding or the chunks that its first bytes show; unchanged if none do."""
    if _is_chunked(body):
        return _dechunk(body)
    name = _packed_by(body)
    return body if name is None else _DECODERS[name](body, max_bytes)


def is_binary(body: bytes | memoryview, response: Response) -> bool:
    """Whether a body is no text, because it is packed still or never was any.

    Control bytes that no text has decide (WHATWG MIME Sniffing, section 3, "binary data
    byte"): one is enough after a named coding or magic bytes. Without these it takes a
    twentieth of the first bytes (of packed ones it is a tenth). UTF-16 has zero bytes, and
    mostly a byte order mark.
    """
    head = bytes(body[:512])
    if head.startswith((b"\xfe\xff", b"\xff\xfe")):
        return False
    if response.content or _packed_by(head) is not None:
        return _BINARY.search(head) is not None
    if len(head) < _SHORTEST_BINARY or head.count(0) * 8 > len(head):
        return False
    return 20 * len(_CONTROLS.findall(head)) >= len(head)


_SHORTEST_BINARY = 64
# Without NUL, and without SO and SI, which switch the script in ISO-2022-KR.
_CONTROLS = re.compile(rb"[\x01-\x08\x0b\x10-\x1a\x1c-\x1f]")
_BINARY = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")
_MAGIC = (
    (b"\x1f\x8b\x08", "gzip"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"\x78\x01", "deflate"),
    (b"\x78\x5e", "deflate"),
    (b"\x78\x9c", "deflate"),
    (b"\x78\xda", "deflate"),
)


def _packed_by(body: bytes) -> str | None:
    """The coding whose magic bytes a body begins with; the two of zlib also begin `x^`
    and `x\\x9c`, so that the rest must look packed as well.
    """
    for magic, name in _MAGIC:
        if body.startswith(magic):
            return name if name != "deflate" or _BINARY.search(body[:512]) else None
    return None


def _may_be_coded(body: memoryview) -> bool:
    """Whether the first bytes are magic ones, or a chunk's size."""
    head = bytes(body[:256])
    return _packed_by(head) is not None or _CHUNK_LINE.match(head) is not None


def _is_chunked(body: bytes) -> bool:
    """Whether a body begins with a chunk that ends where its size says, and with another
    chunk, or the end, after that. `200` on a line of its own is not enough; a page or
    magic bytes right behind it are, where the body was cut within the chunk.
    """
    line = _CHUNK_LINE.match(body)
    if line is None:
        return False
    size = int(line.group(1), 16)
    stop = line.end() + size
    if size == 0:
        return False
    if stop > len(body):
        return _PAGE_START.match(body, line.end()) is not None or (
            _packed_by(body[line.end() : line.end() + 512]) is not None
        )
    if body.startswith(b"\r\n", stop):
        stop += 2
    elif body.startswith(b"\n", stop) and size >= _SHORTEST_LF_CHUNK:
        stop += 1
    else:
        return False
    return stop == len(body) or _CHUNK_LINE.match(body, stop) is not None


def _dechunk(body: bytes) -> bytes:
    """The chunks joined (RFC 9112, section 7.1); bytes after the last one unchanged."""
    parts: list[bytes] = []
    position = 0
    while (line := _CHUNK_LINE.match(body, position)) is not None:
        size = int(line.group(1), 16)
        start = line.end()
        if size == 0:
            is_joined = not parts and _TRAILERS.fullmatch(body, start) is None
            return body if is_joined else b"".join(parts)
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
    packed = len(body)
    copied = 0
    while body and length < max_bytes and copied < _MOST_COPIED:
        copied += len(body)
        inflater = zlib.decompressobj(wbits)
        try:
            parts.append(inflater.decompress(body, max_bytes - length))
        except zlib.error:
            again = zlib.decompressobj(wbits)
            salvaged = inflated_before_damage(again, body, max_bytes - length)
            # Raw deflate has neither magic bytes nor a checksum: the first letters of
            # many a text are the beginning of a block.
            is_misread = wbits < 0 and len(salvaged) <= packed
            if not parts and (not salvaged or is_misread):
                return None
            parts.append(salvaged)
            break
        length += len(parts[-1])
        is_cut = not inflater.eof and not inflater.unconsumed_tail
        if wbits < 0 and is_cut and length <= packed:
            return None
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
    from fastwarc.stream_io import BrotliReader

    return _read_through(BrotliReader, body, max_bytes)


def _unzstd(body: bytes, max_bytes: int) -> bytes:
    from fastwarc.stream_io import ZstdReader

    return _read_through(ZstdReader, body, max_bytes)


def _read_through(
    reader_type: "type[BrotliReader] | type[ZstdReader]", body: bytes, max_bytes: int
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
