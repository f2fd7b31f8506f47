"""docs/deduplication.md: its commands work, and its tables are what the code says."""

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tamis.dedup.bill import clusters_bill
from tamis.dedup.kernels.bands import PRESETS, banding_for
from tamis.sizes import spelled

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "deduplication.md").read_text("utf-8")


def commands() -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    lines = [line.partition("  #")[0] for block in blocks for line in block.split("\n")]
    return [line.strip() for line in lines if line.strip()]


def rows(heading: str) -> list[list[str]]:
    """Cells of the first table below a heading, the head of the table left out."""
    table = (
        PAGE.partition(f"## {heading}\n")[2].partition("\n|")[2].partition("\n\n")[0]
    )
    lines = [line for line in table.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:]]


@pytest.fixture(scope="module")
def finished(sample_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy: the commands write into it."""
    return Path(shutil.copytree(sample_run, tmp_path_factory.mktemp("docs") / "out"))


@pytest.mark.parametrize("line", commands())
def test_a_command_of_the_page_works(
    line: str, finished: Path, command: Callable[..., Any]
) -> None:
    program, *arguments = shlex.split(line.replace("out/", f"{finished}/"))
    if program == "python":  # a benchmark: hours, and a network
        script = [sys.executable, str(ROOT / arguments[0]), "--help"]
        assert subprocess.run(script, check=True, capture_output=True).stdout
        return
    assert program == "tamis"
    if arguments[0] == "check":
        arguments += ["--set", f"output={finished}", "--set", "executor.kind=inline"]
    ended = command(*arguments)
    assert ended.code == 0, ended.stderr
    assert ended.stdout


def test_the_curves_are_those_of_the_formula() -> None:
    places = (0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9)
    bandings = {f"preset: {name}": banding for name, banding in PRESETS.items()}
    bandings["threshold: 0.8"] = banding_for(0.8)
    found = rows("What a setting finds")
    assert len(found) == len(bandings)
    for name, cut, *cells in found:
        bands, rows_ = bandings[re.findall(r"`(.*?)`", name)[0]]
        assert cut == f"{bands} x {rows_}"
        expected = [1 - (1 - place**rows_) ** bands for place in places]
        assert [float(cell) for cell in cells] == pytest.approx(expected, abs=5e-4)


def test_the_bill_is_the_one_that_check_prints() -> None:
    documents = 0
    found = rows("What it costs")
    assert len(found) == 8
    for count, what, *cells in found:
        documents = int(10 ** int(count[3:])) if count else documents
        bands = PRESETS["refinedweb" if "refinedweb" in what else "fineweb"].bands
        own = clusters_bill(documents, bands, is_verified="verify" in what)
        assert cells == [
            *(spelled(size) for size in (own.work_bytes, own.layer_bytes)),
            spelled(own.memory_bytes),
            f"{own.core_hours:.1f}",
        ]
