"""What a language gate before extraction saves a recipe of one language.

    python benchmarks/one_language.py ../shared/data
    python benchmarks/one_language.py --language deu --engines resiliparse

Runs two recipes over the real pages, in one process, with each engine: one extracts every
page and then drops the other languages; the other names the language on the page first
(`as: raw`, `on: html`) and drops what is surely in another one. Prints the pages a second
of the whole command and of its stages alone, what each stage took, and how many
documents the gate lost or gained.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import yaml

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
    parser.add_argument("--engines", default="resiliparse,trafilatura")
    arguments = parser.parse_args()
    archives = [
        str((arguments.data / f"pages-dev{suffix}.warc.gz").resolve())
        for suffix in PAGES
    ]
    for engine in arguments.engines.split(","):
        with tempfile.TemporaryDirectory(prefix="tamis-bench-") as name:
            compare(engine, arguments.language, archives, Path(name))


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
    found, rates = {}, {}
    for name, gate in {"without": (), "with": GATE}.items():
        recipe = folder / f"{name}.yaml"
        output = folder / name
        content = {
            "input": archives,
            "output": str(output),
            "languages": [language],
            "executor": {"kind": "inline"},
            "stages": stages_of(engine, *gate),
        }
        recipe.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
        started = time.perf_counter()
        command = [sys.executable, "-m", "pipeline", "run", "--quiet", str(recipe)]
        subprocess.run(command, cwd=ROOT, check=True)
        wall = time.perf_counter() - started
        book = json.loads((output / "run.json").read_text("utf-8"))
        pages = book["stages"]["read_warc"]["documents_in"]
        seconds = {
            stage: counts.get("seconds", 0.0)
            for stage, counts in book["stages"].items()
        }
        found[name] = ids(output)
        rates[name] = pages / wall, pages / sum(seconds.values())
        print(
            f"  {name:8} gate: {rates[name][0]:6.0f} pages a second, stages alone"
            f" {rates[name][1]:6.0f}; {len(found[name])} documents of {pages:,} pages"
        )
        costs = {stage: f"{1000 * took / pages:.2f}" for stage, took in seconds.items()}
        print(f"    ms a page: {costs}")
    ratios = [after / before for before, after in zip(*rates.values(), strict=True)]
    lost = len(found["without"] - found["with"])
    print(
        f"  with the gate {ratios[0]:.1f} times as fast, stages alone {ratios[1]:.1f};"
        f" documents lost {lost} of {len(found['without'])},"
        f" gained {len(found['with'] - found['without'])}"
    )


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
