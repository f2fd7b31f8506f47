"""The output folder keeps what was computed, until it is cleaned."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT

from tamis.work import ledger as ledger_module


def files_of(output: Path) -> set[str]:
    return {
        str(path.relative_to(output))
        for folder in ("extracted", "documents", "decisions", "duplicates", "commits")
        for path in (output / folder).rglob("*")
        if path.is_file()
    }


def shards(output: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in (output / "mix").iterdir()}


ONE_INPUT = f"input={ROOT / 'samples' / 'samples-00000.warc.gz'}"
STRICT = "filter_quality.bounds={word_count: [80, null]}"


def in_ledgers(patch: pytest.MonkeyPatch) -> None:
    """Gather the records of commits two by two."""
    patch.setattr(ledger_module, "RECORDS", 2)
    patch.setattr(ledger_module, "FEWEST", 1)


@pytest.fixture(scope="module", params=["single", "gathered"])
def two_runs(
    request: pytest.FixtureRequest,
    tamis_on: Any,
    sample_run: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[str, Path, dict[str, bytes], set[str]]:
    """How records are kept; the folder; and what was there after the first of two runs."""
    tamis = tamis_on(tmp_path_factory.mktemp("two-runs") / "out")
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "gathered":
            in_ledgers(patch)
            tamis.run()
        else:
            shutil.copytree(sample_run, tamis.output)
        first, mix = files_of(tamis.output), shards(tamis.output)
        tamis.run(ONE_INPUT, STRICT)
    return request.param, tamis.output, mix, first


@pytest.fixture
def tried(
    tamis: Any,
    two_runs: tuple[str, Path, dict[str, bytes], set[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> tuple[Any, dict[str, bytes], set[str]]:
    """A run, then one over one input with another threshold; records single or in ledgers."""
    kept, folder, mix, first = two_runs
    if kept == "gathered":
        in_ledgers(monkeypatch)
    shutil.copytree(folder, tamis.output)
    return tamis, mix, first


def test_a_trial_deletes_nothing_and_costs_nothing_afterwards(
    tried: tuple[Any, dict[str, bytes], set[str]],
) -> None:
    tamis, mix, first = tried
    assert first <= files_of(tamis.output)
    assert shards(tamis.output) != mix
    again = tamis.run()
    assert {"extracted", "documents", "decisions"}.isdisjoint(again["tasks_executed"])
    assert shards(tamis.output) == mix


def test_mix_and_dropped_are_those_of_the_last_run(
    tried: tuple[Any, dict[str, bytes], set[str]],
) -> None:
    tamis, *_ = tried
    named = json.loads((tamis.output / "mix" / "_manifest.json").read_text("utf-8"))
    shards_named = {Path(shard["path"]).name for shard in named["shards"]}
    assert set(shards(tamis.output)) == shards_named | {"_manifest.json"}
    tables = json.loads((tamis.output / "tables.json").read_text("utf-8"))
    dropped = {Path(about["dropped"]).name for about in tables["inputs"].values()}
    assert {p.name for p in (tamis.output / "dropped").iterdir()} == dropped


def test_every_run_s_summary_stays_readable(
    tried: tuple[Any, dict[str, bytes], set[str]],
) -> None:
    tamis, *_ = tried
    runs = sorted((tamis.output / "runs").glob("*.json"))
    inputs = [len(json.loads(run.read_text("utf-8"))["inputs"]) for run in runs]
    assert inputs == [2, 1]


@pytest.mark.parametrize("kind", ["json", "records.gz"])
@pytest.mark.parametrize("damage", [b"", b"{}", b"\x1f\x8b\x08"])
def test_clean_keeps_what_a_run_with_a_damaged_record_may_have_used(
    tried: tuple[Any, dict[str, bytes], set[str]],
    command: Any,
    kind: str,
    damage: bytes,
) -> None:
    tamis, _, first = tried
    oldest = min((tamis.output / "runs").glob(f"*.{kind}"))
    oldest.write_bytes(damage)
    assert command("clean", str(tamis.output), "--yes").code == 0
    assert first <= files_of(tamis.output)
    if kind == "records.gz":
        refused = command("clean", str(tamis.output), "--unfinished", "--yes")
        assert refused.code == 1
        assert f"{oldest} is damaged: " in refused.stderr
        assert first <= files_of(tamis.output)


def test_clean_removes_what_only_earlier_runs_used(
    tried: tuple[Any, dict[str, bytes], set[str]], command: Any
) -> None:
    tamis, mix, first = tried
    before = files_of(tamis.output)
    said = command("clean", str(tamis.output))
    assert said.code == 0
    assert "would remove" in said.stdout
    assert "1 earlier runs" in said.stdout
    assert files_of(tamis.output) == before
    assert command("clean", str(tamis.output), "--keep-last", "2", "--yes").code == 0
    assert files_of(tamis.output) == before
    assert command("clean", str(tamis.output), "--yes").stdout.startswith("removed")
    after = files_of(tamis.output)
    assert after < before
    assert first - after
    # What is left is what the last run stands on, and it is whole.
    assert tamis.run(ONE_INPUT, STRICT)["tasks_executed"] == {}
    tamis.run()
    assert shards(tamis.output) == mix


def test_a_folder_without_a_run_is_not_cleaned(tmp_path: Path, command: Any) -> None:
    ended = command("clean", str(tmp_path))
    assert ended.code == 2
    assert "no run has ended here" in ended.stderr


def test_files_of_strangers_and_links_stay(tamis: Any, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    precious = tmp_path / "elsewhere" / "shard-000000-0123456789abcdef.parquet"
    precious.write_bytes(b"mine")
    (tamis.output / "mix").mkdir(parents=True)
    note = tamis.output / "mix" / "notes-0123456789abcdef.txt"
    note.write_text("mine")
    (tamis.output / "work").mkdir()
    (tamis.output / "work" / "tmp").symlink_to(tmp_path / "elsewhere")
    tamis.run()
    tamis.run(STRICT)
    assert precious.read_bytes() == b"mine"
    assert note.read_text() == "mine"


@pytest.mark.parametrize("folder", ["mix", "work/tmp", "extracted"])
def test_nothing_goes_behind_a_link(
    tamis: Any, command: Any, tmp_path: Path, folder: str
) -> None:
    """Not a half-written file by its name, not what a record lists."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    precious = elsewhere / ("0123456789abcdef" * 2)
    precious.write_bytes(b"mine")
    link = tamis.output / folder
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(elsewhere)
    tamis.run()
    first = {path: path.read_bytes() for path in elsewhere.glob("*.parquet")}
    arguments = [a for a in tamis.arguments(ONE_INPUT, STRICT) if a != "--quiet"]
    said = command(*arguments).stdout
    assert ("of earlier runs stay in mix/" in said) == (folder == "mix")
    command("clean", str(tamis.output), "--yes")
    assert {path: path.read_bytes() for path in first} == first
    assert bool(first) == (folder != "work/tmp")
    assert precious.read_bytes() == b"mine"


