"""Reviewed main texts of real pages must survive: what a filter takes must be toxic."""

import gzip
import json
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pyarrow as pa
import pytest

from tamis.language.codes import known_language
from tamis.stages.filter_toxicity import FilterToxicity
from tamis.stages.score_toxicity import ScoreToxicity
from tamis.toxicity.lists import PACKAGE


@pytest.fixture(scope="module")
def prose(shared_data: Path) -> pa.RecordBatch:
    texts: dict[str, str] = {}
    with gzip.open(shared_data / "gold-dev.jsonl.gz", "rt", encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            if row.get("text") and row.get("lang_ft"):
                texts.setdefault(row["text"], known_language(row["lang_ft"]) or "und")
    return pa.RecordBatch.from_pydict(
        {
            "text": list(texts),
            "language": list(texts.values()),
            "drop_reason": pa.nulls(len(texts), pa.string()),
        }
    )


@pytest.mark.shared
def test_the_default_word_limits_keep_999_of_1000_clean_pages(
    prose: pa.RecordBatch,
) -> None:
    try:
        version(PACKAGE)
    except PackageNotFoundError:
        pytest.skip(f"{PACKAGE} is not installed")
    scored = ScoreToxicity(model=None).build()(prose)
    looked_at = len(scored) - scored["toxic_word_density"].null_count
    reasons = FilterToxicity().build()(scored)["drop_reason"]
    assert looked_at > 1500
    assert len(reasons) - reasons.null_count <= looked_at / 1000


@pytest.mark.shared
def test_the_packaged_model_keeps_99_of_100_clean_pages_under_every_limit(
    prose: pa.RecordBatch,
) -> None:
    scored = ScoreToxicity(packaged=False).build()(prose)
    largest = scored["toxicity_max"].drop_null().to_pylist()
    assert len(largest) > 1200
    assert sum(value > 0.9 for value in largest) <= len(largest) / 100
