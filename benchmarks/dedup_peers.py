"""Compare near-duplicate removers: python benchmarks/dedup_peers.py [--copies 4]

datatrove's four MinHash steps, datasketch's MinHashLSH, text-dedup and `deduplicate`,
with and without `verify`, on the same documents in one run: duplicates-dev.jsonl.gz of
../shared/data, of which every similar pair is known. Each runs in a process of its own
on one core, the peers in virtual environments that are made once under
~/.cache/tamis/peers (or under XDG_CACHE_HOME). A first round warms the caches and is
not counted (--warm leaves it out); figures are medians of the others. The columns are:

    wall, cpu     seconds of the whole command with its children, start included
    work          seconds from the first document read to the last one written
    MB            of the largest process
    recall        share of pairs of Jaccard >= 0.8 of which not both stay
    false drops   share of the dropped documents without any partner >= 0.6
    no kept       share of the dropped documents without a kept partner >= 0.6
    lost .8       documents and groups at >= 0.8 of which none is kept, as the scorer counts
                  them: also a document alone at 0.8, dropped for one at 0.75
    groups        those of these groups with two or more documents
    ../shared/bench/score_duplicates.py gives all but the last.

--copies N repeats the documents N times, each copy with its words exchanged for others
of the vocabulary: as similar among themselves, and unlike the other copies. Time and
memory are those of all, scores those of the first copy, which has the real words.
"""

import argparse
import gzip
import json
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
SHARED = HERE.parents[1] / "shared"
DATA, PAIRS = "duplicates-dev.jsonl.gz", "duplicates-dev-pairs.jsonl.gz"
SCORER = SHARED / "bench" / "score_duplicates.py"

# spacy and orjson: the four steps need them, and no extra of datatrove has them.
PEERS = {
    "datatrove": ("datatrove[processing,io]==0.10.1", "xxhash", "orjson", "spacy"),
    "datasketch": ("datasketch==2.0.0",),
    "text-dedup": ("text-dedup==0.4.1",),
}
JOBS = (
    "tamis",
    "tamis, verify 0.7",
    "tamis, verify 0.8",
    "tamis, threshold 0.8",
    "datatrove",
    "datasketch",
    "text-dedup",
    "text-dedup, verify",
)
_TIME_LIMIT = 3600
_WORD = re.compile(r"\w+")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--copies", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=1, help="that count")
    parser.add_argument("--warm", action="store_true", help="no round before them")
    parser.add_argument("--jobs", nargs="*", default=JOBS, choices=JOBS, metavar="JOB")
    parser.add_argument("--core", type=int, default=0, help="where all of them run")
    parser.add_argument("--python", help="for text-dedup, which needs 3.12 or later")
    arguments = parser.parse_args()
    pythons = {job: python_of(job, arguments.python) for job in arguments.jobs}
    figures: dict[str, list[dict[str, Any]]] = {job: [] for job in arguments.jobs}
    with tempfile.TemporaryDirectory() as folder:
        documents = write_input(Path(folder) / "documents.jsonl", arguments.copies)
        for round_ in range(1 if arguments.warm else 0, arguments.rounds + 1):
            for job in arguments.jobs:
                found = measured(job, pythons[job], Path(folder), arguments.core)
                if round_:
                    figures[job].append(found)
                print(f"round {round_} {job}: {found}", file=sys.stderr, flush=True)
    print(f"{documents:,} documents, medians of {arguments.rounds} rounds on one core")
    print(table(figures, documents))


