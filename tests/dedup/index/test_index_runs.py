"""Whole runs with an index: killed for good, refused, looked after from the command line."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from fixtures.patience import wait_until

from tamis.dedup.index.folder import Entry, Generation, manifest
from tamis.storage import Storage

ROOT = Path(__file__).resolve().parents[3]
RECIPE = """
input: INPUT
output: OUTPUT
languages: [fra, eng, deu, spa, ita, jpn]
executor: {kind: inline}
stages:
  - read_warc: {}
  - decode_html: {}
  - extract_text: {engine: resiliparse}
  - identify_language: {}
  - sign: {bands: 4, rows: 5}
  - save: documents
  - deduplicate: {index: INDEX}
"""

Command = Callable[..., Any]


class Refresh:
    """Three crawls of the same pages, so that every page of the later ones is known."""

    def __init__(self, folder: Path, archive: bytes, command: Command) -> None:
        self.folder, self.command = folder, command
        self.index = folder / "index"
        for name in "abc":
            (folder / f"{name}.warc.gz").write_bytes(archive)
        self.recipe = folder / "stages.yaml"
        self.recipe.write_text(RECIPE.replace("INDEX", str(self.index)), "utf-8")

    def arguments(self, name: str, *settings: str) -> list[str]:
        chosen = [
            f"input={self.folder}/{name}.warc.gz",
            f"output={self.folder}/out-{name}",
            *settings,
        ]
        return [str(self.recipe), *(a for value in chosen for a in ("--set", value))]

    def run(self, name: str, *settings: str) -> Any:
        return self.command("run", "--quiet", *self.arguments(name, *settings))

    def layer(self, name: str) -> list[dict[str, Any]]:
        (path,) = (self.folder / f"out-{name}/duplicates").iterdir()
        rows: list[dict[str, Any]] = pq.read_table(path).to_pylist()
        return rows

    def reasons(self, name: str) -> set[str | None]:
        return {row["drop_reason"] for row in self.layer(name)}

    def killed_when(self, name: str, pattern: str) -> None:
        """A run in a process of its own, killed once a new file of the index is there."""
        before = set(self.index.glob(pattern))
        driver = subprocess.Popen(
            [*(sys.executable, "-m", "tamis", "run", "-q"), *self.arguments(name)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT / "pipeline")},
        )

        def has_a_new_file() -> bool:
            assert driver.poll() is None
            return bool(set(self.index.glob(pattern)) - before)

        with driver:
            wait_until(has_a_new_file, within=120, every=0.001)
            driver.send_signal(signal.SIGKILL)
        assert driver.returncode == -signal.SIGKILL


@pytest.fixture(scope="module")
def refresh(
    small_archive: bytes, tmp_path_factory: pytest.TempPathFactory, command: Command
) -> Refresh:
    """The first crawl is in the index."""
    refresh = Refresh(tmp_path_factory.mktemp("refresh"), small_archive, command)
    ended = refresh.run("a")
    assert ended.code == 0, ended.stderr
    assert None in refresh.reasons("a")
    return refresh


def test_a_killed_run_goes_on_and_another_one_waits_for_it(refresh: Refresh) -> None:
    first = {row["cluster"]: row["cluster_size"] for row in refresh.layer("a")}
    refresh.killed_when("b", "commits/*/*.json")
    waiting = refresh.run("c")
    assert waiting.code == 1
    assert f"{refresh.folder}/out-b" in waiting.stderr
    assert "tamis index unlock" in waiting.stderr
    assert "Traceback" not in waiting.stderr
    listed = refresh.command("index", "list", str(refresh.index))
    assert "run 2 is under way or was stopped" in listed.stdout
    for arguments in (["remove"], ["compact"]):
        refused = refresh.command("index", *arguments, str(refresh.index))
        assert (refused.code, "is being written" in refused.stderr) == (1, True)

    assert refresh.run("b").code == 0
    for row in refresh.layer("b"):
        assert row["drop_reason"] == "duplicate_of_index"
        assert row["cluster_size"] == 2 * first[row["cluster"]]
    assert not (refresh.index / "writer.json").exists()
    before = sorted(path.name for path in refresh.index.rglob("*.parquet"))
    for name in "ab":  # again: nothing is done, and nothing changes
        assert refresh.run(name).code == 0
    assert before == sorted(path.name for path in refresh.index.rglob("*.parquet"))


def test_check_says_what_the_index_will_take_and_reserves_nothing(
    refresh: Refresh,
) -> None:
    told = refresh.command("check", *refresh.arguments("c"))
    assert told.code == 0, told.stderr
    assert re.search(r"and [\d.]+ \w+ at most, permanently, in the index", told.stdout)
    done = refresh.command("check", *refresh.arguments("a"))
    assert len(re.findall(r"\bdone\b", done.stdout)) == 2
    assert not (refresh.index / "writer.json").exists()


def test_what_an_index_cannot_compare_is_said(refresh: Refresh) -> None:
    other = refresh.run("c", "sign.rows=6", f"output={refresh.folder}/other")
    assert other.code == 2
    assert "rows 5" in other.stderr
    assert "rows 6" in other.stderr
    again = refresh.run("a", "deduplicate.keep=[id]", f"output={refresh.folder}/other")
    assert again.code == 2
    assert "1 of the 1 input files already" in again.stderr


def test_a_recipe_without_a_mix_is_told_of_none(refresh: Refresh) -> None:
    told = refresh.command("run", *refresh.arguments("a"))
    assert told.code == 0
    assert f"report  {refresh.folder}/out-a/report.html" in told.stdout
    assert "mix/_manifest.json" not in told.stdout


def test_an_index_that_does_not_fit_is_found_before_anything_is_read(
    refresh: Refresh,
) -> None:
    output = refresh.folder / "misfit"
    settings = ("deduplicate.scope=language", f"output={output}")
    for name in ("check", "run"):
        told = refresh.command(name, *refresh.arguments("c", *settings))
        assert told.code == 2
        assert "scope run" in told.stderr
        assert "scope language" in told.stderr
        assert "use another index" in told.stderr
    assert not output.exists()
    assert not (refresh.index / "writer.json").exists()


def test_an_index_that_is_being_written_is_no_output_folder(refresh: Refresh) -> None:
    with Storage(str(refresh.index)).lock():
        for arguments in (["compact"], ["remove"]):
            told = refresh.command("index", *arguments, str(refresh.index))
            assert told.code == 1
            assert "writes into this index" in told.stderr
            assert "run this again" in told.stderr
            assert "another output" not in told.stderr


def test_it_is_looked_after_from_the_command_line(refresh: Refresh) -> None:
    index = str(refresh.index)
    listed = refresh.command("index", "list", index)
    assert listed.code == 0
    assert "of index" in listed.stdout
    assert refresh.command("index", "compact", index).stdout.startswith("nothing to")
    assert refresh.command("index", "unlock", index).stdout.startswith("no run has")
    runs = len(list((refresh.index / "generations").iterdir()))
    removed = refresh.command("index", "remove", index)
    assert removed.stdout.startswith(f"removed run {runs} from {index}")
    assert len(list((refresh.index / "generations").iterdir())) == runs - 1
    for name in ("list", "remove", "compact", "unlock"):
        nowhere = refresh.command("index", name, f"{refresh.folder}/nowhere")
        assert nowhere.code == 2
        assert "there is no index here" in nowhere.stderr
    assert not (refresh.folder / "nowhere").exists()


def test_the_name_of_a_crawl_is_no_order_to_the_terminal(
    tmp_path: Path, command: Command
) -> None:
    entry = Entry(1, "print", "2026-01-02T03", 3, 2, 1, ("[bold]Россия[/x]", "\x1b[2J"))
    own = Generation(1, 1, (entry,), {}, ())
    content = manifest(own)
    Storage(str(tmp_path)).write(own.name, content)
    listed = command("index", "list", str(tmp_path))
    assert listed.code == 0, listed.stderr
    assert "[bold]Россия[/x]," in listed.stdout
    assert "\ufffd[2J" in listed.stdout
