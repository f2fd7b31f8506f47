"""Calls and their outcomes: a value, an exception, or the death of a worker."""

import ipaddress
import os
import platform
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil
import pytest
from fixtures.patience import patient, wait_until

from tamis.errors import ConfigError, InputError, TamisError
from tamis.storage import Storage
from tamis.work import executors
from tamis.work.executors import (
    WATCH_SECONDS,
    Call,
    Executor,
    InlineExecutor,
    Outcome,
    RayExecutor,
    deferred_executor,
    make_executor,
)
from tamis.work.pulse import advance
from tamis.work.ray_start import available_cpus
from tamis.work.tasks import Tasks
from tamis.work.watch import Watch


def double(number: int) -> int:
    return 2 * number


def fail(name: str) -> None:
    raise InputError(f"{name}: no such file")


TOKENS = {"right": "a" * 64, "wrong": "b" * 64}


def _without_ray() -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if not k.startswith("RAY_")}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a cluster of one node, which asks for a token."""
    home = tmp_path_factory.mktemp("cluster")
    (home / ".ray").mkdir()
    (home / ".ray/auth_token").write_text(TOKENS["right"])
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    sockets = Path(tempfile.mkdtemp(dir="/tmp", prefix="ray-"))
    head = subprocess.Popen(
        [
            *(str(Path(sys.executable).with_name("ray")), "start", "--head", "--block"),
            *(f"--port={port}", "--num-cpus=1", f"--temp-dir={sockets}"),
            *("--include-dashboard=false", "--disable-usage-stats"),
        ],
        env={**_without_ray(), "HOME": str(home), "RAY_AUTH_MODE": "token"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )

    def is_up() -> bool:
        assert head.poll() is None
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return bool(list(sockets.glob("session_*/sockets/raylet*")))
        return False

    try:
        wait_until(is_up, within=120)
        yield f"127.0.0.1:{port}"
    finally:
        family = [*psutil.Process(head.pid).children(recursive=True)]
        head.terminate()
        head.wait()
        for process in family:
            with suppress(psutil.Error):
                process.kill()
        shutil.rmtree(sockets, ignore_errors=True)


def complain() -> None:
    os.write(2, b"cannot go on\n")
    os.abort()


def count_slowly() -> None:
    advance(7, 0.5)
    time.sleep(3 * WATCH_SECONDS)


def stop_the_first(place: str) -> int:
    """Stop the first process that comes here; the next one goes on. Returns its number."""
    if not Path(place).exists():
        Path(place).write_text(str(os.getpid()), "utf-8")
        os.kill(os.getpid(), signal.SIGSTOP)
    return os.getpid()


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def outcomes(executor: Executor, calls: list[Call]) -> dict[str, Outcome]:
    for call in calls:
        executor.submit(call)
    found = {}
    while executor.pending:
        outcome = executor.wait()
        found[outcome.call.name] = outcome
    return found


def gpus_given() -> list[str]:
    import ray

    return list(ray.get_runtime_context().get_accelerator_ids()["GPU"])


def memory_left() -> float:
    """Of the node, as Ray counts it: what no call has reserved."""
    import ray

    time.sleep(1.0)  # the count follows a start
    return float(ray.available_resources().get("memory", 0.0)) // 1e6


@pytest.fixture(scope="module")
def ray_executor() -> Iterator[Executor]:
    """A node of one core that says it has a GPU, and has none in truth."""
    import ray

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ray, "init", partial(ray.init, num_gpus=1))
        executor = make_executor("ray", workers=1)
    yield executor
    executor.close()


@pytest.fixture
def no_ray() -> None:
    """A process has one Ray: that of `ray_executor`, whose tests stand before, ends here."""
    import ray

    ray.shutdown()


@pytest.mark.parametrize("kind", ["inline", pytest.param("ray", marks=pytest.mark.ray)])
def test_values_and_errors_come_back(kind: str, request: pytest.FixtureRequest) -> None:
    executor: Executor = (
        InlineExecutor()
        if kind == "inline"
        else request.getfixturevalue("ray_executor")
    )
    calls = [Call("a", double, (3,)), Call("b", fail, ("x",)), Call("c", double, (4,))]
    found = outcomes(executor, calls)
    assert found["a"].value == 6
    assert found["c"].value == 8
    assert isinstance(found["b"].error, InputError)
    assert str(found["b"].error) == "x: no such file"


@pytest.mark.ray
def test_the_death_of_a_worker_is_an_outcome(ray_executor: Executor) -> None:
    found = outcomes(ray_executor, [Call("a", die, ()), Call("b", double, (1,))])
    assert found["a"].died
    assert found["b"].value == 2


@pytest.mark.ray
def test_a_call_that_needs_a_gpu_runs_where_one_is(ray_executor: Executor) -> None:
    calls = [Call("with", gpus_given, (), gpus=1.0), Call("without", gpus_given, ())]
    found = outcomes(ray_executor, calls)
    assert found["with"].value == ["0"]
    assert found["without"].value == []


@pytest.mark.ray
def test_a_gpu_that_no_node_has_is_not_waited_for(ray_executor: Executor) -> None:
    with pytest.raises(ConfigError, match=r"needs 2 GPU, the largest node .* has 1;"):
        ray_executor.submit(Call("a", gpus_given, (), gpus=2.0))
    assert ray_executor.pending == 0


@pytest.mark.ray
def test_a_call_that_asks_for_more_memory_than_there_is_runs_alone(
    ray_executor: Executor,
) -> None:
    """Ray would wait for ever for a machine that has it."""
    calls = [Call(name, memory_left, (), memory=1 << 50) for name in "ab"]
    found = outcomes(ray_executor, calls)
    assert found["a"].value == found["b"].value == 0


def test_no_ray_at_an_address_is_said_in_one_line() -> None:
    with pytest.raises(ConfigError, match=r"executor\.address.*no Ray there"):
        make_executor("ray", address="127.0.0.1:1")


@pytest.mark.ray
def test_the_last_words_of_a_dead_worker_are_known(ray_executor: Executor) -> None:
    (outcome,) = outcomes(ray_executor, [Call("a", complain, ())]).values()
    assert "cannot go on" in str(outcome.died)
    (outcome,) = outcomes(ray_executor, [Call("a", die, ())]).values()
    assert "cannot go on" not in str(outcome.died)  # those of an earlier call are not


@pytest.mark.ray
def test_a_local_ray_is_reached_from_this_machine_alone(ray_executor: Executor) -> None:
    """Whatever it and its workers listen on, with a token that is nobody else's."""
    outcomes(ray_executor, [Call("a", double, (1,))])
    family = [psutil.Process(), *psutil.Process().children(recursive=True)]
    places = {
        ipaddress.ip_address(found.laddr.ip)
        for process in family
        for found in process.net_connections("inet")
        if found.status == psutil.CONN_LISTEN
    }
    assert places
    for place in places:
        inner = place.ipv4_mapped if place.version == 6 else None
        assert (inner or place).is_loopback, place
    assert "RAY_AUTH_TOKEN" not in os.environ