def write_input(path: Path, copies: int) -> int:
    """The documents in a shuffled order; the first copy has the ids of the data."""
    with gzip.open(SHARED / "data" / DATA, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    vocabulary = sorted({word for row in rows for word in _WORD.findall(row["text"])})
    written = []
    for copy in range(copies):
        others = vocabulary[:]
        if copy:
            random.Random(copy).shuffle(others)
        other = dict(zip(vocabulary, others, strict=True))
        for row in rows:
            text = _exchanged(row["text"], other)
            name = f"{copy}:{row['id']}" if copy else row["id"]
            written.append(json.dumps({"id": name, "text": text}) + "\n")
    random.Random(1).shuffle(written)
    path.write_text("".join(written), "utf-8")
    return len(written)


def _exchanged(text: str, other: Mapping[str, str]) -> str:
    return _WORD.sub(lambda found: other[found[0]], text)


def python_of(job: str, python: str | None) -> str:
    """The interpreter of a job: ours, or that of an environment made for the peer."""
    peer = job.partition(",")[0]
    if peer not in PEERS:
        return sys.executable
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    folder = cache / "tamis" / "peers" / peer
    program = folder / "bin" / "python"
    ready = folder / "ready"
    if not ready.exists() or ready.read_text() != " ".join(PEERS[peer]):
        print(f"installing {peer} into {folder}", file=sys.stderr)
        if peer == "text-dedup" and sys.version_info < (3, 12):
            own = python or "python3.12"
            subprocess.run([own, "-m", "venv", "--clear", str(folder)], check=True)
        else:
            venv.create(folder, with_pip=True, clear=True)
        pip = [str(program), "-m", "pip", "-q", "install", *PEERS[peer]]
        subprocess.run(pip, check=True)
        ready.write_text(" ".join(PEERS[peer]))
    return str(program)


def measured(job: str, python: str, folder: Path, core: int) -> dict[str, Any]:
    """One run of a job, and the scores of what it kept."""
    work = folder / "work"
    command = [python, str(HERE / "dedup_jobs.py"), job]
    command += [str(folder / "documents.jsonl"), str(work)]
    ours = {"PYTHONPATH": str(HERE.parent)} if python == sys.executable else {}
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | ours
    with (folder / "output").open("w+") as output:
        start = time.monotonic()
        process = subprocess.Popen(
            command,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            preexec_fn=lambda: os.sched_setaffinity(0, {core}),
        )
        # Includes the seconds of its children, and the memory of the largest of them.
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - start
        output.seek(0)
        lines = output.read().splitlines()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{job} failed:\n" + "\n".join(lines[-20:]))
    about = json.loads(lines[-1])
    return {
        "wall": wall,
        "cpu": usage.ru_utime + usage.ru_stime,
        "work": about["seconds"],
        "memory": usage.ru_maxrss / 1024,
        "kept": about["kept"],
        **scores(work / "kept.txt"),
    }


def scores(kept: Path) -> dict[str, float]:
    """Scores of the first copy, and its lost groups of two or more documents."""
    command = [sys.executable, str(SCORER), "--kept", str(kept)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = json.loads(output)
    return {
        "recall": found["removal_recall>=0.8"],
        "false": found["dropped_without_partner>=0.6"],
        "unkept": found["dropped_without_kept_partner>=0.6"],
        "lost": found["groups_lost>=0.8"],
        "groups": lost_groups(set(kept.read_text("utf-8").split())),
    }


def lost_groups(kept: set[str]) -> int:
    """Number of groups of two or more documents, by pairs >= 0.8, with none kept."""
    neighbours: dict[str, list[str]] = {}
    with gzip.open(SHARED / "data" / PAIRS, "rt", encoding="utf-8") as lines:
        for line in lines:
            pair = json.loads(line)
            if pair["jaccard"] >= 0.8:
                neighbours.setdefault(pair["a"], []).append(pair["b"])
                neighbours.setdefault(pair["b"], []).append(pair["a"])
    lost, seen = 0, set[str]()
    for start in neighbours:
        if start in seen:
            continue
        group, queue = set[str](), [start]
        while queue:
            name = queue.pop()
            if name not in group:
                group.add(name)
                queue += neighbours[name]
        seen |= group
        lost += not group & kept
    return lost


def table(figures: dict[str, list[dict[str, Any]]], documents: int) -> str:
    """A Markdown table with a line for each job."""
    names = ("wall s", "cpu s", "work s", "cpu ms/doc", "MB", "kept")
    names += ("recall", "false drops", "no kept", "lost .8", "groups")
    lines = [f"| | {' | '.join(names)} |", "|---|" + "--:|" * len(names)]
    for job, rounds in figures.items():
        if not rounds:
            continue
        of = {
            name: statistics.median(found[name] for found in rounds)
            for name in rounds[0]
        }
        cells = [f"{of[name]:.1f}" for name in ("wall", "cpu", "work")]
        cells += [f"{1000 * of['cpu'] / documents:.2f}", f"{of['memory']:.0f}"]
        cells += [f"{of['kept']:.0f}", f"{of['recall']:.4f}"]
        cells += [f"{100 * of[name]:.2f} %" for name in ("false", "unkept")]
        cells += [f"{of[name]:.0f}" for name in ("lost", "groups")]
        lines.append(f"| {job} | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
