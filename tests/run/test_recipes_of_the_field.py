"""The package's recipes run, and each does what its comment says it takes over."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT

from tamis import Recipe
from tamis.errors import ConfigError
from tamis.recipes import names, packaged

SAMPLES = str(ROOT / "samples" / "*.warc.gz")
NAMES = ["dactory", "dclm", "fineweb2", "pagnol", "refinedweb"]


def test_these_are_the_recipes() -> None:
    assert names() == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_of_the_field_runs_over_the_samples(
    name: str, tmp_path: Path, command: Callable[..., Any]
) -> None:
    ended = command(
        *("run", name, "--quiet", "--set", f"input={SAMPLES}"),
        *("--set", "executor.kind=inline"),
        folder=tmp_path,
    )
    assert ended.code == 0, ended.stderr
    out = tmp_path / f"out-{name}"  # where one stands, not in the package
    summary = json.loads((out / "run.json").read_text("utf-8"))
    kept = {
        language
        for language, about in summary["barriers"]["mix_corpus"]["languages"].items()
        if about["documents"]
    }
    assert kept
    assert kept <= set(Recipe.load(name, input=SAMPLES).languages)
    assert command("verify", str(out)).code == 0
    # Run again, it is finished.
    command("run", name, "--quiet", "--set", f"input={SAMPLES}", folder=tmp_path)
    again = json.loads((out / "run.json").read_text("utf-8"))
    assert again["tasks_executed"] == {}


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_says_what_it_takes_over_and_what_it_cannot(name: str) -> None:
    path = packaged(Path(name))
    assert path is not None
    text = path.read_text("utf-8")
    assert "# Taken over: " in text
    assert "# Otherwise: " in text
    assert len(text.splitlines()) <= 48


def test_a_file_of_that_name_comes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dclm").write_text("input: [", "utf-8")
    with pytest.raises(ConfigError, match="dclm is not YAML"):
        Recipe.load("dclm")


def test_a_name_that_is_none_is_told_those_that_are() -> None:
    with pytest.raises(
        ConfigError, match=r"no recipe at dcml.*dactory, dclm, fineweb2"
    ):
        Recipe.load("dcml")
    with pytest.raises(ConfigError, match=r"no recipe at dclm\.yaml: name one.*init`$"):
        Recipe.load("dclm.yaml")


def test_without_archives_a_recipe_asks_for_them(command: Callable[..., Any]) -> None:
    ended = command("check", "dclm")
    assert ended.code == 2
    assert "input: it is needed" in ended.stderr


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_can_be_begun_with(
    name: str, tmp_path: Path, command: Callable[..., Any]
) -> None:
    ended = command("init", SAMPLES, "--like", name, folder=tmp_path)
    assert ended.code == 0, ended.stderr
    own = tmp_path / "stages.yaml"
    assert Recipe.load(own).stages == Recipe.load(name, input=SAMPLES).stages
    assert re.search("^# Taken over: ", own.read_text("utf-8"), re.MULTILINE)
    assert command("check", str(own)).code == 0


def test_a_recipe_that_is_not_there_is_named(
    tmp_path: Path, command: Callable[..., Any]
) -> None:
    ended = command("init", SAMPLES, "--like", "c4", folder=tmp_path)
    assert ended.code == 2
    assert "--like c4: there are dactory, dclm" in ended.stderr
