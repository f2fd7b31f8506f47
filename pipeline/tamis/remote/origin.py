"""The interface of a place from which files are read."""

import threading
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class About:
    """Size in bytes, and a stamp that changes with the content (an ETag, a date)."""

    size: int
    stamp: str


class Origin(Protocol):
    """One file of a server or a store. An attempt is one request.

    Attempts raise Transient if another one may succeed, else InputError or
    AccessRefused.
    """

    name: str  # without secrets: for messages and ids
    host: str  # limits of requests hold per host

    def about(self) -> About: ...

    def read(
        self, start: int, stop: int, sink: bytearray, is_closed: threading.Event
    ) -> None:
        """Append bytes [start, stop) to `sink` as they arrive."""

    def read_all(self) -> bytes: ...

    def close(self) -> None: ...
