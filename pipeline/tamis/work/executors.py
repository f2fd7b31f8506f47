"""Run calls in this process, or as Ray Core tasks on one machine or many.

An executor takes calls and returns outcomes as they end, in any order. It
moves no document: calls read and write storage and return tallies.
"""

import json
import os
import platform
import socket
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, Protocol

from tamis.errors import ConfigError, ExecutorLost
from tamis.interrupts import stop_if_asked
from tamis.kernels import USES, KernelsNotCompiled, ensure_kernels
from tamis.panics import panics_are_errors
from tamis.work import pulse
from tamis.work.processes import Death, ProcessDied, last_words
from tamis.work.pulse import Pulse
from tamis.work.ray_start import (
    available_cpus,
    first_line,
    quiet_errors,
    started_ray,
)

_LOOK_SECONDS = 0.5  # between two looks for Ctrl-C
WATCH_SECONDS = 2.0  # between two looks at what runs
_TAIL_BYTES = 16 << 10
_NAMED = 3  # machines in one line
# Of a task that holds batches and models: the largest process of a run over an archive of
# 1 GB had 667 MB (docs/benchmarks.md).
TASK_BYTES = 768 << 20


class Measured(Protocol):
    """A number with its name, once for each set of labels."""

    @property
    def name(self) -> str: ...

    @property
    def help(self) -> str: ...

    @property
    def samples(self) -> tuple[tuple[tuple[tuple[str, str], ...], float], ...]: ...


@dataclass(frozen=True)
class Call:
    """One function call. `function` is importable; arguments are small.

    `memory`: bytes that it may need, so that large ones do not meet on one machine.
    """

    name: str
    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    gpus: float = 0.0
    memory: int = TASK_BYTES


@dataclass(frozen=True)
class Outcome:
    """How a call ended: with a value, an exception, or the death of its worker."""

    call: Call
    value: Any = None
    error: BaseException | None = None
    died: Death | None = None


class Executor(Protocol):
    """`start`, `submit` up to `capacity` calls, `wait` for one to end; `close` at the end.

    `workers` of them run at once. While `wait` waits it calls `watch` again and again,
    from any thread. `running` are the calls that have started, by name; `try_elsewhere`
    runs one a second time, and the first to end counts. `news` are lines about machines
    that came and went since it was asked last; `workers` and `capacity` follow them.
    `kernels` are the uses whose kernels its workers must have.
    """

    kind: Literal["inline", "ray"]
    is_local: bool  # whether calls run on this machine alone
    watch: Callable[[], None] | None
    kernels: Sequence[str]

    @property
    def capacity(self) -> int: ...

    @property
    def workers(self) -> int: ...

    @property
    def pending(self) -> int: ...

    def start(self) -> None: ...

    def submit(self, call: Call) -> None: ...

    def wait(self) -> Outcome: ...

    def running(self) -> dict[str, Pulse]: ...

    def try_elsewhere(self, name: str) -> None: ...

    def news(self) -> list[str]: ...

    def report(self, measured: Sequence[Measured]) -> None: ...

    def close(self) -> None: ...


