"""Calls and their outcomes: a value, an exception, or the death of a worker."""

import os
import re
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tamis.errors import ConfigError, InputError, TamisError
from tamis.work.executors import (
    Call,
    Executor,
    InlineExecutor,
    Outcome,
    RayExecutor,
    available_cpus,
    make_executor,
)


def double(number: int) -> int:
    return 2 * number


def fail(name: str) -> None:
    raise InputError(f"{name}: no such file")


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


@pytest.fixture(scope="module")
def ray_executor() -> Iterator[Executor]:
    """A node of one core that says it has a GPU, and has none in truth."""
    import ray

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ray, "init", partial(ray.init, num_gpus=1))
        executor = make_executor("ray", workers=1)
    yield executor
    executor.close()


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


def test_no_ray_at_an_address_is_said_in_one_line() -> None:
    with pytest.raises(ConfigError, match=r"executor\.address.*no Ray there"):
        make_executor("ray", address="127.0.0.1:1")


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


def test_there_is_a_core_to_work_on() -> None:
    assert 1 <= available_cpus() <= (os.cpu_count() or 1)


@pytest.mark.ray
def test_a_long_folder_for_temporary_files_is_no_obstacle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
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
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
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
