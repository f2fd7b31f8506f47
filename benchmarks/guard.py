"""Measure the cost of extract_text's guard: the stage against the engine alone.

    python benchmarks/guard.py                 # resiliparse and trafilatura
    python benchmarks/guard.py --engines resiliparse --rounds 5

Both sides get the same decoded pages in the same batches, in turns on one core, which
the guard's process shares. The direct call includes the cleaning of texts and titles,
as the stage does. The figure is the ratio of the medians.
"""

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa

from tamis.html.engines.page import with_title
from tamis.html.extract import ENGINES, Extracted
from tamis.stage import batch_function
from tamis.stages.decode_html import DecodeHtml
from tamis.stages.extract_text import ExtractText, Outcome, written_columns
from tamis.stages.read_warc import ReadWarc
from tamis.warc.reading import Reading
from tamis.warc.splits import Split

ARCHIVE = Path(__file__).resolve().parents[2] / "shared" / "data" / "pages-dev.warc.gz"


def decoded(limit: int) -> Iterator[pa.RecordBatch]:
    """Batches of decoded pages, `limit` pages in all."""
    size = ARCHIVE.stat().st_size
    split = Split(str(ARCHIVE), 0, size, size, True, None, 1, None)
    decode = batch_function(DecodeHtml())
    config = ReadWarc()
    for batch in config.read(split, Reading()):
        if limit <= 0:
            return
        yield decode(batch.slice(0, limit))
        limit -= batch.num_rows


def direct(engine: str) -> Callable[[pa.RecordBatch], object]:
    """The engine in this process, its texts in the stage's form."""
    extract = with_title(ENGINES[engine].factory)

    def stage(batch: pa.RecordBatch) -> object:
        answers = [extract(page.as_py()) for page in batch["html"]]
        texts: list[Outcome] = [Extracted(a[0] or "", a[1]) for a in answers]
        return written_columns(texts, with_markdown=False)

    return stage


def seconds(
    stage: Callable[[pa.RecordBatch], object], pages: list[pa.RecordBatch]
) -> float:
    """Seconds to take all pages through the stage."""
    start = time.perf_counter()
    for batch in pages:
        stage(batch)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--engines", default="resiliparse,trafilatura")
    parser.add_argument("--pages", type=int, default=600)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    if not ARCHIVE.exists():
        sys.exit(f"the real pages are not on this machine: no {ARCHIVE}")
    os.sched_setaffinity(0, {0})
    pages = list(decoded(arguments.pages))
    count = sum(batch.num_rows for batch in pages)
    print(f"{count} pages, {arguments.rounds} rounds, load {os.getloadavg()[0]:.1f}\n")
    print("| engine | ms per page, direct | guarded | the guard costs |")
    print("|---|--:|--:|--:|")
    for engine in arguments.engines.split(","):
        sides = (direct(engine), batch_function(ExtractText(engine=engine)))
        rounds = [[seconds(side, pages) for side in sides]]  # the first one warms up
        rounds += [
            [seconds(side, pages) for side in sides] for _ in range(arguments.rounds)
        ]
        bare, guarded = (
            statistics.median(some) for some in zip(*rounds[1:], strict=True)
        )
        print(
            f"| {engine} | {1000 * bare / count:.2f} | {1000 * guarded / count:.2f} "
            f"| {100 * (guarded / bare - 1):+.1f} % |"
        )


if __name__ == "__main__":
    main()
