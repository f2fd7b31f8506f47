"""The records of a split, in order, and the losses between them.

Sound gzip members are read by `members`, which is fast and stops at the first member
that is not clearly sound. Everything else is read here, by these rules:

* A record is whole if its block has the declared length and another record, or
  the end of the file, follows. Padding (NUL, CR, LF) may be between.
* In doubt its digest decides. Without one, a record of the declared length counts as
  whole unless another record starts inside it.
* A record that is not whole is lost; reading goes on at the next one found.
"""

from collections.abc import Generator, Iterator
from dataclasses import replace

from tamis.errors import InputError
from tamis.warc.foreign import LONGEST, other_kind, packed_kind
from tamis.warc.frames import Archive, first_bytes
from tamis.warc.headers import Header
from tamis.warc.libdeflate import whole_members
from tamis.warc.members import read_members
from tamis.warc.proof import digest_holds, whole_block
from tamis.warc.record import Loss, Record, is_wanted
from tamis.warc.scan import find_frame, find_record
from tamis.warc.splits import Place, Split
from tamis.warc.streams import (
    PlainStream,
    SegmentStream,
    Stream,
    parse_head,
    skip_padding,
    starts_record,
)


def read_records(
    archive: Archive, split: Split, place: Place, *, max_block_bytes: int
) -> Iterator[Record | Loss]:
    """Records that start in the split. Fills `place`.

    Blocks of wanted records are cut at `max_block_bytes`, others are left out.
    Raises InputError if the file holds no record at all, or is packed as no archive
    is; only the first split checks.
    """
    if split.start == 0:
        _refuse_packed(archive)
    start = _first_start(archive, split)
    place.first_start = place.next_start = split.stop if start is None else start
    is_archive, bytes_lost = False, 0
    if start is not None and start < split.stop:
        for step in _steps(
            archive, start, split.stop, place=place, max_block_bytes=max_block_bytes
        ):
            is_archive = is_archive or isinstance(step, Record) or step.is_seen
            bytes_lost += step.bytes if isinstance(step, Loss) else 0
            yield step
    is_all = split.start == 0 and place.next_start >= split.size
    is_empty = archive.first < split.size and not bytes_lost
    if is_all and split.size and not is_archive and not is_empty:
        raise _nothing_in(archive)


def _first_content(archive: Archive) -> tuple[bytes, bytes]:
    """The first bytes of a file as they are, and inflated (empty if it is not packed)."""
    head = archive.source.at(archive.first, LONGEST)
    if archive.codec == "plain":
        return head, b""
    return head, first_bytes(archive.frame(archive.first))


def _refuse_packed(archive: Archive) -> None:
    """Raise InputError for a file that is packed as no archive is; say how."""
    head, inflated = _first_content(archive)
    kind = packed_kind(head, inflated)
    if kind:
        raise InputError(f"{archive.source.name}: it is {kind}")


def _nothing_in(archive: Archive) -> InputError:
    head, inflated = _first_content(archive)
    kind = other_kind(inflated or head)
    why = f"no WARC or ARC record in it{f', it is {kind}' if kind else ''}"
    return InputError(f"{archive.source.name}: {why}")


def read_record_at(
    archive: Archive, offset: int, *, max_block_bytes: int
) -> Iterator[Record | Loss]:
    """The records of the frame, or the one record, at `offset`."""
    if archive.codec != "plain":
        if archive.is_frame_start(offset):
            yield from _read_segment(archive, offset, max_block_bytes)
        return
    yield from _read_stream(
        PlainStream(archive, offset),
        archive,
        offset + 1,
        max_block_bytes=max_block_bytes,
    )


def _first_start(archive: Archive, split: Split) -> int | None:
    if split.exact:
        return split.start
    if split.start <= archive.first:
        return archive.first
    return find_record(archive, split.start, split.stop)


def _steps(
    archive: Archive, start: int, stop: int, *, place: Place, max_block_bytes: int
) -> Iterator[Record | Loss]:
    if archive.codec == "plain":
        stream = PlainStream(archive, start)
        yield from _read_stream(stream, archive, stop, max_block_bytes=max_block_bytes)
        place.next_start = stream.position
        return
    position = start
    may_be_members = archive.codec == "gzip" and not archive.is_arc
    whole = whole_members(archive.source, stop) if may_be_members else None
    while position < stop:
        if may_be_members:
            position = yield from read_members(
                archive.source,
                position,
                stop,
                whole=whole,
                max_block_bytes=max_block_bytes,
            )
            if position >= stop:
                break
        position = yield from _read_segment(archive, position, max_block_bytes)
    place.next_start = position


def _read_segment(
    archive: Archive, offset: int, max_block_bytes: int
) -> Generator[Record | Loss, None, int]:
    """Records of one segment; returns where the next one starts.

    After damage it goes on with the next sound frame, at the first record that begins
    in it. It does not look for a frame that begins with a record: if frames are cut at
    any byte, as by bgzip, there may be none.
    """
    following: int | None = None
    while True:
        if archive.is_frame_start(offset):
            reading = _read_frames(
                archive, offset, following, max_block_bytes=max_block_bytes
            )
        else:
            reading = _lose_junk(archive, offset)
        offset, following = yield from reading
        if following is None:
            return offset


# Where to go on; and, if damage in the segment is before it, where the next one starts.
_Onwards = tuple[int, int | None]


