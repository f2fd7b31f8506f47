"""Measure reading alone, and datatrove's WarcReader in the same run.

    python benchmarks/read.py                                   # this reader
    python benchmarks/read.py --peer ~/peers/datatrove/bin/python --rounds 5

Over the real pages of ../shared/data: inflate, parse, HTTP head, body decoded, every
column. The peer runs in an environment of its own, which has

    pip install "datatrove[io]==0.10.1" warcio faust-cchardet python-magic

It yields decoded text and we yield bytes, since `decode_html` is a stage of its own; so the
time of that stage over the same pages is printed, too. Readers take turns on one core. A
figure is the median of the rounds, in CPU time; a round reads all pages twice and counts
the second time, since a crawl's archive has ten times as many pages. Memory is the peak of
a process that reads a file, and of one that reads a file eight times as long.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared" / "data"
_PAGES = ("", "-wcxb", "-daniel", "-recipes", "-htmldate")
_PEER = """
import json, sys, time
from datatrove.pipeline.readers import WarcReader
folder, names = sys.argv[1], sys.argv[2:]
for name in names:
    for document in WarcReader(folder, glob_pattern=name).run():
        pass  # warms up
start, pages, characters = time.process_time(), 0, 0
for name in names:
    for document in WarcReader(folder, glob_pattern=name).run():
        pages += 1
        characters += len(document.text)
print(json.dumps({"pages": pages, "size": characters,
                  "seconds": time.process_time() - start}))
"""
_OURS = """
import json, os, sys, time
from tamis.stages.read_warc import ReadWarc
from tamis.warc.splits import Split
paths, decodes = sys.argv[2:], sys.argv[1] == "decode"
if decodes:
    from tamis.stages.decode_html import DecodeHtml
    decode = DecodeHtml().build()
def batches_of(path):
    length = os.path.getsize(path)
    return ReadWarc().read(Split(path, 0, length, length))
for path in paths:
    for batch in batches_of(path):
        pass  # warms up
pages = size = 0
seconds = decoding = 0.0
for path in paths:
    batches = batches_of(path)
    while True:
        start = time.process_time()
        batch = next(batches, None)
        seconds += time.process_time() - start
        if batch is None:
            break
        pages += batch.num_rows
        size += batch["html"].nbytes
        if decodes:
            start = time.process_time()
            decode(batch)
            decoding += time.process_time() - start
# Of this program alone: ru_maxrss would count what its parent had.
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
peak = int(status["VmHWM"].split()[0]) << 10
print(json.dumps({"pages": pages, "size": size, "seconds": seconds,
                  "decoding": decoding,
                  "peak": peak}))
"""


def archives() -> list[Path]:
    found = [DATA / f"pages-dev{suffix}.warc.gz" for suffix in _PAGES]
    missing = [path for path in found if not path.exists()]
    if missing:
        sys.exit(f"the real pages are not on this machine: no {missing[0]}")
    return found


def measured(python: str, script: str, *arguments: str) -> dict[str, float]:
    """The output of the script, run by that interpreter on the core of this process."""
    done = subprocess.run(
        [python, "-W", "ignore", "-c", script, *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    if done.returncode:
        sys.exit(done.stderr)
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def speed(peer: str | None, rounds: int, paths: list[Path]) -> None:
    ours: list[dict[str, float]] = []
    theirs: list[dict[str, float]] = []
    for _ in range(rounds):
        ours.append(measured(sys.executable, _OURS, "read", *map(str, paths)))
        if peer:
            names = [path.name for path in paths]
            theirs.append(measured(peer, _PEER, str(DATA), *names))
    decoded = measured(sys.executable, _OURS, "decode", *map(str, paths))
    pages, size = ours[0]["pages"], ours[0]["size"]
    print(f"{pages:,} pages of {size / pages / 1000:.0f} kB on average")
    mine = milliseconds(ours)
    print(f"read_warc             {mine:6.3f} ms a page")
    print(f"  of 184 kB           {mine * 184_000 * pages / size:6.3f} ms")
    print(f"decode_html           {1000 * decoded['decoding'] / pages:6.3f} ms a page")
    if theirs:
        its = milliseconds(theirs)
        print(
            f"datatrove WarcReader  {its:6.3f} ms a page ({theirs[0]['pages']:,} pages), "
            f"{its / mine:.1f} times as long"
        )


def milliseconds(rounds: list[dict[str, float]]) -> float:
    """Milliseconds a page in the median round."""
    return 1000 * statistics.median(r["seconds"] / r["pages"] for r in rounds)


def memory(path: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        longer = Path(folder) / path.name
        longer.write_bytes(path.read_bytes() * 8)
        for file in (path, longer):
            peak = measured(sys.executable, _OURS, "read", str(file))["peak"]
            megabytes = file.stat().st_size / 1e6
            print(f"file of {megabytes:5.0f} MB: peak {peak / 1e6:.0f} MB")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--peer", help="a Python that has datatrove")
    arguments.add_argument("--rounds", type=int, default=5)
    given = arguments.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    began = time.strftime("%Y-%m-%d")
    print(f"{began}, load {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores, one used")
    paths = archives()
    speed(given.peer, given.rounds, paths)
    memory(paths[0])


if __name__ == "__main__":
    main()
