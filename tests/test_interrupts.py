"""Signals are noted while tasks run, and raised between two steps."""

import os
import signal
import threading
from collections.abc import Callable
from unittest.mock import Mock

import pytest

from pipeline.executors import Call, InlineExecutor, Outcome
from pipeline.interrupts import held, stop_if_asked


def signalled(number: int) -> str:
    """A call that is signalled and has work left."""
    os.kill(os.getpid(), number)
    return "to its end"


def within(*steps: Callable[[], object]) -> None:
    with held():
        for step in steps:
            step()


def interrupt() -> str:
    return signalled(signal.SIGINT)


def fail() -> None:
    raise OSError("disk full")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_call_comes_to_its_end_and_the_run_stops_behind_it(number: int) -> None:
    executor = InlineExecutor()
    executor.submit(Call("a", signalled, (number,)))
    ended: list[Outcome] = []
    never = Mock()
    with pytest.raises(KeyboardInterrupt):
        within(lambda: ended.append(executor.wait()), stop_if_asked, never)
    assert [outcome.value for outcome in ended] == ["to its end"]
    never.assert_not_called()


def test_a_signal_that_nobody_raised_is_raised_when_the_block_ends() -> None:
    last = Mock()
    with pytest.raises(KeyboardInterrupt):
        within(interrupt, last)
    last.assert_called_once()


def test_a_second_signal_does_not_wait() -> None:
    never = Mock()
    with pytest.raises(KeyboardInterrupt):
        within(interrupt, interrupt, never)
    never.assert_not_called()


def test_another_error_is_not_hidden_by_a_noted_signal() -> None:
    with pytest.raises(OSError, match="disk"):
        within(interrupt, fail)
    stop_if_asked()  # forgotten with its block


def test_behind_the_block_a_signal_means_what_it_meant_before() -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with held():
        stop_if_asked()
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_another_thread_holds_nothing_back() -> None:
    before = signal.getsignal(signal.SIGINT)
    seen = []

    def hold() -> None:
        with held():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=hold)
    thread.start()
    thread.join()
    assert seen == [before]
