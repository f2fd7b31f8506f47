"""Run one remover of near duplicates on a file: PYTHON dedup_jobs.py JOB INPUT WORK

INPUT is JSON lines of {id, text}. WORK/kept.txt gets the ids that stay, and the last
line printed is a JSON object: the seconds from the first document read to the last
one written, without imports and compiling before. dedup_peers.py runs it, each job in an
environment of its own; a job imports only the standard library and its own package. Each
is set up as in its own example or README, with 14 bands of 8 rows or a threshold of 0.8.
"""

import json
import os
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path

Kept = Iterable[str]
NGRAM, THRESHOLD, SLOTS, BATCH = 5, 0.8, 128, 256


def tamis(
    path: Path,
    work: Path,
    verify: dict[str, float] | None = None,
    threshold: float | None = None,
) -> Kept:
    """Sign the documents, write them as Parquet, and run the stage with its tasks."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    from tamis.documents.parts import Part
    from tamis.schema import TIMESTAMP
    from tamis.stages.deduplicate import Deduplicate
    from tamis.stages.sign import Sign
    from tamis.storage import Storage
    from tamis.work.commits import Outputs
    from tamis.work.executors import InlineExecutor
    from tamis.work.tasks import Tasks

    storage = Storage(str(work / "out"))
    signing = Sign(threshold=threshold)
    sign = signing.build()
    outputs = Outputs(storage, "documents")
    schema = pa.schema(
        [
            ("id", pa.uint64()),
            ("text", pa.string()),
            ("text_chars", pa.int32()),
            ("fetched_at", TIMESTAMP),
        ]
    )
    names: list[str] = []
    signed = pa.schema([*schema, *signing.columns_written()])
    with (
        path.open(encoding="utf-8") as lines,
        outputs.parquet("documents", signed) as writer,
    ):
        rows = map(json.loads, lines)
        while some := list(islice(rows, BATCH)):
            texts = [row["text"] for row in some]
            ids = np.arange(len(names), len(names) + len(some), dtype=np.uint64)
            names += [row["id"] for row in some]
            columns = [ids, texts, list(map(len, texts)), [0] * len(some)]
            arrays = [
                pa.array(values, kind)
                for values, kind in zip(columns, schema.types, strict=True)
            ]
            writer.write_batch(sign(pa.RecordBatch.from_arrays(arrays, schema=schema)))
    part = Part("documents", "documents", tuple(outputs.files))
    config = Deduplicate.model_validate({"verify": verify})
    result = config.run([part], Tasks(storage, InlineExecutor()))
    layer = pq.read_table(storage.path(result.layers[0].path))
    return [names[place] for place in layer.filter(layer["kept"])["id"].to_pylist()]


def verified(jaccard: float) -> Callable[[Path, Path], Kept]:
    return lambda path, work: tamis(path, work, {"jaccard": jaccard})


def tamis_threshold(path: Path, work: Path) -> Kept:
    """As `tamis`, with datasketch's bands and rows, 9 x 13."""
    return tamis(path, work, threshold=THRESHOLD)


def datatrove(path: Path, work: Path) -> Kept:
    """datatrove's four steps, as in its examples/minhash_deduplication.py."""
    from datatrove.executor.local import LocalPipelineExecutor
    from datatrove.tamis.dedup import MinhashDedupCluster, MinhashDedupFilter
    from datatrove.tamis.dedup.kernels.minhash import (
        MinhashConfig,
        MinhashDedupBuckets,
        MinhashDedupSignature,
    )
    from datatrove.tamis.readers import JsonlReader
    from datatrove.tamis.writers.jsonl import JsonlWriter
    from datatrove.utils.hashing import HashConfig

    config = MinhashConfig(
        hash_config=HashConfig(precision=64),
        num_buckets=14,
        hashes_per_bucket=8,
        n_grams=NGRAM,
    )
    signatures, buckets, ids, kept = (
        str(work / name) for name in ("signatures", "buckets", "ids", "kept")
    )
    reader = JsonlReader(str(path.parent), glob_pattern=path.name)
    steps = [
        ([reader, MinhashDedupSignature(signatures, config=config)], 1),
        ([MinhashDedupBuckets(signatures, buckets, config=config)], 14),
        ([MinhashDedupCluster(buckets, ids, config=config)], 1),
        ([reader, MinhashDedupFilter(ids), JsonlWriter(kept, compression=None)], 1),
    ]
    for number, (pipeline, tasks) in enumerate(steps):
        logs = str(work / f"logs-{number}")
        LocalPipelineExecutor(pipeline, tasks=tasks, workers=1, logging_dir=logs).run()
    return [
        json.loads(line)["id"]
        for file in sorted(Path(kept).glob("*.jsonl"))
        for line in file.open(encoding="utf-8")
    ]


