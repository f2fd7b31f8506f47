"""Domains of which duplicates leave next to nothing: counted exactly, and few named."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tamis.dedup import domains as dedup_domains
from tamis.dedup import groups as dedup_groups
from tamis.documents.parts import Part
from tamis.schema import TIMESTAMP
from tamis.stages.deduplicate import Deduplicate
from tamis.storage import Storage
from tamis.work.commits import Outputs
from tamis.work.executors import InlineExecutor
from tamis.work.tasks import Tasks

Row = tuple[str | None, int, int | None]  # domain, text, band


def tally(folder: Path, rows: list[Row], parts: int = 3) -> dict[str, Any]:
    storage = Storage(str(folder))
    given = []
    for number, own in enumerate(np.array_split(np.arange(len(rows)), parts)):
        domains, texts, bands = zip(*(rows[n] for n in own), strict=True)
        table = pa.table(
            {
                "id": pa.array(own, pa.uint64()),
                "domain": pa.array(domains, pa.string()),
                "text_chars": pa.array([10] * len(own), pa.int64()),
                "fetched_at": pa.array([0] * len(own), TIMESTAMP),
                "text_hash": pa.array(texts, pa.uint64()),
                "band_00": pa.array(bands, pa.uint64()),
            }
        )
        outputs = Outputs(storage, f"part-{number}")
        with outputs.parquet("documents", table.schema) as writer:
            writer.write_table(table)
        given.append(Part(outputs.key, outputs.key, tuple(outputs.files)))
    stage = Deduplicate(verify=None)
    return stage.run(given, Tasks(storage, InlineExecutor())).tally


def rows_of(domain: str | None, copies: int, alone: int, *, first: int) -> list[Row]:
    """Documents of one text, and others."""
    rows: list[Row] = [(domain, first, first) for _ in range(copies)]
    return rows + [(domain, first + n, first + n) for n in range(1, alone + 1)]


def test_a_domain_that_goes_nearly_whole_is_an_alarm(tmp_path: Path) -> None:
    """Of 60 equal texts one stays; of 55 and 5 others six: 54 of 60 are no more than 90 %."""
    rows = rows_of("mirror.example", 60, 0, first=1_000)
    rows += rows_of("half.example", 55, 5, first=2_000)
    rows += rows_of("small.example", 49, 0, first=3_000)
    rows += rows_of(None, 80, 0, first=4_000)
    # Near duplicates count as well: other texts, the same band.
    rows += [("чтение.example", 5_000 + n, 5_000) for n in range(70)]
    found = tally(tmp_path, rows)
    assert found["emptied_domains"] == {
        "count": 2,
        "domains": [
            {"domain": "чтение.example", "documents": 70, "exact": 0, "near": 69},
            {"domain": "mirror.example", "documents": 60, "exact": 59, "near": 0},
        ],
    }
    (line,) = found["alarms"]
    assert "2 domains" in line
    assert "чтение.example 69 of 70, mirror.example 59 of 60" in line


def test_no_alarm_without_such_a_domain(tmp_path: Path) -> None:
    found = tally(tmp_path, rows_of("fine.example", 10, 50, first=1))
    assert found["emptied_domains"] == {"count": 0, "domains": []}
    assert found["alarms"] == []


@pytest.mark.parametrize("parts", [1, 4])
def test_groups_and_ranges_of_domains_change_no_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, parts: int
) -> None:
    """120 domains of 51 copies, in any order: all count, the first hundred are listed."""
    rows: list[Row] = [
        (f"d{number:03}.example", 1_000 * number, 1_000 * number)
        for number in range(1, 121)
        for _ in range(51)
    ]
    rows = [rows[n] for n in np.random.default_rng(2).permutation(len(rows))]
    if parts > 1:
        monkeypatch.setattr(dedup_groups, "_MIN_GROUP_ROWS", 1_000)
        monkeypatch.setattr(dedup_domains, "_MAX_ROWS", 500)
    found = tally(tmp_path, rows, parts)
    about = found["emptied_domains"]
    assert about["count"] == 120
    assert [one["domain"] for one in about["domains"]] == [
        f"d{number:03}.example" for number in range(1, 101)
    ]
    assert all(one["exact"] == 50 for one in about["domains"])
    assert "120 domains" in found["alarms"][0]
    assert found["alarms"][0].endswith("and 117 more")
