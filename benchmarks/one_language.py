"""Measure what a language gate before extraction saves in a recipe of one language.

    python benchmarks/one_language.py ../shared/data
    python benchmarks/one_language.py --language deu --engines resiliparse
    python benchmarks/one_language.py --share 0.05

Runs two recipes over the real pages, in one process, with each engine: one extracts
every page and then drops the other languages; the other identifies the language on the
page first (`as: raw`, `on: html`) and drops what is surely in another one. Prints the
pages a second of the whole command and of its stages alone, the time of each stage, the
CPU time of a page beyond that of a run of one page, and how many documents the gate
lost or gained. With --share, pages of the language are repeated until they are that
share of all, as in a crawl where they are more frequent.
"""

import argparse
import gzip
import io
import itertools
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow.parquet as pq
import yaml
from fastwarc.warc import ArchiveIterator, WarcRecordType

from tamis.language.codes import known_language

ROOT = Path(__file__).resolve().parents[1]
PAGES = ("", "-wcxb", "-daniel", "-recipes", "-htmldate")

GATE = (
    {"identify_language": {"as": "raw", "on": "html"}},
    {
        "filter_language": {
            "as": "raw",
            "min_score": 0,
            "min_unwanted_score": 0.5,
            "keep_unknown": True,
        }
    },
)

Stages = list[dict[str, Any]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, nargs="?", default=Path("../shared/data"))
    parser.add_argument("--language", default="fra")
    parser.add_argument("--engines", default="blocks,resiliparse,trafilatura")
    parser.add_argument("--share", type=float, default=0.0)
    arguments = parser.parse_args()
    archives = [
        str((arguments.data / f"pages-dev{suffix}.warc.gz").resolve())
        for suffix in PAGES
    ]
    with tempfile.TemporaryDirectory(prefix="tamis-bench-") as name:
        more = Path(name) / "more.warc.gz"
        write_more(arguments.data, arguments.language, arguments.share, more)
        archives += [str(more)] if more.stat().st_size else []
        for engine in arguments.engines.split(","):
            compare(engine, arguments.language, archives, Path(name) / engine)


def write_more(data: Path, language: str, share: float, path: Path) -> None:
    """Write pages in the language repeatedly until they are this share of all."""
    rows = gold_rows(data)
    wanted = {row["url"] for row in rows if known_language(row["lang_ft"]) == language}
    records, pages = [], 0
    for suffix in PAGES:
        content = (data / f"pages-dev{suffix}.warc.gz").read_bytes()
        found = list(ArchiveIterator(io.BytesIO(content), parse_http=False))
        ends = [record.stream_pos for record in found[1:]] + [len(content)]
        for record, end in zip(found, ends, strict=True):
            if record.record_type == WarcRecordType.response:
                pages += 1
                if record.headers.get("WARC-Target-URI") in wanted:
                    records.append(content[record.stream_pos : end])
    missing = max(0, round((share * pages - len(records)) / (1 - share)))
    repeated = itertools.islice(itertools.cycle(records), missing)
    path.write_bytes(b"".join(repeated))


def gold_rows(data: Path) -> list[dict[str, Any]]:
    with gzip.open(data / "gold-dev.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [row for row in map(json.loads, lines) if row.get("lang_ft")]


def stages_of(engine: str, *gate: dict[str, Any]) -> Stages:
    """The main recipe up to its second save, with a gate before extraction."""
    return [
        {"read_warc": {"max_html_bytes": "3MiB"}},
        {"filter_url": {}},
        {"decode_html": {}},
        *gate,
        {"extract_text": {"engine": engine}},
        {"identify_language": {}},
        {"filter_language": {"min_score": 0.65}},
        {"measure_text": {}},
        {"score_toxicity": {}},
        {"mask_pii": {}},
        {"sign": {}},
        {"save": "documents"},
    ]


def compare(engine: str, language: str, archives: list[str], folder: Path) -> None:
    print(f"engine {engine}, {language} only")
    folder.mkdir()
    first = folder / "first.warc.gz"
    first.write_bytes(first_page(Path(archives[0])))
    found, rates = {}, {}
    for name, gate in {"without": (), "with": GATE}.items():
        recipe = {
            "languages": [language],
            "executor": {"kind": "inline"},
            "stages": stages_of(engine, *gate),
        }
        start = run(recipe, [str(first)], folder / f"{name}-start")
        output = folder / name
        whole = run(recipe, archives, output)
        book = json.loads((output / "run.json").read_text("utf-8"))
        pages = book["stages"]["read_warc"]["documents_in"]
        seconds = {
            stage: counts.get("seconds", 0.0)
            for stage, counts in book["stages"].items()
        }
        found[name] = ids(output)
        cpu = (whole.cpu - start.cpu) / pages
        rates[name] = pages / whole.wall, pages / sum(seconds.values()), 1 / cpu
        print(
            f"  {name:8} gate: {rates[name][0]:6.0f} pages a second, stages alone"
            f" {rates[name][1]:6.0f}, CPU {1000 * cpu:.2f} ms a page;"
            f" {len(found[name])} documents of {pages:,} pages"
        )
        costs = {stage: f"{1000 * took / pages:.2f}" for stage, took in seconds.items()}
        print(f"    ms a page: {costs}")
    ratios = [after / before for before, after in zip(*rates.values(), strict=True)]
    lost = len(found["without"] - found["with"])
    print(
        f"  with the gate {ratios[0]:.1f} times as fast, stages alone {ratios[1]:.1f},"
        f" CPU {ratios[2]:.1f}; documents lost {lost} of {len(found['without'])},"
        f" gained {len(found['with'] - found['without'])}"
    )


class Took(NamedTuple):
    """Seconds of a command: wall time, and CPU time of its processes."""

    wall: float
    cpu: float


def run(recipe: dict[str, Any], archives: list[str], output: Path) -> Took:
    path = output.with_suffix(".yaml")
    content = {"input": archives, "output": str(output), **recipe}
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    before, started = cpu_of_children(), time.perf_counter()
    command = [sys.executable, "-m", "tamis", "run", "--quiet", str(path)]
    subprocess.run(command, cwd=ROOT, check=True)
    return Took(time.perf_counter() - started, cpu_of_children() - before)


def cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def first_page(archive: Path) -> bytes:
    """The archive's first response and what is before it."""
    content = archive.read_bytes()
    is_page = False
    for record in ArchiveIterator(io.BytesIO(content), parse_http=False):
        if is_page:
            return content[: record.stream_pos]
        is_page = record.record_type == WarcRecordType.response
    return content


def ids(output: Path) -> set[int]:
    """Ids of the published documents."""
    parts = sorted((output / "documents").glob("*.parquet"))
    return {
        x
        for part in parts
        for x in pq.read_table(part, columns=["id"])["id"].to_pylist()
    }


if __name__ == "__main__":
    main()
