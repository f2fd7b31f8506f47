"""Simulate a pass on more cores than there are here: python benchmarks/cluster_scale.py

    python benchmarks/cluster_scale.py --times times.json     # task times of a real run, kept
    python benchmarks/cluster_scale.py --cores 250,1000,4000 --archives 500

1. Times of tasks: a run over the samples, or over --input, in one process, with small splits;
   each task's seconds, but the first one's, which loads models. A task of the simulation has a
   split of an archive of 1 GB, and takes the sum of as many of these as its bytes are; archives
   differ by --spread besides (a standard deviation; assumed).
2. Cost of the driver: empty tasks through the real `Tasks`, commit records and all, on a Ray
   of this machine: seconds of the driver's thread for each task, and for each look at the
   calls that run (every two seconds, one request for all of them).
3. The pass: cores that take the next waiting call, and a driver that does one thing at a time:
   twice as many calls are out as there are cores, as in `RayExecutor`.

Prints for each number of cores the share of their time that they work, from the first task to
the end of the last, and the share that is lost to the driver, to the tail, and to the start.
What is not simulated: the network, the store, nodes that differ.
"""

import argparse
import heapq
import json
import random
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tamis.inputs import InputFile
from tamis.recipe.load import load_recipe
from tamis.runner.passes.splits import _balanced as balanced
from tamis.runner.run import run
from tamis.storage import Storage
from tamis.warc.splits import plan_splits
from tamis.work.executors import (
    WATCH_SECONDS,
    Call,
    InlineExecutor,
    Outcome,
    make_executor,
)
from tamis.work.tasks import Silent, Task, Tasks

ROOT = Path(__file__).resolve().parents[1]
_ARCHIVE_BYTES = 1 << 30
_SEED = 20261130


class Timed(InlineExecutor):
    """Keeps the seconds of each task that reads a split, per byte of it."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[tuple[int, float]] = []  # bytes and seconds

    def wait(self) -> Outcome:
        call = self._calls[0]
        begun = time.process_time()
        outcome = super().wait()
        size = _bytes_of(call)
        if size:
            self.pieces.append((size, time.process_time() - begun))
        return outcome


def _bytes_of(call: Call) -> int:
    """Of the split that a task reads; 0 for other tasks."""
    found: list[int] = []

    def look(value: Any) -> None:
        if (
            hasattr(value, "start")
            and hasattr(value, "stop")
            and hasattr(value, "path")
        ):
            found.append(min(value.stop, value.size) - value.start)
        elif isinstance(value, tuple | list):
            for one in value:
                look(one)

    look(call.arguments)
    return sum(found)


def recorded(source: str, split: str) -> list[tuple[int, float]]:
    """Bytes and seconds of each task of the first pass, but the first one."""
    with tempfile.TemporaryDirectory() as folder:
        recipe = load_recipe(
            ROOT / "stages.yaml",
            [
                *(f"output={folder}/out", "executor.kind=inline"),
                *(f"read_warc.split_bytes={split}", f"input={source}"),
            ],
        )
        executor = Timed()
        run(recipe, executor, Silent())
    return executor.pieces[1:]


class DriverCost(NamedTuple):
    """Seconds of the driver: for a task, and for a look at one call that runs."""

    task: float
    look: float


def measured_cost(tasks: int = 3000) -> DriverCost:
    """By empty tasks through the real driver, on a Ray of this machine."""
    with tempfile.TemporaryDirectory() as folder:
        executor = make_executor("ray")
        try:
            runner = Tasks(Storage(folder), executor)
            nothing = [Task(f"t{n}", "0" * 16, _nothing, ()) for n in range(tasks)]
            runner.run("warm", nothing[:64])
            begun = time.thread_time()
            runner.run("empty", nothing)
            task = (time.thread_time() - begun) / tasks
            look = _cost_of_a_look(executor)
        finally:
            executor.close()
    return DriverCost(task, look)


def _nothing(outputs: Any) -> None:
    """A task that writes nothing but its record."""


def _cost_of_a_look(executor: Any, calls: int = 200) -> float:
    """Seconds of a look, for each call: those that wait in the queue are asked for, too."""
    capacity = executor.capacity
    for number in range(calls):
        executor.submit(Call(f"sleep-{number}", time.sleep, (0.05,)))
    begun = time.perf_counter()
    for _ in range(10):
        executor.running()
    seconds = (time.perf_counter() - begun) / 10 / calls
    while executor.pending:
        executor.wait()
    assert executor.capacity == capacity
    return seconds


class Busy(NamedTuple):
    """Shares of all cores' time, from the first task to the end of the last; together 1."""

    seconds: float
    work: float
    driver: float  # a core had nothing to do, as the driver had sent no more
    tail: float  # a core had nothing to do, as there was nothing left


