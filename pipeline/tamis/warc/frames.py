"""Compressed archives: where a frame begins and ends, and what it inflates to.

A frame is a gzip member, a zstd frame or an LZ4 frame. Archives hold one record
per frame as a rule, but not always. A frame has the attributes:

    read_to  how far the file was read for the bytes returned so far
    end      where the file goes on after the frame; None until all of it was read
    damage   what is wrong with it; None for a sound frame
"""

import io
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from tamis.warc.frame_ends import (
    LZ4_MAGIC,
    ZSTD_MAGIC,
    lz4_end,
    skippable_frame,
    zstd_end,
)
from tamis.warc.headers import is_header_start
from tamis.warc.salvage import inflated_before_damage
from tamis.warc.source import Cursor, Source

if TYPE_CHECKING:
    pass

Codec = Literal["gzip", "zstd", "lz4", "plain"]

MAGIC: dict[Codec, bytes] = {
    "gzip": b"\x1f\x8b\x08",
    "zstd": ZSTD_MAGIC,
    "lz4": LZ4_MAGIC,
}
_SUFFIX: dict[str, Codec] = {".gz": "gzip", ".zst": "zstd", ".lz4": "lz4"}
_FEED = 64 * 1024
_FIRST_FEED = 1024  # false magic bytes cost little
_HEAD = 16 * 1024
_MAX_DICTIONARY = 64 << 20
_ZSTD_DICTIONARY = 0x184D2A5D
_PADDING = b"\0\r\n"


class Frame(Protocol):
    """Bytes of one frame, inflated as they are asked for."""

    read_to: int
    end: int | None
    damage: str | None

    def read(self, length: int) -> bytes:
        """At most `length` bytes; none at the end of the frame or at damage."""


@dataclass(frozen=True, slots=True)
class Archive:
    """What must be known about a file before any of its records can be read."""

    source: Source
    codec: Codec
    is_arc: bool
    first: int  # where the first record should be
    dictionary: bytes | None  # of a zstd archive that contains one

    def frame(self, offset: int) -> Frame:
        """The frame at `offset`, which must have its magic bytes there."""
        if self.codec == "gzip":
            return _GzipFrame(self.source, offset)
        return _SizedFrame(self, offset)

    def begins_record(self, head: bytes) -> bool:
        """Whether a frame with these `first_bytes` starts with a record."""
        return is_header_start(head, is_arc=self.is_arc)

    def is_frame_start(self, offset: int) -> bool:
        magic = MAGIC[self.codec]
        return self.source.at(offset, len(magic)) == magic

    def skip_padding(self, offset: int) -> int:
        """First place from `offset` on after NUL, CR, LF and skippable frames."""
        offset = _skip_bytes(self.source, offset)
        while self.codec in ("zstd", "lz4"):
            skippable = skippable_frame(self.source, offset)
            if skippable is None or offset + skippable[1] > self.source.size:
                break
            offset = _skip_bytes(self.source, offset + skippable[1])
        return offset


def first_bytes(frame: Frame) -> bytes:
    """The start of a frame: enough for an ARC line, or all of a short frame."""
    head = b""
    while len(head) < _HEAD and (part := frame.read(_HEAD)):
        head += part
    return head


def open_archive(source: Source, start: int = 0) -> Archive:
    """The archive, its codec and kind read from the first bytes, or else from its name.

    The name counts only if the first bytes are damaged. `start` is where a frame or
    record is known to be, to read only that one.
    """
    first = _skip_bytes(source, start)
    codec = _codec_by_magic(source, first) or _codec_by_name(source)
    dictionary = _dictionary(source) if codec == "zstd" else None
    archive = Archive(source, codec, False, first, dictionary)
    first = archive.skip_padding(first)
    if codec == "plain":
        head = source.at(first, _HEAD)
    else:
        head = first_bytes(archive.frame(first))
    # ".arc" in the name counts only if the beginning cannot be read.
    is_arc = is_header_start(head, is_arc=True) or (
        ".arc" in source.name.lower() and not is_header_start(head, is_arc=False)
    )
    return Archive(source, codec, is_arc, first, dictionary)


