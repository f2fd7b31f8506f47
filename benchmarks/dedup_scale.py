"""Measure deduplicate from 10^5 documents up: python benchmarks/dedup_scale.py

Prints seconds, memory and bytes. Documents are simulated by their bands (as many hashes
as 14 bands of 8 rows give), with planted clusters whose sizes follow a power law. A
document agrees with its cluster in two bands of three, so chains of many bands have to
be joined. At every size it is checked that exactly the planted clusters are found. Three
ways are measured, each in a process of its own, on one core:

    memory  tamis.dedup alone: sort each band, chain, join; 4-byte ordinals
    disk    the stage as it runs without `verify`: tasks, runs, edges, layers
    verify  the same with `verify`: documents have texts of 604 words, 600 shingles

Goals for 14 bands: `memory` at most 1 µs and 48 bytes of memory a document, `disk` at
most 160 bytes of runs a document, seconds that grow with documents^1.05 at most.

--most-on-disk 5e7 needs some 300 bytes of free disk a document under TMPDIR, including
the simulated documents: 15 GB.
"""

import argparse
import json
import math
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tamis.dedup.kernels.components import compress, joins
from tamis.dedup.kernels.edges import chains
from tamis.dedup.kernels.sorting import sort_pairs
from tamis.documents.parts import Part
from tamis.schema import TIMESTAMP
from tamis.stages.deduplicate import Deduplicate
from tamis.stages.sign import band_columns
from tamis.storage import Storage
from tamis.text.shingles import mixed
from tamis.work.commits import Outputs
from tamis.work.executors import InlineExecutor
from tamis.work.tasks import Tasks

SIZES = (10**5, 10**6, 10**7, 5 * 10**7)
BANDS = 14
PART_ROWS = 200_000
WORDS = 604  # of a text, if texts are read
CLUSTERED = 0.4  # share of documents with a duplicate

Hashes = NDArray[np.uint64]