def datasketch(path: Path, work: Path) -> Kept:
    """MinHashLSH as a stream: a document that matches an earlier one joins its cluster."""
    from datasketch import MinHash, MinHashLSH

    word = re.compile(r"\w+")
    lsh = MinHashLSH(threshold=THRESHOLD, num_perm=SLOTS)
    parents: dict[str, str] = {}

    def root(name: str) -> str:
        while parents[name] != name:
            parents[name] = parents[parents[name]]
            name = parents[name]
        return name

    places: dict[str, int] = {}
    with path.open(encoding="utf-8") as lines:
        for place, line in enumerate(lines):
            row = json.loads(line)
            words = word.findall(row["text"].lower())
            grams = {
                " ".join(words[first : first + NGRAM]).encode()
                for first in range(max(len(words) - NGRAM + 1, 1))
            }
            sketch = MinHash(num_perm=SLOTS)
            sketch.update_batch(grams)
            name = row["id"]
            parents[name], places[name] = name, place
            for met in lsh.query(sketch):
                one, other = sorted((root(name), root(met)), key=places.__getitem__)
                parents[other] = one
            lsh.insert(name, sketch)
    return [name for name in parents if root(name) == name]


def text_dedup(path: Path, work: Path, verify: bool = False) -> Kept:
    """text-dedup's MinHash command in one process."""
    os.environ |= {"HF_HUB_OFFLINE": "1", "HF_HOME": str(work / "hf")}
    settings = f"""
        [input]
        input_type = "local_files"
        file_type = "json"
        [input.read_arguments]
        path = "json"
        data_files = "{path}"
        split = "train"
        [algorithm]
        algorithm_name = "minhash"
        text_column = "text"
        num_perm = {SLOTS}
        ngram_size = {NGRAM}
        threshold = {THRESHOLD}
        num_proc = 1
        check_false_positive = {str(verify).lower()}
        [output]
        output_dir = "{work}/out"
        [debug]
        enable_profiling = false
    """
    (work / "settings.toml").write_text(settings, "utf-8")
    from datasets import load_from_disk
    from text_dedup.config.base import load_config_from_toml
    from text_dedup.minhash import main

    main(load_config_from_toml(work / "settings.toml"))
    return list(load_from_disk(str(work / "out"))["id"])


def text_dedup_verify(path: Path, work: Path) -> Kept:
    return text_dedup(path, work, verify=True)


JOBS: dict[str, Callable[[Path, Path], Kept]] = {
    "tamis": tamis,
    "tamis, verify 0.7": verified(0.7),
    "tamis, verify 0.8": verified(0.8),
    "tamis, threshold 0.8": tamis_threshold,
    "datatrove": datatrove,
    "datasketch": datasketch,
    "text-dedup": text_dedup,
    "text-dedup, verify": text_dedup_verify,
}
IMPORTS = {
    "tamis": ("tamis.stages.deduplicate", "tamis.stages.sign"),
    "datatrove": (
        "datatrove.tamis.dedup",
        "datatrove.executor.local",
        "datatrove.tamis.readers",
    ),
    "datasketch": ("datasketch",),
    "text-dedup": ("text_dedup.minhash", "datasets"),
}


def main() -> None:
    name, path, work = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    for module in IMPORTS[name.partition(",")[0]]:
        __import__(module)
    start = time.monotonic()
    kept = list(JOBS[name](path, work))
    seconds = time.monotonic() - start
    (work / "kept.txt").write_text("".join(f"{one}\n" for one in kept), "utf-8")
    print(json.dumps({"seconds": seconds, "kept": len(kept)}))


if __name__ == "__main__":
    main()
