"""Start Ray on this machine, or connect to one that runs: ports, tokens, sockets, limits."""

import math
import os
import secrets
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import chdir, contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from tamis.addresses import without_secrets
from tamis.errors import ConfigError, TamisError
from tamis.work.processes import kept_file

_TAIL_BYTES = 16 << 10
_NO_MODULES = Path(__file__).with_name("no_modules")
# A socket's path has 107 bytes at most, of which Ray's session takes 68 below TMPDIR.
_MOST_TMPDIR = 36
_PLACES = ("/tmp", "/var/tmp", "/dev/shm")  # if the user's own are full or too long
_ROOM_BYTES = 64 << 20
_START_ATTEMPTS = 4  # of a local Ray
# Seconds for Ray's own processes on an idle machine, its defaults or more, by the
# variable that Ray 2.60 reads. Its 30 s for a node to report itself have none.
_WAIT = "RAY_gcs_server_port_wait_time_s"
_START_LIMITS = {
    _WAIT: 30,
    "RAY_gcs_rpc_server_connect_timeout_s": 5,
    "RAY_gcs_server_request_timeout_seconds": 60,
    "RAY_raylet_start_wait_time_s": 30,
    "RAY_worker_register_timeout_seconds": 60,
}
_SILENT: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
# A connection begins so, with an empty frame of settings; the answer is such a frame too
# (RFC 9113, sections 3.4 and 6.5). Ray's server speaks it, as gRPC does.
_HTTP2_GREETING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(
    (0, 0, 0, 4, 0, 0, 0, 0, 0)
)
_FRAME_HEADER = 9  # bytes; the fourth is the frame's type
_SETTINGS = 4
_TOO_SLOW = ("timed out", "failed to start gcs", "failed to connect to gcs")


def started_ray(address: str, workers: int | None) -> Any:
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
    is_running = ray.is_initialized()
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
                    f"Ray did not start on this machine ({first_line(error)}); mend "
                    f"that, or run with --set executor.kind=inline"
                ) from error
            if not is_running:
                ray.shutdown()
            if attempt == _START_ATTEMPTS:
                raise TamisError(
                    f"Ray did not start on this machine ({first_line(error)}); run "
                    f"again when it is less busy, or with --set executor.kind=inline"
                ) from error
    return ray


def quiet_errors(ray: Any) -> Callable[[], None]:
    """Let Ray not print its own errors, 40 lines for a raylet that died; undoes it.

    They are for the driver's terminal and know no setting. What they mean for a run is
    said by the run.
    """
    module = ray._private.worker
    before = getattr(module, "print_to_stdstream", None)
    if before is None:  # another Ray, which prints elsewhere
        return lambda: None
    module.print_to_stdstream = lambda *_, **__: None

    def undo() -> None:
        module.print_to_stdstream = before

    return undo


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


def _answers(address: str) -> None:
    """Raise ConnectionError if nothing there speaks HTTP/2: Ray would try for minutes.

    It is asked where Ray would ask it: for localhost this is the machine's own address.
    """
    host, colon, port = address.rpartition(":")
    if not colon or "/" in host or not port.isdigit():
        return  # local, auto, or ray://: left to Ray
    with suppress(Exception):  # a Ray that does it otherwise
        services = import_module("ray._private.services")
        host = services.resolve_ip_for_localhost(host)
    try:
        with socket.create_connection((host, int(port)), timeout=10) as peer:
            if "RAY_USE_TLS" in os.environ:
                return
            peer.sendall(_HTTP2_GREETING)
            answer = peer.recv(_FRAME_HEADER)
    except OSError as error:
        raise ConnectionError(f"{host}:{port}: {error}") from error
    if len(answer) < 4 or answer[3] != _SETTINGS:
        raise ConnectionError(f"{host}:{port}: no settings frame of HTTP/2")


def _connect(ray: Any, address: str) -> None:
    """Connect to a running Ray. Raises ConfigError, which tells the causes apart."""
    named = f"executor.address {without_secrets(address)!r}"
    is_sent, is_running = False, ray.is_initialized()
    with _stderr_kept() as said, _as_before("RAY_AUTH_MODE", _WAIT):
        os.environ.setdefault(_WAIT, "2")  # Ray's own 20 attempts of 40 s are too many
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
        f"no Ray there ({first_line(cause)}); start one with `ray start --head`, or "
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
    """Ray keeps the first token that a process uses; one that is open needs it to the end."""
    if import_module("ray").is_initialized():
        return
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


def first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
