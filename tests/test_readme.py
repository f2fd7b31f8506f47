"""Every command of the README does what it says, but the two that CI runs itself."""

import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tamis.stages import NAMES, catalog

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text("utf-8")


def commands() -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    lines = [
        line.partition("  #")[0].strip()
        for block in blocks
        for line in block.splitlines()
    ]
    return [line for line in lines if line]


@pytest.fixture(scope="module")
def finished(sample_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy: the commands write into it."""
    return Path(shutil.copytree(sample_run, tmp_path_factory.mktemp("readme") / "out"))


@pytest.mark.parametrize("line", commands())
def test_a_command_of_the_readme_works(
    line: str, finished: Path, command: Callable[..., Any]
) -> None:
    line = line.replace("out/", f"{finished}/").replace("kept/", f"{finished}-kept/")
    program, *arguments = shlex.split(line)
    assert program == "tamis"
    if arguments[0] in ("check", "run", "explain"):
        # The folder of the finished run: the point is the command.
        for value in (f"output={finished}", "executor.kind=inline"):
            arguments += ["--set", value]
    ended = command(*arguments)
    assert ended.code == 0, ended.stderr
    assert ended.stdout


def test_every_stage_is_explained() -> None:
    missing = [name for name in NAMES if f"`{name}`" not in README and name != "save"]
    assert missing == []


def test_every_link_leads_somewhere() -> None:
    for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/*.md")):
        for target in re.findall(r"\]\(([^)#:]+)\)", path.read_text("utf-8")):
            assert (path.parent / target).exists(), f"{path.name}: {target}"


def test_every_setting_is_explained() -> None:
    recipe = (ROOT / "docs" / "recipe.md").read_text("utf-8")
    common = {"stage", "prefix", "languages", "seed", "storage_options", "name"}
    missing = [
        f"{row['stage']}.{field}"
        for row in catalog().to_pylist()
        if (field := row["setting"]) is not None
        and field not in common
        and not re.search(rf"[`.]{field}`", recipe)
    ]
    assert missing == []
