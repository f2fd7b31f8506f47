"""How many bytes of files this process has received from stores and web servers.

Of files that are read in part these are the parts; of a request that is made again, what
came each time. Lists of a store's files and heads of answers are not counted.
"""

import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

_lock = threading.Lock()
_bytes = 0
_in_tasks = 0


def count(size: int) -> None:
    """So many more bytes have arrived."""
    global _bytes
    with _lock:
        _bytes += size


def fetched_by(task: Callable[[], T]) -> tuple[T, int]:
    """The result of a task, and how many bytes arrived while this process was at it."""
    global _in_tasks
    before = _bytes
    try:
        result = task()
    finally:
        own = _bytes - before
        with _lock:
            _in_tasks += own
    return result, own


def outside_tasks() -> int:
    """Bytes that arrived in this process while it was at no task."""
    return _bytes - _in_tasks