def test_the_mix_of_the_newest_complete_run_is_kept(
    tamis: Any, sample_run: Path, command: Any, tmp_path: Path
) -> None:
    """A run that lacks an input publishes no mix: what the old mix has stays."""
    shutil.copytree(sample_run, tamis.output)
    mix = shards(tamis.output)
    missing = tmp_path / "missing.warc.gz"
    inputs = f"input=[{tamis.recipe.parent}/samples/*.warc.gz, {missing}]"
    assert command(*tamis.arguments(inputs)).code == 1
    runs = sorted((tamis.output / "runs").glob("*.json"))
    complete = [json.loads(run.read_text("utf-8"))["complete"] for run in runs]
    assert complete == [True, False]
    assert command("clean", str(tamis.output), "--yes").code == 0
    assert shards(tamis.output) == mix
    assert tamis.run()["tasks_executed"].keys().isdisjoint({"extracted", "documents"})


def test_a_look_at_what_would_go_writes_nothing(
    tried: tuple[Any, dict[str, bytes], set[str]], command: Any
) -> None:
    tamis, *_ = tried
    before = {p: p.stat().st_mtime_ns for p in tamis.output.rglob("*")}
    said = command("clean", str(tamis.output)).stdout
    assert {p: p.stat().st_mtime_ns for p in tamis.output.rglob("*")} == before
    # What somebody has removed already is not counted.
    for gone in (tamis.output / "extracted").glob("samples-00001*"):
        gone.unlink()
    assert command("clean", str(tamis.output)).stdout != said


def test_a_record_that_leads_outside_removes_nothing(
    tried: tuple[Any, dict[str, bytes], set[str]], command: Any, tmp_path: Path
) -> None:
    tamis, *_ = tried
    precious = tmp_path / "precious.parquet"
    precious.write_bytes(b"mine")
    for record in (tamis.output / "commits").rglob("*.json"):
        about = json.loads(record.read_text("utf-8"))
        for file in about["files"]:
            file["path"] = "mix/../../precious.parquet"
        record.write_text(json.dumps(about))
    command("clean", str(tamis.output), "--yes")
    assert precious.read_bytes() == b"mine"


def test_a_run_that_does_nothing_leaves_the_report_as_it_is(tamis: Any) -> None:
    """Half a second; what is gone, or would be another one, is written again."""
    tamis.run()
    report = tamis.output / "report.html"
    first = report.stat().st_mtime_ns
    tamis.run()
    assert report.stat().st_mtime_ns == first
    report.unlink()
    tamis.run()
    assert "<html" in report.read_text("utf-8")
    written = report.stat().st_mtime_ns
    tamis.run(STRICT)
    changed = report.stat().st_mtime_ns
    assert changed > written
    tamis.run()
    assert report.stat().st_mtime_ns > changed
