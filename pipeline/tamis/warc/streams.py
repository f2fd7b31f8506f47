"""A stream of inflated bytes in which records follow each other.

There are two kinds, with the same interface:

    PlainStream     an uncompressed archive; positions are offsets in the file
    SegmentStream   a frame that starts with a record, and every frame after it
                    that does not; positions count inflated bytes

Records of one segment have its offset in common; `inner` distinguishes them.
"""

import re
from typing import Protocol

from tamis.warc.frames import Archive, first_bytes
from tamis.warc.headers import (
    ARC_LINE,
    MAX_HEADER_BYTES,
    MAX_LONG_HEADER_BYTES,
    WARC_LINE,
    Header,
    is_header_start,
    parse_header,
)
from tamis.warc.members import is_bomb
from tamis.warc.scan import find_record

_STEP = 64 * 1024
# A frame may inflate to what its records declare, up to the first limit each, and some
# more (the second), if that is no bomb (`members.is_bomb`). `members` reads sound gzip members
# of any size.
_MAX_DECLARED = 2 << 30
_MAX_PACKED = 256 << 20  # of a record that packs as well as a bomb
_MAX_JUNK = 256 << 20
# Bytes kept of a record with a wrong length, to find the next record in them.
_LOOK_BACK = 8 << 20
_PADDING = b"\0\r\n"


class Stream(Protocol):
    """Bytes with a position that moves forwards, or back within the look-back."""

    position: int
    damage: str | None

    def peek(self, length: int) -> bytes: ...

    def skip(self, length: int) -> int: ...

    def allow(self, position: int) -> None: ...

    def find(self, position: int) -> bool: ...

    def between(self, start: int, stop: int) -> bytes: ...

    def offset_of(self, position: int) -> tuple[int, int]: ...

    def file_end(self, position: int) -> int: ...

    def is_sound(self, position: int) -> bool: ...


def skip_padding(stream: Stream) -> bool:
    """Skip NUL, CR and LF; returns whether anything is left."""
    length = 64
    while window := stream.peek(length):
        rest = window.lstrip(_PADDING)
        stream.skip(len(window) - len(rest))
        if rest:
            return True
        length = _STEP
    return False


def starts_record(stream: Stream, *, is_arc: bool) -> bool:
    head = stream.peek(MAX_HEADER_BYTES if is_arc else 64)
    return is_header_start(head, is_arc=is_arc)


def parse_head(stream: Stream, *, is_arc: bool) -> Header | None:
    """The record header at the stream's position; None if it is not complete."""
    for length in (4096, MAX_HEADER_BYTES, MAX_LONG_HEADER_BYTES):
        head = stream.peek(length)
        header = parse_header(head, is_arc=is_arc)
        if header is not None or len(head) < length:
            return header
    return None


class PlainStream:
    def __init__(self, archive: Archive, offset: int) -> None:
        self.position = offset
        self.damage: str | None = None
        self._archive = archive
        self._source = archive.source

    def peek(self, length: int) -> bytes:
        return self._source.at(self.position, length)

    def skip(self, length: int) -> int:
        skipped = max(0, min(length, self._source.size - self.position))
        self.position += skipped
        return skipped

    def allow(self, position: int) -> None:
        """Nothing: without inflating there is no limit."""

    def find(self, position: int) -> bool:
        """Move to the first record from `position` on, or to the end if none."""
        found = find_record(self._archive, position)
        self.position = self._source.size if found is None else found
        return found is not None

    def between(self, start: int, stop: int) -> bytes:
        """The bytes read from `start` to `stop`; empty if they are no longer kept."""
        is_kept = stop - start <= _LOOK_BACK
        return self._source.at(start, stop - start) if is_kept else b""

    def offset_of(self, position: int) -> tuple[int, int]:
        return position, 0

    def file_end(self, position: int) -> int:
        """How far the file must be read to get to `position`."""
        return position

    def is_sound(self, position: int) -> bool:
        """Whether no damage is known before `position`."""
        return True


