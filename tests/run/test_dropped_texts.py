"""`dropped: {text: true}`: whoever was dropped with a text keeps the whole of it."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tamis.pii.masking import mask

ROOT = Path(__file__).resolve().parents[2]
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


def test_memory_holds_some_of_the_texts_that_one_split_drops(tmp_path: Path) -> None:
    """180 MB of English, all dropped by a recipe for French: a few batches are held."""
    archive = tmp_path / "big.warc.wet"
    body = b"The ferry leaves at seven and the harbour is quiet. " * 30_000
    with archive.open("wb") as file:
        for number in range(120):
            head = (
                "WARC/1.0\r\nWARC-Type: conversion\r\nContent-Type: text/plain\r\n"
                f"WARC-Target-URI: http://h{number}.example/\r\n"
                f"Content-Length: {len(body)}\r\n\r\n"
            )
            own = f"{number:04}".encode() + body[4:]
            file.write(head.encode() + own + b"\r\n\r\n")
    recipe = tmp_path / "stages.yaml"
    recipe.write_text(
        "input: big.warc.wet\noutput: out\nlanguages: [fra]\nexecutor: inline\n"
        "dropped: {text: true}\nstages: [read_warc: {split_bytes: 1GiB}, decode_html,"
        " extract_text, identify_language, filter_language, save: documents]\n"
    )
    code = (
        "import pyarrow, tamis; tamis.run(tamis.Recipe.load('stages.yaml'));"
        "print(pyarrow.default_memory_pool().max_memory())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT / "pipeline")},
        capture_output=True,
        check=True,
    )
    assert int(done.stdout) < 150 << 20
    (dropped,) = (tmp_path / "out/dropped").iterdir()
    texts = pq.read_table(dropped, columns=["text"])["text"]
    assert len(texts) == 120
    assert {text.as_py()[:4] for text in texts} == {f"{n:04}" for n in range(120)}