class InlineExecutor:
    """Runs each call in this process, in `wait`: for debugging."""

    kind: Literal["inline", "ray"] = "inline"
    capacity = 1
    workers = 1
    is_local = True

    def __init__(self) -> None:
        self.watch: Callable[[], None] | None = None
        self.kernels: Sequence[str] = USES
        self._calls: deque[Call] = deque()
        self._at: Call | None = None

    @property
    def pending(self) -> int:
        return len(self._calls)

    def start(self) -> None:
        """There is nothing to start."""

    def submit(self, call: Call) -> None:
        self._calls.append(call)

    def wait(self) -> Outcome:
        call = self._calls.popleft()
        with self._watched(call):
            try:
                with panics_are_errors():
                    return Outcome(call, value=call.function(*call.arguments))
            except ProcessDied as error:
                return Outcome(call, died=error.death)
            except Exception as error:
                return Outcome(call, error=error)

    @contextmanager
    def _watched(self, call: Call) -> Iterator[None]:
        """Call `watch` from another thread, as this one is busy."""
        pulse.begin()
        self._at = call
        is_over = threading.Event()

        def look() -> None:
            while self.watch is not None and not is_over.wait(WATCH_SECONDS):
                self.watch()

        thread = threading.Thread(target=look, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._at = None
            is_over.set()
            thread.join()

    def running(self) -> dict[str, Pulse]:
        call = self._at
        return {call.name: pulse.now(Pulse(pid=os.getpid()))} if call else {}

    def try_elsewhere(self, name: str) -> None:
        """There is no other place."""

    def news(self) -> list[str]:
        return []

    def report(self, measured: Sequence[Measured]) -> None:
        """Nobody asks."""

    def close(self) -> None:
        self._calls.clear()


class RayExecutor:
    """Ray Core tasks of one CPU each; a started instance ends with `close`.

    Workers report how far they are to Ray's table of keys and values, under `_board`.
    """

    kind: Literal["inline", "ray"] = "ray"

    def __init__(self, address: str, workers: int | None) -> None:
        self._ray = started_ray(address, workers)
        self._wanted = workers
        self._machines: dict[str, str] | None = None  # names of those alive, by id
        self._most_memory: float | None = None  # of one machine, as Ray counts it
        self._fit(int(self._ray.cluster_resources().get("CPU", 1)))
        self.watch: Callable[[], None] | None = None
        self.kernels: Sequence[str] = USES
        self._owned = self.is_local = address == "local"
        self._calls: dict[Any, Call] = {}
        self._keys: dict[Any, bytes] = {}
        self._copied: set[str] = set()
        self._gauges: dict[str, Any] = {}  # of Ray's metrics, by name
        self._board = f"tamis-{uuid.uuid4().hex}"
        self._submitted = 0
        self._looked = time.monotonic()
        self._folder = str(Path.cwd())
        self._remote = self._ray.remote(max_retries=0)(_apply)
        self._node = ""  # of this process, from the first call on
        self._unquiet = quiet_errors(self._ray)

    def _fit(self, cpus: int) -> None:
        """Have as many calls as there are cores. A cluster that grows on demand may have none."""
        cpus = max(cpus, 1)
        self.workers = min(cpus, self._wanted or cpus)
        # One waiting call per running one hides the driver's latency. If the cluster
        # has more cores than are wanted, a waiting call would run at once.
        self.capacity = self.workers if self.workers < cpus else 2 * cpus

    @property
    def pending(self) -> int:
        return len(self._calls) - len(self._copied)

    def start(self) -> None:
        """Ray runs since this object was made."""

    def news(self) -> list[str]:
        try:
            nodes = self._ray.nodes()
        except self._ray.exceptions.RayError:
            return []  # the next call that ends says more
        alive = {node["NodeID"]: node for node in nodes if node["Alive"]}
        names = {key: _name_of(node) for key, node in alive.items()}
        before, self._machines = self._machines, names
        own = [node["Resources"] for node in alive.values()]
        self._most_memory = max((one.get("memory", 0.0) for one in own), default=0.0)
        if self._owned or before is None or before.keys() == names.keys():
            return []
        cpus = int(sum(one.get("CPU", 0.0) for one in own))
        self._fit(cpus)
        lost = sorted(name for key, name in before.items() if key not in names)
        come = sorted(name for key, name in names.items() if key not in before)
        lines = [f"lost {_some(lost)}: what it had is tried again"] if lost else []
        return [*lines, *([f"{_some(come)} joined: {cpus} cores now"] if come else [])]

    def submit(self, call: Call) -> None:
        self._need_gpus(call)
        self._send(call, cpus=1)

    def _send(self, call: Call, *, cpus: int) -> None:
        self._node = self._node or self._ray.get_runtime_context().get_node_id()
        self._submitted += 1
        key = f"{self._board}:{self._submitted}".encode()
        reference = self._remote.options(
            num_cpus=cpus,
            num_gpus=call.gpus,
            memory=self._memory_of(call) if cpus else None,
            name=call.name,
        ).remote(
            call.function,
            call.arguments,
            self._folder,
            key,
            versions(),
            tuple(self.kernels),
        )
        self._calls[reference], self._keys[reference] = call, key

    def _memory_of(self, call: Call) -> int | None:
        """What Ray reserves for a call: at most what the largest machine has, as Ray would
        wait for ever for more.
        """
        if self._most_memory is None:
            self.news()
        return int(min(call.memory, self._most_memory or 0.0)) or None

    def try_elsewhere(self, name: str) -> None:
        """A copy needs no free core: the one that makes no progress uses none."""
        calls = [call for call in self._calls.values() if call.name == name]
        if len(calls) == 1:
            self._copied.add(name)
            self._send(calls[0], cpus=0)

    def wait(self) -> Outcome:
        while True:
            stop_if_asked()
            self._look()
            ended, _ = self._ray.wait(list(self._calls), timeout=_LOOK_SECONDS)
            if ended:
                outcome = self._outcome(ended[0])
                if outcome is not None:
                    return outcome

    def _look(self) -> None:
        """Let who watches look, every two seconds: also where each call takes less."""
        if self.watch is not None and time.monotonic() - self._looked > WATCH_SECONDS:
            self.watch()
            self._looked = time.monotonic()

    def _outcome(self, reference: Any) -> Outcome | None:
        """How a call ended; None for the death of one of two copies."""
        ray = self._ray
        call, key = self._calls.pop(reference), self._keys.pop(reference)
        others = [ref for ref, other in self._calls.items() if other.name == call.name]
        try:
            outcome = Outcome(call, value=ray.get(reference))
        except ray.exceptions.RayTaskError as error:
            cause = error.cause or error
            if isinstance(cause, ProcessDied):
                outcome = Outcome(call, died=cause.death)
            else:
                outcome = Outcome(call, error=cause)
        except ray.exceptions.WorkerCrashedError:
            outcome = Outcome(call, died=self._death_of(key))
        except ray.exceptions.RayError as error:
            self._refuse_end()
            # With its machine, or ended by Ray for want of memory.
            is_told = isinstance(error, ray.exceptions.NodeDiedError)
            death = Death(first_line(error), is_lost=True, is_told=is_told)
            outcome = Outcome(call, died=death)
        _forget(key)
        self._copied.discard(call.name)
        if outcome.died is not None and others:
            return None
        for other in others:
            self._end(other)
        return outcome

    def _refuse_end(self) -> None:
        """Raise ExecutorLost if Ray has ended on this machine: no task will run again."""
        with suppress(Exception):  # of Ray's own table, if that is gone too
            nodes = self._ray.nodes()
            if any(node["Alive"] and node["NodeID"] == self._node for node in nodes):
                return
        what = "the Ray that this run started" if self._owned else "Ray on this machine"
        raise ExecutorLost(
            f"{what} has ended (its raylet is gone; memory, or somebody who ends "
            f"processes): run the same command again{'' if self._owned else ' when it is back'}"
            f", finished work is kept"
        )

    def _death_of(self, key: bytes) -> Death:
        """What is known of a worker that ended in the middle of a call."""
        pulse = _read_pulses([key]).get(key)
        if pulse is None:
            return Death("its worker ended before the call began")
        words = self._at_node(pulse, _written_last, pulse.stderr, pulse.stderr_start)
        return Death(f"process {pulse.pid} on {pulse.host} ended", words or "")

    def _end(self, reference: Any) -> None:
        """End the slower one of two copies, which may be stopped and deaf to Ray."""
        key = self._keys.pop(reference)
        del self._calls[reference]
        self._ray.cancel(reference, force=True)
        pulse = _read_pulses([key]).get(key)
        if pulse is not None:
            self._at_node(pulse, _kill, pulse.pid, pulse.host)
        _forget(key)

    def _at_node(self, pulse: Pulse, function: Callable[..., Any], *about: Any) -> Any:
        """What a function returns on the machine of a call; null if it cannot run there."""
        if self._owned:
            return function(*about)
        ray = self._ray
        place = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(
            pulse.node, soft=False
        )
        remote = ray.remote(max_retries=0)(function)
        try:
            asked = remote.options(num_cpus=0, scheduling_strategy=place).remote(*about)
            return ray.get(asked, timeout=_LOOK_SECONDS * 40)
        except ray.exceptions.RayError:
            return None

    def running(self) -> dict[str, Pulse]:
        # Of two copies the second one is seen.
        found = _read_pulses(list(self._keys.values()))
        keys = {self._calls[ref].name: key for ref, key in self._keys.items()}
        return {name: found[key] for name, key in keys.items() if key in found}

    def report(self, measured: Sequence[Measured]) -> None:
        """Give numbers to Ray, whose nodes export them; a Ray of our own exports none."""
        if self._owned:
            return
        from ray.util.metrics import Gauge

        with suppress(Exception):  # numbers are not worth a run
            for name, told, samples in ((m.name, m.help, m.samples) for m in measured):
                if name not in self._gauges and samples:
                    labels = tuple(label for label, _ in samples[0][0])
                    self._gauges[name] = Gauge(name, told, tag_keys=labels)
                for labels_of, value in samples:
                    self._gauges[name].set(value, tags=dict(labels_of))

    def _need_gpus(self, call: Call) -> None:
        """Raise ConfigError if no node has enough: Ray itself would wait for ever."""
        if not call.gpus:
            return
        nodes = (node["Resources"] for node in self._ray.nodes() if node["Alive"])
        most = max((node.get("GPU", 0.0) for node in nodes), default=0.0)
        if call.gpus > most:
            raise ConfigError(
                f"{call.name} needs {call.gpus:g} GPU, the largest node of the cluster"
                f" has {most:g}; add one and run again: what is finished stays"
            )

    def close(self) -> None:
        for reference in self._calls:
            self._ray.cancel(reference, force=True)
        self._calls.clear()
        self._keys.clear()
        self._copied.clear()
        if self._owned:
            self._ray.shutdown()
        self._unquiet()


class DeferredExecutor:
    """A RayExecutor that is made when the first call is to run: Ray takes seconds to start.

    How many workers a cluster has is known only from the cluster.
    """

    kind: Literal["inline", "ray"] = "ray"

    def __init__(self, address: str, workers: int | None) -> None:
        self._address, self._workers = address, workers
        self.is_local = address == "local"
        self._watch: Callable[[], None] | None = None
        self.kernels: Sequence[str] = USES
        self._started: RayExecutor | None = None

    def start(self) -> None:
        """Start Ray, or connect to it. Raises ConfigError if it cannot be reached."""
        self._ray()

    def _ray(self) -> RayExecutor:
        if self._started is None:
            self._started = RayExecutor(self._address, self._workers)
            self._started.watch = self._watch
        self._started.kernels = self.kernels
        return self._started

    @property
    def workers(self) -> int:
        if self._started is None and self._address == "local":
            return self._workers or available_cpus()
        return self._ray().workers

    @property
    def capacity(self) -> int:
        return self._ray().capacity

    @property
    def watch(self) -> Callable[[], None] | None:
        return self._watch

    @watch.setter
    def watch(self, watch: Callable[[], None] | None) -> None:
        self._watch = watch
        if self._started is not None:
            self._started.watch = watch

    @property
    def pending(self) -> int:
        return self._started.pending if self._started is not None else 0

    def submit(self, call: Call) -> None:
        self._ray().submit(call)

    def wait(self) -> Outcome:
        return self._ray().wait()

    def running(self) -> dict[str, Pulse]:
        return self._started.running() if self._started is not None else {}

    def try_elsewhere(self, name: str) -> None:
        self._ray().try_elsewhere(name)

    def news(self) -> list[str]:
        return self._started.news() if self._started is not None else []

    def report(self, measured: Sequence[Measured]) -> None:
        if self._started is not None:
            self._started.report(measured)

    def close(self) -> None:
        if self._started is not None:
            self._started.close()
            self._started = None


def make_executor(
    kind: Literal["ray", "inline"], address: str = "local", workers: int | None = None
) -> Executor:
    """The executor that the recipe names. Raises ConfigError if Ray cannot be reached."""
    if kind == "inline":
        return InlineExecutor()
    return RayExecutor(address, workers)


def deferred_executor(
    kind: Literal["ray", "inline"], address: str, workers: int | None
) -> Executor:
    """The same, but Ray is started when the first call is to run."""
    return InlineExecutor() if kind == "inline" else DeferredExecutor(address, workers)


def versions() -> str:
    """What has to be the same in the driver and in every worker."""
    return f"tamis {version('tamis')} on Python {platform.python_version()}"


def _apply(
    function: Callable[..., Any],
    arguments: tuple[Any, ...],
    folder: str,
    key: bytes,
    wanted: str,
    kernels: Sequence[str],
) -> Any:
    """Run in a worker, in the driver's folder if that is here: settings name files.

    Raises ConfigError in a worker that has other versions than the driver.
    """
    if versions() != wanted:
        raise ConfigError(
            f"a worker on {socket.gethostname()} has {versions()}, this machine has "
            f"{wanted}: install the same on all of them"
        )
    with suppress(KernelsNotCompiled, OSError):  # then this worker compiles some
        ensure_kernels(uses=kernels)
    if Path(folder).is_dir():
        os.chdir(folder)
    with _reported(key), panics_are_errors():
        return function(*arguments)


@contextmanager
def _reported(key: bytes) -> Iterator[None]:
    """Report how far this worker's call is, every two seconds and at its start."""
    import ray

    pulse.begin()
    stderr, start = "", 0
    with suppress(OSError):
        stderr, start = str(Path("/proc/self/fd/2").readlink()), os.fstat(2).st_size
    about = Pulse(
        host=socket.gethostname(),
        pid=os.getpid(),
        node=ray.get_runtime_context().get_node_id(),
        stderr=stderr,
        stderr_start=start,
    )
    is_over = threading.Event()

    def report() -> None:
        while not is_over.wait(WATCH_SECONDS):
            _write_pulse(key, pulse.now(about))

    # Before the call: a worker that is stopped in it at once is known all the same.
    _write_pulse(key, pulse.now(about))

    thread = threading.Thread(target=report, daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()


def _write_pulse(key: bytes, found: Pulse) -> None:
    from ray.experimental import internal_kv

    with suppress(Exception):  # progress is not worth a task
        internal_kv._internal_kv_put(key, json.dumps(asdict(found)))


def _read_pulses(keys: list[bytes]) -> dict[bytes, Pulse]:
    """The last report of each call that has begun. The border of Ray's own table."""
    from ray.experimental import internal_kv

    found = {}
    with suppress(Exception):
        client = internal_kv.global_gcs_client
        if client is None:  # at a ray:// address
            contents = {key: internal_kv._internal_kv_get(key) for key in keys}
        else:  # one request: a cluster of a thousand cores has two thousand calls
            contents = client.internal_kv_multi_get(keys, None)
        for key, content in contents.items():
            if content:
                found[key] = Pulse(**json.loads(content))
    return found


def _forget(key: bytes) -> None:
    from ray.experimental import internal_kv

    with suppress(Exception):
        internal_kv._internal_kv_del(key)


def _name_of(node: Any) -> str:
    """A machine as people know it: its name and its address."""
    return f"{node['NodeManagerHostname']} ({node['NodeManagerAddress']})"


def _some(names: Sequence[str]) -> str:
    """The first names of some machines, and how many more there are."""
    more = len(names) - _NAMED
    shown = ", ".join(names[:_NAMED])
    return f"{shown} and {more} more machines" if more > 0 else shown


def _written_last(path: str, start: int) -> str:
    """The last words of a process in the file of its stderr."""
    try:
        with Path(path).open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(start, size - _TAIL_BYTES))
            return last_words(file.read().decode("utf-8", "replace"))
    except (OSError, ValueError):
        return ""


def _kill(pid: int, host: str) -> None:
    """End a worker that may be stopped; never one of another machine's number."""
    import psutil

    if host == socket.gethostname():
        with suppress(psutil.Error):
            process = psutil.Process(pid)
            if "ray" in " ".join(process.cmdline()):
                process.kill()
