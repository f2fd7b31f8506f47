"""Sound gzip archives, one record per member, as fast as libdeflate inflates them.

A member that is too large for it is read as a stream: fastwarc's GzipReader inflates
faster than zlib and reports its current member. Neither says how a damaged member ends,
so nothing is repaired here. A record is returned once the next member has begun like a
record; everything else is left to the careful reader in `records`.
"""

from collections.abc import Generator

from fastwarc.stream_io import GzipReader

from tamis.warc.headers import MAX_HEADER_BYTES, Header, parse_header
from tamis.warc.libdeflate import WholeMembers
from tamis.warc.record import Record, is_wanted
from tamis.warc.source import Cursor, Source

_BUFFER = 64 * 1024
# Bytes to read per step until the header is complete. Larger steps need fewer calls,
# but a step beyond the end of a short record leaves that record to `records`.
_FIRST_STEP, _STEP = 256, 32
_SKIP_STEP = 1 << 20
_MAX_BLOCK = 16 << 30
# Bytes of file after which large members are done with, and others are tried again.
_STREAMED = 64 * 1024
# A decompression bomb is larger than this, and by this factor larger than its packed
# bytes. No page comes near it.
BOMB_BYTES = 64 << 20
BOMB_RATIO = 100
_BEGINNING = b"WARC/"
_BLANK_LINE = b"\r\n\r\n"
_USUAL_HEADER = 4096
_TRAILER = b"\r\n\r\n"


def read_members(
    source: Source,
    start: int,
    stop: int,
    *,
    whole: WholeMembers | None,
    max_block_bytes: int,
) -> Generator[Record, None, int]:
    """Records of the members from `start` on that start before `stop`.

    `whole` inflates those that can be inflated at once. Returns where to go on: the first member that does not start before `stop`,
    or the first that is not clearly sound; none of its records were returned.
    """
    offset = start
    while True:
        if whole is not None:
            offset = yield from _read_whole(
                whole, offset, stop, max_block_bytes=max_block_bytes
            )
        onwards = yield from _read_streamed(
            source,
            offset,
            stop if whole is None else min(stop, offset + _STREAMED),
            max_block_bytes=max_block_bytes,
        )
        if onwards == offset or onwards >= stop:
            return onwards
        offset = onwards


def _read_whole(
    whole: WholeMembers, start: int, stop: int, *, max_block_bytes: int
) -> Generator[Record, None, int]:
    """Records of the members that can be inflated at once; returns the first other one.

    That, or the last before `stop`, as no member is read beyond it.
    """
    offset = following = start
    member: tuple[Header, bytes] | None = None
    while following < stop:
        content = whole.inflated(following, offset)
        if content is None or content[: len(_BEGINNING)] != _BEGINNING:
            break
        if member is not None:
            yield Record(offset, 0, following - offset, *member)
            offset = following
        member = _record(content, max_block_bytes)
        if member is None:
            break
        following = whole.end
    return offset


def _record(content: memoryview, max_block_bytes: int) -> tuple[Header, bytes] | None:
    """Header and kept block of the record that is all of a member, if well-formed."""
    head = bytes(content[:_USUAL_HEADER])
    if _BLANK_LINE not in head:
        head = bytes(content[:MAX_HEADER_BYTES])
    header = parse_header(head[: head.find(_BLANK_LINE) + 4], is_arc=False)
    if header is None:
        return None
    end = header.length + header.block_length
    if content[end:] != _TRAILER:
        return None
    kept = min(header.block_length, max_block_bytes) if is_wanted(header) else 0
    return header, bytes(content[header.length : header.length + kept])


def _read_streamed(
    source: Source, start: int, stop: int, *, max_block_bytes: int
) -> Generator[Record, None, int]:
    """The same of members of any size, by fastwarc's reader; returns where to go on."""
    cursor = Cursor(source, start)
    reader = GzipReader(cursor, buffer_size=_BUFFER)
    offset = start

    def member_start() -> int:
        return start + (reader.frame_start_position() or 0)

    try:
        member = _read_member(reader, cursor, b"", max_block_bytes=max_block_bytes)
        while member is not None and member_start() == offset:
            # Only the first byte: it certainly belongs to the next member.
            head = reader.read(1)
            following = member_start()
            head += reader.read(len(_BEGINNING) - 1)
            if following == offset or head != _BEGINNING:
                break
            yield Record(offset, 0, following - offset, *member)
            offset = following
            if offset >= stop:
                break
            member = _read_member(reader, cursor, head, max_block_bytes=max_block_bytes)
    except OSError:
        cursor.reraise()
    return offset


def _read_member(
    reader: GzipReader, cursor: Cursor, head: bytes, *, max_block_bytes: int
) -> tuple[Header, bytes] | None:
    """Header and kept block of the record that starts with `head`, if well-formed."""
    head += reader.read(_FIRST_STEP)
    while _BLANK_LINE not in head:
        more = reader.read(_STEP)
        if not more or len(head) > MAX_HEADER_BYTES:
            return None
        head += more
    header = parse_header(head, is_arc=False)
    if header is None or header.block_length > _MAX_BLOCK:
        return None
    block = head[header.length :]
    if len(block) > header.block_length + len(_TRAILER):
        return None
    is_kept = is_wanted(header)
    if is_kept and header.block_length <= max_block_bytes:
        if len(block) > header.block_length:
            trailer = block[header.block_length :]
            block = block[: header.block_length]
        else:
            block = _read_exactly(reader, header.block_length, block)
            trailer = b""
        trailer = _read_exactly(reader, len(_TRAILER), trailer)
        return (header, block) if trailer == _TRAILER else None
    kept = max_block_bytes if is_kept else 0
    if kept > len(block):
        block = _read_exactly(reader, kept, block)
    left = header.block_length + len(_TRAILER) - len(block)
    trailer = block[-len(_TRAILER) :]
    packed_from, inflated = cursor.tell() - _BUFFER, 0
    while left > 0 and (part := reader.read(min(left, _SKIP_STEP))):
        left -= len(part)
        inflated += len(part)
        trailer = (trailer + part)[-len(_TRAILER) :]
        if is_bomb(inflated, cursor.tell() - packed_from):
            return None
    return (header, block[:kept]) if left == 0 and trailer == _TRAILER else None


def is_bomb(inflated: int, packed: int) -> bool:
    return inflated > BOMB_BYTES and inflated > BOMB_RATIO * packed


def _read_exactly(reader: GzipReader, length: int, head: bytes) -> bytes:
    """`length` bytes, `head` first; fewer only at the end of the file."""
    parts, left = [head], length - len(head)
    while left > 0 and (part := reader.read(left)):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)
