"""Real hangs, crashes and memory eaters, in real processes."""

import itertools
import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from fixtures.patience import patient

from tamis.errors import ConfigError
from tamis.html.guard import Failure, Guard

Children = Callable[[], list[psutil.Process]]

# What the guarded function does is told by the first word of the page.
ENGINE = """
import ctypes, os, re, signal, sys, time

KEPT = []

def build(suffix=""):
    def answer(page):
        order, _, rest = page.partition(" ")
        if order == "loop":
            while True:
                pass
        if order == "loop-in-c":
            re.match("(a+)+$", "a" * 100 + "b")
        if order == "sleep":
            time.sleep(1000)
        if order == "abort":
            os.abort()
        if order == "segfault":
            ctypes.string_at(1)
        if order == "exit":
            os._exit(0)
        if order == "eat":
            return [str(len(bytes(512 << 20)))]
        if order == "eat-slowly":
            while True:
                KEPT.append(bytes(1 << 24))
        if order == "leak":
            KEPT.append(b"x" * (40 << 20))
        if order == "raise":
            raise ValueError(rest)
        if order == "quit":
            sys.exit(1)
        if order == "recurse":
            return answer(page)
        if order == "print":
            print("noise", flush=True)
            os.write(1, b"noise")
            sys.stdin.read()
        if order == "surrogate":
            return ["a\\ud800", None, ""]
        if order == "pid":
            return [str(os.getpid())]
        return [page.upper() + suffix, str(len(page))]
    return answer

def broken():
    raise OSError("the model is not there")
"""


@pytest.fixture
def own_children() -> Children:
    """Processes of this one that were not there before the test."""
    before = set(psutil.Process().children())
    return lambda: [c for c in psutil.Process().children() if c not in before]


@pytest.fixture(scope="module", autouse=True)
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    folder = tmp_path_factory.mktemp("engine")
    (folder / "guarded_engine.py").write_text(ENGINE)
    sys.path.insert(0, str(folder))
    yield
    sys.path.remove(str(folder))


@pytest.fixture
def guard() -> Iterator[Guard]:
    guard = Guard("guarded_engine:build", timeout_seconds=0.15, memory_bytes=256 << 20)
    yield guard
    guard.close()


def asked(guard: Guard, *pages: str) -> list[object]:
    return guard([page.encode() for page in pages])


def test_answers_come_in_the_order_of_the_pages(guard: Guard) -> None:
    assert asked(guard, "one", "été", "мир", "سلام", "世界", "") == [
        ["ONE", "3"],
        ["ÉTÉ", "3"],
        ["МИР", "3"],
        ["سلام", "4"],
        ["世界", "2"],
        ["", "0"],
    ]


def test_no_pages_start_no_process(guard: Guard, own_children: Children) -> None:
    assert guard([]) == []
    assert own_children() == []


def test_settings_reach_the_function() -> None:
    guard = Guard("guarded_engine:build", {"suffix": "!"})
    assert asked(guard, "a") == [["A!", "1"]]
    guard.close()


@pytest.mark.parametrize(
    ("page", "failure"),
    [
        ("loop", Failure.TIMEOUT),
        ("loop-in-c", Failure.TIMEOUT),
        ("abort", Failure.CRASH),
        ("segfault", Failure.CRASH),
        ("exit", Failure.CRASH),
        ("eat", Failure.CRASH),
        ("eat-slowly", Failure.CRASH),
        ("raise", Failure.ERROR),
        ("quit", Failure.ERROR),
        ("recurse", Failure.ERROR),
    ],
)
def test_a_bad_page_costs_that_page_alone_on_every_try(
    guard: Guard, page: str, failure: Failure
) -> None:
    pages = ("before", page, "between", page)
    expected = [["BEFORE", "6"], failure, ["BETWEEN", "7"], failure]
    assert asked(guard, *pages) == expected
    assert asked(guard, page, "after") == [failure, ["AFTER", "5"]]


