"""Run a function over pages in a process of its own, so that a bad page costs itself only.

Libraries that parse HTML can loop for ever, crash in C, or eat all memory. A guard
starts one worker process and asks it about one page after another: what it gets is an
answer, or what became of the page (`Failure`). The worker is a new interpreter, never
a fork of this one, whose other threads would leave it locks that nobody opens. Pages
go over and answers come back through shared memory, a few megabytes at a time, so that
the two processes wake each other once for many pages; what a worker has answered
before it died counts.

    CPU time    a kernel timer in the worker, set anew for each page; a busy machine
                does not use it up, a loop in C does not escape it
    wall time   this side, several times as long, for a page that waits and never works
    memory      address space beyond what the worker has after loading (Linux)

A worker that crashed on a page may have been ruined by the pages before: the page is
tried again in a fresh one, and only a page that a fresh worker dies of is given up.
So what becomes of a page depends on the page. A worker that has swollen is replaced.
The worker dies with this process, however that ends (see `guard_worker`).
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
_WALL_PER_CPU = 6.0  # wall seconds allowed for one of CPU, on a machine that is busy


class Failure(StrEnum):
    """Why a page has no answer."""

    TIMEOUT = "timeout"
    CRASH = "crash"  # the process died, or would have needed too much memory
    ERROR = "error"  # the function raised


class Guard:
    """Calls a function in a guarded process; starts it with the first page.

    `function` is "module:attribute", a factory: called once in the worker with
    `settings` as keywords, it gives the function from a page (str) to its answer, a
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
                self.close()  # half a page may stand in the pipe
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
    """One process, the pages shared with it, and what it says of them.

    answered  pages it has answered in its life
    death     what its death says of the page it was at; None while it lives
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
        """Copy to the region what it holds of the pages, one at least; their sizes."""
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
        """What the worker answers to one request; less than all of it if it dies."""
        os.ftruncate(self._answers_file, 0)
        os.lseek(self._answers_file, 0, os.SEEK_SET)  # the worker's place as well
        with contextlib.suppress(BrokenPipeError):  # its death shows in a moment
            os.write(self._stdin, message(request))
        self.death = self._wait(wall_seconds)
        size = os.fstat(self._answers_file).st_size
        received = os.pread(self._answers_file, size, 0)
        return [unpacked(body) for body in whole_bodies(received)]

    def _wait(self, wall_seconds: float) -> Failure | None:
        """Wait until the worker is done, or dies, or answers nothing for so long."""
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
        except subprocess.TimeoutExpired:  # it closed its pipe and lives on
            return Failure.CRASH
        return Failure.TIMEOUT if code == -signal.SIGPROF else Failure.CRASH


def _environment() -> dict[str, str]:
    """This process's, with its import path, and without libraries' own threads."""
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
    """The file's first `size` bytes, to be written here and read in the worker."""
    os.ftruncate(file, size)
    return mmap.mmap(file, size)


def _end(process: subprocess.Popen[bytes], files: tuple[int, ...], owner: int) -> None:
    """Kill and reap a worker, in the process that started it and not in a fork of it."""
    if os.getpid() != owner:
        return
    process.kill()
    process.wait()
    for file in files:
        os.close(file)
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
