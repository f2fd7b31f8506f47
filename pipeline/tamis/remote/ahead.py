"""A remote file as a file object, read in pieces, one piece ahead.

The bytes to be read are known in advance: the range of a split, or the places of a
selection. While the caller works on one piece, a thread fetches the next, so that
download and work overlap. Other reads (the file's head, the end of a record that
crosses its split's end) are separate requests. Two pieces are in memory.
"""

import io
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait

from tamis.errors import InputError
from tamis.interrupts import stop_if_asked
from tamis.remote.origin import Origin
from tamis.remote.pace import Pace
from tamis.remote.retries import Patience, persevere

PIECE_BYTES = 8 << 20
_MAX_PIECE_BYTES = 64 << 20
_LOOK_SECONDS = 0.5  # between two checks for Ctrl-C


class AheadFile(io.RawIOBase):
    """Bytes of `origin`. `ranges` are what will be read, in order, none overlapping."""

    def __init__(
        self,
        origin: Origin,
        size: int,
        ranges: Sequence[tuple[int, int]],
        pace: Pace,
        patience: Patience,
    ) -> None:
        super().__init__()
        self._origin = origin
        self._size = size
        self._pace = pace
        self._patience = patience
        self._pieces = _pieces(ranges, _piece_bytes(pace))
        self._position = 0
        self._current = -1
        self._content = b""
        self._ahead: tuple[int, Future[bytes]] | None = None
        self._is_closed = threading.Event()
        self._thread = ThreadPoolExecutor(1, "read-ahead")

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        base = (0, self._position, self._size)[whence]
        self._position = max(0, base + offset)
        return self._position

    def read(self, size: int | None = -1, /) -> bytes:
        """At most `size` bytes, fewer at the end of a piece; none at the file's end."""
        left = self._size - self._position
        size = left if size is None or size < 0 else min(size, left)
        if size <= 0:
            return b""
        index = self._piece_at(self._position)
        if index is None:
            part = _result(self._fetch(self._position, self._position + size))
        else:
            start = self._pieces[index][0]
            skipped = self._position - start
            part = self._piece(index)[skipped : skipped + size]
        self._position += len(part)
        return part

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]  # typeshed's Buffer has no length
        part = self.read(len(buffer))
        buffer[: len(part)] = part
        return len(part)

    def close(self) -> None:
        if not self.closed:
            self._is_closed.set()
            self._thread.shutdown(wait=False, cancel_futures=True)
            self._origin.close()
            self._content = b""
            self._ahead = None
        super().close()

    def _piece_at(self, position: int) -> int | None:
        """Index of the piece that holds `position`: this one, the next, or by search."""
        for index in (self._current, self._current + 1):
            if 0 <= index < len(self._pieces) and _holds(self._pieces[index], position):
                return index
        low, high = 0, len(self._pieces)
        while low < high:
            middle = (low + high) // 2
            if self._pieces[middle][1] <= position:
                low = middle + 1
            else:
                high = middle
        is_found = low < len(self._pieces) and _holds(self._pieces[low], position)
        return low if is_found else None

    def _piece(self, index: int) -> bytes:
        """Bytes of a piece; also starts to fetch the next one."""
        if index == self._current:
            return self._content
        if self._ahead is not None and self._ahead[0] == index:
            future = self._ahead[1]
        else:
            future = self._fetch(*self._pieces[index])
        self._ahead = None
        self._content = _result(future)
        self._current = index
        if index + 1 < len(self._pieces):
            self._ahead = (index + 1, self._fetch(*self._pieces[index + 1]))
        return self._content

    def _fetch(self, start: int, stop: int) -> "Future[bytes]":
        return self._thread.submit(self._fetched, start, stop)

    def _fetched(self, start: int, stop: int) -> bytes:
        """Bytes [start, stop), by one or more requests; runs in the thread."""
        sink = bytearray()

        def attempt() -> None:
            if self._is_closed.is_set():
                raise InputError(f"{self._origin.name}: closed")
            self._pace.wait(self._is_closed.wait)
            # Go on after the last byte that arrived.
            self._origin.read(start + len(sink), stop, sink, self._is_closed)

        persevere(
            attempt,
            self._patience,
            name=self._origin.name,
            sleep=self._is_closed.wait,
            progress=lambda: len(sink),
        )
        return bytes(sink)


def _result(future: "Future[bytes]") -> bytes:
    """The result. The wait may take minutes, because of retries; Ctrl-C ends it."""
    while not wait([future], _LOOK_SECONDS).done:
        stop_if_asked()
    return future.result()


def _pieces(
    ranges: Sequence[tuple[int, int]], piece_bytes: int
) -> list[tuple[int, int]]:
    return [
        (first, min(first + piece_bytes, stop))
        for start, stop in ranges
        for first in range(start, stop, piece_bytes)
    ]


def _piece_bytes(pace: Pace) -> int:
    """Bytes of a piece: the longer the interval between requests, the more."""
    grown = int(PIECE_BYTES * max(1.0, pace.interval_seconds))
    return max(PIECE_BYTES, min(grown, _MAX_PIECE_BYTES))


def _holds(piece: tuple[int, int], position: int) -> bool:
    return piece[0] <= position < piece[1]
