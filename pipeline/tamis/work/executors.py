"""Run calls in this process, or as Ray Core tasks on one machine or many.

An executor takes calls and returns outcomes as they end, in any order. It
moves no document: calls read and write storage and return tallies.
"""

import json
import math
import os
import platform
import secrets
import socket
import sys
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import chdir, contextmanager, suppress
from dataclasses import asdict, dataclass
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, Protocol

import psutil

from tamis.addresses import without_secrets
from tamis.errors import ConfigError, TamisError
from tamis.interrupts import stop_if_asked
from tamis.panics import panics_are_errors
from tamis.work import pulse
from tamis.work.processes import Death, ProcessDied, kept_file, last_words
from tamis.work.pulse import Pulse

_LOOK_SECONDS = 0.5  # between two looks for Ctrl-C
WATCH_SECONDS = 2.0  # between two looks at what runs
_TAIL_BYTES = 16 << 10
_NO_MODULES = Path(__file__).with_name("no_modules")
# A socket's path has 107 bytes at most, of which Ray's session takes 68 below TMPDIR.
_MOST_TMPDIR = 36
_PLACES = ("/tmp", "/var/tmp", "/dev/shm")  # if the user's own are full or too long
_ROOM_BYTES = 64 << 20
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
_SILENT: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
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
    died: Death | None = None


class Executor(Protocol):
    """`submit` up to `capacity` calls, `wait` for one to end; `close` at the end.

    `workers` of them run at once. While `wait` waits it calls `watch` again and again,
    from any thread. `running` are the calls that have started, by name; `try_elsewhere`
    runs one a second time, and the first to end counts.
    """

    kind: Literal["inline", "ray"]
    capacity: int
    workers: int
    watch: Callable[[], None] | None

    @property
    def pending(self) -> int: ...

    def submit(self, call: Call) -> None: ...

    def wait(self) -> Outcome: ...

    def running(self) -> dict[str, Pulse]: ...

    def try_elsewhere(self, name: str) -> None: ...

    def close(self) -> None: ...


class InlineExecutor:
    """Runs each call in this process, in `wait`: for debugging."""

    kind: Literal["inline", "ray"] = "inline"
    capacity = 1
    workers = 1

    def __init__(self) -> None:
        self.watch: Callable[[], None] | None = None
        self._calls: deque[Call] = deque()
        self._at: Call | None = None

    @property
    def pending(self) -> int:
        return len(self._calls)

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

    def close(self) -> None:
        self._calls.clear()


class RayExecutor:
    """Ray Core tasks of one CPU each; a started instance ends with `close`.

    Workers report how far they are to Ray's table of keys and values, under `_board`.
    """

    kind: Literal["inline", "ray"] = "ray"

    def __init__(self, address: str, workers: int | None) -> None:
        self._ray = _started_ray(address, workers)
        cpus = int(self._ray.cluster_resources().get("CPU", 1))
        self.workers = min(cpus, workers or cpus)
        # One waiting call per running one hides the driver's latency. If the cluster
        # has more cores than are wanted, a waiting call would run at once.
        self.capacity = self.workers if self.workers < cpus else 2 * cpus
        self.watch: Callable[[], None] | None = None
        self._owned = address == "local"
        self._calls: dict[Any, Call] = {}
        self._keys: dict[Any, bytes] = {}
        self._copied: set[str] = set()
        self._board = f"tamis-{uuid.uuid4().hex}"
        self._submitted = 0
        self._folder = str(Path.cwd())
        self._remote = self._ray.remote(max_retries=0)(_apply)

    @property
    def pending(self) -> int:
        return len(self._calls) - len(self._copied)

    def submit(self, call: Call) -> None:
        self._need_gpus(call)
        self._send(call, cpus=1)

    def _send(self, call: Call, *, cpus: int) -> None:
        self._submitted += 1
        key = f"{self._board}:{self._submitted}".encode()
        reference = self._remote.options(
            num_cpus=cpus, num_gpus=call.gpus, name=call.name
        ).remote(call.function, call.arguments, self._folder, key, versions())
        self._calls[reference], self._keys[reference] = call, key

    def try_elsewhere(self, name: str) -> None:
        """A copy needs no free core: the one that makes no progress uses none."""
        calls = [call for call in self._calls.values() if call.name == name]
        if len(calls) == 1:
            self._copied.add(name)
            self._send(calls[0], cpus=0)

    def wait(self) -> Outcome:
        looked = time.monotonic()
        while True:
            stop_if_asked()
            ended, _ = self._ray.wait(list(self._calls), timeout=_LOOK_SECONDS)
            if ended:
                outcome = self._outcome(ended[0])
                if outcome is not None:
                    return outcome
            if self.watch and time.monotonic() - looked > WATCH_SECONDS:
                self.watch()
                looked = time.monotonic()

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
            # With its machine, or ended by Ray for want of memory.
            outcome = Outcome(call, died=Death(_first_line(error), is_lost=True))
        _forget(key)
        self._copied.discard(call.name)
        if outcome.died is not None and others:
            return None
        for other in others:
            self._end(other)
        return outcome

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


