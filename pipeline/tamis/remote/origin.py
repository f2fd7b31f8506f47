"""What is needed of a place that files come from."""

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

    Attempts raise Transient where another one may do better, and InputError or
    AccessRefused where it would not.
    """

    name: str  # without secrets: for messages and ids
    host: str  # what limits of requests are counted by

    def about(self) -> About: ...

    def read(
        self, start: int, stop: int, sink: bytearray, is_closed: threading.Event
    ) -> None:
        """Append bytes [start, stop) to `sink` as they arrive."""

    def read_all(self) -> bytes: ...

    def close(self) -> None: ...
