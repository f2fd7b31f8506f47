"""Signals are noted while tasks run, and raised between two steps."""

import os
import signal
import threading
import time
from collections.abc import Callable
from unittest.mock import Mock

import pytest

from tamis.interrupts import held, pause, stop_if_asked
from tamis.work.executors import Call, InlineExecutor, Outcome

FIRST = "tamis: stopping after this step; once more to stop at once\n"


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


def test_the_first_signal_is_answered_and_the_second_obeyed(
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Nothing else is seen of the first one until a step has ended."""
    with pytest.raises(KeyboardInterrupt):
        within(interrupt)
    assert capfd.readouterr() == ("", FIRST)
    with pytest.raises(KeyboardInterrupt):
        within(interrupt, interrupt)
    assert capfd.readouterr() == ("", FIRST)


def test_a_closed_stderr_stops_a_run_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "write", Mock(side_effect=OSError("bad file descriptor")))
    with pytest.raises(KeyboardInterrupt):
        within(interrupt)


class Clock:
    """Stands for the module `time`: sleeping moves it. A signal comes at `signal_at`."""

    def __init__(self, signal_at: float = float("inf")) -> None:
        self.now = 100.0
        self.signal_at = 100.0 + signal_at
        self.sleeps: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now += seconds
        if self.now >= self.signal_at:
            self.signal_at = float("inf")
            interrupt()


def test_a_long_pause_ends_soon_behind_a_signal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock(signal_at=1.2)
    monkeypatch.setattr("tamis.interrupts.time", clock)
    with pytest.raises(KeyboardInterrupt):
        within(lambda: pause(30))
    assert clock.sleeps == [0.5, 0.5, 0.5]


@pytest.mark.parametrize("seconds", [0.0, 0.2, 0.5, 1.2])
def test_a_pause_is_as_long_as_was_asked(
    monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    clock = Clock()
    monkeypatch.setattr("tamis.interrupts.time", clock)
    pause(seconds)
    assert sum(clock.sleeps) == pytest.approx(seconds)
    assert all(0 < slept <= 0.5 for slept in clock.sleeps)


def test_a_sleep_is_one_of_the_real_clock() -> None:
    started = time.monotonic()
    pause(0.05)
    assert time.monotonic() - started >= 0.05


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
