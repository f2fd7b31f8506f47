"""`dropped: {text: true}`: whoever was dropped with a text keeps the whole of it."""

from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tamis.pii.masking import mask

ABOVE_THE_TEXT = {"read_warc", "filter_url", "extract_text"}


def rows(folder: Path, *columns: str) -> list[dict[str, Any]]:
    return [
        row
        for path in sorted(folder.glob("*.parquet"))
        for row in pq.read_table(path, columns=list(columns) or None).to_pylist()
    ]


def texts(folder: Path) -> dict[int, str]:
    return {row["id"]: row["text"] for row in rows(folder, "id", "text")}


@pytest.fixture(scope="module")
def only_french(tmp_path_factory: pytest.TempPathFactory, tamis_on: Any) -> Path:
    """A run that wants French alone, so that most pages fall with a text."""
    tamis = tamis_on(tmp_path_factory.mktemp("only-french") / "out")
    tamis.run("languages=[fra]", "dropped.text=true")
    output: Path = tamis.output
    return output


def test_every_dropped_page_with_a_text_keeps_all_of_it(
    only_french: Path, sample_run: Path
) -> None:
    """Masked, wherever it fell: the first save has it as extracted, the second masked."""
    extracted = texts(sample_run / "extracted")  # pages in all of the 15 languages
    saved = texts(only_french / "documents")
    checked = Counter[str]()
    for row in rows(only_french / "dropped"):
        if row["stage"] in ABOVE_THE_TEXT:
            assert row["text"] is None
            continue
        if row["stage"] != "gate.filter_language":
            assert row["text"] == saved[row["id"]]
        elif row["id"] in extracted:  # others are in a language of neither run
            assert row["text"] == mask(extracted[row["id"]])
        is_same = row["text"] == extracted.get(row["id"], row["text"])
        assert len(row["text"]) == row["text_chars"] or not is_same
        checked[row["stage"]] += 1
    assert checked["gate.filter_language"] > 200
    assert checked["filter_quality"] >= 1
    assert checked["deduplicate"] >= 1


def test_the_texts_are_more_than_the_samples_of_a_run_without(
    only_french: Path, sample_run: Path
) -> None:
    """Without, 20 of a group keep 1,000 characters at most."""
    whole = [row["text"] for row in rows(only_french / "dropped", "text")]
    assert max(len(text or "") for text in whole) > 1_000
    kept = Counter(
        (row["stage"], row["reason"], row["language"])
        for row in rows(only_french / "dropped")
        if row["text"] is not None
    )
    assert max(kept.values()) > 20
    assert all(len(row["text"] or "") <= 1_000 for row in rows(sample_run / "dropped"))
