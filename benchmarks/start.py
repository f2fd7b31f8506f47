"""Measure what a start costs: each command, a run that has nothing to do, a worker.

    python benchmarks/start.py              # medians of five starts, one core pinned
    python benchmarks/start.py --rounds 9
    python benchmarks/start.py --check      # exit code 1 if one is over its limit
    python benchmarks/start.py --kernels    # instead: all kernels into an empty cache

Seconds of CPU, of the process and its children: those on the clock say more about the
disk. A first start that fills the cache is not counted. Times from a busy machine are
useless: the load is printed.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HELP, COMMAND, WORKER = 0.25, 1.2, 0.8  # seconds of CPU at most

# Everything that a worker has before its first page, as `tamis.runner.passes` makes it:
# the modules and tables of every transform of the recipe.
_WORKER = """
from pathlib import Path

from tamis.recipe.load import load_recipe
from tamis.runner.passes import chain  # the function of a task, by which Ray finds it
from tamis.stage import Transform
from tamis.work.transforms import chain_of

stages = load_recipe(Path("stages.yaml")).stages
chain_of([stage for stage in stages if isinstance(stage, Transform)])
"""

# Not the command: it would copy what the package has.
_KERNELS = """
import os
from tamis.kernels import _compile

_compile(lambda done, of: None, len(os.sched_getaffinity(0)))
"""


def commands(output: Path) -> Mapping[str, tuple[list[str], float]]:
    """Arguments of Python and the limit of each start."""
    tamis = ["-m", "tamis"]
    sets = ["--set", f"output={output}"]
    return {
        "--version": ([*tamis, "--version"], HELP),
        "--help": ([*tamis, "--help"], HELP),
        "run --help": ([*tamis, "run", "--help"], HELP),
        "check": ([*tamis, "check", *sets], COMMAND),
        "inspect": ([*tamis, "inspect", str(output), "-n", "3"], COMMAND),
        "run, all done": ([*tamis, "run", "--quiet", *sets], COMMAND),
        "a worker": (["-c", _WORKER], WORKER),
    }


def cpu_seconds(arguments: list[str], core: int) -> float:
    """User and system time of a start."""
    before = os.times()
    subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        check=True,
        preexec_fn=lambda: os.sched_setaffinity(0, {core}),
    )
    after = os.times()
    user = after.children_user - before.children_user
    return user + after.children_system - before.children_system


def compile_kernels() -> None:
    """As on a new machine: by so many processes as there are cores."""
    print(f"load {os.getloadavg()[0]:.1f}, {len(os.sched_getaffinity(0))} cores")
    with tempfile.TemporaryDirectory() as cache:
        before, start = os.times(), time.monotonic()
        subprocess.run(
            [sys.executable, "-c", _KERNELS],
            env=os.environ | {"TAMIS_CACHE": cache},
            check=True,
        )
        after, seconds = os.times(), time.monotonic() - start
        kernels = len(list(Path(cache).rglob("*.nbc")))
    cpu = after.children_user - before.children_user
    cpu += after.children_system - before.children_system
    print(f"{kernels} kernels, {cpu:.0f} s of CPU, {seconds:.0f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--kernels", action="store_true")
    asked = parser.parse_args()
    if asked.kernels:
        compile_kernels()
        return
    core = min(os.sched_getaffinity(0))
    print(f"load {os.getloadavg()[0]:.1f}, core {core}")
    is_over = False
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "out"
        first = ["-m", "tamis", "run", "--quiet", "--set", f"output={output}"]
        cpu_seconds([*first, "--set", "executor.kind=inline"], core)
        for name, (arguments, limit) in commands(output).items():
            cpu_seconds(arguments, core)
            times = [cpu_seconds(arguments, core) for _ in range(asked.rounds)]
            found = statistics.median(times)
            is_over |= found > limit
            print(f"{name:<16}{found:6.2f} s of CPU, at most {limit}")
    sys.exit(asked.check and is_over)


if __name__ == "__main__":
    main()
