"""What several tests share."""

import contextlib
import gzip
import io
import json
import signal
import subprocess
import sys
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tamis.cli import main
from tamis.kernels import ensure_kernels

pytest_plugins = ["fixtures.barriers", "fixtures.models", "fixtures.stores"]

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared" / "data"


def pytest_configure(config: pytest.Config) -> None:
    """Compile all kernels before there are workers: each would compile for itself."""
    if not hasattr(config, "workerinput") and not config.option.collectonly:
        ensure_kernels(
            lambda done, of: print(f"compiling kernels: {done} of {of}", flush=True)
        )


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of the real pages, which is not part of the repository."""
    if not SHARED.is_dir():
        pytest.skip("../shared/data is absent: the real pages are not on this machine")
    return SHARED


@pytest.fixture(scope="session")
def samples() -> Path:
    return ROOT / "samples"


@pytest.fixture(scope="session")
def small_archive(samples: Path) -> bytes:
    """The first members of the samples, some forty."""
    content = (samples / "samples-00000.warc.gz").read_bytes()
    rest = content
    for _ in range(40):
        inflater = zlib.decompressobj(31)
        inflater.decompress(rest)
        rest = inflater.unused_data
    return content[: len(content) - len(rest)]


@pytest.fixture(scope="session")
def response_record() -> Callable[[str, str, bytes], bytes]:
    """`response_record(url, "2024-01-01", b"HTTP/1.1 ...")`: a gzip member of a WARC."""

    def record(url: str, day: str, block: bytes) -> bytes:
        header = (
            "WARC/1.0\r\nWARC-Type: response\r\n"
            f"WARC-Target-URI: {url}\r\n"
            f"WARC-Date: {day}T00:00:00Z\r\n"
            f"Content-Length: {len(block)}\r\n\r\n"
        )
        return gzip.compress(header.encode() + block + b"\r\n\r\n", mtime=0)

    return record


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    stdout: str
    stderr: str


def tamis_command(*arguments: str, folder: Path = ROOT) -> Ended:
    """Run the command line in this process, in a folder: a start costs more than the
    samples.
    """
    out, err = io.StringIO(), io.StringIO()
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM,)}
    code = 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            with contextlib.chdir(folder):
                main(list(arguments))
        except SystemExit as stop:
            code = int(stop.code or 0)
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
    return Ended(code, out.getvalue(), err.getvalue())


class Tamis:
    """The command line on the recipe of the repository."""

    def __init__(self, output: Path, recipe: Path = ROOT / "stages.yaml") -> None:
        self.output = output
        self.recipe = recipe

    def arguments(self, *settings: str, kind: str = "inline") -> list[str]:
        chosen = [
            f"output={self.output}",
            f"executor.kind={kind}",
            *settings,
        ]
        sets = [argument for value in chosen for argument in ("--set", value)]
        return ["run", str(self.recipe), "--quiet", *sets]

    def run(self, *settings: str, kind: str = "inline") -> dict[str, Any]:
        """Run to the end; returns run.json."""
        ended = tamis_command(*self.arguments(*settings, kind=kind))
        assert ended.code == 0, ended.stderr
        book: dict[str, Any] = json.loads((self.output / "run.json").read_text("utf-8"))
        return book

    def start(self, *settings: str, kind: str) -> "subprocess.Popen[str]":
        """Run in a process of its own, to be killed."""
        return subprocess.Popen(
            [
                *(sys.executable, "-m", "tamis"),
                *self.arguments(*settings, kind=kind),
            ],
            cwd=ROOT,
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def published(self, *folders: str) -> dict[str, bytes]:
        """Content of the last run's files in some folders, by name."""
        tables = json.loads((self.output / "tables.json").read_text("utf-8"))
        named: set[str] = set()
        for of in tables["inputs"].values():
            named |= {of["dropped"], *of["saved"], *(path for _, path in of["layers"])}
        return {
            f"{folder}/{path.name}": path.read_bytes()
            for folder in folders
            for path in sorted((self.output / folder).iterdir())
            if folder == "mix" or f"{folder}/{path.name}" in named
        }


@pytest.fixture
def tamis(tmp_path: Path) -> Tamis:
    return Tamis(tmp_path / "out")


@pytest.fixture(scope="session")
def tamis_on() -> type[Tamis]:
    """`tamis_on(output, recipe)`: the command line on another recipe."""
    return Tamis


@pytest.fixture(scope="session")
def command() -> Callable[..., Ended]:
    """`command("inspect", "out/")`: the command line in this process."""
    return tamis_command


@pytest.fixture(scope="session")
def sample_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output folder of the main recipe over the samples, in one process."""
    tamis = Tamis(tmp_path_factory.mktemp("sample-run") / "out")
    tamis.run()
    return tamis.output