@pytest.mark.ray
def test_a_local_ray_leaves_nothing_in_the_home_folder(tmp_path: Path) -> None:
    """Nor does it need one: a container's user may have none."""
    code = (
        "from tamis.work.executors import Call, make_executor\n"
        "executor = make_executor('ray', workers=1)\n"
        "executor.submit(Call('a', abs, (-6,)))\n"
        "print(executor.wait().value)\n"
        "executor.close()\n"
    )
    found = {k: v for k, v in os.environ.items() if not k.startswith("RAY_")}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**found, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "6\n", done.stderr
    assert not (tmp_path / ".ray").exists()


@pytest.mark.ray
def test_a_worker_with_other_versions_names_both(
    ray_executor: Executor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executors, "versions", lambda: "tamis 9.9 on Python 3.99")
    (outcome,) = outcomes(ray_executor, [Call("a", double, (1,))]).values()
    assert isinstance(outcome.error, ConfigError)
    assert re.search(
        rf"tamis .* on Python {platform.python_version()}, this machine has tamis 9.9 "
        r"on Python 3\.99",
        str(outcome.error),
    )


@pytest.mark.ray
def test_a_stopped_worker_is_named_and_its_call_is_tried_elsewhere(
    ray_executor: Executor, tmp_path: Path
) -> None:
    """On a node of one core: the copy asks for none, and the stopped one is ended."""
    said: list[str] = []
    watch = Watch(stall_seconds=6.0, note=said.append)

    def look() -> None:
        for name in watch.look(ray_executor.running()):
            ray_executor.try_elsewhere(name)

    ray_executor.watch = look
    try:
        ray_executor.submit(Call("a", stop_the_first, (str(tmp_path / "pid"),)))
        outcome = ray_executor.wait()
    finally:
        ray_executor.watch = None
    stopped = int((tmp_path / "pid").read_text("utf-8"))
    assert outcome.value != stopped
    (line,) = said
    assert re.match(
        rf"a: no progress since \d\d:\d\d:\d\d \(.* in process {stopped} on ", line
    )
    wait_until(lambda: not psutil.pid_exists(stopped), within=20)
    assert ray_executor.pending == 0
    found = outcomes(ray_executor, [Call("b", double, (2,))])  # the core is free again
    assert found["b"].value == 4


