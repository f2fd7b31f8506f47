"""Run fuzzing cases in another process, which may crash or hang.

A case is made from its number, the same in every process. Findings are kept as files
under --folder.
"""

import argparse
import multiprocessing
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

import psutil

Case = Callable[[int], tuple[str, bytes]]  # name and content of a number's case
Finding = Callable[[str, bytes, int], str | None]  # what is wrong with it, or None

_CASE_SECONDS = 20.0
_IDLE_SECONDS = 600.0  # a worker that waits for something that never comes


def hunt(
    case: Case,
    finding: Finding,
    *,
    about: str,
    folder: Path,
    prepare: Callable[[], None] | None = None,
) -> int:
    """The exit code: 1 if anything was found. `prepare` is called first in a process."""
    arguments = argparse.ArgumentParser(description=about)
    arguments.add_argument("--minutes", type=float, default=10)
    arguments.add_argument("--seed", type=int, default=int(time.time()))
    arguments.add_argument("--folder", type=Path, default=folder)
    arguments.add_argument("--case", type=int)
    given = arguments.parse_args()
    if given.case is not None:
        name, content = case(given.case)
        print(name, len(content), finding(name, content, given.case) or "sound")
        return 0
    context = multiprocessing.get_context("spawn")
    if prepare is not None:  # once to fill caches, not counted in the time
        first_worker = context.Process(target=prepare)
        first_worker.start()
        first_worker.join()
        if first_worker.exitcode:
            return 1
    until = time.time() + 60 * given.minutes
    found: dict[int, str] = {}
    first = number = given.seed * 1_000_000
    cases = 0
    while time.time() < until:
        ours, theirs = context.Pipe(duplex=False)
        worker = context.Process(
            target=_work, args=(case, finding, prepare, number, until, theirs)
        )
        worker.start()
        theirs.close()
        verdict = "crash"
        try:
            ours.recv()  # prepared
            while _has_answered(ours, psutil.Process(worker.pid)):
                number, wrong = ours.recv()
                if wrong is None:
                    cases += 1
                else:
                    found[number] = wrong
            verdict = "hang"
        except EOFError:
            pass
        worker.kill()
        worker.join()
        if time.time() < until:
            found[number] = verdict
        number += 1
    for number, wrong in found.items():
        given.folder.mkdir(parents=True, exist_ok=True)
        name, content = case(number)
        (given.folder / f"{number}-{name}").write_bytes(content)
        print(f"--case {number}: {wrong}")
    print(
        f"{cases:,} cases in {given.minutes:g} minutes from {first}: {len(found)} findings"
    )
    return 1 if found else 0


def _work(
    case: Case,
    finding: Finding,
    prepare: Callable[[], None] | None,
    first: int,
    until: float,
    report: Connection,
) -> None:
    """Run case after case, and announce each before it is read."""
    if prepare is not None:
        prepare()
    report.send(None)
    number = first
    while time.time() < until:
        report.send((number, None))
        name, content = case(number)
        if (wrong := finding(name, content, number)) is not None:
            report.send((number, wrong))
        number += 1


def _has_answered(worker_end: Connection, worker: psutil.Process) -> bool:
    """False for a worker that hangs, by its CPU time, since the machine may be busy."""
    began, spent = time.time(), _processor_seconds(worker)
    while not worker_end.poll(1):
        is_over = _processor_seconds(worker) - spent > _CASE_SECONDS
        if is_over or time.time() - began > _IDLE_SECONDS:
            return False
    return True


def _processor_seconds(worker: psutil.Process) -> float:
    try:
        times = worker.cpu_times()
    except psutil.Error:
        return 0.0  # dead: its end of the pipe shows that
    return float(times.user + times.system)
