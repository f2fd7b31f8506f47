"""Names that a disk allows and text does not, and places that are none."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

Command = Callable[..., Any]


def sets(*settings: str) -> list[str]:
    every = (*settings, "executor.kind=inline")
    return [part for one in every for part in ("--set", one)]


def test_a_file_name_that_is_no_utf_8_is_read_and_shown(
    tmp_path: Path, small_archive: bytes, command: Command
) -> None:
    folder = os.fsencode(tmp_path / "in")
    os.mkdir(folder)  # noqa: PTH102  # pathlib takes no bytes
    with open(folder + b"/crawl\xff.warc.gz", "wb") as file:  # noqa: PTH123  # nor here
        file.write(small_archive)
    ended = command(
        "run", "--quiet", *sets(f"input={tmp_path}/in/*.gz", f"output={tmp_path}/out")
    )
    assert (ended.code, ended.stderr) == (0, "")
    rows = [
        row
        for path in (tmp_path / "out/mix").glob("*.parquet")
        for row in pq.read_table(path, columns=["warc_path"]).to_pylist()
    ]
    assert rows
    assert all(row["warc_path"].startswith("crawl\\xff.warc.gz-") for row in rows)


@pytest.mark.parametrize(
    ("settings", "code", "said"),
    [
        (['input="a\\0b.warc.gz"'], 2, "input: has the character NUL"),
        (['output="a\\0b"'], 2, "output: has the character NUL"),
        (['filter_url.lists=["a\\0b"]'], 2, "lists[0]: has the character NUL"),
        (["output=FILE"], 1, "it is a file, not a folder"),
        (["output=FILE/below"], 1, "a part of the path is a file"),
        ([f"input={'x' * 300}.warc.gz"], 1, "File name too long"),
        ([f"output=/tmp/{'x' * 300}"], 1, "its name is too long"),
        (["input=FOLDER"], 1, "a folder; name its files"),
    ],
    ids=range(8),
)
def test_what_is_no_place_is_said_in_one_line(
    tmp_path: Path, command: Command, settings: list[str], code: int, said: str
) -> None:
    (tmp_path / "file").write_text("")
    named = [
        one.replace("FILE", f"{tmp_path}/file").replace("FOLDER", str(tmp_path))
        for one in settings
    ]
    if not named[0].startswith("output"):
        named.append(f"output={tmp_path}/out")
    ended = command("run", "--quiet", *sets(*named))
    assert ended.code == code
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr
    assert len(ended.stderr.splitlines()) <= 2
