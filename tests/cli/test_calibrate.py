"""tamis calibrate: from a run's columns to a file that the recipe names."""

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from tamis.quality.calibrate import COLUMNS
from tamis.quality.presets import preset_bounds
from tamis.stages.filter_quality import FilterQuality
from tamis.storage import Storage
from tamis.storage.records import sealed
from tamis.work.commits import Commit, File, record_name
from tamis.work.ledger import publish_commit

Command = Callable[..., Any]


def ended(folder: Path, *names: str) -> None:
    """A run has ended here that stands on these files."""
    records = []
    for name in names:
        record = Path(record_name("documents", name, "f"))
        file = File("documents", f"documents/{name}.parquet", 0, 0)
        publish_commit(Storage(str(folder)), str(record), Commit(name, "f", (file,)))
        records.append(f"{record}\n")
    (folder / "runs").mkdir(exist_ok=True)
    listed = folder / "runs" / "20260102T030405.000Z.records.gz"
    listed.write_bytes(gzip.compress("".join(records).encode()))


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """60 English documents, 80 Thai ones with twice the values, 3 French ones."""
    folder = tmp_path / "out"
    (folder / "documents").mkdir(parents=True)
    (folder / "run.json").write_bytes(sealed({}))
    languages = ["eng"] * 60 + ["tha"] * 80 + ["fra"] * 3
    single = [*np.linspace(0, 0.5, 60), *np.linspace(0, 1, 80), 0.1, 0.1, 0.1]
    table = pa.table(
        {"id": pa.array(range(143), pa.uint64()), "language": languages}
        | {column: pa.array(single, pa.float32()) for column in COLUMNS}
    )
    pq.write_table(table.slice(0, 100), folder / "documents" / "one.parquet")
    pq.write_table(table.slice(100), folder / "documents" / "two.parquet")
    # Of an earlier configuration: its values count for nothing.
    pq.write_table(table.slice(0, 100), folder / "documents" / "old.parquet")
    ended(folder, "one", "two")
    return folder


def calibrated(run: Path, command: Command, *arguments: str) -> dict[str, Any]:
    out = run.parent / "thresholds.yaml"
    ended = command("calibrate", str(run), "--out", str(out), *arguments)
    assert ended.code == 0, ended.stderr
    assert "thresholds.yaml" in ended.stdout.replace("\n", "")
    found: dict[str, Any] = yaml.safe_load(out.read_text("utf-8"))
    return found


def test_each_threshold_stands_where_english_s_stands(
    run: Path, command: Command
) -> None:
    found = calibrated(run, command, "--method", "quantile")
    assert list(found) == ["tha"]  # French has too few, English is the measure
    assert set(found["tha"]) == set(COLUMNS)
    english = preset_bounds("tamis", "eng", "Latn")
    for column in ("duplicate_line_ratio", "top_2gram_char_ratio"):
        least, most = found["tha"][column]
        assert least is None
        assert most == pytest.approx(2 * (english[column][1] or 0), abs=0.02)


def test_a_tenth_goes_and_filter_quality_reads_the_file(
    run: Path, command: Command
) -> None:
    found = calibrated(
        run, command, "--method", "10tail", "--column", "newline_word_ratio"
    )
    assert set(found) == {"eng", "tha"}
    assert found["tha"] == {"newline_word_ratio": [None, pytest.approx(0.9, abs=2e-6)]}
    config = FilterQuality(preset=None, thresholds=str(run.parent / "thresholds.yaml"))
    rows = pa.RecordBatch.from_pydict(
        {
            "language": ["tha"] * 80 + ["eng"] * 60,
            "script": ["Thai"] * 80 + ["Latn"] * 60,
            "newline_word_ratio": [*np.linspace(0, 1, 80), *np.linspace(0, 0.5, 60)],
            "drop_reason": pa.nulls(140, pa.string()),
        }
    )
    dropped = config.build()(rows)["drop_reason"].to_pylist()
    assert dropped[:80].count("newline_word_ratio") == 8
    assert dropped[80:].count("newline_word_ratio") == 6


def test_a_reference_is_held_to_the_bounds_of_its_own_script(
    run: Path, command: Command
) -> None:
    """Russian is Cyrillic: FineWeb-2 keeps a share of punctuated lines from .231 on."""
    table = pa.table(
        {"id": pa.array(range(60), pa.uint64()), "language": ["rus"] * 60}
        | {c: pa.array(np.linspace(0, 0.59, 60), pa.float32()) for c in COLUMNS}
    )
    pq.write_table(table, run / "documents" / "three.parquet")
    ended(run, "one", "two", "three")
    column = "terminal_punctuation_line_ratio"
    found = calibrated(
        run,
        command,
        *("--method", "quantile", "--reference", "rus", "--preset", "fineweb2"),
        *("--column", column),
    )
    # 24 of 60 Russian values, 0.00 to 0.23, lie below .231: two fifths of 0 to 1.
    assert found["tha"][column] == [pytest.approx(0.4, abs=1e-5), None]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--method", "quantile", "--reference", "fra"], "needs 50 documents in fra"),
        (["--method", "quantile", "--reference", "klingonese"], "--reference"),
        (["--method", "quantile", "--preset", "fineweb2"], "no bounds for eng"),
        (["--method", "10tail", "--min-documents", "1000"], "of 1000 documents"),
        (["--method", "10tail", "--column", "charm"], "charm"),
        (["--method", "10tail", "--column", "word_count"], "word_count"),
        (["--method", "10tail", "--saved", "extracted"], "extracted"),
        (["--method", "guess"], "guess"),
    ],
)
def test_what_cannot_be_done_is_said(
    run: Path, command: Command, arguments: list[str], said: str
) -> None:
    ended = command("calibrate", str(run), *arguments)
    assert ended.code == 2
    assert said in ended.stderr