def _read_frames(
    archive: Archive, offset: int, following: int | None, *, max_block_bytes: int
) -> Generator[Record | Loss, None, _Onwards]:
    """Records of the frame at `offset` and of those after it that begin with none."""
    stream = SegmentStream(archive, offset)
    is_resumed = following is not None
    if is_resumed:
        stream.find(0)
    end = offset
    lost: Loss | None = None
    is_only = True  # the first of the segment, and so far the last
    for step in _read_stream(stream, archive, None, max_block_bytes=max_block_bytes):
        # A loss is held back: the damage that ended the stream may explain it.
        if lost is not None:
            yield lost
            is_only = False
        lost = step if isinstance(step, Loss) else None
        if isinstance(step, Record):
            end = step.offset + step.length
            is_only = False
            yield step
    if stream.damage is not None:
        damaged = max(offset + 1, stream.sound_end)
        onwards = _after_damage(archive, damaged, following)
        records = int(end == offset and not is_resumed)
        records = lost.records if lost is not None else records
        is_seen = lost is not None and lost.is_seen
        record = lost.record if lost is not None else None
        # A record proved by its digest may have been read beyond what follows.
        length = max(0, onwards[0] - end)
        yield Loss(end, length, records, stream.damage, is_seen=is_seen, record=record)
        return onwards
    if lost is not None:
        yield replace(lost, bytes=stream.next - offset) if is_only else lost
    if stream.is_followed:
        return stream.next, None
    return (yield from _lose_junk(archive, stream.next))


def _lose_junk(archive: Archive, offset: int) -> Generator[Loss, None, _Onwards]:
    onwards = _after_damage(archive, offset + 1)
    # Magic bytes without a header: a record whose frame is damaged from the start.
    records = int(archive.is_frame_start(offset))
    yield Loss(offset, onwards[0] - offset, records, "not a record")
    return onwards


def _after_damage(
    archive: Archive, start: int, following: int | None = None
) -> _Onwards:
    """Where reading goes on after damage that ends at `start` or later."""
    if following is None or following < start:
        following = _next_record(archive, start)
    frame = find_frame(archive, start, following)
    return (following, None) if frame is None else (frame, following)


def _next_record(archive: Archive, start: int) -> int:
    found = find_record(archive, start)
    return archive.source.size if found is None else found


def _read_stream(
    stream: Stream, archive: Archive, stop: int | None, *, max_block_bytes: int
) -> Iterator[Record | Loss]:
    """Records of a stream that start before `stop`; leaves it at the next."""
    while skip_padding(stream):
        start = stream.position
        if stop is not None and start >= stop:
            return
        is_record = starts_record(stream, is_arc=archive.is_arc)
        header = parse_head(stream, is_arc=archive.is_arc) if is_record else None
        if header is None:
            stream.find(start + 1)
            cause = "a header cut or without length" if is_record else "not a record"
            yield _loss(stream, start, int(is_record), cause=cause)
            continue
        yield from _read_block(stream, archive, header, max_block_bytes=max_block_bytes)


def _read_block(
    stream: Stream, archive: Archive, header: Header, *, max_block_bytes: int
) -> Iterator[Record | Loss]:
    """The record at the stream's position, or its loss, and any junk after it."""
    start = stream.position
    stream.skip(header.length)
    stream.allow(stream.position + header.block_length)
    kept = min(header.block_length, max_block_bytes) if is_wanted(header) else 0
    block = stream.peek(kept)
    is_whole = stream.skip(header.block_length) == header.block_length
    end = stream.position
    is_followed = skip_padding(stream)
    offset, inner = stream.offset_of(start)
    length = stream.file_end(end) - offset
    record = Record(offset, inner, length, header, block)
    if is_whole and _ends_well(stream, archive, end, is_followed=is_followed):
        yield record
        return
    is_sound = stream.is_sound(end)
    is_kept = is_wanted(header) and len(block) == header.block_length
    holds = digest_holds(header, block) if is_kept else None
    if is_whole and is_sound and holds:
        if is_followed:
            stream.find(stream.position)
    else:
        stream.find(start + header.length)
        is_overrun = stream.position < end
        if not is_whole or not is_sound or holds is False or is_overrun:
            cause = stream.damage or "wrong length or digest"
            yield _repaired(stream, record, start) or replace(
                _loss(stream, start, 1, cause=cause),
                record=record if is_wanted(header) else None,
            )
            return
    yield record
    if stream.position > end:
        yield _loss(stream, end, 0, cause="not a record")


def _ends_well(
    stream: Stream, archive: Archive, end: int, *, is_followed: bool
) -> bool:
    """Whether the stream is at another record, or at a sound end."""
    if not is_followed:
        return stream.is_sound(end)
    return starts_record(stream, is_arc=archive.is_arc)


def _repaired(stream: Stream, record: Record, start: int) -> Record | None:
    """The record with its block's true length, if that can be proved.

    The stream is where the next record was found. In a damaged frame nothing
    can be proved: no digest covers the record's own header.
    """
    header = record.header
    if not is_wanted(header) or not stream.is_sound(stream.position):
        return None
    found = stream.between(start + header.length, stream.position)
    block = whole_block(header, found)
    if block is None:
        return None
    length = stream.file_end(stream.position) - record.offset
    header = replace(header, block_length=len(block))
    return replace(record, length=length, header=header, block=block)


def _loss(stream: Stream, start: int, records: int, *, cause: str) -> Loss:
    offset, inner = stream.offset_of(start)
    length = stream.position - start
    return Loss(offset, length, records, cause, inner, is_seen=records > 0)