def simulated(times: Sequence[float], cores: int, cost: DriverCost) -> Busy:
    """A pass over tasks of these times. The driver sends, collects and looks, in turns.

    Calls are taken in the order in which they are sent, by the core that is free first.
    """
    free = [0.0] * cores  # when each core is free
    ends: list[float] = []  # of calls that are out, those that wait for a core included
    now = looked = idle = 0.0
    waiting = iter(times)
    left = len(times)
    while left or ends:
        while left and len(ends) < 2 * cores:
            now += cost.task / 2
            first = heapq.heappop(free)
            idle += max(0.0, now - first)
            end = max(now, first) + next(waiting)
            heapq.heappush(free, end)
            heapq.heappush(ends, end)
            left -= 1
        now = max(now, heapq.heappop(ends)) + cost.task / 2
        if now - looked >= WATCH_SECONDS:
            now += cost.look * len(ends)
            looked = now
    last = max(free)
    tail = sum(last - end for end in free)
    whole = last * cores
    busy = Busy(last, sum(times) / whole, idle / whole, tail / whole)
    assert abs(busy.work + busy.driver + busy.tail - 1) < 1e-6
    return busy


class Pieces(NamedTuple):
    """What was timed: bytes of a piece on average, its seconds and their deviation."""

    size: float
    mean: float
    deviation: float


def pieces_of(timed: Sequence[Sequence[float]]) -> Pieces:
    """Pieces of one size: each one's seconds for the average number of bytes."""
    size = statistics.mean(piece[0] for piece in timed)
    seconds = [taken / own * size for own, taken in timed]
    return Pieces(size, statistics.mean(seconds), statistics.pstdev(seconds))


def times_of_pass(
    drawn: random.Random, pieces: Pieces, archives: int, cores: int, spread: float
) -> list[float]:
    """Seconds of each task over archives of 1 GB, cut as the plan cuts them."""
    files = [InputFile(f"{n}.warc.gz", str(n), _ARCHIVE_BYTES) for n in range(archives)]
    size = balanced(files, cores)
    times = []
    for file in files:
        factor = max(0.2, drawn.gauss(1.0, spread))
        for start, stop in plan_splits(file.size, size):
            count = (stop - start) / pieces.size
            own = drawn.gauss(count * pieces.mean, pieces.deviation * count**0.5)
            times.append(max(own, count * pieces.mean / 5) * factor)
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--input", default=str(ROOT / "samples" / "*.warc.gz"))
    parser.add_argument("--split", default="64KiB", help="of the run that is timed")
    parser.add_argument("--spread", type=float, default=0.05, help="between archives")
    parser.add_argument("--times", type=Path, help="keep what is measured, and use it")
    parser.add_argument("--cores", default="8,64,250,1000,4000")
    parser.add_argument("--archives", default="1000,10000,90000")
    asked = parser.parse_args()
    if asked.times and asked.times.is_file():
        kept = json.loads(asked.times.read_text("utf-8"))
        timed, cost = kept["timed"], DriverCost(**kept["cost"])
    else:
        timed, cost = recorded(asked.input, asked.split), measured_cost()
        if asked.times:
            kept = {"timed": timed, "cost": cost._asdict()}
            asked.times.write_text(json.dumps(kept), "utf-8")
    pieces = pieces_of(timed)
    print(
        f"{len(timed)} tasks timed: {pieces.mean / pieces.size * 2**20:.2f} s a MiB, "
        f"deviation {pieces.deviation / pieces.mean:.0%} for {pieces.size / 2**20:.2f} MiB; the "
        f"driver: {cost.task * 1e3:.2f} ms a task, {cost.look * 1e6:.1f} us a call every "
        f"{WATCH_SECONDS:.0f} s"
    )
    print("archives   cores    tasks   hours    work  driver    tail")
    drawn = random.Random(_SEED)
    for archives in map(int, asked.archives.split(",")):
        for cores in map(int, asked.cores.split(",")):
            times = times_of_pass(drawn, pieces, archives, cores, asked.spread)
            busy = simulated(times, cores, cost)
            print(
                f"{archives:>8} {cores:>7} {len(times):>8} {busy.seconds / 3600:>7.1f}"
                f" {busy.work:>7.1%} {busy.driver:>7.1%} {busy.tail:>7.1%}",
                flush=True,
            )


if __name__ == "__main__":
    main()
