"""Lines of a file that is cut into splits, plain or packed by gzip or zstd.

A split of a plain file owns the lines that begin within it. A packed file can only be read
from its start: the split that begins there has all of its lines, and offsets count
unpacked bytes.
"""

import zlib
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, NamedTuple

import pyarrow as pa

_CHUNK_BYTES = 1 << 20
_PACKED_BYTES = 64 << 10
_STEP_BYTES = 16
_PACKINGS = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}
_MARK = b"\xef\xbb\xbf"  # a byte order mark


class Line(NamedTuple):
    """A line without its line feed; `content` is null if it is longer than asked for.

    `size` is in bytes, with the line feed.
    """

    offset: int
    size: int
    content: bytes | None


class Broken(ValueError):
    """A packed file ends too early, or is damaged.

    `offset`: unpacked bytes that are sound; `packed`: how far it was read.
    """

    def __init__(self, offset: int, packed: int, why: str) -> None:
        super().__init__(why)
        self.offset = offset
        self.packed = packed


def packing_of(start: bytes) -> str | None:
    """How a file that begins with these bytes is packed; null for a plain one."""
    found = (name for magic, name in _PACKINGS.items() if start.startswith(magic))
    return next(found, None)


def lines_of(file: Any, start: int, stop: int, *, most_bytes: int) -> Iterator[Line]:
    """The lines of a split. Raises Broken after the last sound line of a packed file."""
    file.seek(0)
    packing = packing_of(file.read(4))
    if packing is not None:
        if start == 0:
            file.seek(0)
            yield from _lines(_unpacked(file, packing), 0, most_bytes)
        return
    first = max(start - 1, 0)
    file.seek(first)
    found = _lines(_chunks(file), first, most_bytes)
    if start:
        next(found, None)  # it began before
    for line in found:
        if line.offset >= stop:
            return
        yield line


def _lines(chunks: Iterator[bytes], offset: int, most_bytes: int) -> Iterator[Line]:
    held: list[bytes] = []
    size = 0

    def line() -> Line:
        content = b"".join(held) if size <= most_bytes else None
        if content is not None and offset == 0:
            content = content.removeprefix(_MARK)
        return Line(offset, size, None if content is None else content.rstrip(b"\r\n"))

    for chunk in chunks:
        first = 0
        while (end := chunk.find(b"\n", first)) >= 0:
            held.append(chunk[first : end + 1])
            size += end + 1 - first
            yield line()
            offset, size, first = offset + size, 0, end + 1
            held.clear()
        size += len(chunk) - first
        if size <= most_bytes:
            held.append(chunk[first:])
        else:
            held.clear()  # too long: only counted
    if size:
        yield line()


def _chunks(file: Any) -> Iterator[bytes]:
    while chunk := file.read(_CHUNK_BYTES):
        yield chunk


def _unpacked(file: Any, packing: str) -> Iterator[bytes]:
    return _ungzipped(file) if packing == "gzip" else _unzstd(file)


def _ungzipped(file: Any) -> Iterator[bytes]:
    """All that can be inflated. Raises Broken behind it."""
    offset = packed = 0
    inflater = zlib.decompressobj(31)
    while piece := file.read(_PACKED_BYTES):
        while piece:
            if inflater.eof:
                piece = piece.lstrip(b"\0")  # padding, which gzip ignores too
                if not piece:
                    break
                inflater = zlib.decompressobj(31)
            before = inflater.copy()
            try:
                found = inflater.decompress(piece)
            except zlib.error as error:
                sound = _inflated(before, piece)
                if sound:
                    yield sound
                raise Broken(offset + len(sound), packed, str(error)) from error
            offset += len(found)
            packed += len(piece) - len(inflater.unused_data)
            piece = inflater.unused_data
            if found:
                yield found
    if not inflater.eof and packed:
        raise Broken(offset, packed, "the file ends early")


def _inflated(inflater: Any, piece: bytes) -> bytes:
    """What the piece gives up to its damage."""
    found = []
    with suppress(zlib.error):
        for start in range(0, len(piece), _STEP_BYTES):
            found.append(inflater.decompress(piece[start : start + _STEP_BYTES]))
    return b"".join(found)


def _unzstd(file: Any) -> Iterator[bytes]:
    offset = 0
    stream = pa.CompressedInputStream(pa.PythonFile(file, mode="r"), "zstd")
    while True:
        try:
            chunk = stream.read(_PACKED_BYTES)
        except (OSError, pa.ArrowException) as error:
            said = " ".join(str(error).split())
            packed = max(0, file.tell() - _PACKED_BYTES)  # it reads so much ahead
            raise Broken(offset, packed, said) from error
        if not chunk:
            return
        offset += len(chunk)
        yield chunk
