"""Measure pages per second, stage by stage, over real pages: `make bench`.

    python benchmarks/throughput.py                      # one core, both engines
    python benchmarks/throughput.py --engines resiliparse --rounds 3
    python benchmarks/throughput.py --scaling            # Ray with one worker and with two
    python benchmarks/throughput.py --memory             # a worker's memory over 1 GB

One core is pinned for the table. Seconds are those of each stage in run.json; the first
round warms caches (numba's code, the disk) and is not counted. Times from a busy
machine are useless: the load is printed.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared" / "data"
_PAGES = ("", "-wcxb", "-daniel", "-recipes", "-htmldate")
_SAMPLE_SECONDS = 0.2


def archives() -> list[Path]:
    """The real pages; those made by re-encoding others are left out."""
    found = [DATA / f"pages-dev{suffix}.warc.gz" for suffix in _PAGES]
    missing = [path for path in found if not path.exists()]
    if missing:
        sys.exit(f"the real pages are not on this machine: no {missing[0]}")
    return found


def run(
    output: Path, inputs: list[Path], *settings: str, core: int | None = None
) -> tuple[dict[str, Any], float, list[int]]:
    """run.json, wall seconds, and the memory (bytes) of the largest process over time."""
    chosen = [f"output={output}", f"input=[{', '.join(map(str, inputs))}]", *settings]
    sets = [argument for value in chosen for argument in ("--set", value)]
    started = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-m", "tamis", "run", "--quiet", *sets],
        cwd=ROOT,
        preexec_fn=None if core is None else lambda: os.sched_setaffinity(0, {core}),
    ) as process:
        memory = []
        while process.poll() is None:
            memory.append(_largest(process.pid))
            time.sleep(_SAMPLE_SECONDS)
    seconds = time.perf_counter() - started
    if process.returncode:
        sys.exit(f"the run failed with exit code {process.returncode}")
    book = json.loads((output / "run.json").read_text("utf-8"))
    return book, seconds, memory


def _largest(pid: int) -> int:
    """Resident bytes of the largest Python process of the tree: a worker, or the driver."""
    largest = 0
    try:
        tree = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0
    for process in tree:
        try:
            if "python" in process.name() or process.name().startswith("ray::"):
                largest = max(largest, process.memory_info().rss)
        except psutil.Error:
            continue
    return largest


def stage_table(engine: str, rounds: int, folder: Path) -> None:
    """Print milliseconds per page of every stage, as medians over rounds."""
    books = []
    for number in range(rounds + 1):
        output = folder / f"{engine}-{number}"
        settings = ("executor.kind=inline", f"extract_text.engine={engine}")
        book, seconds, memory = run(output, archives(), *settings, core=0)
        shutil.rmtree(output)
        if number:
            books.append((book, seconds, max(memory)))
    pages = books[0][0]["stages"]["read_warc"]["documents_in"]
    print(
        f"\nengine {engine}, {pages:,} pages, {rounds} rounds, load {os.getloadavg()[0]:.1f}\n"
    )
    print("| stage | documents | ms per document | ms per page read |")
    print("|---|--:|--:|--:|")
    totals = {"all": 0.0, "without extract_text": 0.0}
    for stage, counts in books[0][0]["stages"].items():
        seconds = statistics.median(
            book["stages"][stage].get("seconds", 0.0) for book, _, _ in books
        )
        documents = counts["documents_in"]
        print(
            f"| {stage} | {documents:,} | {1000 * seconds / max(1, documents):.3f} "
            f"| {1000 * seconds / pages:.3f} |"
        )
        totals["all"] += seconds
        if stage != "extract_text":
            totals["without extract_text"] += seconds
    for name, seconds in totals.items():
        print(f"| **{name}** | {pages:,} | | **{1000 * seconds / pages:.2f}** |")
    wall = statistics.median(seconds for _, seconds, _ in books)
    print(
        f"\nwhole command: {wall:.1f} s, {pages / wall:.0f} pages/s on one core, "
        f"start of the process included; largest process "
        f"{max(memory for _, _, memory in books) / 1e6:.0f} MB"
    )


def scaling(folder: Path) -> None:
    """Print seconds of a run, without Ray's start, with one worker and with two."""
    inputs = []
    for copy in range(4):  # a minute's work: the same pages under other names
        for path in archives():
            link = folder / f"{copy}-{path.name}"
            link.symlink_to(path)
            inputs.append(link)
    seconds = {}
    for workers in (1, 2):
        output = folder / f"ray-{workers}"
        book, _, _ = run(output, inputs, f"executor.workers={workers}")
        seconds[workers] = book["seconds"]
        shutil.rmtree(output)
    print(
        f"\nRay, one worker {seconds[1]:.1f} s, two {seconds[2]:.1f} s: "
        f"{seconds[1] / seconds[2]:.2f} times as fast"
    )


def memory_over_time(folder: Path) -> None:
    """Print the resident memory of a worker over one archive of 1 GB."""
    large = folder / "large.warc.gz"
    with large.open("wb") as target:
        while large.stat().st_size < 1 << 30:
            for path in archives():
                target.write(path.read_bytes())
                target.flush()
    settings = ("executor.workers=1", "read_warc.split_bytes=4GiB")
    _, seconds, memory = run(folder / "large", [large], *settings)
    quarters = [
        memory[len(memory) * k // 4 : len(memory) * (k + 1) // 4] for k in range(4)
    ]
    print(
        f"\n1 GB archive, one worker, {seconds:.0f} s; largest process by quarter of the run:"
    )
    print(", ".join(f"{max(some) / 1e6:.0f} MB" for some in quarters if some))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--engines", default="blocks,resiliparse,trafilatura")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--scaling", action="store_true")
    parser.add_argument("--memory", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tamis-bench-") as name:
        folder = Path(name)
        if arguments.scaling:
            scaling(folder)
        elif arguments.memory:
            memory_over_time(folder)
        else:
            for engine in arguments.engines.split(","):
                stage_table(engine, arguments.rounds, folder)


if __name__ == "__main__":
    main()
