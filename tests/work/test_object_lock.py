"""The lock of a store under pauses: a simulated store, simulated time, real lock code.

Every process may stand still before any call to the store, for longer than a lock lives, and
its clock says whatever it likes: nobody reads it. One call happens at a time, in an order
and after delays that a seed draws.
"""

import heapq
import json
import random
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

import pytest
from pydantic import TypeAdapter

from tamis.errors import DamagedFile, StorageError
from tamis.storage import Storage
from tamis.storage.lock import LOCK, ObjectLock
from tamis.storage.records import Unreadable, unsealed

SWITCH = "run.json"


class World:
    """Simulated time, and threads of which one runs at a time: that which wakes first."""

    def __init__(self, seed: int, longest_pause: float) -> None:
        self.random = random.Random(seed)
        self.now = 0.0
        self.longest_pause = longest_pause
        self.asleep_until: dict[str, float] = {}  # process -> end of its pause
        self._queue: list[tuple[float, int, threading.Event]] = []
        self._count = 0
        self._alive = 0
        self._mutex = threading.Lock()

    def start(self, work: Callable[[], None]) -> threading.Thread:
        turn = self._wake_at(self.now)
        self._alive += 1

        def run() -> None:
            turn.wait()
            try:
                work()
            finally:
                with self._mutex:
                    self._alive -= 1
                self._next()

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        return thread

    def go(self) -> None:
        self._next()

    def sleep(self, seconds: float) -> None:
        """Let others run; return when so much simulated time has passed."""
        turn = self._wake_at(self.now + seconds)
        self._next()
        turn.wait()

    def call(self, process: str) -> None:
        """The delay before a call; sometimes the process stands still, all its threads."""
        if self.random.random() < 0.05:
            end = self.now + self.random.uniform(0, self.longest_pause)
            self.asleep_until[process] = max(self.asleep_until.get(process, 0), end)
        self.sleep(self.random.uniform(0.01, 1.0))
        while self.asleep_until.get(process, 0) > self.now:
            self.sleep(self.asleep_until[process] - self.now)

    def _wake_at(self, time: float) -> threading.Event:
        turn = threading.Event()
        with self._mutex:
            self._count += 1
            heapq.heappush(self._queue, (time, self._count, turn))
        return turn

    def _next(self) -> None:
        with self._mutex:
            if not self._queue:
                return
            time, _, turn = heapq.heappop(self._queue)
            self.now = max(self.now, time)
        turn.set()


class Store:
    """One object store, as one process sees it."""

    root = "sim://bucket"

    def __init__(self, world: World, objects: dict[str, tuple[bytes, int]]) -> None:
        self.world = world
        self.objects = objects
        self.process = ""

    def of(self, process: str) -> "Store":
        own = Store(self.world, self.objects)
        own.process = process
        return own

    def read_record(
        self, name: str, kind: TypeAdapter[Any], *, most_bytes: int = 1 << 20
    ) -> Any:
        self.world.call(self.process)
        if name not in self.objects:
            raise StorageError(f"{name}: it does not exist")
        try:
            return unsealed(self.objects[name][0], kind)
        except Unreadable as error:
            raise DamagedFile(self.root, (name,), str(error), "") from error

    def create(self, name: str, content: bytes) -> bool:
        return self.replace(name, content, None) is not None

    def tag(self, name: str) -> str | None:
        self.world.call(self.process)
        return str(self.objects[name][1]) if name in self.objects else None

    def replace(self, name: str, content: bytes, tag: str | None) -> str | None:
        self.world.call(self.process)
        there = str(self.objects[name][1]) if name in self.objects else None
        if there != tag:
            return None
        version = max((v for _, v in self.objects.values()), default=0) + 1
        self.objects[name] = (content, version)
        return str(version)

    def remove(self, names: Iterable[str]) -> None:
        self.world.call(self.process)
        for name in names:
            self.objects.pop(name, None)


class Folder(Storage):
    """`Storage.publish` and `check_lock` over the simulated store."""

    def __init__(self, store: Store, lock: ObjectLock) -> None:
        self.root = store.root
        self._lock = lock
        self._tags = {SWITCH: store.tag(SWITCH)}
        self.tag = store.tag  # type: ignore[method-assign]  # of the simulated store
        self.replace = store.replace  # type: ignore[method-assign]


def simulated(seed: int, longest_pause: float) -> tuple[list[str], dict[str, Any]]:
    """What happened: `took 3`, `published 3`, `lost 3`, `refused 3`, in order; the store."""
    world = World(seed, longest_pause)
    objects: dict[str, tuple[bytes, int]] = {}
    store = Store(world, objects)
    happened: list[str] = []
    threads = []

    def writer(number: int) -> None:
        own = store.of(f"p{number}")
        world.sleep(world.random.uniform(0, 300))
        lock = ObjectLock(own, sleep=world.sleep, now=lambda: world.now)
        is_over = False

        def beat() -> None:
            while not is_over:
                world.sleep(10)
                with suppress(StorageError):
                    if not is_over:
                        lock.renew()

        try:
            lock.claim()
        except StorageError:
            happened.append(f"refused {number}")
            return
        happened.append(f"took {number}")
        threads.append(world.start(beat))
        folder = Folder(own, lock)
        replace = own.replace

        def watched(name: str, content: bytes, tag: str | None) -> str | None:
            written = replace(name, content, tag)
            if written is not None and name == SWITCH:
                happened.append(f"published {number}")
            return written

        folder.replace = watched  # type: ignore[method-assign]
        try:
            for step in range(3):
                world.sleep(world.random.uniform(0, 60))  # the work between
                folder.publish(SWITCH, json.dumps([number, step]).encode())
        except StorageError:
            happened.append(f"lost {number}")
        finally:
            is_over = True
            with suppress(StorageError):
                lock.release()

    threads += [world.start(lambda n=n: writer(n)) for n in range(5)]
    world.go()
    for thread in list(threads):
        thread.join(timeout=60)
        assert not thread.is_alive()
    for thread in threads:
        thread.join(timeout=60)
    return happened, objects


def order_of(happened: list[str], what: str) -> list[int]:
    return [int(line.split()[1]) for line in happened if line.startswith(what)]


@pytest.mark.parametrize("seed", range(25))
def test_nobody_writes_over_what_a_later_owner_has_published(seed: int) -> None:
    """Though processes stand still for up to ten minutes before any call."""
    happened, objects = simulated(seed, longest_pause=600)
    took = order_of(happened, "took")
    places = [took.index(number) for number in order_of(happened, "published")]
    assert len(took) == len(set(took)) >= 1
    # Once a later owner has published, an earlier one does not any more.
    assert places == sorted(places), happened
    # The last owner that was not taken over has ended, and its results are there.
    assert order_of(happened, "published"), happened
    assert objects[SWITCH][0].startswith(f"[{took[places[-1]]}".encode())


@pytest.mark.parametrize("seed", range(25))
def test_a_lock_that_is_renewed_is_never_taken_over(seed: int) -> None:
    """Pauses of up to 40 s, a third of what a lock lives."""
    happened, objects = simulated(seed, longest_pause=40)
    assert not order_of(happened, "lost"), happened
    assert LOCK not in objects
    for number in order_of(happened, "took"):
        # Nothing of another one between its first and its last.
        own = [i for i, line in enumerate(happened) if line.endswith(f" {number}")]
        between = happened[own[0] : own[-1] + 1]
        assert all(line.endswith(f" {number}") or "refused" in line for line in between)
        assert between.count(f"published {number}") == 3
