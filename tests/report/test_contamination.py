"""The report says how many documents hold instances of each benchmark, by either method."""

import gzip
import json
import re
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import tamis

QUESTION = (
    "A miller sells three sacks of flour in the morning and twice as many in the evening; "
    "how many sacks did the miller sell in a week of six working days?"
)
CHAPTERS = "\n".join(
    f"In chapter {number} the ferry leaves the harbour when the fog has lifted over the quay, "
    "and the keeper of the lamp writes down who came, what they carried and what they paid."
    for number in range(1, 9)
)
TEXTS = [
    CHAPTERS,
    CHAPTERS.replace("ferry", "tram") + "\n" + QUESTION,
    CHAPTERS.replace("ferry", "barge") + "\n" + QUESTION[: len(QUESTION) // 3],
    QUESTION + " " + QUESTION,
]
HEAD = (
    "WARC/1.0\r\nWARC-Type: conversion\r\nContent-Type: text/plain\r\n"
    "WARC-Target-URI: https://h.example/{}\r\nWARC-Date: 2024-01-01T00:00:00Z\r\n"
    "Content-Length: {}\r\n\r\n"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    records = b"".join(
        HEAD.format(n, len(text)).encode() + text.encode() + b"\r\n\r\n"
        for n, text in enumerate(TEXTS)
    )
    (tmp_path / "a.warc.wet.gz").write_bytes(gzip.compress(records))
    row = {"question": QUESTION, "eval_key": "mills <1>"}
    other = {
        "text": "nobody has seen these words in any text that was ever read by us all"
    }
    (tmp_path / "others.jsonl").write_text(json.dumps(other), "utf-8")
    (tmp_path / "mills.jsonl").write_text(f"{json.dumps(row)}\n{json.dumps(row)}\n")
    return tmp_path


def run(folder: Path, **settings: Any) -> dict[str, Any]:
    files = [str(folder / "mills.jsonl"), str(folder / "others.jsonl")]
    stage = {"decontaminate": {"benchmarks": files, **settings}}
    is_barrier = settings.get("method") == "ngram13"
    tamis.run(
        tamis.Recipe(
            input=str(folder / "a.warc.wet.gz"),
            output=str(folder / "out"),
            languages=["eng"],
            executor={"kind": "inline"},
            stages=[
                "read_warc",
                "decode_html",
                "extract_text",
                "identify_language",
                *([{"save": "extracted"}, stage] if is_barrier else [stage]),
                "measure_text",
                "sign",
                {"save": "documents"},
                "mix_corpus",
            ],
        )
    )
    summary: dict[str, Any] = json.loads((folder / "out" / "run.json").read_text())
    return summary


def shown(folder: Path) -> list[list[str]]:
    page = (folder / "out" / "report.html").read_text("utf-8")
    table = page.partition('id="contamination-table"')[2].partition("</table>")[0]
    rows = re.findall(r"<tr>(<td.*?)</tr>", table)
    return [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in rows]


def test_of_shares(folder: Path) -> None:
    summary = run(folder)
    assert summary["held"] == {"decontaminate": {"mills <1>": 2, "others": 1}}
    assert summary["stages"]["decontaminate"]["documents_out"] == 2
    assert shown(folder) == [
        ["mills &lt;1&gt;", "decontaminate", "2", "3", "2"],
        ["others", "decontaminate", "1", "0", "0"],
    ]


def test_of_counts(folder: Path) -> None:
    summary = run(folder, method="ngram13", min_chars=100)
    assert summary["stages"]["decontaminate"]["documents_out"] == 3
    assert shown(folder) == [
        ["mills &lt;1&gt;", "decontaminate", "2", "2", "1"],
        ["others", "decontaminate", "1", "0", "0"],
    ]
    mixed = [
        text
        for path in (folder / "out" / "mix").glob("*.parquet")
        for text in pq.read_table(path)["text"].to_pylist()
    ]
    assert len(mixed) == 3
    assert not any("three sacks of flour in the morning and twice" in t for t in mixed)


def test_a_run_that_looks_for_none_says_nothing(sample_run: Path) -> None:
    assert "contamination-table" not in (sample_run / "report.html").read_text("utf-8")
