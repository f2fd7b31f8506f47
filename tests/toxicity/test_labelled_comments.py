"""What the defaults drop of labelled sentences and comments, with the packaged lists and model."""

import gzip
import json
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tamis.language.codes import known_language
from tamis.stages.filter_toxicity import FilterToxicity
from tamis.stages.score_toxicity import ScoreToxicity
from tamis.toxicity.lists import PACKAGE

# HateCheck's functionalities (Röttger et al. 2021, table 1) whose sentences are not hateful.
IDENTITY = ("ident_neutral_nh", "ident_pos_nh")
COUNTER = ("counter_quote_nh", "counter_ref_nh")
RECLAIMED = ("slur_reclaimed_nh",)


@pytest.fixture(scope="module")
def comments(shared_data: Path) -> list[dict[str, Any]]:
    try:
        version(PACKAGE)
    except PackageNotFoundError:
        pytest.skip(f"{PACKAGE} is not installed")
    with gzip.open(shared_data / "tox-dev.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def sentences(
    comments: list[dict[str, Any]], functionalities: tuple[str, ...]
) -> dict[str, list[str]]:
    """Sentences of HateCheck by language."""
    found: dict[str, list[str]] = {}
    for row in comments:
        if "hatecheck" in row["source"] and row["raw_label"] in functionalities:
            language = known_language(row["lang"])
            assert language
            found.setdefault(language, []).append(row["text"])
    return found


def dropped_share(language: str, texts: list[str]) -> float:
    rows = pa.RecordBatch.from_pydict(
        {
            "language": [language] * len(texts),
            "text": texts,
            "drop_reason": pa.nulls(len(texts), pa.string()),
        }
    )
    reasons = FilterToxicity().build()(ScoreToxicity().build()(rows))["drop_reason"]
    return 1 - reasons.null_count / len(texts)


def threads(
    comments: list[dict[str, Any]], source: str, size: int
) -> Iterator[list[str]]:
    """100 draws of so many toxic comments."""
    toxic = [r["text"] for r in comments if r["source"] == source and r["label"]]
    order = np.random.default_rng(0)
    for _ in range(100):
        yield order.choice(toxic, size, replace=False).tolist()


@pytest.mark.shared
def test_identity_terms_are_dropped_no_more_often_than_clean_prose(
    comments: list[dict[str, Any]],
) -> None:
    """Of clean prose, `test_clean_prose` allows one in 1,000."""
    by_language = sentences(comments, IDENTITY)
    assert len(by_language) == 11
    for language, texts in by_language.items():
        assert len(texts) > 60
        assert dropped_share(language, texts) <= 0.001, language


@pytest.mark.shared
def test_counter_speech_is_dropped_no_more_often_than_measured(
    comments: list[dict[str, Any]],
) -> None:
    """Quoted and denied hate: in Chinese 5 of 65 sentences, in English 4 of 177."""
    most = {"cmn": 0.08, "eng": 0.025}
    by_language = sentences(comments, COUNTER)
    assert len(by_language) == 11
    for language, texts in by_language.items():
        assert dropped_share(language, texts) <= most.get(language, 0.0), language


@pytest.mark.shared
def test_reclaimed_slurs_are_dropped_no_more_often_than_measured(
    comments: list[dict[str, Any]],
) -> None:
    """10 of 37, in English: a limit of the model, which knows words and not who says them."""
    ((language, texts),) = sentences(comments, RECLAIMED).items()
    assert language == "eng"
    assert dropped_share(language, texts) <= 0.28


@pytest.mark.shared
@pytest.mark.parametrize(("size", "least"), [(30, 0.93), (60, 0.98)])
def test_the_list_alone_drops_portuguese_threads(
    comments: list[dict[str, Any]], size: int, least: float
) -> None:
    texts = ["\n".join(thread) for thread in threads(comments, "told-br", size)]
    assert dropped_share("por", texts) >= least
