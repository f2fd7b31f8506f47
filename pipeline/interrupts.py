"""Ctrl-C and SIGTERM between two steps of a run, never in the middle of one.

Python raises KeyboardInterrupt wherever it happens to be. In a destructor or a library's
callback it is swallowed, and the run goes on; while a compiled kernel is being loaded it
takes the process down. So while tasks run the signal is only noted, and `stop_if_asked`,
which stands between batches and between tasks, raises. A second signal is not noted: it
raises at once.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_is_asked = False


@contextmanager
def held() -> Iterator[None]:
    """Note the signals inside the block; one that nobody raised is raised at its end.

    Only the main thread of a process is sent signals: elsewhere this does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    global _is_asked
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, _note) for number in numbers]
    try:
        yield
        stop_if_asked()
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
        _is_asked = False


def stop_if_asked() -> None:
    """Raise KeyboardInterrupt if a signal has been noted since the block began."""
    if _is_asked:
        raise KeyboardInterrupt


def _note(number: int, frame: FrameType | None) -> None:
    global _is_asked
    if _is_asked:
        raise KeyboardInterrupt
    _is_asked = True