def versions() -> str:
    """What has to be the same in the driver and in every worker."""
    return f"tamis {version('tamis')} on Python {platform.python_version()}"


def _apply(
    function: Callable[..., Any],
    arguments: tuple[Any, ...],
    folder: str,
    key: bytes,
    wanted: str,
) -> Any:
    """Run in a worker, in the driver's folder if that is here: settings name files.

    Raises ConfigError in a worker that has other versions than the driver.
    """
    if versions() != wanted:
        raise ConfigError(
            f"a worker on {socket.gethostname()} has {versions()}, this machine has "
            f"{wanted}: install the same on all of them"
        )
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
        for key in keys:
            content = internal_kv._internal_kv_get(key)
            if content:
                found[key] = Pulse(**json.loads(content))
    return found


def _forget(key: bytes) -> None:
    from ray.experimental import internal_kv

    with suppress(Exception):
        internal_kv._internal_kv_del(key)


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
    if host == socket.gethostname():
        with suppress(psutil.Error):
            process = psutil.Process(pid)
            if "ray" in " ".join(process.cmdline()):
                process.kill()


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

    if address != "local":
        _connect(ray, address)
        return ray
    settings: dict[str, Any] = {
        "num_cpus": workers or available_cpus(),
        "include_dashboard": False,
        # Only tallies go through the store; the default would take 30 % of the
        # memory.
        "object_store_memory": 128 << 20,
    }
    for attempt in range(1, _START_ATTEMPTS + 1):
        try:
            # Ray puts the driver's folder on its workers' path, before the standard
            # library: a file html.py or queue.py in it would kill every task.
            with chdir(_NO_MODULES), _surroundings(), _on_loopback(ray):
                ray.init(address=address, **settings, **_SILENT)
            break
        except Exception as error:
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


def _connect(ray: Any, address: str) -> None:
    """Connect to a running Ray. Raises ConfigError, which tells the causes apart."""
    named = f"executor.address {without_secrets(address)!r}"
    is_sent, is_running = False, ray.is_initialized()
    with _stderr_kept() as said, _as_before("RAY_AUTH_MODE"):
        try:
            _answers(address)
            is_sent = _sends_token()
            with chdir(_NO_MODULES):
                ray.init(address=address, **_SILENT)
            return
        except Exception as error:
            cause = error
    if not is_running:
        ray.shutdown()  # what was started of a connection that failed
    why = _refusal(f"{_chain(cause)}\n{said[0]}", is_token_sent=is_sent)
    raise ConfigError(f"{named}: {why or _no_ray(cause)}") from cause


def _no_ray(cause: BaseException) -> str:
    return (
        f"no Ray there ({_first_line(cause)}); start one with `ray start --head`, or "
        f"use address: local"
    )


def _refusal(said: str, *, is_token_sent: bool) -> str:
    """Why a Ray that is there refuses us; empty if none says so."""
    lower = said.lower()
    if "unauthenticated" in lower or "authentication token" in lower:
        if is_token_sent:
            return (
                "Ray refuses our token: give this machine the cluster's, in "
                "RAY_AUTH_TOKEN, RAY_AUTH_TOKEN_PATH or ~/.ray/auth_token"
            )
        return (
            "Ray asks for a token: set RAY_AUTH_MODE=token, and the cluster's token in "
            "RAY_AUTH_TOKEN, RAY_AUTH_TOKEN_PATH or ~/.ray/auth_token"
        )
    if "version mismatch" in lower:
        lines = [line.strip() for line in said.splitlines() if "mismatch" in line]
        found = [line.strip() for line in said.splitlines() if "Python:" in line]
        return f"{' '.join([*lines[:1], *found[:2]])}: install the same on all machines"
    if "protocol" in lower or "http2" in lower or "settings frame" in lower:
        return (
            "what listens there does not speak Ray's protocol: the port is that of "
            "`ray start --head` (6379), not of the dashboard"
        )
    return ""


