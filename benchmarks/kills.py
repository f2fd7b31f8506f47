"""Kill runs at random, let them go on, and compare every published byte.

    python benchmarks/kills.py                      # until 300 kills have landed
    python benchmarks/kills.py --kills 20 --seed 7

A trial is a run over 120 records of the samples in small splits: plain, with `verify`, with an
index, or from many archives of one page; inline or on Ray. Commit records are gathered in
ledgers of three, so that kills land while one is written. It is killed up to three times: the
driver, its whole process group, or a worker of Ray; by SIGKILL, SIGTERM or SIGINT; at a random
moment, or by strace (if there is one) at the n-th rename, link, fsync or unlink. Then it is run
to its end. mix/, dropped/ and duplicates/ must have the bytes of a run that nobody disturbed,
names included.

A kill has landed if the process was still at work. Exit code 1 after a difference.
"""

import argparse
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zlib
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import psutil

ROOT = Path(__file__).resolve().parents[1]
_PUBLISHED = ("mix", "dropped", "duplicates")
_SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
_SYSCALLS = "rename,link,fsync,unlink"
_LONGEST_SECONDS = 300
_MOST_KILLS = 3  # of one trial
_KINDS = {
    "plain": [],
    "verify": ["deduplicate.verify={jaccard: 0.7}"],
    "index": ["deduplicate.index=INDEX"],
    "pages": ["input=PAGES/*.warc.gz"],
}
# The command, with ledgers of three records, and five small archives grouped.
_COMMAND = """
from tamis.cli.main import console
from tamis.runner.passes import units
from tamis.work import ledger
ledger.RECORDS, ledger.FEWEST, units.FEWEST_SMALL, units._ENDS = 3, 2, 5, 8
console()
"""

_RECORDS = 120  # of the samples: a run is short, and kills are many

Content = dict[str, bytes]


class Way(NamedTuple):
    """How a run is killed. `syscall`: at its n-th of these; null: after `seconds`."""

    target: str
    number: signal.Signals
    seconds: float
    syscall: int | None

    def __str__(self) -> str:
        where = (
            f"at syscall {self.syscall}" if self.syscall else f"{self.seconds:.1f} s"
        )
        return f"{self.target} {self.number.name} {where}"


class Trial:
    """A folder, and runs into it."""

    def __init__(self, folder: Path, kind: str, executor: str) -> None:
        self.output = folder / "out"
        settings = [s.replace("INDEX", str(folder / "index")) for s in _KINDS[kind]]
        settings = [s.replace("PAGES", f"{folder.parent}/pages") for s in settings]
        settings += [f"output={self.output}", f"executor.kind={executor}"]
        if kind != "pages":
            settings.append(f"input={folder.parent}/*.warc.gz")
        settings.append("executor.workers=2")
        settings += ["read_warc.split_bytes=64KiB"]
        self._sets = [part for one in settings for part in ("--set", one)]
        self.executor = executor

    def start(self, strace: list[str]) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            [*strace, sys.executable, "-c", _COMMAND, "run", "--quiet", *self._sets],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT / "pipeline")},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    def finish(self) -> str:
        """Run to the end; what went wrong, or ""."""
        with self.start([]) as run:
            try:
                _, errors = run.communicate(timeout=_LONGEST_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(run.pid, signal.SIGKILL)
                return "it hung"
        return "" if run.returncode == 0 else errors.decode("utf-8", "replace")

    def killed(self, way: Way) -> bool:
        """Start a run and kill it that way; whether it was still at work."""
        strace = []
        if way.syscall:
            inject = f"inject={_SYSCALLS}:signal={way.number.name}:when={way.syscall}"
            strace = ["strace", "-f", "-qq", "-o", "/dev/null"]
            strace += ["-e", f"trace={_SYSCALLS}", "-e", inject]
        with self.start(strace) as run:
            try:
                if way.syscall:
                    run.communicate(timeout=_LONGEST_SECONDS)
                    return run.returncode != 0
                with suppress(subprocess.TimeoutExpired):
                    run.communicate(timeout=way.seconds)
                    return False  # it has ended
                if way.target == "worker":
                    return self._kill_worker(run, way.number)
                (os.killpg if way.target == "group" else os.kill)(run.pid, way.number)
                run.communicate(timeout=_LONGEST_SECONDS)
                return run.returncode != 0
            finally:
                _end(run.pid)

    def _kill_worker(
        self, run: "subprocess.Popen[bytes]", number: signal.Signals
    ) -> bool:
        """Kill a worker; its driver has to end by itself, and well.

        With an agent of Ray's own its whole machine goes: the run may end then.
        """
        workers = [
            process
            for process in psutil.Process(run.pid).children(recursive=True)
            if process.name().startswith("ray::")
        ]
        if not workers:
            return False
        is_agent = False
        with suppress(psutil.NoSuchProcess):
            worker = random.choice(workers)
            is_agent = "Agent" in " ".join(worker.cmdline())
            worker.send_signal(number)
        _, errors = run.communicate(timeout=_LONGEST_SECONDS)
        if run.returncode and not is_agent:
            raise AssertionError(errors.decode("utf-8", "replace"))
        return True

    def content(self) -> Content:
        return {
            str(path.relative_to(self.output)): path.read_bytes()
            for folder in _PUBLISHED
            for path in sorted((self.output / folder).rglob("*"))
            if path.is_file()
        }


def compile_kernels() -> None:
    """Before a run has its time: in a new tree it takes minutes on one busy core."""
    subprocess.run(
        [sys.executable, "-m", "tamis", "kernels"],
        env={**os.environ, "PYTHONPATH": str(ROOT / "pipeline")},
        check=True,
    )


def small_archives(base: Path) -> None:
    """The first records of the samples, each a gzip member; and each page as an archive."""
    content = (ROOT / "samples/samples-00000.warc.gz").read_bytes()
    rest = content
    (base / "pages").mkdir()
    for number in range(_RECORDS):
        member = zlib.decompressobj(wbits=31)
        is_page = b"WARC-Type: response" in member.decompress(rest)[:400]
        if is_page:
            own = rest[: len(rest) - len(member.unused_data)]
            (base / "pages" / f"page-{number:03}.warc.gz").write_bytes(own)
        rest = member.unused_data
    (base / "small.warc.gz").write_bytes(content[: len(content) - len(rest)])


def _end(group: int) -> None:
    """Nothing of the killed run is left: its own orphans, and those of Ray."""
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)
    time.sleep(0.2)


