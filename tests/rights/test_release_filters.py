"""What hosts say today is honoured by a release, and not by the runs of its crawls."""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from fixtures.corpora import corpus_of_lists, refreshed

from tamis.rights.robots import parse
from tamis.rights.robots_runs import Answer, merge_runs, write_runs


def table(path: Path, *hosts: str) -> None:
    answers = [
        Answer(host, "2026-10-03", parse("User-agent: *\nDisallow: /", ["ccbot"]))
        for host in hosts
    ]
    merge_runs(write_runs(answers, path.parent), path, agents=["ccbot"])


def hosts(release: Path) -> set[str]:
    found = set()
    for shard in (release / "mix").glob("*.parquet"):
        found |= set(pq.read_table(shard, columns=["host"])["host"].to_pylist())
    return found


def latest(corpus: Path) -> Path:
    name = json.loads((corpus / "latest.json").read_text("utf-8"))["release"]
    return corpus / "releases" / name


def summary_of(folder: Path) -> Any:
    return json.loads((folder / "run.json").read_text("utf-8"))


def test_a_later_table_makes_a_release_of_all_crawls_and_extracts_nothing(
    tmp_path: Path,
) -> None:
    folder = corpus_of_lists(tmp_path, 0)
    recipe = folder / "stages.yaml"
    text = recipe.read_text("utf-8").replace(
        "  - mix_corpus", "  - filter_robots: {table: robots.arrow}\n  - mix_corpus"
    )
    recipe.write_text(text, "utf-8")
    robots, corpus = folder / "robots.arrow", folder / "corpus"
    table(robots, "www.uferblatt.example")
    refreshed(folder)
    first = latest(corpus)
    assert "www.uferblatt.example" not in hosts(first)
    assert "www.green-lane-notes.example" in hosts(first)
    run = summary_of(corpus / "runs" / "crawl-0")
    assert "filter_robots" not in run["stages"]
    assert "nothing to do" in refreshed(folder).stdout
    # Another host refuses, and the first one has taken its reservation back.
    table(robots, "www.green-lane-notes.example")
    assert "released" in refreshed(folder).stdout
    second = latest(corpus)
    assert second != first
    assert "www.uferblatt.example" in hosts(second)
    assert "www.green-lane-notes.example" not in hosts(second)
    assert summary_of(second)["dated"] == {
        "filter_robots": ["robots.txt of 2026-10-03 to 2026-10-03, for ccbot"]
    }
    # The run of the crawl is the one of before.
    assert summary_of(corpus / "runs" / "crawl-0") == run
