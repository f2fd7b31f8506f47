"""Measure an index of deduplicate: python benchmarks/dedup_index.py --documents 1e6

Crawls of so many documents each, by their text hash and 14 bands, go one after the
other into one index. Half of every crawl except the first are unchanged documents of
the first; it is checked that exactly these are found. On one core; the time to make the
documents is not counted.
"""

import argparse
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa

from tamis.dedup.index.folder import generations
from tamis.dedup.kernels.tiers import to_merge
from tamis.documents.parts import Part
from tamis.schema import TIMESTAMP
from tamis.stages.deduplicate import Deduplicate
from tamis.stages.sign import Sign, band_columns
from tamis.storage import Storage
from tamis.text.shingles import mixed
from tamis.work.commits import Outputs
from tamis.work.executors import InlineExecutor
from tamis.work.tasks import Tasks

PART_ROWS = 200_000


def part_of(storage: Storage, crawl: int, documents: int, first: int) -> Part:
    """Documents `first` ... of a crawl: every second one is from the first crawl."""
    rows = np.arange(first, min(first + PART_ROWS, documents), dtype=np.uint64)
    is_new = (rows % np.uint64(2) == 0) if crawl > 1 else np.ones(len(rows), np.bool_)
    pages = np.where(is_new, rows | np.uint64(crawl << 40), rows | np.uint64(1 << 40))
    columns = {
        "id": mixed(rows | np.uint64(crawl << 48)),
        "text_chars": pa.array(rows % np.uint64(9973), pa.int64()),
        "fetched_at": pa.array(np.zeros(len(rows), np.int64), TIMESTAMP),
        "crawl": pa.array([f"CC-MAIN-{crawl}"] * len(rows)),
        "text_hash": mixed(pages | np.uint64(1 << 60)),
    }
    for band, name in enumerate(band_columns(14)):
        columns[name] = mixed(pages | np.uint64(band << 55))
    table = pa.table(columns)
    outputs = Outputs(storage, f"crawl-{crawl}-{first:012}")
    with outputs.parquet("documents", table.schema, use_dictionary=False) as writer:
        writer.write_table(table)
    return Part(outputs.key, outputs.key, tuple(outputs.files))


def one_crawl(folder: Path, crawl: int, documents: int, *, has_index: bool) -> None:
    name = f"{'with' if has_index else 'without'}-{crawl}"
    storage = Storage(str(folder / name))
    firsts = range(0, documents, PART_ROWS)
    parts = [part_of(storage, crawl, documents, first) for first in firsts]
    tasks = Tasks(storage, InlineExecutor())
    config = Deduplicate(
        index=str(folder / "index") if has_index else None, verify=None
    )
    start = time.process_time()
    begun = config.begin(parts, tasks, [Sign(), config], is_dry=False)
    result = config.run(parts, tasks, begun)
    decided = time.process_time()
    if begun:
        config.conclude(parts, tasks, begun)
    seconds, more = decided - start, time.process_time() - decided
    recurring = documents // 2 if has_index and crawl > 1 else 0
    assert result.tally.get("duplicate_of_index", 0) == recurring, "not the planted"
    index = generations(Storage(str(folder / "index")))
    sizes = [own.bytes for own in index]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    print(
        f"{name:10} {seconds / documents * 1e6:8.2f} {more / documents * 1e6:8.2f}"
        f" {peak:9,.0f} {sum(sizes) / 1e6:9,.1f} {len(sizes):6}",
        flush=True,
    )
    assert to_merge(sizes) is None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--documents", type=float, default=1e6, help="of each crawl")
    parser.add_argument("--crawls", type=int, default=7)
    arguments = parser.parse_args()
    documents = int(arguments.documents)
    print("crawl      µs/doc   publish  peak MiB  index MB   gens")
    with tempfile.TemporaryDirectory() as folder:
        one_crawl(Path(folder) / "warm", 1, PART_ROWS, has_index=False)
        one_crawl(Path(folder) / "warm", 1, PART_ROWS, has_index=True)
        one_crawl(Path(folder) / "warm", 2, PART_ROWS, has_index=True)
        one_crawl(Path(folder) / "run", 2, documents, has_index=False)
        for crawl in range(1, arguments.crawls + 1):
            one_crawl(Path(folder) / "run", crawl, documents, has_index=True)


if __name__ == "__main__":
    main()