def way_of(draw: random.Random, executor: str, seconds: float, syscalls: int) -> Way:
    targets = ["driver", "group"] + (["worker"] if executor == "ray" else [])
    target = draw.choice(targets)
    number = signal.SIGKILL if target == "worker" else draw.choice(_SIGNALS)
    at_syscall = executor == "inline" and syscalls and draw.random() < 0.5
    return Way(
        target,
        number,
        draw.uniform(0.2, seconds),
        draw.randint(1, syscalls) if at_syscall else None,
    )


def syscalls_of(trial: Trial) -> int:
    """How many of the calls a whole run makes; 0 without strace."""
    if not shutil.which("strace"):
        return 0
    with tempfile.NamedTemporaryFile() as log:
        strace = ["strace", "-f", "-qq", "-o", log.name, "-e", f"trace={_SYSCALLS}"]
        with trial.start(strace) as run:
            run.communicate(timeout=_LONGEST_SECONDS)
        return len(re.findall(rb"^\d+ +\w+\(", Path(log.name).read_bytes(), re.M))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--ray", type=float, default=0.2, help="share of trials on Ray")
    arguments = parser.parse_args()
    draw = random.Random(arguments.seed)
    random.seed(arguments.seed)
    compile_kernels()
    base = Path(tempfile.mkdtemp(prefix="kills-"))
    small_archives(base)
    expected: dict[str, Content] = {}
    seconds, syscalls = 0.0, 0
    for kind in _KINDS:
        trial = Trial(base / f"whole-{kind}", kind, "inline")
        start = time.monotonic()
        if wrong := trial.finish():
            sys.exit(f"{kind}: the undisturbed run failed: {wrong}")
        seconds = max(seconds, time.monotonic() - start)
        expected[kind] = trial.content()
    syscalls = syscalls_of(Trial(base / "counted", "plain", "inline"))
    print(f"an undisturbed run: {seconds:.0f} s, {syscalls} syscalls", flush=True)
    landed: Counter[str] = Counter()
    differences = trials = 0
    while sum(landed.values()) < arguments.kills:
        kind = draw.choice(list(_KINDS))
        executor = "ray" if draw.random() < arguments.ray else "inline"
        trial = Trial(base / f"trial-{trials}", kind, executor)
        trials += 1
        ways = []
        wrong = ""
        for _ in range(draw.randint(1, _MOST_KILLS)):
            long = seconds * (2 if executor == "ray" else 1)
            way = way_of(draw, executor, long, syscalls)
            try:
                if trial.killed(way):
                    ways.append(str(way))
                    landed[f"{executor} {way.target} {way.number.name}"] += 1
            except AssertionError as error:
                wrong = f"did not survive {way}: {error}"
                break
        wrong = wrong or trial.finish()
        if not wrong and trial.content() != expected[kind]:
            wrong = "other bytes"
        if wrong:
            differences += 1
            print(f"{trial.output}: {kind}, {executor}, {ways}: {wrong}", flush=True)
        else:
            shutil.rmtree(trial.output.parent)
        if trials % 10 == 0:
            print(f"{trials} trials, {sum(landed.values())} kills", flush=True)
    for name, count in sorted(landed.items()):
        print(f"{count:5} {name}")
    print(
        f"{sum(landed.values())} kills landed in {trials} trials, {differences} differ"
    )
    if not differences:
        shutil.rmtree(base)
    sys.exit(1 if differences else 0)


if __name__ == "__main__":
    main()
