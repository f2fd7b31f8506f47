"""Run a function over pages in its own process: a bad page costs only itself.

Libraries that parse HTML can loop for ever, crash in C, or use all memory. A guard
starts one worker process and asks it about one page after another: it gets an answer,
or the reason why there is none (`Failure`). The worker is a new interpreter, never a
fork of this one: a fork could inherit locks that other threads hold, and nobody would
release them. Pages and answers go through shared memory, a few megabytes at a time, so
that the two processes wake each other once for many pages. The answers that a worker
gave before it died count.

    CPU time    a kernel timer in the worker, set again for each page; a busy machine
                does not use it up, a loop in C does not escape it
    wall time   on this side, several times as long, for a page that waits without
                using CPU time
    memory      address space beyond what the worker has after loading (Linux)

Earlier pages may have damaged a worker that crashes on a page. So the page is tried
again in a fresh worker, and is given up only if that one dies as well: what happens to
a page depends on that page alone. A worker that has grown too large is replaced. The
worker dies with this process, however that ends (see `guard_worker`).
"""

import contextlib
import json
import mmap
import os
import select
import signal
import subprocess
import sys
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

from tamis.errors import ConfigError
from tamis.html.guard_messages import Answer, message, numbers, unpacked, whole_bodies

Page = bytes | memoryview

_REGION_BYTES = 4 << 20
_REQUEST_PAGES = 4096  # so that a request, 8 bytes a page, fits an empty pipe
_LOADING_SECONDS = 120.0
_WALL_PER_CPU = 6.0  # wall seconds allowed per CPU second: the machine may be busy


class Failure(StrEnum):
    """Why a page has no answer."""

    TIMEOUT = "timeout"
    CRASH = "crash"  # the process died, or would have needed too much memory
    ERROR = "error"  # the function raised


class Guard:
    """Calls a function in a guarded process, which starts with the first page.

    `function` is "module:attribute", a factory: the worker calls it once with
    `settings` as keywords. It returns the function from a page (str) to its answer, a
    sequence of strings and None. Not for several threads at once.
    """

    def __init__(
        self,
        function: str,
        settings: Mapping[str, Any] | None = None,
        *,
        timeout_seconds: float = 10.0,
        memory_bytes: int = 2 << 30,
    ) -> None:
        self._start = {
            "function": function,
            "settings": dict(settings or {}),
            "timeout_seconds": timeout_seconds,
            "memory_bytes": memory_bytes,
        }
        self._wall_seconds = timeout_seconds * _WALL_PER_CPU
        self._worker: _Worker | None = None

    def __call__(self, pages: Sequence[Page]) -> list[Answer | Failure]:
        """One answer or `Failure` per page (UTF-8), in the order of the pages."""
        answers: list[Answer | Failure] = []
        while len(answers) < len(pages):
            worker = self._worker or _Worker(self._start, self._wall_seconds)
            self._worker = worker
            try:
                answers += worker.answers(pages[len(answers) :])
            except BaseException:
                self.close()  # the pipe may hold half a message
                raise
            if worker.death is None:
                continue
            self.close()
            if worker.death is Failure.TIMEOUT or worker.answered == 0:
                answers.append(worker.death)
        return answers

    def close(self) -> None:
        """End the worker; the next page starts another."""
        if self._worker is not None:
            self._worker.end()
            self._worker = None


