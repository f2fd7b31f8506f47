"""The first record at or after any place of a file.

`find_record` depends on the file's bytes and the place alone, never on what was
read before: two readers that look for the same record find the same place. A
candidate must

    begin with the magic bytes of its codec (or a WARC or ARC line),
    inflate to a whole record header,
    be sound to its end, and
    be followed by the end of the file or by another frame (or record).

A body can hold all this, if an archive is stored within an archive. So the result is
nearly always right and sometimes wrong: the runner compares it with the end of the
split before.
"""

from collections.abc import Iterator

from tamis.warc.frames import MAGIC, Archive, Frame, first_bytes
from tamis.warc.headers import (
    ARC_LINE,
    MAX_HEADER_BYTES,
    WARC_LINE,
    is_header_start,
    parse_header,
)

_WINDOW = 256 * 1024
_STEP = 64 * 1024
# A candidate that inflates to more is accepted: no scan may take minutes for one.
_MAX_INFLATED = 256 << 20
# Frames that hold a part of a record are small: those of bgzip inflate to 64 kB.
_MAX_FRAME = 16 << 20


def find_record(archive: Archive, start: int, stop: int | None = None) -> int | None:
    """Offset of the first record in [start, stop); None if there is none.

    Without `stop` the search goes on to the end of the file.
    """
    size = archive.source.size
    stop = size if stop is None else min(stop, size)
    candidates, holds = (
        (_lines, _is_plain_record)
        if archive.codec == "plain"
        else (_magics, _is_framed_record)
    )
    for offset in candidates(archive, start, stop):
        if holds(archive, offset):
            return offset
    return None


def find_frame(archive: Archive, start: int, stop: int) -> int | None:
    """Offset of the first sound frame in [start, stop), with a record first or not."""
    for offset in _magics(archive, start, stop):
        frame = archive.frame(offset)
        _inflate(frame, _MAX_FRAME)
        if frame.end is not None and _is_followed(archive, frame.end):
            return offset
    return None


def _magics(archive: Archive, start: int, stop: int) -> Iterator[int]:
    """Every place in [start, stop) with the codec's magic bytes."""
    magic = MAGIC[archive.codec]
    while start < stop:
        window = archive.source.at(start, _WINDOW)
        found = window.find(magic)
        while found >= 0 and start + found < stop:
            yield start + found
            found = window.find(magic, found + 1)
        start += max(len(window) - len(magic) + 1, 1)


def _lines(archive: Archive, start: int, stop: int) -> Iterator[int]:
    """Every line that starts in [start, stop) and may begin a record."""
    line = ARC_LINE if archive.is_arc else WARC_LINE
    while start < stop:
        # The byte before shows whether a line starts; a line may end much later.
        before = min(start, 1)
        window = archive.source.at(start - before, before + _WINDOW + MAX_HEADER_BYTES)
        for match in line.finditer(window):
            offset = start - before + match.start()
            if match.start() < before or offset >= min(stop, start + _WINDOW):
                continue
            yield offset
        start += _WINDOW


def _is_framed_record(archive: Archive, offset: int) -> bool:
    frame = archive.frame(offset)
    head = first_bytes(frame)
    if not archive.begins_record(head):
        return False
    while len(head) < MAX_HEADER_BYTES and (part := frame.read(_STEP)):
        head += part
    if parse_header(head, is_arc=archive.is_arc) is None:
        return False
    _inflate(frame, _MAX_INFLATED - len(head))
    if frame.end is None:
        return frame.damage is None
    return _is_followed(archive, frame.end)


def _inflate(frame: Frame, most: int) -> None:
    inflated = 0
    while inflated < most and (part := frame.read(_STEP)):
        inflated += len(part)


def _is_followed(archive: Archive, end: int) -> bool:
    """Whether another frame or the end of the file follows."""
    following = archive.skip_padding(end)
    if following >= archive.source.size:
        return True
    if not archive.is_frame_start(following):
        return False
    after = archive.frame(following)
    return bool(after.read(_STEP)) or after.damage is None


def _is_plain_record(archive: Archive, offset: int) -> bool:
    source = archive.source
    header = parse_header(source.at(offset, MAX_HEADER_BYTES), is_arc=archive.is_arc)
    if header is None:
        return False
    end = offset + header.length + header.block_length
    if end > source.size:
        return False
    following = archive.skip_padding(end)
    return following >= source.size or is_header_start(
        source.at(following, MAX_HEADER_BYTES), is_arc=archive.is_arc
    )
