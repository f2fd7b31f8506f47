"""The commands of docs/deduplication-index.md, one after the other, do what it says."""

import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "deduplication-index.md").read_text("utf-8")


def test_every_command_of_the_page_works(
    tmp_path: Path, small_archive: bytes, command: Callable[..., Any]
) -> None:
    """On fewer pages, the same in both archives, so that the second run knows them all."""
    blocks = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    for number in (0, 1):
        path = tmp_path / f"samples/samples-0000{number}.warc.gz"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(small_archive)
    told = []
    for line in lines:
        placed = re.sub(r"\b(samples|index|out-\d)/", rf"{tmp_path}/\1/", line)
        program, *arguments = shlex.split(placed)
        assert program == "tamis"
        if arguments[0] == "run":
            arguments.insert(1, "--quiet")
            for value in ("executor.kind=inline", "extract_text.engine=resiliparse"):
                arguments += ["--set", value]
        ended = command(*arguments)
        assert ended.code == 0, ended.stderr
        told.append(ended.stdout)
    assert [line.split()[1] for line in lines] == ["run"] * 2 + ["index", "inspect"] + [
        "index"
    ] * 3
    listed, shown, unlocked, removed, compacted = told[2:]
    assert "of index" in listed
    assert "deduplicate: duplicate_of_index" in shown
    assert unlocked.startswith("no run has begun")
    assert removed.startswith("removed run 2 from")
    assert compacted.startswith("nothing to merge")