class _Worker:
    """One process, the pages shared with it, and its answers.

    answered  pages it has answered in its life
    death     why the page at which it died has no answer; None while it lives
    """

    def __init__(self, start: Mapping[str, Any], wall_seconds: float) -> None:
        self.answered = 0
        self.death: Failure | None = None
        self._wall_seconds = wall_seconds
        self._pages_file, self._answers_file = _anonymous_file(), _anonymous_file()
        self._region = _region(self._pages_file, _REGION_BYTES)
        files = (self._pages_file, self._answers_file)
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "tamis.html.guard_worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=files,
            env=_environment(),
            bufsize=0,
        )
        self.end = weakref.finalize(self, _end, self._process, files, os.getpid())
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._stdin = self._process.stdin.fileno()
        self._stdout = self._process.stdout.fileno()
        self._poll = select.poll()
        self._poll.register(self._stdout, select.POLLIN)
        hello = {**start, "files": files, "parent": os.getpid()}
        ready = self._asked(json.dumps(hello).encode(), _LOADING_SECONDS)
        if ready != [[]]:
            self.end()
            code = self._process.returncode
            reason = ready[0] if ready else f"its process ended with code {code}"
            raise ConfigError(f"{start['function']} cannot be loaded: {reason}")

    def answers(self, pages: Sequence[Page]) -> list[Answer | Failure]:
        """Answers to the first pages: to all of them, or until the worker died."""
        answers: list[Answer | Failure] = []
        shared = 0
        while shared < len(pages) and self.death is None:
            sizes = self._share(pages[shared:])
            shared += len(sizes)
            for answer in self._asked(numbers(sizes), self._wall_seconds):
                answers.append(Failure.ERROR if answer is None else answer)
        self.answered += len(answers)
        return answers

    def _share(self, pages: Sequence[Page]) -> list[int]:
        """Copy the pages that fit into the region, at least one; return their sizes."""
        if len(pages[0]) > len(self._region):
            self._region = _region(self._pages_file, len(pages[0]))
        sizes: list[int] = []
        start = 0
        for page in pages[:_REQUEST_PAGES]:
            stop = start + len(page)
            if stop > len(self._region):
                break
            self._region[start:stop] = page
            sizes.append(len(page))
            start = stop
        return sizes

    def _asked(self, request: bytes, wall_seconds: float) -> list[Answer | None]:
        """The worker's answers to one request; fewer than asked for if it dies."""
        os.ftruncate(self._answers_file, 0)
        os.lseek(self._answers_file, 0, os.SEEK_SET)  # moves the worker's position too
        with contextlib.suppress(BrokenPipeError):  # `_wait` will see that it died
            os.write(self._stdin, message(request))
        self.death = self._wait(wall_seconds)
        size = os.fstat(self._answers_file).st_size
        received = os.pread(self._answers_file, size, 0)
        return [unpacked(body) for body in whole_bodies(received)]

    def _wait(self, wall_seconds: float) -> Failure | None:
        """Wait until the worker is done, dies, or gives no answer for so long."""
        seen = 0
        while not self._poll.poll(wall_seconds * 1000):
            size = os.fstat(self._answers_file).st_size
            if size == seen:
                return Failure.TIMEOUT
            seen = size
        return None if os.read(self._stdout, 1) else self._cause_of_death()

    def _cause_of_death(self) -> Failure:
        try:
            code = self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:  # it closed its pipe but still runs
            return Failure.CRASH
        return Failure.TIMEOUT if code == -signal.SIGPROF else Failure.CRASH


def _environment() -> dict[str, str]:
    """This process's environment, its import path, and one thread per library."""
    path = os.pathsep.join(entry or str(Path.cwd()) for entry in sys.path)
    threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    return {**os.environ, **threads, "PYTHONPATH": path}


def _anonymous_file() -> int:
    """A file without a name: in memory on Linux, elsewhere on disk."""
    if sys.platform == "linux":
        return os.memfd_create("tamis-guard")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def _region(file: int, size: int) -> mmap.mmap:
    """The file's first `size` bytes: this side writes them, the worker reads them."""
    os.ftruncate(file, size)
    return mmap.mmap(file, size)


def _end(process: subprocess.Popen[bytes], files: tuple[int, ...], owner: int) -> None:
    """Kill and reap a worker; does nothing in a fork of the process that started it."""
    if os.getpid() != owner:
        return
    process.kill()
    process.wait()
    for file in files:
        os.close(file)
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
