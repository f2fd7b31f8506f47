"""Measure memory and seconds of each task of mix_corpus: python benchmarks/mix_scale.py

Saved documents are simulated (words drawn from a list, lengths log-normal around 3,000
characters, some of megabytes), then the stage runs over them as in a recipe, every task
in a process of its own. Memory is the task's peak above that of the process with its
libraries loaded: what a task adds to a worker. It must not grow with --gigabytes;
`--bucket 4MiB` scatters rows twice, as 100 times the corpus would.
"""

import argparse
import multiprocessing
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from tamis.documents.parts import Part
from tamis.schema import PROVENANCE
from tamis.stages.mix_corpus import MixCorpus
from tamis.storage import Storage
from tamis.work.commits import Outputs
from tamis.work.executors import Call, InlineExecutor, Outcome
from tamis.work.tasks import Tasks

PART_BYTES = 256 << 20
ROW_GROUP_BYTES = 32 << 20
LARGEST = 3 << 20
LANGUAGES = ("eng", "deu", "fra", "ces")
SCHEMA = pa.schema(
    [
        *PROVENANCE,
        ("text", pa.string()),
        ("text_chars", pa.int64()),
        ("language", pa.string()),
        ("cluster_size", pa.uint32()),
        ("drop_reason", pa.string()),
    ]
)


def documents(number: int) -> Iterator[pa.Table]:
    """Row groups of one part."""
    rng = np.random.default_rng(number)
    letters = np.frombuffer(b"etaoinshrdlucmfw", np.uint8)
    words = [
        rng.choice(letters, size).tobytes() for size in rng.integers(2, 12, 30_000)
    ]
    prose = b" ".join(words[i] for i in rng.zipf(1.3, 4_000_000) % len(words))
    size = 0
    while size < PART_BYTES:
        lengths: list[int] = []
        while sum(lengths) < ROW_GROUP_BYTES:
            drawn = rng.lognormal(8.0, 1.2, 1000).astype(np.int64).clip(50, LARGEST)
            lengths += drawn.tolist()
        size += sum(lengths)
        starts = rng.integers(0, len(prose) - LARGEST, len(lengths))
        texts = [
            prose[start : start + length].decode("ascii")
            for start, length in zip(starts, lengths, strict=True)
        ]
        yield table(number, size, texts, rng)


def table(number: int, place: int, texts: list[str], rng: np.random.Generator) -> Any:
    rows = len(texts)
    domains = [f"host{n}.example" for n in rng.zipf(1.5, rows) % 50_000]
    known: dict[str, Any] = {
        "id": pa.array(rng.integers(0, 2**63, rows), pa.uint64()),
        "url": [f"https://{d}/{place}/{i}/an-address" for i, d in enumerate(domains)],
        "host": domains,
        "domain": domains,
        "warc_path": [f"CC-MAIN-{number:05d}.warc.gz"] * rows,
        "text": texts,
        "text_chars": [len(text) for text in texts],
        "language": rng.choice(LANGUAGES, rows, p=[0.7, 0.15, 0.1, 0.05]).tolist(),
        "cluster_size": pa.array(rng.zipf(2.0, rows).clip(1, 5000), pa.uint32()),
    }
    return pa.table(
        [
            known.get(name, pa.nulls(rows, SCHEMA.field(name).type))
            for name in SCHEMA.names
        ],
        schema=SCHEMA,
    )


def saved(storage: Storage, gigabytes: float) -> list[Part]:
    parts = []
    for number in range(max(1, round(gigabytes * (1 << 30) / PART_BYTES))):
        outputs = Outputs(storage, f"part-{number:05d}")
        with outputs.parquet("documents", SCHEMA) as writer:
            for group in documents(number):
                writer.write_table(group)
        parts.append(Part(outputs.key, f"{number:016x}", tuple(outputs.files)))
    return parts


class Apart(InlineExecutor):
    """Runs each call in a new process; keeps seconds and peak memory by kind of task."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: dict[str, float] = defaultdict(float)
        self.peaks: dict[str, list[int]] = defaultdict(list)

    def wait(self) -> Outcome:
        call = self._calls.popleft()
        context = multiprocessing.get_context("spawn")
        mine, its = context.Pipe()
        process = context.Process(target=_measured, args=(its, call))
        process.start()
        outcome, seconds, peak = mine.recv()
        process.join()
        kind = call.arguments[1].split("/")[1]
        self.seconds[kind] += seconds
        self.peaks[kind].append(peak)
        return outcome


def _measured(pipe: Any, call: Call) -> None:
    import tamis.stages.mix_corpus  # noqa: F401  what a worker has loaded

    before, start = _resident("VmRSS"), time.monotonic()
    try:
        outcome = Outcome(call, value=call.function(*call.arguments))
    except Exception as error:
        outcome = Outcome(call, error=error)
    pipe.send((outcome, time.monotonic() - start, _resident("VmHWM") - before))


def _resident(what: str) -> int:
    status = Path("/proc/self/status").read_text("ascii")
    lines = dict(line.split(":", 1) for line in status.splitlines())
    return int(lines[what].split()[0]) << 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gigabytes", type=float, default=2.0)
    parser.add_argument("--bucket", default=None, help="bucket_bytes, such as 4MiB")
    parser.add_argument("--shard", default="256MiB")
    parser.add_argument("--domains", type=float, help="max_share_per_domain")
    given = parser.parse_args()
    settings: dict[str, Any] = {"shard_bytes": given.shard}
    if given.bucket:
        settings["bucket_bytes"] = given.bucket
    if given.domains:
        settings["max_share_per_domain"] = given.domains
    with tempfile.TemporaryDirectory() as folder:
        storage = Storage(folder)
        parts = saved(storage, given.gigabytes)
        rows = sum(part.rows for part in parts)
        print(f"{given.gigabytes:g} GB of text, {rows:,} documents, {settings}")
        executor = Apart()
        start = time.monotonic()
        published = MixCorpus(**settings).run(parts, Tasks(storage, executor))
        for kind, peaks in executor.peaks.items():
            print(
                f"{kind:28s} {len(peaks):5d} tasks {executor.seconds[kind]:7.1f} s, "
                f"at most {max(peaks) / 1e6:5.0f} MB above the base"
            )
        kept = sum(file.rows for file in published.files)
        print(
            f"{len(published.files)} shards, {kept:,} rows, {time.monotonic() - start:.0f} s"
        )


if __name__ == "__main__":
    main()
