"""The top share of a run is the same however the run is cut, and it is on record."""

import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

STABLE = ("mix", "duplicates", "dropped")
SHARE = (
    "filter_quality.keep_share={default: 0.5, fra: 0.25}",
    "filter_quality.share_column=word_count",
)


def languages(run: Path, folder: str) -> Counter[str]:
    return Counter(
        language
        for path in (run / folder).glob("*.parquet")
        for language in pq.read_table(path)["language"].to_pylist()
    )


def test_the_top_share_does_not_depend_on_splits(
    tamis: Any, sample_run: Path, tmp_path: Path
) -> None:
    whole = type(tamis)(tmp_path / "whole")
    shutil.copytree(sample_run, whole.output)
    book = whole.run(*SHARE)
    assert not {"extracted", "documents"} & set(book["tasks_executed"])
    tamis.run(*SHARE, "read_warc.split_bytes=64KiB")
    assert tamis.published(*STABLE) == whole.published(*STABLE)

    funnel = book["stages"]["filter_quality"]
    reasons = {
        reason: sum(n["documents"] for n in own.values())
        for reason, own in funnel["dropped"].items()
    }
    assert funnel["documents_in"] - funnel["documents_out"] == sum(reasons.values())
    # Of the French documents that keep their bounds a quarter stays, rounded up.
    before = json.loads((sample_run / "run.json").read_text("utf-8"))["stages"]
    bounds = before["filter_quality"]["dropped"]
    broken = sum(own.get("fra", {}).get("documents", 0) for own in bounds.values())
    good = languages(sample_run, "documents")["fra"] - broken
    dropped = funnel["dropped"]["word_count_share"]["fra"]["documents"]
    assert good - dropped == -(-good // 4)


def test_half_of_each_language_stays_by_the_packaged_model(
    tamis: Any, sample_run: Path, tmp_path: Path
) -> None:
    """With the default recipe and no model named."""
    own = type(tamis)(tmp_path / "half")
    shutil.copytree(sample_run, own.output)
    before = json.loads((sample_run / "run.json").read_text("utf-8"))["stages"]
    assert before["score_quality"]["dropped"] == {}
    after = own.run("filter_quality.keep_share={default: 0.5}")["stages"]
    broken = before["filter_quality"]["dropped"]
    low = after["filter_quality"]["dropped"]["quality_score_share"]
    assert sum(about["documents"] for about in low.values()) >= 50
    for language, documents in languages(sample_run, "documents").items():
        good = documents - sum(
            reason.get(language, {}).get("documents", 0) for reason in broken.values()
        )
        dropped = low.get(language, {}).get("documents", 0)
        assert good - dropped == -(-good // 2), language
    scores = {
        row["id"]: row["quality_score"]
        for path in (own.output / "documents").glob("*.parquet")
        for row in pq.read_table(path, columns=["id", "quality_score"]).to_pylist()
    }
    mixed = [
        (row["language"], row["quality_score"], scores[row["id"]])
        for path in (own.output / "mix").glob("*.parquet")
        for row in pq.read_table(path).to_pylist()
    ]
    assert mixed
    assert all(score == saved and 0 < score < 1 for _, score, saved in mixed)
