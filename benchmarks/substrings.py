"""Compare our search for repeats of 50 tokens with a suffix array.

    python benchmarks/substrings.py TEXTS.jsonl.gz --peer PYTHON

TEXTS has a JSON object with a `text` on each line; PYTHON is that of an environment with
pydivsufsort (0.0.20 is MIT and has wheels for x86-64 and aarch64). Both read the same
tokens, each in a process of its own; the tokens that they find must be the same. The
suffix array needs numbered tokens, and a unique number after each document.
"""

import argparse
import gzip
import json
import subprocess
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path

import numpy as np

LENGTH = 50

# Runs where there is no pipeline.
PEER = """
import sys, time
from pathlib import Path
import numpy as np
from pydivsufsort import divsufsort, kasai
length, folder = int(sys.argv[1]), sys.argv[2]
ids = np.load(folder + "/ids.npy")
def held(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(l.split()[1]) << 10 for l in lines if l.startswith(name))
base = held("VmRSS")
start = time.perf_counter()
order = divsufsort(ids)
common = kasai(ids, order)
marked = np.zeros(len(ids) + 1, np.int64)
for rank in np.flatnonzero(common[:-1] >= length):
    for place in (order[rank], order[rank + 1]):
        marked[place] += 1
        marked[place + length] -= 1
np.save(folder + "/peer.npy", np.cumsum(marked)[:-1] > 0)
print(time.perf_counter() - start, held("VmHWM") - base)
"""


def ours(folder: Path) -> tuple[float, int]:
    """Seconds, and bytes of memory besides the tokens."""
    from tamis.dedup.kernels.substrings import repeated

    hashes, bounds = np.load(folder / "hashes.npy"), np.load(folder / "bounds.npy")
    repeated(hashes[:200], np.array([0, 200]), LENGTH, keeps_first=False)
    base = held("VmRSS")
    start = time.perf_counter()
    found = repeated(hashes, bounds, LENGTH, keeps_first=False)
    seconds = time.perf_counter() - start
    peak = held("VmHWM") - base
    np.save(folder / "ours.npy", found)
    return seconds, peak


def held(name: str) -> int:
    """Bytes of memory, now (VmRSS) or at most (VmHWM)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(own.split()[1]) << 10 for own in lines if own.startswith(name))


def prepare(path: Path, folder: Path, documents: int | None) -> tuple[int, int]:
    """Write the tokens of the texts for both; returns bytes of text and tokens."""
    import pyarrow as pa

    from tamis.dedup.kernels.substrings import tokens
    from tamis.text.buffers import read_only, utf8_buffers
    from tamis.text.normalise import folding

    with gzip.open(path, "rt", encoding="utf-8") as file:
        texts = [json.loads(line)["text"] for line in islice(file, documents)]
    data, offsets = utf8_buffers(pa.array(texts, pa.large_string()))
    tokens(read_only(data), offsets[:2], folding())
    start = time.perf_counter()
    hashes, places = tokens(read_only(data), offsets, folding())
    print(f"tokens      {time.perf_counter() - start:8.2f} s")
    _, ids = np.unique(hashes, return_inverse=True)
    ends = places.bounds[1:]
    borders = np.arange(len(ends)) + ids.max() + 1
    np.save(folder / "ids.npy", np.insert(ids, ends, borders).astype(np.uint32))
    np.save(folder / "hashes.npy", hashes)
    np.save(folder / "bounds.npy", places.bounds)
    return int(offsets[-1]), len(hashes)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("texts", type=Path)
    parser.add_argument("--peer")
    parser.add_argument("--documents", type=int)
    parser.add_argument("--ours", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.ours:
        print(*ours(arguments.ours))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        size, count = prepare(arguments.texts, folder, arguments.documents)
        print(f"{size / 1e6:.1f} MB, {count:,} tokens")
        runs = {
            "ours": [sys.executable, __file__, str(arguments.texts), "--ours", name]
        }
        if arguments.peer:
            runs["suffix array"] = [arguments.peer, "-c", PEER, str(LENGTH), name]
        for label, command in runs.items():
            ended = subprocess.run(command, check=True, capture_output=True, text=True)
            seconds, peak = map(float, ended.stdout.split())
            print(f"{label:12}{seconds:8.2f} s {peak / count:8.1f} B a token")
        found = np.load(folder / "ours.npy")
        print(f"repeated    {found.mean():8.1%} of the tokens")
        if arguments.peer:
            with_borders = np.load(folder / "peer.npy")
            bounds = np.load(folder / "bounds.npy")
            peer = np.delete(with_borders, bounds[1:] + np.arange(len(bounds) - 1))
            print("the same tokens" if (peer == found).all() else "NOT the same tokens")


if __name__ == "__main__":
    main()