class SegmentStream:
    def __init__(self, archive: Archive, offset: int) -> None:
        self.position = 0
        self.damage: str | None = None
        # What comes after the segment.
        self.next = offset
        self.sound_end = offset  # of the last frame without damage
        self.is_followed = False  # by a record, or by the end of the file
        self._archive = archive
        self._offset = offset
        self._frame = archive.frame(offset)
        self._is_done = False
        self._base = 0  # position of the first byte that is kept
        self._kept = bytearray()
        # For each sound frame, its end in inflated bytes and in the file.
        self._frame_ends: list[tuple[int, int]] = []
        self._sound_to = 0
        self._declared = 0  # where the record being read ends, by its header
        self._allowed = _MAX_JUNK

    def peek(self, length: int) -> bytes:
        start = self.position - self._base
        while len(self._kept) - start < length and self._inflate():
            start = self.position - self._base
        return bytes(self._kept[start : start + length])

    def skip(self, length: int) -> int:
        stop = self.position + length
        while self._base + len(self._kept) < stop and self._inflate():
            self.position = min(stop, self._base + len(self._kept))
        skipped_from = stop - length
        self.position = min(stop, self._base + len(self._kept))
        return self.position - skipped_from

    def allow(self, position: int) -> None:
        """Raise the limit: a record declares to end at `position`."""
        self._declared = min(position, self.position + _MAX_PACKED)
        self._allowed = min(position, self.position + _MAX_DECLARED) + _MAX_JUNK

    def find(self, position: int) -> bool:
        """Move to the first record from `position` or the first kept byte on."""
        self.position = max(position, self._base)
        line = ARC_LINE if self._archive.is_arc else WARC_LINE
        while window := self.peek(2 * MAX_HEADER_BYTES):
            for match in line.finditer(window):
                if self._is_record(window, match):
                    self.position += match.start()
                    return True
            # A match in the overlap, which may be cut, is tried again next time.
            is_last = len(window) < 2 * MAX_HEADER_BYTES
            self.skip(len(window) if is_last else MAX_HEADER_BYTES)
        return False

    def between(self, start: int, stop: int) -> bytes:
        is_kept = self._base <= start
        return bytes(
            self._kept[start - self._base : stop - self._base] if is_kept else b""
        )

    def offset_of(self, position: int) -> tuple[int, int]:
        return self._offset, position

    def file_end(self, position: int) -> int:
        """The end of the frame that `position` ends in, if it is known by now."""
        for inflated, end in self._frame_ends:
            if inflated >= position:
                return end
        return self._frame.read_to

    def is_sound(self, position: int) -> bool:
        return self.damage is None or position <= self._sound_to

    def _is_record(self, window: bytes, match: re.Match[bytes]) -> bool:
        head = window[match.start() : match.start() + MAX_HEADER_BYTES]
        return parse_header(head, is_arc=self._archive.is_arc) is not None

    def _inflate(self) -> bool:
        """Read some more bytes; False at the end of the segment."""
        if self._is_done:
            return False
        inflated = self._frame.read(_STEP)
        if not inflated:
            inflated = self._next_frame()
        length = self._base + len(self._kept)
        # A record that ends where its header says is no bomb, however well it packs.
        junk = length - self._declared
        if length > self._allowed or is_bomb(junk, self._frame.read_to - self._offset):
            self.damage, self._is_done = "inflates to far too much", True
            return False
        self._kept += inflated
        forgotten = self.position - self._base - _LOOK_BACK
        if forgotten > _LOOK_BACK:
            del self._kept[:forgotten]
            self._base += forgotten
            self._frame_ends = [e for e in self._frame_ends if e[0] > self._base]
        return bool(inflated)

    def _next_frame(self) -> bytes:
        """First bytes of the next frame, if it belongs to the segment."""
        while self._frame.damage is None and self._frame.end is not None:
            self._sound_to = self._base + len(self._kept)
            self.sound_end = self._frame.end
            self._frame_ends.append((self._sound_to, self.sound_end))
            self.next = self._archive.skip_padding(self._frame.end)
            if self.next >= self._archive.source.size:
                self.is_followed = True
                break
            if not self._archive.is_frame_start(self.next):
                break
            following = self._archive.frame(self.next)
            head = first_bytes(following)
            if self._archive.begins_record(head):
                self.is_followed = True
                break
            if following.damage is not None and not head:
                break
            self._frame = following
            if head:
                return head
        self.damage = self._frame.damage
        self._is_done = True
        return b""
