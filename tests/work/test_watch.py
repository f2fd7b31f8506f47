"""Calls without progress are named, and tried elsewhere when others would long be done."""

import re

from tamis.work.pulse import Pulse
from tamis.work.watch import Watch


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0
        self.said: list[str] = []

    def __call__(self) -> float:
        return self.now

    def watch(self, stall_seconds: float) -> Watch:
        return Watch(stall_seconds, self.said.append, clock=self)


def at(documents: int = 0, cpu: float = 0.0) -> Pulse:
    return Pulse(documents=documents, cpu=cpu, host="a", pid=7)


def test_a_call_is_named_once_in_a_while_as_long_as_it_is_silent() -> None:
    clock = Clock()
    watch = clock.watch(600)
    for minute in range(26):
        clock.now = 1000 + 60 * minute
        watch.look({"a": at(5)})
    assert [bool(re.match(r"a: no progress since", line)) for line in clock.said] == [
        True,
        True,
    ]
    assert "(10.0 minutes), in process 7 on a, after 5 documents" in clock.said[0]
    assert "(20.0 minutes)" in clock.said[1]


def test_documents_and_work_are_progress() -> None:
    clock = Clock()
    watch = clock.watch(600)
    for step in range(100):
        clock.now += 500
        running = {"a": at(step), "b": at(step // 2, cpu=float(step))}
        assert watch.look(running) == []
    assert clock.said == []


def test_a_call_that_works_and_finishes_no_document_is_named_and_goes_on() -> None:
    """A page that never ends burns CPU as a sound one does."""
    clock = Clock()
    watch = clock.watch(600)
    for minute in range(100):
        clock.now = 1000 + 60 * minute
        assert watch.look({"a": at(5, cpu=60.0 * minute)}) == []
    minutes = [re.search(r"\((.*) minutes\)", line) for line in clock.said]
    assert [found and found[1] for found in minutes] == ["10.0", "20.0", "40.0", "80.0"]
    assert re.match(
        r"a: at work on one document, or one long step, since \d\d:\d\d:\d\d \(10.0 "
        r"minutes\), in process 7 on a, after 5 documents$",
        clock.said[0],
    )
    watch.look({"a": at(6, cpu=6000.0)})
    clock.now += 599
    watch.look({"a": at(6, cpu=6500.0)})
    assert len(clock.said) == 4
    clock.now += 1
    watch.look({"a": at(6, cpu=7000.0)})
    assert "after 6 documents" in clock.said[4]


def test_a_call_that_stops_working_is_silent_from_then_on() -> None:
    clock = Clock()
    watch = clock.watch(600)
    watch.look({"a": at()})
    clock.now += 500
    watch.look({"a": at(cpu=400.0)})
    clock.now += 599
    assert watch.look({"a": at(cpu=400.0)}) == []
    clock.now += 1
    assert watch.look({"a": at(cpu=400.0)}) == ["a"]
    assert "no progress since" in clock.said[-1]


def test_a_silent_call_is_tried_elsewhere_once() -> None:
    clock = Clock()
    watch = clock.watch(600)
    watch.look({"a": at()})
    clock.now += 600
    assert watch.look({"a": at()}) == ["a"]
    clock.now += 6000
    assert watch.look({"a": at()}) == []


def test_silence_of_five_medians_is_enough_after_three_calls() -> None:
    clock = Clock()
    watch = clock.watch(600)
    for name, seconds in (("a", 10.0), ("b", 20.0), ("c", 300.0)):
        watch.look({name: at()})
        clock.now += seconds
        watch.ended(name, is_good=True)
    watch.look({"d": at()})
    clock.now += 99
    assert watch.look({"d": at()}) == []
    clock.now += 1
    assert watch.look({"d": at()}) == ["d"]
    assert clock.said == []  # not worth a word yet


def test_short_calls_leave_half_a_minute() -> None:
    clock = Clock()
    watch = clock.watch(600)
    for name in "abc":
        watch.look({name: at()})
        clock.now += 0.1
        watch.ended(name, is_good=True)
    watch.look({"d": at()})
    clock.now += 29
    assert watch.look({"d": at()}) == []
    clock.now += 1
    assert watch.look({"d": at()}) == ["d"]


def test_deaths_say_nothing_about_how_long_a_call_takes() -> None:
    clock = Clock()
    watch = clock.watch(600)
    for name in "abc":
        watch.look({name: at()})
        clock.now += 1
        watch.ended(name, is_good=False)
    watch.look({"d": at()})
    clock.now += 599
    assert watch.look({"d": at()}) == []


def test_another_process_has_the_call_from_its_start() -> None:
    clock = Clock()
    watch = clock.watch(600)
    watch.look({"a": at()})
    clock.now += 599
    watch.look({"a": Pulse(host="b", pid=9)})
    clock.now += 599
    assert watch.look({"a": Pulse(host="b", pid=9)}) == []
