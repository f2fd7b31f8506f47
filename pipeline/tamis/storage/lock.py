"""One run at a time in an output folder.

On a disk it is the kernel's lock on a file, which ends with its process. In a store it
is an object with the owner's name and a date that the owner renews: after two minutes
without renewal another run may take it over. Stores guarantee no more than this, so a
run checks that it still has the lock before it removes leftover files.
"""

import os
import socket
import threading
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any, Protocol

from pydantic import Field, TypeAdapter, with_config
from typing_extensions import TypedDict

from tamis.addresses import without_secrets
from tamis.errors import DamagedFile, StorageError
from tamis.storage.failures import explained
from tamis.storage.records import Unreadable, sealed, unsealed

LOCK = "lock.json"
_HEARTBEAT_SECONDS = 20.0
_STALE_SECONDS = 120.0
_LAPSES = (
    f"If that process is dead, its lock lapses {_STALE_SECONDS / 60:.0f} minutes after "
    f"it died: run the same again then"
)
_TAKEOVER_SECONDS = 3.0  # longer than a write needs to become visible

# Who else may hold an output folder, and what to do then.
OTHER_RUN = "another `tamis run`"
WAIT = "wait for it, or choose another output"


_MOST_BYTES = 1 << 16


@with_config(extra="forbid")
class Held(TypedDict):
    """lock.json: which process has the folder, and when it last said so."""

    host: str
    pid: int
    beat: Annotated[float, Field(ge=0)]
    owner: str


_HELD = TypeAdapter(Held)


class Store(Protocol):
    """The methods of the folder that the lock needs."""

    root: str

    def read_record(
        self, name: str, kind: TypeAdapter[Any], *, most_bytes: int = ...
    ) -> Any: ...

    def write(self, name: str, content: bytes) -> None: ...

    def create(self, name: str, content: bytes) -> bool: ...

    def remove(self, names: Iterable[str]) -> None: ...


class ObjectLock:
    """The lock of a folder in a store; `held` takes and releases it."""

    def __init__(
        self, store: Store, other: str = OTHER_RUN, advice: str = WAIT
    ) -> None:
        self._store = store
        self._owner = uuid.uuid4().hex
        self._other = other
        self._advice = f"{advice}. {_LAPSES}"

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lock. Raises StorageError while another run has it."""
        stop = threading.Event()
        self._claim()
        beat = threading.Thread(target=self._heartbeat, args=(stop,), daemon=True)
        beat.start()
        try:
            yield
        finally:
            stop.set()
            beat.join()
            if self.is_owner():
                self._store.remove([LOCK])

    def is_owner(self) -> bool:
        with suppress(StorageError):
            held = self._held()
            return held is not None and held["owner"] == self._owner
        return False

    def _held(self) -> Held | None:
        """What the lock says; null if it is damaged, so that nobody has it."""
        try:
            held: Held = self._store.read_record(LOCK, _HELD, most_bytes=_MOST_BYTES)
        except DamagedFile:
            return None
        return held

    def _claim(self) -> None:
        """Create the lock object, or take over one whose owner stopped renewing it."""
        if self._store.create(LOCK, _content(self._owner)) or self.is_owner():
            return
        held = self._held()
        if held is None or time.time() - held["beat"] >= _STALE_SECONDS:
            self._store.write(LOCK, _content(self._owner))
            # If several runs take over at once, the last one to write has the lock.
            time.sleep(_TAKEOVER_SECONDS)
            if self.is_owner():
                return
            held = self._held()
        raise StorageError(
            _in_use(
                without_secrets(self._store.root),
                held,
                self._other,
                advice=self._advice,
            )
        )

    def _heartbeat(self, stop: threading.Event) -> None:
        while not stop.wait(_HEARTBEAT_SECONDS):
            # If a renewal fails, the next one makes up for it.
            with suppress(StorageError):
                if self.is_owner():
                    self._store.write(LOCK, _content(self._owner))


@contextmanager
def file_lock(
    folder: Path, root: str, other: str = OTHER_RUN, advice: str = WAIT
) -> Iterator[None]:
    """The kernel's lock on a file: it ends with the process, however that ends."""
    import fcntl  # not on Windows, where only the object lock would work

    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / LOCK).open("a+", errors="replace")
    except OSError as error:
        raise explained(error, "write", str(folder)) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            content = file.read(_MOST_BYTES)
            try:
                held = unsealed(content.encode(), _HELD)
            except Unreadable:
                held = None
            raise StorageError(_in_use(root, held, other, advice=advice)) from error
        file.truncate(0)
        file.write(_content().decode())
        file.flush()
        yield


def _content(owner: str = "") -> bytes:
    held: Held = {
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "beat": time.time(),
        "owner": owner,
    }
    return sealed(held)


def _in_use(root: str, held: Held | None, other: str, *, advice: str) -> str:
    who = f"process {held['pid']} on {held['host']}" if held else "an unknown process"
    return f"{root} is in use by {other} ({who}): {advice}"
