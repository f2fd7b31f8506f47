"""How far the call of this process is: documents done, and CPU time used.

Whoever works says `advance` after each batch; whoever watches reads `now`. Nothing is
sent from here: an executor that has the call in another process takes the numbers there.
"""

import os
import struct
import time
from dataclasses import dataclass, replace

import psutil

_LAYOUT = struct.Struct("<qd")


@dataclass(frozen=True)
class Pulse:
    """State of a running call.

    share    of its work that is done, 0 to 1; 0 if it does not say
    cpu      seconds of CPU that the process has used, children not included
    host, pid   where it runs
    node     Ray's name of the machine
    stderr, stderr_start   file of its stderr, and where the call's part begins
    """

    documents: int = 0
    share: float = 0.0
    cpu: float = 0.0
    host: str = ""
    pid: int = 0
    node: str = ""
    stderr: str = ""
    stderr_start: int = 0


_documents, _share = 0, 0.0
_shared_with: int | None = None  # file in which the parent process reads
_child: psutil.Process | None = None


def begin() -> None:
    """Another call starts in this process."""
    global _documents, _share
    _documents, _share = 0, 0.0


def advance(documents: int, share: float = 0.0) -> None:
    """So many more documents are done; `share` of the call in all."""
    global _documents, _share
    _documents += documents
    _share = min(1.0, max(_share, share))
    if _shared_with is not None:
        os.pwrite(_shared_with, _LAYOUT.pack(_documents, _share), 0)


def now(about: Pulse) -> Pulse:
    """`about` with what this process's call has done."""
    cpu = time.process_time()
    if _child is not None:
        try:
            times = _child.cpu_times()
            cpu += times.user + times.system
        except psutil.Error:
            pass  # it has just ended
    return replace(about, documents=_documents, share=_share, cpu=round(cpu, 1))


def share_in(file: int) -> None:
    """From now on also write to a file of the parent process."""
    global _shared_with
    _shared_with = file


def follow(file: int, pid: int) -> None:
    """Take over what the child process `pid` has written to the file."""
    global _documents, _share, _child
    if _child is None or _child.pid != pid:
        try:
            _child = psutil.Process(pid)
        except psutil.Error:
            _child = None
    content = os.pread(file, _LAYOUT.size, 0)
    if len(content) == _LAYOUT.size:
        _documents, _share = _LAYOUT.unpack(content)
