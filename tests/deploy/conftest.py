"""The files of deploy/, and the commands in them."""

import shlex
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from tamis.cli.main import tamis

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"


@pytest.fixture(scope="session")
def deploy() -> Path:
    return DEPLOY


@pytest.fixture(scope="session")
def understood() -> Callable[[str], list[str]]:
    """The words of a line `tamis run ...`; fails where the command line would refuse it."""

    def parse(line: str) -> list[str]:
        program, name, *arguments = shlex.split(line)
        assert Path(program).name == "tamis"
        group = click.Context(tamis)
        command = tamis.get_command(group, name)
        assert command is not None
        command.make_context(name, list(arguments), parent=group)
        return [name, *arguments]

    return parse