@pytest.mark.ray
def test_how_far_a_call_is_is_seen_from_outside(ray_executor: Executor) -> None:
    seen: list[tuple[int, float]] = []

    def look() -> None:
        for pulse in ray_executor.running().values():
            seen.append((pulse.documents, pulse.share))

    ray_executor.watch = look
    try:
        outcomes(ray_executor, [Call("a", count_slowly, ())])
    finally:
        ray_executor.watch = None
    assert (7, 0.5) in seen


@pytest.mark.long  # Ray tries a wrong token for 20 seconds
@pytest.mark.ray
@pytest.mark.parametrize(
    ("token", "complaint"),
    [
        pytest.param("right", None, id="the cluster's token"),
        pytest.param(None, "Ray asks for a token: set RAY_AUTH_MODE=token", id="none"),
        pytest.param("wrong", "Ray refuses our token", id="another"),
    ],
)
def test_a_cluster_that_asks_for_a_token(
    cluster: str, tmp_path: Path, token: str | None, complaint: str | None
) -> None:
    """The token of ~/.ray is sent to any address; what is refused is said in one line."""
    if token:
        (tmp_path / ".ray").mkdir()
        (tmp_path / ".ray/auth_token").write_text(TOKENS[token])
    code = (
        "import sys\n"
        "from tamis.work.executors import make_executor\n"
        "try:\n"
        f"    make_executor('ray', address={cluster!r}).close()\n"
        "except Exception as error:\n"
        "    sys.exit(f'{type(error).__name__}: {error}')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**_without_ray(), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    if complaint is None:
        assert done.returncode == 0, done.stderr
        return
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"ConfigError: executor.address '{cluster}': {complaint}")