def _codec_by_magic(source: Source, offset: int) -> Codec | None:
    head = source.at(offset, _HEAD)
    for codec, magic in MAGIC.items():
        if head.startswith(magic):
            return codec
    if skippable_frame(source, offset) is not None:
        return "zstd"
    is_plain = any(is_header_start(head, is_arc=is_arc) for is_arc in (False, True))
    return "plain" if is_plain else None


def _codec_by_name(source: Source) -> Codec:
    name = source.name.lower()
    return next((c for suffix, c in _SUFFIX.items() if name.endswith(suffix)), "plain")


class _GzipFrame:
    def __init__(self, source: Source, offset: int) -> None:
        self.end: int | None = None
        self.damage: str | None = None
        self._source = source
        self.read_to = offset
        self._inflater = _gzip_inflater()
        self._fed = b""
        self._has_begun = False

    def read(self, length: int) -> bytes:
        while self.end is None and self.damage is None:
            if not self._fed:
                feed = _FEED if self._has_begun else _FIRST_FEED
                self._fed = self._source.at(self.read_to, feed)
                self.read_to += len(self._fed)
                if not self._fed:
                    self.damage = "cut off"
                    break
            # A new inflater costs less than a copy of an unused one.
            before = self._inflater.copy() if self._has_begun else _gzip_inflater()
            self._has_begun = True
            try:
                inflated = self._inflater.decompress(self._fed, length)
            except zlib.error as error:
                self.damage = str(error)
                return inflated_before_damage(before, self._fed, length)
            self._fed = self._inflater.unconsumed_tail
            if self._inflater.eof:
                self.end = self.read_to - len(self._inflater.unused_data)
                self.read_to = self.end
            if inflated:
                return inflated
        return b""


def _gzip_inflater() -> "zlib._Decompress":
    return zlib.decompressobj(wbits=31)


class _SizedFrame:
    """A zstd or LZ4 frame, whose end is known before it is inflated."""

    def __init__(self, archive: Archive, offset: int) -> None:
        from fastwarc.stream_io import Lz4Reader, ZstdReader

        self.end: int | None = None
        self.damage: str | None = None
        walk = zstd_end if archive.codec == "zstd" else lz4_end
        self._stop = walk(archive.source, offset)
        self.read_to = self._stop or archive.source.size
        self._cursor = Cursor(archive.source, offset, self.read_to)
        self._reader: ZstdReader | Lz4Reader
        if archive.codec == "zstd":
            self._reader = ZstdReader(self._cursor, dictionary=archive.dictionary)
        else:
            self._reader = Lz4Reader(self._cursor)

    def read(self, length: int) -> bytes:
        if self.end is not None or self.damage is not None:
            return b""
        try:
            inflated: bytes = self._reader.read(length)
        except OSError as error:
            self._cursor.reraise()
            self.damage = str(error)
            return b""
        if not inflated and self._stop is None:
            self.damage = "cut off"
        elif not inflated:
            self.end = self._stop
        return inflated


def _dictionary(source: Source) -> bytes | None:
    """The dictionary in the archive's first frame, which may be compressed by zstd.

    iipc's "Zstandard compression of WARC files", section "Dictionary".
    """
    from fastwarc.stream_io import ZstdReader

    skippable = skippable_frame(source, 0)
    if skippable is None or skippable[0] != _ZSTD_DICTIONARY:
        return None
    stop = min(skippable[1], source.size)
    content = source.at(8, min(stop - 8, _MAX_DICTIONARY))
    if content.startswith(ZSTD_MAGIC):
        cursor = Cursor(source, 8, stop)
        try:
            content = ZstdReader(cursor).read(_MAX_DICTIONARY)
        except OSError:
            cursor.reraise()
            return None
    return content if _is_usable(content) else None


def _is_usable(dictionary: bytes) -> bool:
    """False for a damaged dictionary, on which fastwarc panics."""
    from fastwarc.stream_io import ZstdReader

    try:
        ZstdReader(io.BytesIO(b""), dictionary=dictionary)
    except BaseException as error:
        # The class of Rust's panics is no Exception, and cannot be imported.
        if type(error).__name__ != "PanicException":
            raise
        return False
    return True


def _skip_bytes(source: Source, offset: int) -> int:
    while window := source.at(offset, _FEED):
        rest = window.lstrip(_PADDING)
        offset += len(window) - len(rest)
        if rest:
            break
    return offset
