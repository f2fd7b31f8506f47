"""`tamis check` says why a step is done again and what stays; a full disk is foreseen."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fixtures.recipes import own_recipe

from tamis.stages.measure_text import MeasureText
from tamis.storage import Storage

Command = Callable[..., Any]


@pytest.fixture
def check(sample_run: Path, tmp_path: Path, command: Command) -> Callable[..., Any]:
    """`check("seed=8")`: the command on a copy of the finished run of the samples."""
    shutil.copytree(sample_run, tmp_path / "out")

    def checked(*settings: str) -> Any:
        every = (f"output={tmp_path / 'out'}", "executor.kind=inline", *settings)
        return command("check", *(part for s in every for part in ("--set", s)))

    return checked


def lines(ended: Any) -> dict[str, str]:
    """{step: reason} of what is done again, and {"stays": steps}."""
    found = {}
    for line in ended.stdout.splitlines():
        if line.startswith("again   "):
            step, _, why = line.removeprefix("again   ").partition(": ")
            found[step] = why
        if line.startswith("stays   "):
            found["stays"] = line.removeprefix("stays   ")
    return found


def test_nothing_is_done_again_without_a_change(check: Callable[..., Any]) -> None:
    assert lines(check()) == {
        "stays": "extracted, documents, decisions, deduplicate, mix_corpus"
    }


def test_a_threshold_of_a_language_costs_seconds(check: Callable[..., Any]) -> None:
    found = lines(check("filter_language.min_score=0.8"))
    assert found["stays"] == "extracted, documents"
    assert found["decisions"].startswith(
        "filter_language.min_score changed from 0.65 to 0.8: 276 documents again, about"
    )
    assert set(found) == {"decisions", "deduplicate", "mix_corpus", "stays"}


def test_a_setting_above_is_told_for_every_step_below(
    check: Callable[..., Any],
) -> None:
    found = lines(check("decode_html.max_undecodable_ratio=0.5"))
    assert "stays" not in found
    why = "decode_html.max_undecodable_ratio changed from 0.01 to 0.5"
    assert all(line.startswith(why) for line in found.values())
    assert len(found) == 5
    again = r": 293 documents again, about \d+ core (seconds|minutes)$"
    assert re.search(again, found["extracted"])


def test_another_version_is_told(
    check: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    version = MeasureText.version
    monkeypatch.setattr(MeasureText, "version", version + 1)
    found = lines(check())
    assert found["stays"] == "extracted"
    assert (
        f"measure_text has version {version + 1}, not {version}" in found["documents"]
    )


def test_stages_and_inputs_that_came_and_went_are_told(
    check: Callable[..., Any], tmp_path: Path, command: Command
) -> None:
    root = Path(__file__).resolve().parents[2]
    text = own_recipe().replace("  - mask_pii: {}\n", "")
    text = text.replace("  - measure_text", "  - clean_lines: {}\n  - measure_text")
    (tmp_path / "stages.yaml").write_text(text)
    (tmp_path / "in").mkdir()
    shutil.copy(root / "samples/samples-00000.warc.gz", tmp_path / "in")
    settings = [
        f"input={tmp_path}/in/*.warc.gz",
        f"output={tmp_path / 'out'}",
        f"filter_url.lists=[{root}/samples/blocklists]",
        "executor.kind=inline",
    ]
    sets = [part for setting in settings for part in ("--set", setting)]
    ended = command("check", str(tmp_path / "stages.yaml"), *sets)
    assert ended.code == 0, ended.stderr
    found = lines(ended)
    assert found["stays"] == "extracted"
    assert "samples-00001.warc.gz" in found["documents"]
    assert "is gone" in found["documents"]
    assert "clean_lines is new" in found["documents"]
    assert "mask_pii is gone" in found["documents"]


def test_a_folder_without_a_run_has_nothing_to_tell(
    tmp_path: Path, command: Command
) -> None:
    ended = command("check", "--set", f"output={tmp_path / 'none'}")
    assert ended.code == 0
    assert lines(ended) == {}


def test_what_does_not_fit_on_the_disk_is_refused(
    check: Callable[..., Any],
    tmp_path: Path,
    command: Command,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Storage, "free_bytes", lambda self: 1000)
    assert check().code == 0  # nothing is left to do
    ended = check("filter_language.min_score=0.8")
    assert ended.code == 0, "what is left needs no more than what was done"
    new = ("--set", f"output={tmp_path / 'new'}", "--set", "executor.kind=inline")
    for name in ("check", "run"):
        ended = command(name, *new)
        assert ended.code == 1
        assert "of disk, and 1.0 KiB are free: choose another output" in ended.stderr
        assert len(ended.stderr.splitlines()) == 1
    assert not (tmp_path / "new/extracted").exists()
    ended = command("run", "--quiet", *new, "--set", "ignore_free_space=true")
    assert ended.code == 0
    assert json.loads((tmp_path / "new/run.json").read_text())["complete"]
