"""Handle Ctrl-C and SIGTERM between two steps of a run, never in the middle of one.

Python raises KeyboardInterrupt wherever it happens to be. In a destructor or a
library's callback the exception is swallowed, and the run continues; while a compiled
kernel is being loaded it crashes the process. So while tasks run, the signal is only
noted, with a message on stderr, and `stop_if_asked`, called between batches and between
tasks, raises. A second signal raises at once.
"""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

_LOOK_SECONDS = 0.5  # between two looks of a pause
_STDERR = 2
_NOTED = b"tamis: stopping after this step; once more to stop at once\n"

_is_asked = False


@contextmanager
def held() -> Iterator[None]:
    """Note the signals inside the block; a signal not raised inside is raised at its end.

    Only the main thread of a process receives signals: in others this does nothing.
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
    """Raise KeyboardInterrupt if a signal has been noted since the block began.

    Does so only in the main thread, not in a library's thread that reads our files.
    """
    if _is_asked and threading.current_thread() is threading.main_thread():
        raise KeyboardInterrupt


def pause(seconds: float) -> None:
    """Sleep, but raise as `stop_if_asked` does soon after a signal has been noted."""
    end = time.monotonic() + seconds
    while True:
        stop_if_asked()
        left = end - time.monotonic()
        if left <= 0:
            return
        time.sleep(min(left, _LOOK_SECONDS))


def _note(number: int, frame: FrameType | None) -> None:
    global _is_asked
    if _is_asked:
        raise KeyboardInterrupt
    _is_asked = True
    # The handler may interrupt a write to sys.stderr, or a progress bar that holds its
    # lock; only the file descriptor is safe. On a terminal, a bar is on the current line.
    with suppress(OSError):
        os.write(_STDERR, b"\n" + _NOTED if os.isatty(_STDERR) else _NOTED)
