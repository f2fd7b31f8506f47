"""Run calls in this process, or as Ray Core tasks on one machine or many.

An executor takes calls and returns outcomes as they end, in any order. It
moves no document: calls read and write storage and return tallies.
"""

import math
import os
import socket
import sys
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import chdir, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from tamis.addresses import without_secrets
from tamis.errors import ConfigError, TamisError
from tamis.interrupts import stop_if_asked

_UNREACHABLE = (ConnectionError, RuntimeError, ValueError)  # of an address
_LOOK_SECONDS = 0.5  # between two looks for Ctrl-C
_NO_MODULES = Path(__file__).with_name("no_modules")
# A socket's path has 107 bytes at most, of which Ray's session takes 68 below TMPDIR.
_MOST_TMPDIR = 36
_START_ATTEMPTS = 4  # of a local Ray
# Seconds for Ray's own processes on an idle machine, its defaults or more, by the
# variable that Ray 2.60 reads. Its 30 s for a node to report itself have none.
_START_LIMITS = {
    "RAY_gcs_server_port_wait_time_s": 30,
    "RAY_gcs_rpc_server_connect_timeout_s": 5,
    "RAY_gcs_server_request_timeout_seconds": 60,
    "RAY_raylet_start_wait_time_s": 30,
    "RAY_worker_register_timeout_seconds": 60,
}
_TOO_SLOW = ("timed out", "failed to start gcs", "failed to connect to gcs")


@dataclass(frozen=True)
class Call:
    """One function call. `function` is importable; arguments are small."""

    name: str
    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    gpus: float = 0.0


@dataclass(frozen=True)
class Outcome:
    """How a call ended: with a value, an exception, or the death of its worker."""

    call: Call
    value: Any = None
    error: BaseException | None = None
    died: str | None = None


class Executor(Protocol):
    """`submit` up to `capacity` calls, `wait` for one to end; `close` at the end.

    `workers` of them run at once.
    """

    kind: Literal["inline", "ray"]
    capacity: int
    workers: int

    @property
    def pending(self) -> int: ...

    def submit(self, call: Call) -> None: ...

    def wait(self) -> Outcome: ...

    def close(self) -> None: ...


class InlineExecutor:
    """Runs each call in this process, in `wait`: for debugging."""

    kind: Literal["inline", "ray"] = "inline"
    capacity = 1
    workers = 1

    def __init__(self) -> None:
        self._calls: deque[Call] = deque()

    @property
    def pending(self) -> int:
        return len(self._calls)

    def submit(self, call: Call) -> None:
        self._calls.append(call)

    def wait(self) -> Outcome:
        call = self._calls.popleft()
        try:
            return Outcome(call, value=call.function(*call.arguments))
        except Exception as error:
            return Outcome(call, error=error)

    def close(self) -> None:
        self._calls.clear()


class RayExecutor:
    """Ray Core tasks of one CPU each; a started instance ends with `close`."""

    kind: Literal["inline", "ray"] = "ray"

    def __init__(self, address: str, workers: int | None) -> None:
        self._ray = _started_ray(address, workers)
        cpus = int(self._ray.cluster_resources().get("CPU", 1))
        self.workers = min(cpus, workers or cpus)
        # One waiting call per running one hides the driver's latency. If the cluster
        # has more cores than are wanted, a waiting call would run at once.
        self.capacity = self.workers if self.workers < cpus else 2 * cpus
        self._owned = address == "local"
        self._calls: dict[Any, Call] = {}
        self._folder = str(Path.cwd())
        self._remote = self._ray.remote(max_retries=0)(_apply)

    @property
    def pending(self) -> int:
        return len(self._calls)

    def submit(self, call: Call) -> None:
        self._need_gpus(call)
        reference = self._remote.options(
            num_cpus=1, num_gpus=call.gpus, name=call.name
        ).remote(call.function, call.arguments, self._folder)
        self._calls[reference] = call

    def wait(self) -> Outcome:
        ray = self._ray
        ended: list[Any] = []
        while not ended:
            stop_if_asked()
            ended, _ = ray.wait(list(self._calls), timeout=_LOOK_SECONDS)
        (reference,) = ended
        call = self._calls.pop(reference)
        try:
            return Outcome(call, value=ray.get(reference))
        except ray.exceptions.RayTaskError as error:
            return Outcome(call, error=error.cause or error)
        except ray.exceptions.RayError as error:
            return Outcome(call, died=str(error).strip().splitlines()[0])

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
        if self._owned:
            self._ray.shutdown()


