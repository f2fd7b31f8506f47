"""docs/publishing.md: its commands work."""

import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT

PAGE = (ROOT / "docs" / "publishing.md").read_text("utf-8")


def commands() -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    lines = [line.partition("  #")[0] for block in blocks for line in block.split("\n")]
    return [line.strip() for line in lines if line.strip()]


@pytest.fixture(scope="module")
def folder(
    sample_run: Path, made_corpus: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Copies, which the commands write into: the run, and the corpus."""
    folder = tmp_path_factory.mktemp("publishing")
    shutil.copytree(sample_run, folder / "out")
    shutil.copytree(sample_run, folder / "out-stricter")
    shutil.copytree(made_corpus, folder / "corpus")
    shutil.copy(ROOT / "stages.yaml", folder)
    return folder


@pytest.mark.parametrize("line", commands())
def test_a_command_of_the_page_works(
    line: str, folder: Path, command: Callable[..., Any]
) -> None:
    release = next((folder / "corpus" / "releases").iterdir()).name
    program, *arguments = shlex.split(line.replace("RELEASE", release))
    assert program == "tamis"
    ended = command(*arguments, folder=folder)
    assert ended.code == 0, ended.stderr
    assert ended.stdout