@pytest.mark.parametrize(
    ("place", "said"),
    [
        pytest.param("127.0.0.1", "no Ray there|Ray's protocol", id="loopback"),
        pytest.param("", "does not speak Ray's protocol", id="where Ray looks"),
    ],
)
def test_a_server_that_is_no_ray_is_said_in_one_line(place: str, said: str) -> None:
    """Ray takes localhost for the machine's own address, where nothing may listen."""
    from ray._private.services import resolve_ip_for_localhost

    host = place or resolve_ip_for_localhost("127.0.0.1")
    server = ThreadingHTTPServer((host, 0), BaseHTTPRequestHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"{host}:{server.server_address[1]}"
    begun = time.monotonic()
    try:
        with pytest.raises(
            ConfigError, match=rf"executor\.address.*({said})"
        ) as raised:
            make_executor("ray", address=address)
    finally:
        server.shutdown()
        server.server_close()
    assert "\n" not in str(raised.value)
    assert time.monotonic() - begun < patient(10)


LIMITS = {
    "RAY_gcs_server_port_wait_time_s": "30",
    "RAY_gcs_rpc_server_connect_timeout_s": "5",
    "RAY_gcs_server_request_timeout_seconds": "60",
    "RAY_raylet_start_wait_time_s": "30",
    "RAY_worker_register_timeout_seconds": "60",
}


class Starts:
    """Stands for `ray.init`: fails in turn as told, and notes Ray's limits."""

    def __init__(self, patch: pytest.MonkeyPatch, *errors: Exception) -> None:
        self.errors = [*errors]
        self.limits: list[dict[str, str | None]] = []
        self.load = (0.0, 0.0, 0.0)
        for name in LIMITS:
            patch.setenv(name, "")  # so that it is put back
            patch.delenv(name)
        patch.setattr("ray.init", self)
        patch.setattr("ray.cluster_resources", lambda: {"CPU": 1})
        patch.setattr("os.getloadavg", lambda: self.load)

    def __call__(self, **settings: object) -> None:
        self.limits.append({name: os.environ.get(name) for name in LIMITS})
        if self.errors:
            raise self.errors.pop(0)


SLOW = Exception("The current node timed out during startup.\nMore.")
SLOWER = RuntimeError("Failed to start GCS.  Last 0 lines of error files:\n")


def test_a_ray_that_is_too_slow_to_start_is_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Ray gives its node half a minute, and raises the bare class after it."""
    starts = Starts(monkeypatch, SLOW, SLOWER, SLOW)
    make_executor("ray", workers=1)
    assert starts.limits == [LIMITS] * 4


def test_a_ray_that_never_starts_is_said_in_one_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    starts = Starts(monkeypatch, *[SLOW] * 9)
    with pytest.raises(TamisError, match=r"did not start .*startup\.\); run again"):
        make_executor("ray", workers=1)
    assert len(starts.limits) == 4


def test_ray_s_limits_follow_the_load(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three tasks a core: three times the limits, but for one that the user set."""
    starts = Starts(monkeypatch)
    starts.load = (3.0 * available_cpus(), 0.0, 0.0)
    monkeypatch.setenv("RAY_worker_register_timeout_seconds", "7")
    make_executor("ray", workers=1)
    assert starts.limits == [
        {
            "RAY_gcs_server_port_wait_time_s": "90",
            "RAY_gcs_rpc_server_connect_timeout_s": "15",
            "RAY_gcs_server_request_timeout_seconds": "180",
            "RAY_raylet_start_wait_time_s": "90",
            "RAY_worker_register_timeout_seconds": "7",
        }
    ]
    assert "RAY_raylet_start_wait_time_s" not in os.environ  # the load may change


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(RuntimeError("ray.init twice by accident?"), id="started before"),
        pytest.param(ValueError("num_cpus must be positive"), id="a wrong setting"),
        pytest.param(PermissionError("/tmp/ray: not yours"), id="no right to write"),
    ],
)
def test_another_error_of_a_start_is_said_at_once(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    starts = Starts(monkeypatch, error)
    with pytest.raises(
        TamisError, match=f"did not start .*{re.escape(str(error))}.*mend"
    ) as raised:
        make_executor("ray", workers=1)
    assert raised.value.__cause__ is error
    assert len(starts.limits) == 1


def test_ray_is_started_by_the_first_call_and_not_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    starts = Starts(monkeypatch)
    executor = deferred_executor("ray", "local", 3)
    assert (executor.kind, executor.workers, executor.pending) == ("ray", 3, 0)
    assert executor.running() == {}
    executor.watch = print
    executor.close()
    assert starts.limits == []
    executor.start()
    executor.start()
    assert len(starts.limits) == 1
    assert executor.watch is print


def test_a_cluster_is_asked_how_many_workers_it_has() -> None:
    executor = deferred_executor("ray", "127.0.0.1:1", None)
    with pytest.raises(ConfigError, match=r"executor\.address.*no Ray there"):
        _ = executor.workers


def test_a_run_without_tasks_starts_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    starts = Starts(monkeypatch)
    tasks = Tasks(Storage(str(tmp_path)), deferred_executor("ray", "local", 1))
    assert tasks.run("nothing", []) == []
    assert starts.limits == []


def test_there_is_a_core_to_work_on() -> None:
    assert 1 <= available_cpus() <= (os.cpu_count() or 1)


@pytest.mark.ray
def test_a_long_folder_for_temporary_files_is_no_obstacle(
    no_ray: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = tmp_path / ("a-job-of-slurm/" * 6)
    long.mkdir(parents=True)
    monkeypatch.setenv("TMPDIR", str(long))
    monkeypatch.delenv("RAY_TMPDIR", raising=False)
    executor = RayExecutor("local", 1)
    try:
        executor.submit(Call("here", double, (2,)))
        assert executor.wait().value == 4
    finally:
        executor.close()
    assert "RAY_TMPDIR" not in os.environ


@pytest.mark.ray
def test_files_in_the_driver_s_folder_do_not_hide_the_standard_library(
    no_ray: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("html", "queue", "config", "types"):
        (tmp_path / f"{name}.py").write_text("raise RuntimeError('hidden')")
    monkeypatch.chdir(tmp_path)
    executor = RayExecutor("local", 1)
    try:
        executor.submit(Call("here", os.getcwd, ()))
        assert executor.wait().value == str(tmp_path)
    finally:
        executor.close()
    assert Path.cwd() == tmp_path