def planted(documents: int) -> NDArray[np.uint32]:
    """Cluster of each document: sizes from 2 up, P(size) ~ size^-2, in random places."""
    rng = np.random.default_rng(documents)
    sizes = np.minimum(rng.zipf(2.0, documents // 4) + 1, max(documents // 200, 2))
    ends = np.cumsum(sizes)
    sizes = sizes[ends <= CLUSTERED * documents]
    alone = np.ones(documents - int(sizes.sum()), np.int64)
    sizes = np.concatenate([sizes, alone])
    labels = np.repeat(np.arange(len(sizes), dtype=np.uint32), sizes)
    rng.shuffle(labels)
    return labels


def band_of(labels: NDArray[np.uint32], band: int, first: int = 0) -> Hashes:
    """The band's hashes of documents `first` ...: the cluster's hash, or their own."""
    ordinals = np.arange(first, first + len(labels), dtype=np.uint64)
    values = np.where(
        (ordinals + np.uint64(band)) % np.uint64(3) != 0,
        labels.astype(np.uint64),
        ordinals | np.uint64(1 << 40),
    )
    return mixed(values | np.uint64((band + 1) << 48))


def in_memory(documents: int) -> dict[str, Any]:
    """Measure bands to components, without the time to make the bands."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    labels = planted(documents)
    parents = np.arange(documents, dtype=np.uint32)
    ordinals = parents.copy()
    hashes = np.empty(documents, np.uint64)
    room = np.empty_like(hashes), np.empty_like(ordinals)
    seconds = 0.0
    for band in range(BANDS):
        for first in range(0, documents, PART_ROWS):
            stop = first + PART_ROWS
            hashes[first:stop] = band_of(labels[first:stop], band, first)
        start = time.process_time()
        left, right = chains(*sort_pairs(hashes, ordinals, room))
        joins(parents, left, right)
        seconds += time.process_time() - start
    start = time.process_time()
    compress(parents)
    seconds += time.process_time() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    found = int((parents == np.arange(documents, dtype=np.uint32)).sum())
    assert found == int(labels.max()) + 1, "not the planted clusters"
    return {"seconds": seconds, "memory": peak * 1024}


def on_disk(
    documents: int, folder: str, *, is_verified: bool = False
) -> dict[str, Any]:
    """Measure the whole stage, without the time to write the documents."""
    labels = planted(documents)
    storage = Storage(folder)
    parts = [
        _part(storage, labels, first, with_texts=is_verified)
        for first in range(0, documents, PART_ROWS)
    ]
    tasks = Tasks(storage, InlineExecutor())
    start = time.process_time()
    verify = {"jaccard": 0.7} if is_verified else None
    result = Deduplicate(verify=verify).run(parts, tasks)
    seconds = time.process_time() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    written = {
        name: sum(
            file.stat().st_size for file in (Path(folder) / name).rglob("*.parquet")
        )
        for name in ("work/dedup/runs", "work/dedup", "duplicates")
    }
    kept = documents - result.tally.get("duplicate_near", 0)
    assert kept == int(labels.max()) + 1, "not the planted clusters"
    return {"seconds": seconds, "memory": peak * 1024, "bytes": written}


def texts_of(labels: NDArray[np.uint32], first: int) -> list[str]:
    """Texts of 604 words, of which three are a document's own and the rest its cluster's."""
    texts = []
    for number, label in enumerate(labels.tolist(), first):
        rng = np.random.default_rng(label)
        words = [f"{word:x}" for word in rng.integers(1 << 20, 1 << 28, WORDS).tolist()]
        for place in (100, 300, 500):
            words[place] = f"own{chr(97 + place % 26)}{number:x}"
        texts.append(" ".join(words))
    return texts


def _part(
    storage: Storage,
    labels: NDArray[np.uint32],
    first: int,
    *,
    with_texts: bool,
) -> Part:
    own = labels[first : first + PART_ROWS]
    ids = np.arange(first, first + len(own), dtype=np.uint64)
    columns = {
        "id": mixed(ids),
        "text_chars": pa.array(ids % np.uint64(9973), pa.int64()),
        "fetched_at": pa.array(np.zeros(len(own), np.int64), TIMESTAMP),
        "text_hash": mixed(ids | np.uint64(1 << 60)),
    }
    bands = zip(band_columns(BANDS), range(BANDS), strict=True)
    columns |= {name: band_of(own, band, first) for name, band in bands}
    if with_texts:
        columns["text"] = pa.array(texts_of(labels, first))
    table = pa.table(columns)
    outputs = Outputs(storage, f"part-{first:012}")
    with outputs.parquet("documents", table.schema, use_dictionary=False) as writer:
        writer.write_table(table)
    return Part(outputs.key, outputs.key, tuple(outputs.files))


def measured(way: str, documents: int) -> dict[str, Any]:
    """Measure one size in a process of its own, with compiled kernels."""
    command = [sys.executable, __file__, "--one", way, str(documents)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    figures: dict[str, Any] = json.loads(output)
    return figures


def one(way: str, documents: int) -> dict[str, Any]:
    in_memory(PART_ROWS)
    if way == "memory":
        return in_memory(documents)
    with tempfile.TemporaryDirectory() as folder:
        is_verified = way == "verify"
        on_disk(1000, f"{folder}/warm", is_verified=is_verified)
        return on_disk(documents, f"{folder}/run", is_verified=is_verified)


def exponent(rows: list[tuple[int, dict[str, Any]]]) -> float:
    """Slope of log(seconds) over log(documents), from 10^6 documents up."""
    large = [(n, figures) for n, figures in rows if n >= 10**6]
    if len(large) < 2:
        return math.nan
    sizes = [math.log(n) for n, _ in large]
    return float(np.polyfit(sizes, [math.log(f["seconds"]) for _, f in large], 1)[0])


def plot(results: dict[str, list[tuple[int, dict[str, Any]]]], path: str) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    _, axes = plt.subplots(figsize=(6, 4))
    for way, rows in results.items():
        if not rows:
            continue
        sizes = [n for n, _ in rows]
        growth = f"{way}, documents^{exponent(rows):.2f}"
        axes.loglog(sizes, [f["seconds"] for _, f in rows], "o-", label=growth)
    axes.set_xlabel("documents")
    axes.set_ylabel("seconds on one core")
    axes.grid(visible=True, which="both", alpha=0.3)
    axes.legend()
    plt.savefig(path, dpi=120, bbox_inches="tight")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--most", type=float, default=5e7, help="in memory")
    parser.add_argument("--most-on-disk", type=float, default=1e7)
    parser.add_argument("--most-verified", type=float, default=1e6)
    parser.add_argument("--plot", help="where to save the log-log plot (PNG)")
    parser.add_argument("--one", nargs=2, metavar=("WAY", "DOCUMENTS"))
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(one(arguments.one[0], int(arguments.one[1]))))
        return
    results: dict[str, list[tuple[int, dict[str, Any]]]] = {}
    print(
        "way     documents  µs/doc  memory B/doc  runs B/doc  work B/doc  layers B/doc"
    )
    limits = {"memory": arguments.most, "disk": arguments.most_on_disk}
    limits["verify"] = arguments.most_verified
    for way, most in limits.items():
        rows = results.setdefault(way, [])
        for documents in SIZES:
            if documents > most:
                continue
            figures = measured(way, documents)
            rows.append((documents, figures))
            each = [value / documents for value in figures.get("bytes", {}).values()]
            memory = f"{figures['memory'] / documents:.0f}"
            if documents <= PART_ROWS:  # the warming up took as much
                memory = "-"
            print(
                f"{way:7} {documents:9,} {figures['seconds'] / documents * 1e6:7.2f}"
                f" {memory:>13}" + "".join(f" {value:11.1f}" for value in each),
                flush=True,
            )
        if not math.isnan(exponent(rows)):
            print(f"{way}: seconds grow with documents^{exponent(rows):.3f}")
    if arguments.plot:
        plot(results, arguments.plot)
        print(f"plot: {arguments.plot}")


if __name__ == "__main__":
    main()
