"""The commands of docs/cost.md and docs/recipes.md work."""

import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT


def commands(page: str) -> list[str]:
    text = (ROOT / "docs" / page).read_text("utf-8")
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    return [line for block in blocks for line in block.split("\n") if line]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "samples", tmp_path / "samples")
    recipe = (ROOT / "stages.yaml").read_text("utf-8")
    inline = recipe.replace("{kind: ray, address: local}", "inline")
    (tmp_path / "stages.yaml").write_text(inline, "utf-8")
    return tmp_path


@pytest.mark.parametrize("line", [*commands("cost.md"), *commands("recipes.md")])
def test_a_command_of_the_pages_works(
    line: str, folder: Path, command: Callable[..., Any]
) -> None:
    program, *arguments = shlex.split(line, comments=True)
    assert program == "tamis"
    if arguments[0] == "run":
        arguments += ["--set", "executor.kind=inline"]
    ended = command(*arguments, folder=folder)
    assert ended.code == 0, ended.stderr
    assert ended.stdout