def make_executor(
    kind: Literal["ray", "inline"], address: str = "local", workers: int | None = None
) -> Executor:
    """The executor that the recipe names. Raises ConfigError if Ray cannot be reached."""
    if kind == "inline":
        return InlineExecutor()
    return RayExecutor(address, workers)


def available_cpus() -> int:
    """Cores that this process may use, within a container's or taskset's limit."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def times_busier() -> float:
    """How much longer anything takes than on an idle machine: tasks per core, at least 1."""
    try:
        waiting = os.getloadavg()[0]
    except (OSError, AttributeError):  # not known on this system
        return 1.0
    return max(1.0, waiting / available_cpus())


def _apply(
    function: Callable[..., Any], arguments: tuple[Any, ...], folder: str
) -> Any:
    """Run in a worker, in the driver's folder if that is here: settings name files."""
    if Path(folder).is_dir():
        os.chdir(folder)
    return function(*arguments)


def _answers(address: str) -> None:
    """Raise ConnectionError if no server listens: Ray itself would try for minutes."""
    host, colon, port = address.rpartition(":")
    if not colon or "/" in host or not port.isdigit():
        return  # local, auto, or ray://: left to Ray
    try:
        socket.create_connection((host, int(port)), timeout=10).close()
    except OSError as error:
        raise ConnectionError(str(error)) from error


def _started_ray(address: str, workers: int | None) -> Any:
    """Connect to Ray, or start a local instance that sends nothing to anyone."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    import ray  # takes 0.5 s: not for --help

    settings: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    if address == "local":
        settings |= {
            "num_cpus": workers or available_cpus(),
            "include_dashboard": False,
            # Only tallies go through the store; the default would take 30 % of the
            # memory.
            "object_store_memory": 128 << 20,
        }
    is_own = address == "local"
    for attempt in range(1, _START_ATTEMPTS + 1):
        try:
            _answers(address)
            # Ray puts the driver's folder on its workers' path, before the standard
            # library: a file html.py or queue.py in it would kill every task.
            with chdir(_NO_MODULES), _surroundings() if is_own else nullcontext():
                ray.init(address=address, **settings)
            break
        except Exception as error:
            if not is_own and isinstance(error, _UNREACHABLE):
                raise ConfigError(
                    f"executor.address {without_secrets(address)!r}: no Ray there "
                    f"({_first_line(error)}); start one with `ray start --head`, or "
                    f"use address: local"
                ) from error
            if not _is_too_slow(error):
                raise TamisError(
                    f"Ray did not start on this machine ({_first_line(error)}); mend "
                    f"that, or run with --set executor.kind=inline"
                ) from error
            ray.shutdown()
            if attempt == _START_ATTEMPTS:
                raise TamisError(
                    f"Ray did not start on this machine ({_first_line(error)}); run "
                    f"again when it is less busy, or with --set executor.kind=inline"
                ) from error
    return ray


def _is_too_slow(error: BaseException) -> bool:
    """Whether a start may go better the next time: Ray says so by the bare class, or in
    words."""
    said = str(error).lower()
    return type(error) is Exception or any(words in said for words in _TOO_SLOW)


@contextmanager
def _surroundings() -> Iterator[None]:
    """What Ray's processes inherit: this process's path of modules, a folder for sockets,
    and limits of Ray's start that grow with the load, but for those the user set.
    """
    times = times_busier()
    own = {
        name: str(math.ceil(seconds * times))
        for name, seconds in _START_LIMITS.items()
        if name not in os.environ
    }
    if len(os.environ.get("TMPDIR", "")) > _MOST_TMPDIR:
        own["RAY_TMPDIR"] = os.environ.get("RAY_TMPDIR", "/tmp")
    own["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    before = {name: os.environ[name] for name in own if name in os.environ}
    os.environ.update(own)
    try:
        yield
    finally:
        for name in own:
            del os.environ[name]
        os.environ.update(before)


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