def test_a_page_that_waits_for_ever_meets_the_wall_clock() -> None:
    guard = Guard("guarded_engine:build", timeout_seconds=0.05)
    assert asked(guard, "a", "sleep", "b") == [["A", "1"], Failure.TIMEOUT, ["B", "1"]]
    guard.close()


def test_time_is_counted_per_page(guard: Guard) -> None:
    slow = "x" * 200_000
    assert asked(guard, *[slow] * 500) == [[slow.upper(), "200000"]] * 500


def test_pages_and_answers_larger_than_any_buffer_come_through(guard: Guard) -> None:
    sizes = [0, 5 << 20, 1, 3 << 20, 3 << 20, 9 << 20, 0, 70_000]
    pages = ["ü" * (size // 2) for size in sizes]
    assert asked(guard, *pages) == [["Ü" * len(page), str(len(page))] for page in pages]


def test_more_pages_than_one_request_names(guard: Guard) -> None:
    assert asked(guard, *[""] * 10_000) == [["", "0"]] * 10_000


def test_one_process_serves_all_batches_until_a_page_kills_it(
    guard: Guard, own_children: Children
) -> None:
    (first,) = asked(guard, "pid")
    assert asked(guard, "pid", "pid") == [first, first]
    failure, second = asked(guard, "abort", "pid")
    assert failure is Failure.CRASH
    assert second != first
    children = own_children()
    assert [[str(child.pid)] for child in children] == [second]


def test_a_process_that_leaks_is_replaced_before_it_fails_a_page(guard: Guard) -> None:
    answers = [asked(guard, "leak", "pid") for _ in range(6)]
    assert Failure.CRASH not in itertools.chain(*answers)
    assert len({str(pid) for _, pid in answers}) > 1


def test_the_function_cannot_print_into_the_protocol(guard: Guard) -> None:
    assert asked(guard, "print", "after") == [["PRINT", "5"], ["AFTER", "5"]]


def test_a_lone_surrogate_does_not_break_the_protocol(guard: Guard) -> None:
    assert asked(guard, "surrogate", "after") == [["a?", None, ""], ["AFTER", "5"]]


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        ("guarded_engine:broken", "the model is not there"),
        ("guarded_engine:absent", "absent"),
        ("no_such_module:build", "no_such_module"),
    ],
)
def test_a_function_that_cannot_be_loaded_says_why(
    function: str, reason: str, own_children: Children
) -> None:
    with pytest.raises(ConfigError, match=reason):
        Guard(function)([b"page"])
    assert own_children() == []


def test_a_worker_killed_from_outside_while_idle_costs_nothing(
    guard: Guard, own_children: Children
) -> None:
    asked(guard, "a")
    (worker,) = own_children()
    worker.kill()
    assert asked(guard, "a", "b") == [["A", "1"], ["B", "1"]]


def test_closing_and_forgetting_a_guard_leave_no_process(
    own_children: Children,
) -> None:
    guard = Guard("guarded_engine:build")
    asked(guard, "a")
    guard.close()
    assert own_children() == []
    asked(guard, "a")
    del guard
    assert own_children() == []


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux to kill the worker")
@pytest.mark.parametrize("page", ["idle", "loop"])
def test_a_worker_dies_with_its_parent(page: str, tmp_path: Path) -> None:
    (tmp_path / "parent.py").write_text(
        textwrap.dedent("""
        import sys, time
        from tamis.html.guard import Guard
        guard = Guard("guarded_engine:build", timeout_seconds=60)
        print(*guard([b"pid"])[0], flush=True)
        guard([sys.argv[1].encode()])
        time.sleep(60)
        """)
    )
    parent = subprocess.Popen(
        [sys.executable, str(tmp_path / "parent.py"), page],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert parent.stdout is not None
    worker = psutil.Process(int(parent.stdout.readline()))
    time.sleep(0.2)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    worker.wait(timeout=patient(5))
