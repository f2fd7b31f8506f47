"""A command starts fast: it imports what it calls, and ends without a tear-down."""

import importlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import PIPE
from typing import Any

import click
import pytest

from tamis.cli.main import _COMMANDS

ROOT = Path(__file__).resolve().parents[2]
# What takes a tenth of a second and more to import, and is of no use to a command that
# computes nothing.
HEAVY = {
    *("numba", "llvmlite", "scipy", "ray", "duckdb", "sklearn", "onnxruntime"),
    *("phonenumbers", "requests", "trafilatura", "resiliparse", "turbohtml"),
    *("tokenizers", "botocore", "aiohttp", "s3fs", "py3langid", "fasttext"),
}
MODULES = """
import json, os, sys
from tamis.cli import main
sys.argv = ["tamis", *json.loads(os.environ["ARGUMENTS"])]
try:
    main()
except SystemExit as stop:
    assert not stop.code, stop.code
print(json.dumps(sorted(sys.modules)), file=sys.stderr)
"""


def started(*arguments: str, code: str | None = None, **settings: Any) -> Any:
    """The command line in a process of its own, as a shell has it."""
    how = ["-c", code] if code else ["-m", "tamis", *arguments]
    return subprocess.run(
        [sys.executable, *how],
        cwd=ROOT,
        env={**os.environ, "ARGUMENTS": json.dumps(arguments)},
        **{"capture_output": True, "text": True, "check": False, **settings},
    )


def modules(*arguments: str) -> set[str]:
    """What a command has imported when it has ended."""
    done = started(*arguments, code=MODULES)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stderr.splitlines()[-1]))


@pytest.fixture(scope="module")
def page(samples: Path) -> list[str]:
    """A command that writes a page, which stays in Python's buffer till its end."""
    with (samples / "samples-00000.warc.gz").open("rb") as file:
        places = [m.start() for m in re.finditer(b"\x1f\x8b\x08", file.read())]
    start, stop = places[2:4]  # behind the warcinfo and the first request
    path = str(samples / "samples-00000.warc.gz")
    return ["fetch-record", path, str(start), str(stop - start)]


@pytest.mark.parametrize("name", _COMMANDS)
def test_the_list_of_commands_says_what_each_says_of_itself(name: str) -> None:
    module, line = _COMMANDS[name]
    command: click.Command = importlib.import_module(f"tamis.cli.{module}").command
    told = click.Command(name, help=line)
    assert command.name == name
    for limit in (30, 60, 80, 400):
        assert told.get_short_help_str(limit) == command.get_short_help_str(limit)


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(("--help",), id="the list of commands"),
        pytest.param(("--version",), id="the version"),
        *(pytest.param((name, "--help"), id=name) for name in _COMMANDS),
    ],
)
def test_help_imports_no_library_but_click(arguments: tuple[str, ...]) -> None:
    found = modules(*arguments)
    heads = {name.partition(".")[0] for name in found}
    assert not heads & {*HEAVY, "numpy", "pyarrow", "pydantic", "rich", "fsspec"}
    assert len(found) < 200


@pytest.mark.parametrize(
    ("arguments", "most"),
    [
        pytest.param(("check",), 800, id="check"),
        pytest.param(("run", "--quiet"), 850, id="a run that has nothing to do"),
        pytest.param(("inspect", "{output}", "-n", "3"), 720, id="inspect"),
        pytest.param(("report", "{output}"), 820, id="report"),
        pytest.param(("clean", "{output}"), 800, id="clean"),
    ],
)
def test_a_command_that_computes_nothing_imports_no_kernels(
    arguments: tuple[str, ...], most: int, sample_run: Path, tmp_path: Path
) -> None:
    """Ray and kernels are for tasks: with all of them done, neither is loaded."""
    # A copy: a run writes its summary, and others look at the first one's.
    sample_run = Path(shutil.copytree(sample_run, tmp_path / "out"))
    told = [argument.format(output=sample_run) for argument in arguments]
    if arguments[0] in ("check", "run"):
        told += ["--set", f"output={sample_run}"]
    modules(*told)  # what is kept from one start to the next is made
    found = modules(*told)
    assert not {name.partition(".")[0] for name in found} & HEAVY
    assert len(found) < most


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        pytest.param(("--version",), 0, id="done"),
        pytest.param(("inspect", "no-such-folder"), 1, id="failed"),
        pytest.param(("nosuch",), 2, id="no such command"),
        pytest.param(("check", "no-such-recipe.yaml"), 2, id="no recipe"),
    ],
)
def test_the_process_has_the_exit_code(arguments: tuple[str, ...], code: int) -> None:
    done = started(*arguments)
    assert done.returncode == code
    assert done.stdout if code == 0 else done.stderr.count("\n") >= 1


def test_all_output_is_written_before_the_end(sample_run: Path) -> None:
    """More than a pipe and Python's buffer hold at once."""
    done = started("inspect", str(sample_run), "-n", "300")
    assert done.returncode == 0, done.stderr
    assert len(done.stdout) > 1 << 17
    assert done.stdout.count("== in the mix") > 200
    assert done.stdout.endswith("\n")


@pytest.mark.parametrize("command", ["--help", "fetch-record"])
def test_output_that_cannot_be_written_is_no_success(
    command: str, page: list[str]
) -> None:
    with Path("/dev/full").open("w") as full:
        arguments = [command] if command == "--help" else page
        done = started(*arguments, stdout=full, stderr=PIPE, capture_output=False)
    assert done.returncode == 1
    assert done.stderr == (
        "tamis: the standard output cannot be written: "
        "[Errno 28] No space left on device\n"
    )


@pytest.mark.parametrize("command", ["--help", "fetch-record"])
def test_a_reader_that_has_left_is_no_success_and_no_news(
    command: str, page: list[str]
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    arguments = [command] if command == "--help" else page
    try:
        done = started(*arguments, stdout=writing, stderr=PIPE, capture_output=False)
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (1, "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_command_ends_with_130(number: int) -> None:
    code = (
        "import os\n"
        "from tamis.cli.main import console, tamis\n"
        f"tamis.main = lambda *a, **k: os.kill(os.getpid(), {int(number)})"
        " or __import__('time').sleep(60)\n"
        "console()\n"
    )
    done = started(code=code)
    assert done.returncode == 130
    assert done.stderr.startswith("tamis: stopped; what is finished is kept")


def test_a_call_from_python_ends_no_process(
    command: Callable[..., Any], sample_run: Path, tmp_path: Path
) -> None:
    """`console` ends the process; `main`, and `tamis.run`, return to whoever called."""
    sample_run = Path(shutil.copytree(sample_run, tmp_path / "out"))
    code = (
        "import atexit, tamis\n"
        "atexit.register(lambda: print('the end'))\n"
        f"recipe = tamis.Recipe.load('stages.yaml', output={str(sample_run)!r})\n"
        "tamis.run(recipe, progress=False)\n"
        "print('still here')\n"
    )
    done = started(code=code)
    assert done.stdout == "still here\nthe end\n", done.stderr
    assert command("--version").code == 0
