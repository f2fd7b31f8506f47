"""Tables that this process has opened, kept until it opens them again.

The steps of a run open the tables of a part dozens of times, and parsing a footer costs
half a millisecond, or a request to a store. A published table is named after its content:
what was read of it under its name, size and time of change holds, as long as it is there.
Small tables are kept open, of larger ones the footer is kept.
"""

import threading
from collections import OrderedDict
from typing import Any, Generic, TypeVar

T = TypeVar("T")

Key = tuple[Any, ...]


class Kept(Generic[T]):
    """Values by key, the least recently used ones dropped beyond a size in bytes."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._values: OrderedDict[Key, tuple[T, int]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, key: Key) -> T | None:
        """The value, which nobody else gets until it is put back; null if there is none."""
        with self._lock:
            value, size = self._values.pop(key, (None, 0))
            self._bytes -= size
            return value

    def put(self, key: Key, value: T, size: int) -> None:
        with self._lock:
            _, earlier = self._values.pop(key, (None, 0))
            self._values[key] = value, size
            self._bytes += size - earlier
            while self._bytes > self._most_bytes:
                _, (_, dropped) = self._values.popitem(last=False)
                self._bytes -= dropped
