"""docs/cluster.md: every command that can run here, and that the others are what they say."""

import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest

from tamis.cli.main import tamis

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "cluster.md").read_text("utf-8")


def lines(language: str) -> list[str]:
    blocks = re.findall(r"^```(\w*)\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    return [
        line
        for name, block in blocks
        if name == language
        for line in block.splitlines()
        if line
    ]


@pytest.fixture(scope="module")
def finished(sample_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy: the commands write into it."""
    return Path(shutil.copytree(sample_run, tmp_path_factory.mktemp("cluster") / "out"))


@pytest.mark.parametrize("line", lines("sh"))
def test_a_command_of_the_page_works(
    line: str, finished: Path, command: Callable[..., Any], tmp_path: Path
) -> None:
    own = line.replace("out/", f"{finished}/")
    own = own.replace("tamis.prom", f"{tmp_path}/tamis.prom")
    program, *arguments = shlex.split(own)
    assert program == "tamis"
    if arguments[0] in ("check", "run"):
        for value in (f"output={finished}", "executor.kind=inline"):
            arguments += ["--set", value]
    ended = command(*arguments)
    assert ended.code == 0, ended.stderr
    assert ended.stdout
    assert ("--metrics-file" in line) == (tmp_path / "tamis.prom").is_file()


@pytest.mark.parametrize("line", [one for one in lines("") if one.startswith("tamis")])
def test_a_command_for_a_cluster_is_understood(line: str) -> None:
    _, name, *arguments = shlex.split(line)
    group = click.Context(tamis)
    found = tamis.get_command(group, name)
    assert found is not None
    found.make_context(name, arguments, parent=group)


def test_what_the_page_names_is_there() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for line in lines(""):
        words = shlex.split(line)
        if words[0] == "make":
            assert re.search(rf"^{words[1]}:", makefile, re.MULTILINE)
        for word in words[1:]:
            if word.startswith("deploy/"):
                assert (ROOT / word).is_file()


def test_every_metric_of_the_page_is_one() -> None:
    from tamis.runner.live import Live
    from tamis.runner.metrics import as_text, families_of_state
    from tamis.storage import Storage
    from tamis.work.executors import InlineExecutor
    from tamis.work.tasks import Silent

    live = Live(Silent(), Storage("unused"), InlineExecutor(), [])
    text = as_text(families_of_state(live.state("running"), {}))
    for name in re.findall(r"`(tamis_\w+)[^`]*(?:==|>)", PAGE):
        assert re.search(rf"^{name}\b", text, re.MULTILINE), name