def _sends_token() -> bool:
    """Have Ray send a token where there is one; it would do so for `auto` alone."""
    _forget_token()
    if "RAY_AUTH_MODE" in os.environ:
        return os.environ["RAY_AUTH_MODE"].lower() == "token"
    try:
        from ray._private.authentication import authentication_token_setup as setup

        return bool(
            setup.maybe_enable_token_auth_if_token_available(warn_if_disabled=False)
        )
    except Exception:  # a Ray without tokens, or a user without a home
        return False


@contextmanager
def _stderr_kept() -> Iterator[list[str]]:
    """Keep what Ray's own code writes to stderr, 25 lines for one that is not there.

    The list has it when the block has ended.
    """
    said = [""]
    sys.stderr.flush()
    before = os.dup(2)
    with kept_file() as file:
        os.dup2(file.fileno(), 2)
        try:
            yield said
        finally:
            os.dup2(before, 2)
            os.close(before)
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _TAIL_BYTES))
            said[0] = file.read().decode("utf-8", "replace")


@contextmanager
def _on_loopback(ray: Any) -> Iterator[None]:
    """Have a local Ray listen where this machine alone reaches it, with a token of its own.

    Ray would write a token below the home folder, which not every user has, and from
    then on every `ray start` of this user would ask for it.
    """
    constants = ray._private.ray_constants
    is_cluster = constants.ENABLE_RAY_CLUSTER
    constants.ENABLE_RAY_CLUSTER = False  # without it the node's address is 127.0.0.1
    is_own = not any(name.startswith("RAY_AUTH_") for name in os.environ)
    with _as_before("RAY_AUTH_TOKEN", "RAY_AUTH_MODE"):
        if is_own:
            os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
        _forget_token()
        try:
            yield
        finally:
            constants.ENABLE_RAY_CLUSTER = is_cluster


@contextmanager
def _as_before(*names: str) -> Iterator[None]:
    """Put these variables of the environment back at the end."""
    before = {name: os.environ.get(name) for name in names}
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _forget_token() -> None:
    """Ray keeps the first token that a process uses."""
    with suppress(Exception):  # a Ray without tokens
        import_module("ray._raylet").AuthenticationTokenLoader.instance().reset_cache()


def _chain(error: BaseException | None) -> str:
    """The messages of an error and of its causes."""
    said = []
    while error is not None:
        said.append(str(error))
        error = error.__cause__ or error.__context__
    return "\n".join(said)


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
    own["RAY_TMPDIR"] = _folder_for_sockets()
    own["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    before = {name: os.environ[name] for name in own if name in os.environ}
    os.environ.update(own)
    try:
        yield
    finally:
        for name in own:
            del os.environ[name]
        os.environ.update(before)


def _folder_for_sockets() -> str:
    """Where Ray keeps its sockets and logs: the first place that is short and has room.

    Raises TamisError if none has. In a full one Ray would wait for minutes and say nothing.
    """
    asked = [os.environ[n] for n in ("RAY_TMPDIR", "TMPDIR") if os.environ.get(n)]
    for place in (*asked, *_PLACES):
        if len(place) <= _MOST_TMPDIR and _has_room(place):
            return place
    raise TamisError(
        f"Ray needs {_ROOM_BYTES >> 20} MiB for sockets and logs, and none of "
        f"{', '.join(dict.fromkeys((*asked, *_PLACES)))} has them: make room, set "
        f"RAY_TMPDIR, or run with --set executor.kind=inline"
    )


def _has_room(place: str) -> bool:
    try:
        status = os.statvfs(place)
    except OSError:
        return False
    free = status.f_bavail * status.f_frsize
    return free >= _ROOM_BYTES and os.access(place, os.W_OK)


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
