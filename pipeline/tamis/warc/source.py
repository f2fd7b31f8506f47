"""The bytes of one archive, read at any place and kept in a small window.

A source is a seekable binary file object whose size is known: a local file, or
one that fsspec opens over http or s3. All code that reads archives gets its bytes
here, so that a failed read is never mistaken for damage.
"""

from typing import Protocol

from tamis.addresses import without_secrets_in
from tamis.errors import InputError

_WINDOW = 1 << 20  # bytes asked of the file at a time
_FIRST = 64 * 1024  # bytes asked for after a jump: reading may not go on there


class BinaryFile(Protocol):
    """The methods of a file object that `Source` needs."""

    def seek(self, offset: int, whence: int = 0, /) -> int: ...

    def read(self, size: int = -1, /) -> bytes: ...


class Source:
    """Reads of a file by offset. `name` is the path in errors and ids.

    Up to `ahead_to` the file is read in large pieces; after it no more is read than
    seems needed, which saves requests of remote files.
    """

    def __init__(
        self, file: BinaryFile, size: int, name: str, ahead_to: int | None = None
    ) -> None:
        self.size = size
        self._ahead_to = size if ahead_to is None else ahead_to
        self.name = name
        self._file = file
        self._start = -1
        self._window = b""
        # Position of the file object; None if a failure left it unknown.
        self._stands: int | None = None

    def at(self, offset: int, length: int) -> bytes:
        """The `length` bytes from `offset`, fewer only at the end of the file.

        Raises InputError if the file cannot be read, or ends before its size.
        """
        length = min(length, self.size - offset)
        if length <= 0:
            return b""
        skipped = offset - self._start
        if skipped >= 0 and skipped + length <= len(self._window):
            return self._window[skipped : skipped + length]
        kept = self._window[skipped:] if 0 <= skipped < len(self._window) else b""
        ahead = _WINDOW if 0 <= skipped <= len(self._window) else _FIRST
        if offset + ahead > self._ahead_to:
            ahead = max(_FIRST, self._ahead_to - offset)
        wanted = min(max(length, ahead), self.size - offset)
        self._window = kept + self._read(offset + len(kept), wanted - len(kept))
        self._start = offset
        return self._window[:length]

    def _read(self, offset: int, length: int) -> bytes:
        parts = []
        try:
            if self._stands != offset:
                self._stands = None
                self._file.seek(offset)
            while length > 0:
                part = self._file.read(length)
                if not part:
                    raise InputError(
                        f"{self.name}: ends at byte {offset}, its size is {self.size}"
                    )
                parts.append(part)
                offset += len(part)
                length -= len(part)
        except OSError as error:
            self._stands = None
            why = without_secrets_in(error)
            raise InputError(f"{self.name}: cannot be read: {why}") from error
        self._stands = offset
        return parts[0] if len(parts) == 1 else b"".join(parts)


class Cursor:
    """A part of a source as the file object that fastwarc's readers expect.

    Positions count from `start`. fastwarc turns every exception of its input
    into an OSError of its own, so the InputError of a failed read is kept for
    the caller to raise: `reraise` after catching.
    """

    def __init__(self, source: Source, start: int, stop: int | None = None) -> None:
        self._source = source
        self._start = start
        self._stop = source.size if stop is None else stop
        self._position = start
        self._error: InputError | None = None

    def read(self, size: int = -1) -> bytes:
        left = self._stop - self._position
        try:
            part = self._source.at(
                self._position, left if size < 0 else min(size, left)
            )
        except InputError as error:
            self._error = error
            raise
        self._position += len(part)
        return part

    def seek(self, offset: int, whence: int = 0) -> int:
        base = (self._start, self._position, self._stop)[whence]
        self._position = max(self._start, base + offset)
        return self.tell()

    def tell(self) -> int:
        return self._position - self._start

    def close(self) -> None:
        """Nothing: the caller owns the source."""

    def reraise(self) -> None:
        """Raise the error of the read that failed, if one did."""
        if self._error is not None:
            raise self._error
