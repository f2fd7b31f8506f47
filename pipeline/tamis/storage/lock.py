"""One run at a time in an output folder.

On a disk it is the kernel's lock on a file, which ends with its process. In a store it
is an object with the owner's name and a count, the beat, that the owner raises. Whoever
finds the lock watches whether it changes: no clock of another machine is read. A lock that
nobody renews for two minutes is taken over. An owner may have been asleep for so long, and
go on afterwards: so what a run publishes is written on the condition that nobody else has
published since it took the lock (`tamis.storage.folder.Storage.publish`).
"""

import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any, Protocol

from pydantic import Field, TypeAdapter, with_config
from typing_extensions import TypedDict

from tamis.addresses import without_secrets
from tamis.errors import DamagedFile, InUse, StorageError
from tamis.interrupts import pause
from tamis.storage.failures import explained
from tamis.storage.records import Unreadable, sealed, unsealed

LOCK = "lock.json"
_HEARTBEAT_SECONDS = 10.0
_STALE_SECONDS = 120.0
_LOOK_SECONDS = 5.0  # between two looks at a lock of somebody else
_TAKEOVER_SECONDS = 3.0  # longer than a write needs to become visible

# Who else may hold an output folder, and what to do then.
OTHER_RUN = "another `tamis run`"
WAIT = "wait for it, or choose another output"


_MOST_BYTES = 1 << 16


@with_config(extra="forbid")
class Held(TypedDict):
    """lock.json: which process has the folder, and how often it has said so."""

    host: str
    pid: int
    beat: Annotated[int, Field(ge=0)]
    owner: str


_HELD = TypeAdapter(Held)


class Store(Protocol):
    """The methods of the folder that the lock needs."""

    root: str

    def read_record(
        self, name: str, kind: TypeAdapter[Any], *, most_bytes: int = ...
    ) -> Any: ...

    def create(self, name: str, content: bytes) -> bool: ...

    def tag(self, name: str) -> str | None: ...

    def replace(self, name: str, content: bytes, tag: str | None) -> str | None: ...

    def remove(self, names: Iterable[str]) -> None: ...


def _say_nothing(message: str) -> None: ...


class ObjectLock:
    """The lock of a folder in a store; `held` takes and releases it.

    `note` is told when the lock of another process is watched. `sleep` and `now` (seconds
    from any moment on) are those of this process.
    """

    def __init__(
        self,
        store: Store,
        other: str = OTHER_RUN,
        advice: str = WAIT,
        *,
        note: Callable[[str], None] = _say_nothing,
        sleep: Callable[[float], object] = pause,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._owner = uuid.uuid4().hex
        self._other = other
        self._advice = advice
        self._note = note
        self._sleep = sleep
        self._now = now
        self._beat = 0
        self._tag: str | None = None  # of the lock as we wrote it last

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lock. Raises StorageError while another run has it."""
        stop = threading.Event()
        self.claim()
        beat = threading.Thread(target=self._heartbeat, args=(stop,), daemon=True)
        beat.start()
        try:
            yield
        finally:
            stop.set()
            beat.join()
            self.release()

    def claim(self) -> None:
        """Create the lock, or take over one that nobody renews while we watch.

        Raises StorageError for one that is renewed.
        """
        while not self._store.create(LOCK, self._content()):
            if self.is_owner():  # the answer to our first attempt was lost
                break
            seen = self._unchanged()
            if seen is None:
                continue  # released meanwhile
            self._store.replace(LOCK, self._content(), seen)
            # Where the store knows no conditions, the last one to write has the lock.
            self._sleep(_TAKEOVER_SECONDS)
            if not self.is_owner():
                raise self._in_use()
            break
        self._tag = self._store.tag(LOCK)

    def renew(self) -> None:
        """Raise the beat. A lock that another run has taken over is left alone."""
        if self._tag is None:
            return  # whoever lost the lock never writes it again
        self._beat += 1
        tag = self._store.replace(LOCK, self._content(), self._tag)
        if tag is None:
            # Not written, or written at an attempt whose answer was lost.
            held = self._held()
            is_ours = held is not None and held["owner"] == self._owner
            tag = self._store.tag(LOCK) if is_ours else None
        self._tag = tag

    def release(self) -> None:
        """Remove the lock if it is still ours."""
        if self.is_owner():
            self._store.remove([LOCK])

    def is_owner(self) -> bool:
        with suppress(StorageError):
            held = self._held()
            return held is not None and held["owner"] == self._owner
        return False

    def _unchanged(self) -> str | None:
        """The tag of a lock that did not change for two minutes; null if it is gone.

        Raises StorageError for one that changes.
        """
        seen, start = self._store.tag(LOCK), self._now()
        if seen is not None and self._held() is not None:
            self._note(
                f"{without_secrets(self._store.root)}: watching the lock of {self._who()}: "
                f"if nobody renews it within {_STALE_SECONDS:.0f} s, it is taken over"
            )
            while self._now() - start < _STALE_SECONDS:
                self._sleep(_LOOK_SECONDS)
                tag = self._store.tag(LOCK)
                if tag is None:
                    return None
                if tag != seen:
                    raise self._in_use()
        return seen

    def _held(self) -> Held | None:
        """What the lock says; null if it is damaged, so that nobody has it."""
        try:
            held: Held = self._store.read_record(LOCK, _HELD, most_bytes=_MOST_BYTES)
        except DamagedFile:
            return None
        return held

    def _who(self) -> str:
        with suppress(StorageError):
            return _process(self._held())
        return _process(None)

    def _in_use(self) -> InUse:
        root = without_secrets(self._store.root)
        return InUse(
            f"{root} is in use by {self._other} ({self._who()}): {self._advice}"
        )

    def _content(self) -> bytes:
        return _content(self._owner, self._beat)

    def _heartbeat(self, stop: threading.Event) -> None:
        while not stop.wait(_HEARTBEAT_SECONDS):
            # If a renewal fails, the next one makes up for it.
            with suppress(StorageError):
                self.renew()


@contextmanager
def file_lock(
    folder: Path, root: str, other: str = OTHER_RUN, advice: str = WAIT
) -> Iterator[None]:
    """The kernel's lock on a file: it ends with the process, however that ends."""
    import fcntl  # not on Windows, where only the object lock would work

    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / LOCK).open("a+b", buffering=0)
    except OSError as error:
        raise explained(error, "write", str(folder)) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            content = file.read(_MOST_BYTES)
            try:
                held = unsealed(content or b"", _HELD)
            except Unreadable:
                held = None
            raise InUse(
                f"{root} is in use by {other} ({_process(held)}): {advice}"
            ) from error
        except OSError as error:
            raise explained(error, "lock", str(folder / LOCK)) from error
        try:
            file.truncate(0)
            file.write(_content())
        except OSError as error:
            raise explained(error, "write", str(folder / LOCK)) from error
        yield


def _content(owner: str = "", beat: int = 0) -> bytes:
    held: Held = {
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "beat": beat,
        "owner": owner,
    }
    return sealed(held)


def _process(held: Held | None) -> str:
    return f"process {held['pid']} on {held['host']}" if held else "an unknown process"
