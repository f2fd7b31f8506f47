"""Run one call in a process of its own, and know how that process ended.

The process is a new interpreter: it shares nothing with this one but the folder, the
environment and the path of modules. It dies with this process, however that ends.
"""

import ctypes
import faulthandler
import os
import pickle
import re
import resource
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from tamis.errors import TamisError
from tamis.interrupts import stop_if_asked
from tamis.panics import panics_are_errors
from tamis.work import pulse

_LOOK_SECONDS = 0.2  # between two looks for Ctrl-C
_TAIL_BYTES = 16 << 10
_MOST_FRAMES, _MOST_LINES, _MOST_CHARACTERS = 2, 6, 500
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_UNKNOWN = b"unknown"  # the answer if what is to be called cannot be imported
# Signals of a fault. A process that died of another one may have done nothing wrong:
# operators, batch systems and limits send SIGKILL, SIGTERM, SIGUSR1, SIGXCPU ...
_FAULTS = {
    *(signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGSEGV),
    *(signal.SIGSYS, signal.SIGTRAP),
}
# Lines of stacks in reports of a crash, by Python, Rust and Ray.
_UNTOLD = re.compile(
    r"Extension modules:|Current thread|Thread 0x|Stack \(most recent|\d+: |at /|note: "
    r"|\[\d{4}-.*logging\.cc|PC: @|@ +0x"
)


@dataclass(frozen=True)
class Death:
    """How a call lost its process.

    last_words  what the process wrote last to stderr, in one line
    is_own      by a signal or an exit that only the process itself can have caused
    is_lost     with its machine, or stopped for others: nothing is known of the call
    is_told     the loss of the machine is said once for all of its calls
    """

    cause: str
    last_words: str = ""
    is_own: bool = False
    is_lost: bool = False
    is_told: bool = False

    def __str__(self) -> str:
        words = f"; its last words: {self.last_words}" if self.last_words else ""
        return f"{self.cause}{words}"


class ProcessDied(TamisError):
    """The process of a call ended without an answer."""

    def __init__(self, death: Death) -> None:
        super().__init__(str(death))
        self.death = death

    def __reduce__(self) -> tuple[type["ProcessDied"], tuple[Death]]:
        return type(self), (self.death,)


def in_fresh_process(
    function: Callable[..., Any],
    arguments: Sequence[Any],
    *,
    timeout_seconds: float | None = None,
) -> Any:
    """What `function(*arguments)` returns or raises in a new process.

    Both travel by pickle, and the function by its name; what another process cannot know,
    such as a class of a notebook, is called in this one. Raises ProcessDied if the process
    ends without an answer, and TimeoutError.
    """
    try:
        request = pickle.dumps(list(sys.path)) + pickle.dumps((function, arguments))
    except (AttributeError, TypeError, pickle.PicklingError):
        return function(*arguments)
    with (
        kept_file() as asked,
        kept_file() as answer,
        kept_file() as stderr,
        kept_file() as beat,
    ):
        asked.write(request)
        asked.seek(0)
        process = subprocess.Popen(
            [
                *(sys.executable, "-P", "-m", "tamis.work.processes"),
                *(str(n) for n in (os.getpid(), answer.fileno(), beat.fileno())),
            ],
            stdin=asked,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            pass_fds=(answer.fileno(), beat.fileno()),
            env=_environment(),
        )
        try:
            code = _ended(process, beat.fileno(), timeout_seconds)
        finally:
            process.kill()
            process.wait()
        answer.seek(0)
        content = answer.read()
        if code != 0 or not content:
            words = last_words(_tail(stderr))
            raise ProcessDied(
                Death(_cause(code), words, is_own=code >= 0 or -code in _FAULTS)
            )
    if content == _UNKNOWN:
        return function(*arguments)
    value, error = pickle.loads(content)
    if error is not None:
        raise error
    return value


def last_words(stderr: str) -> str:
    """The end of what a process wrote, in one line; of a stack only the newest frames."""
    kept: list[str] = []
    frames = 0
    for line in map(str.strip, stderr.splitlines()):
        frames = frames + 1 if line.startswith("File ") else 0
        if line and not _UNTOLD.match(line) and frames <= _MOST_FRAMES:
            kept.append(line)
    return " / ".join(kept[-_MOST_LINES:])[-_MOST_CHARACTERS:]


def die_with_parent(parent: int) -> None:
    """Have Linux kill this process when the one that started it ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before we could ask
        os._exit(1)


def _ended(
    process: "subprocess.Popen[bytes]", beat: int, timeout_seconds: float | None
) -> int:
    """The exit code, when the process has ended."""
    waited = 0.0
    while True:
        stop_if_asked()
        pulse.follow(beat, process.pid)
        with suppress(subprocess.TimeoutExpired):
            return process.wait(_LOOK_SECONDS)
        waited += _LOOK_SECONDS
        if timeout_seconds is not None and waited > timeout_seconds:
            raise TimeoutError(f"no answer within {timeout_seconds:.0f} s")


def _cause(code: int) -> str:
    if code >= 0:
        return f"its process ended with code {code}"
    with suppress(ValueError):
        return f"its process died of {signal.Signals(-code).name}"
    return f"its process died of signal {-code}"


def kept_file() -> IO[bytes]:
    """A file without a name: in memory on Linux, which needs no folder."""
    if sys.platform == "linux":
        return os.fdopen(os.memfd_create("tamis-call"), "w+b")
    return tempfile.TemporaryFile()


def _tail(file: IO[bytes]) -> str:
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _TAIL_BYTES))
    return file.read().decode("utf-8", "replace")


def _environment() -> dict[str, str]:
    """This process's environment and path of modules."""
    path = os.pathsep.join(entry or str(Path.cwd()) for entry in sys.path)
    return {**os.environ, "PYTHONPATH": path}


def _main(parent: int, answer_file: int, beat_file: int) -> None:
    die_with_parent(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent reacts to Ctrl-C
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    faulthandler.enable()
    pulse.share_in(beat_file)
    path = pickle.load(sys.stdin.buffer)
    sys.path[:] = path
    try:
        function, arguments = pickle.load(sys.stdin.buffer)
    except (AttributeError, ImportError):  # of a notebook, or of a script
        answer = _UNKNOWN
    else:
        answer = _answer(function, arguments)
    with os.fdopen(answer_file, "wb") as file:
        file.write(answer)
    sys.stderr.flush()
    os._exit(0)  # what a library does at exit changes nothing any more


def _answer(function: Callable[..., Any], arguments: tuple[Any, ...]) -> bytes:
    """Value and error, pickled. The border of foreign code: it may raise anything."""
    try:
        with panics_are_errors():
            return pickle.dumps((function(*arguments), None))
    except BaseException as error:
        notes = getattr(error, "__notes__", [])
        try:
            answer = pickle.dumps((None, error))
            pickle.loads(answer)
        except Exception:
            plain = RuntimeError(f"{type(error).__name__}: {error}")
            plain.__notes__ = notes
            return pickle.dumps((None, plain))
        return answer


if __name__ == "__main__":
    _main(*map(int, sys.argv[1:]))
