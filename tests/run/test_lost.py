"""What is lost is said: at the end of the run, on top of the report, in run.json."""

import gzip
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tamis.runner.lost import InputLoss, input_loss, lost_of

ROOT = Path(__file__).resolve().parents[2]
Command = Callable[..., Any]


def test_lost_bytes_count_as_what_the_rest_holds() -> None:
    # 100 records in the 900 bytes that were read: 11.1 in the 100 that were not.
    assert InputLoss("a", 1000, 100, 0, 100).lost == pytest.approx(100 / 9)
    assert InputLoss("a", 1000, 100, 0, 100).share == pytest.approx(0.1)
    # Two records are in them for certain; the average says less than one.
    assert InputLoss("a", 1000, 10, 2, 50).lost == 2
    assert InputLoss("a", 1000, 10, 0, 0).share == 0
    assert InputLoss("a", 1000, 0, 0, 1000).share == 1
    assert InputLoss("empty", 0, 0, 0, 0).share == 0
    # Inflated bytes of a damaged frame may be more than the file has.
    assert InputLoss("a", 1000, 3, 0, 5000).lost == 1


def test_splits_of_an_input_add_up() -> None:
    one = {"records": 10, "records_lost": 1, "bytes_lost": 100}
    assert input_loss("a", 500, [one, one, {}]) == InputLoss("a", 500, 20, 2, 200)
    assert input_loss("a", 500, []) == InputLoss("a", 500, 0, 0, 0)


def test_an_input_that_lost_much_is_named_whatever_the_whole_lost() -> None:
    lost = lost_of(
        [InputLoss("bad", 100, 8, 2, 0), InputLoss("good", 100, 100, 1, 0)],
        {"records": 100_000, "records_lost": 3, "named": 2, "retries": 7},
        {},
        set_aside=0,
        retried={"extracted": 2},
    )
    assert lost["inputs"] == {"bad": 0.2}
    assert lost["share"] == pytest.approx(3 / 100_003)
    assert (lost["requests"], lost["tasks"]) == (7, {"extracted": 2})
    assert lost["named"] == 2


def test_heads_that_are_none_and_heads_that_are_too_long_are_told_together() -> None:
    dropped = {
        "http_head_unreadable": {"": {"documents": 2}},
        "http_head_too_large": {"": {"documents": 3}},
        "empty_body": {"": {"documents": 5}},
    }
    stages = {"read_warc": {"dropped": dropped}}
    assert lost_of([], {}, stages, set_aside=0, retried={})["heads"] == 5


@pytest.fixture
def archives(tmp_path: Path) -> Path:
    """The samples: of one the middle is damaged, to the other a strange head is added."""
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("samples-00000.warc.gz", "samples-00001.warc.gz"):
        shutil.copy(ROOT / "samples" / name, folder)
    whole = bytearray((folder / "samples-00000.warc.gz").read_bytes())
    middle = len(whole) // 2
    whole[middle : middle + 200] = bytes(200)
    (folder / "samples-00000.warc.gz").write_bytes(whole)
    block = b"\x00\x01 no status line\r\n\r\n<html><p>A page that nobody can read.</p>"
    head = (
        "WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: http://strange.example/\r\n"
        "WARC-Date: 2026-11-22T00:00:00Z\r\nContent-Type: application/http\r\n"
        f"Content-Length: {len(block)}\r\n\r\n"
    )
    with (folder / "samples-00001.warc.gz").open("ab") as file:
        file.write(gzip.compress(head.encode() + block + b"\r\n\r\n"))
    return folder


def test_losses_are_said_at_the_end_and_decide_the_exit_code(
    archives: Path, tmp_path: Path, command: Command
) -> None:
    settings = [f"input={archives}/*.warc.gz", f"output={tmp_path}/out"]
    settings += ["executor.kind=inline"]
    sets = [part for setting in settings for part in ("--set", setting)]
    ended = command("run", "--quiet", *sets)
    assert ended.code == 1
    first, second, last = ended.stderr.splitlines()
    assert first.startswith("lost: ")
    assert "of damaged archives, about" in first
    assert second.startswith("lost: 1 pages whose HTTP head cannot be read")
    assert "over max_lost (0.10%): the mix is published" in last
    assert (tmp_path / "out/mix/_manifest.json").exists()
    summary = json.loads((tmp_path / "out/run.json").read_text())
    assert summary["complete"]
    assert 0.001 < summary["lost"]["share"] < 0.05
    assert summary["lost"]["records"] + summary["lost"]["bytes"] > 0
    report = (tmp_path / "out/report.html").read_text("utf-8")
    assert report.index('id="lost"') < report.index('id="figures"')
    rows = [
        row
        for path in (tmp_path / "out/dropped").glob("*.parquet")
        for row in pq.read_table(path, columns=["url", "reason"]).to_pylist()
    ]
    assert {"url": "http://strange.example/", "reason": "http_head_unreadable"} in rows
    damaged = [row["url"] for row in rows if row["reason"] == "damaged_record"]
    assert len(damaged) == summary["lost"]["named"] == 1
    assert "1 are named in dropped/ (damaged_record)" in first

    ended = command("run", "--quiet", *sets, "--set", "max_lost=0.05")
    assert ended.code == 0
    assert len(ended.stderr.splitlines()) == 2


def test_a_run_that_lost_nothing_says_nothing(
    tmp_path: Path, command: Command, sample_run: Path
) -> None:
    shutil.copytree(sample_run, tmp_path / "out")
    sets = ("--set", f"output={tmp_path / 'out'}", "--set", "executor.kind=inline")
    ended = command("run", "--quiet", *sets)
    assert (ended.code, ended.stderr) == (0, "")
    assert 'id="lost"' not in (tmp_path / "out/report.html").read_text("utf-8")
