"""Calls and their outcomes: a value, an exception, or the death of a worker."""

import os
import signal
from collections.abc import Iterator
from functools import partial

import pytest

from tamis.errors import ConfigError, InputError, TamisError
from tamis.work.executors import (
    Call,
    Executor,
    InlineExecutor,
    Outcome,
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


def test_a_ray_that_is_too_slow_to_start_is_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Ray gives its node half a minute, and raises the bare class after it."""
    attempts = []

    def too_slow(**settings: object) -> None:
        attempts.append(settings)
        raise Exception("The current node timed out during startup.\nMore.")

    monkeypatch.setattr("ray.init", too_slow)
    with pytest.raises(TamisError, match=r"did not start .*startup\.\); run again"):
        make_executor("ray", workers=1)
    assert len(attempts) == 3


def test_there_is_a_core_to_work_on() -> None:
    assert 1 <= available_cpus() <= (os.cpu_count() or 1)
