"""docs/removal.md: its commands work, one after the other."""

import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from conftest import ROOT

PAGE = (ROOT / "docs" / "removal.md").read_text("utf-8")


def test_the_commands_of_the_page_work(
    made: Path, tmp_path: Path, command: Callable[..., Any]
) -> None:
    shutil.copytree(made / "corpus", tmp_path / "corpus")
    (requests,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "requests.jsonl").write_text(requests, "utf-8")
    said = []
    for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL):
        for line in filter(None, block.split("\n")):
            program, *arguments = shlex.split(line, comments=True)
            assert program == "tamis"
            ended = command(*arguments, folder=tmp_path)
            assert ended.code == 0, ended.stderr
            said.append(ended.stdout)
    assert len(said) == 6
    assert "uferblatt.example/2018/04/digest-01.html" in said[1]
    assert "none has anything left" in said[4]
