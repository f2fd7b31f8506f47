"""The process in which a `Guard` runs its function: `python -m tamis.html.guard_worker`.

The first message to its standard input says what to load and under which limits; its
answer has no fields, or one that says why loading failed. Every other message holds the
sizes of pages that follow each other in the first shared file. Answers are appended
to the second; a byte on standard output says that all of them are there.

It ends when its input ends. While it works on a page it does not read its input: then
Linux kills it together with the process that started it; elsewhere the CPU limit does.
"""

import ctypes
import gc
import importlib
import itertools
import json
import mmap
import os
import resource
import signal
import sys
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import IO, Any

from tamis.html.guard_messages import LENGTH, Answer, message, numbers_in, packed

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_OUT_OF_MEMORY = 70
_DONE = b"."

# Share of the memory allowed to a page that may remain in use after it.
_SWOLLEN_RATIO = 0.25


def main() -> None:
    requests, done = _private_pipes()
    hello = json.loads(_message(requests) or b"{}")
    if not hello:
        return
    _prepare(hello["parent"])
    pages_file, answers_file = hello["files"]
    try:
        function = _load(hello["function"], hello["settings"])
    except (
        Exception
    ) as error:  # whatever an import can raise: the other side reports it
        _append(answers_file, packed([repr(error)]))
        return
    gc.freeze()  # loaded objects stay: later collections need not visit them
    _append(answers_file, packed([]))
    os.write(done, _DONE)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # discards what C libraries print
    _limit_memory(hello["memory_bytes"])
    most_bytes = _resident_bytes() + hello["memory_bytes"] * _SWOLLEN_RATIO
    for pages in _requests(requests, pages_file):
        for page in pages:
            _append(answers_file, _answer_to(page, function, hello["timeout_seconds"]))
        signal.setitimer(signal.ITIMER_PROF, 0)
        os.write(done, _DONE)
        if _resident_bytes() > most_bytes:  # it leaks: make room for another worker
            return


def _requests(pipe: IO[bytes], file: int) -> Iterator[list[memoryview]]:
    """The pages of each request, as views of the shared file."""
    shared = memoryview(b"")
    while (body := _message(pipe)) is not None:
        sizes = numbers_in(body)
        stops = list(itertools.accumulate(sizes))
        if stops[-1] > len(shared):  # the file has grown since it was mapped
            shared = memoryview(mmap.mmap(file, 0, prot=mmap.PROT_READ))
        yield [
            shared[stop - size : stop] for size, stop in zip(sizes, stops, strict=True)
        ]


def _answer_to(
    page: memoryview, function: Callable[[str], Answer], timeout_seconds: float
) -> bytes:
    """The function's answer to a page, packed."""
    signal.setitimer(signal.ITIMER_PROF, timeout_seconds)
    try:
        return packed(function(str(page, "utf-8", "replace")))
    except MemoryError:
        os._exit(_OUT_OF_MEMORY)
    except (Exception, SystemExit):  # a bug of a library: costs the page
        return packed(None)


def _load(function: str, settings: dict[str, Any]) -> Callable[[str], Answer]:
    module, _, attribute = function.partition(":")
    factory = getattr(importlib.import_module(module), attribute)
    loaded: Callable[[str], Answer] = factory(**settings)
    return loaded


def _message(pipe: IO[bytes]) -> bytes | None:
    """The next body; None at the end of the input, even in the middle of one."""
    header = pipe.read(LENGTH.size)
    if len(header) < LENGTH.size:
        return None
    (size,) = LENGTH.unpack(header)
    body = pipe.read(size)
    return body if len(body) == size else None


def _append(file: int, body: bytes) -> None:
    unsent = memoryview(message(body))
    while unsent:
        unsent = unsent[os.write(file, unsent) :]


def _private_pipes() -> tuple[IO[bytes], int]:
    """Input and output under other numbers, so that no library reads or writes them."""
    requests, done = os.fdopen(os.dup(0), "rb"), os.dup(1)
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(nowhere, 1)
    return requests, done


def _prepare(parent: int) -> None:
    """Die with the parent and at the CPU limit, ignore Ctrl-C, dump no core."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before we could ask to die with it
        os._exit(0)


def _limit_memory(memory_bytes: int) -> None:
    """Let the address space grow by `memory_bytes`; without effect except on Linux."""
    if sys.platform == "linux":
        most = _pages_of_memory()[0] * resource.getpagesize() + memory_bytes
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _resident_bytes() -> int:
    """Memory in use now; on systems other than Linux, the most that was ever in use."""
    if sys.platform == "linux":
        return _pages_of_memory()[1] * resource.getpagesize()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _pages_of_memory() -> list[int]:
    """Pages of address space, resident ones, and more: proc(5), /proc/PID/statm."""
    return [int(field) for field in os.pread(_statm(), 256, 0).split()]


@lru_cache(maxsize=1)
def _statm() -> int:
    return os.open("/proc/self/statm", os.O_RDONLY)


if __name__ == "__main__":
    main()
