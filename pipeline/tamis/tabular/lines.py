"""Lines of a file that is cut into splits, plain or packed by gzip or zstd.

A split of a plain file owns the lines that begin within it. A packed file can only be read
from its start: the split that begins there has all of its lines, and offsets count
unpacked bytes.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import pyarrow as pa

_CHUNK_BYTES = 1 << 20
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
    offset = 0
    packed = pa.PythonFile(file, mode="r")
    stream = pa.CompressedInputStream(packed, packing)
    while True:
        try:
            chunk = stream.read(_CHUNK_BYTES)
        except (OSError, pa.ArrowException) as error:
            said = " ".join(str(error).split())
            raise Broken(offset, file.tell(), said) from error
        if not chunk:
            return
        offset += len(chunk)
        yield chunk
