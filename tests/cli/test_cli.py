"""The commands besides `run`, on a finished run over the samples."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tamis.cli import explain
from tamis.cli.main import _COMMANDS

Command = Callable[..., Any]

ROOT = Path(__file__).resolve().parents[2]
QUICK = ("--set", "executor.kind=inline")


def rows(run: Path, folder: str) -> list[dict[str, Any]]:
    return [
        row
        for path in sorted((run / folder).glob("*.parquet"))
        for row in pq.read_table(path).to_pylist()
    ]


@pytest.mark.parametrize("name", _COMMANDS)
def test_every_command_explains_itself(name: str, command: Command) -> None:
    ended = command(name, "--help")
    assert ended.code == 0
    assert "Example" in ended.stdout or name == "train"


def test_help_lists_the_commands(command: Command) -> None:
    ended = command("--help")
    assert ended.code == 0
    assert all(f"  {name} " in ended.stdout for name in _COMMANDS)


@pytest.mark.parametrize(
    "arguments",
    [("rnu",), ("run", "--quickly"), ("run", "none.yaml"), ("inspect",)],
    ids=["no such command", "no such option", "no such recipe", "no folder"],
)
def test_wrong_arguments_end_with_2(
    arguments: tuple[str, ...], command: Command
) -> None:
    ended = command(*arguments)
    assert ended.code == 2
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(28, "No space left on device", "a"), "No space left on device: 'a'"),
        (OSError("two\nlines"), "tamis: two lines\n"),
        (MemoryError(), "tamis: MemoryError\n"),
    ],
)
def test_an_error_of_the_system_that_no_one_explained_is_one_line(
    error: Exception, said: str, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object) -> None:
        raise error

    monkeypatch.setattr("tamis.api.check", fail)
    ended = command("check", *QUICK)
    assert ended.code == 1
    assert said in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_check_finds_what_is_done(sample_run: Path, command: Command) -> None:
    ended = command("check", "--set", f"output={sample_run}", *QUICK)
    assert ended.code == 0, ended.stderr
    table = ended.stdout.partition("inputs")[0]
    assert table.count("done") == 5
    assert "tasks" not in table


def test_check_says_what_a_change_costs(sample_run: Path, command: Command) -> None:
    ended = command(
        *("check", "--set", f"output={sample_run}", *QUICK),
        *("--set", "filter_quality.bounds={word_count: [80, null]}"),
    )
    table = ended.stdout.partition("inputs")[0]
    assert "2 of 2 tasks" in table
    assert table.count("done") == 2


def test_check_refuses_inputs_that_a_run_would_refuse(
    tmp_path: Path, command: Command
) -> None:
    (tmp_path / "sample.warc.gz").write_bytes(b"")
    missing = tmp_path / "smaple.warc.gz"
    sets = ("--set", f"input={missing}", "--set", f"output={tmp_path / 'out'}", *QUICK)
    ended = command("check", *sets)
    assert ended.code == 1
    assert "smaple.warc.gz: no such file; did you mean sample.warc.gz?" in ended.stdout
    assert "1 input(s) cannot be read" in ended.stderr
    assert "stays" not in ended.stdout
    assert command("check", *sets, "--set", "allow_missing_inputs=1").code == 0


def test_check_writes_nothing(tmp_path: Path, command: Command) -> None:
    output = tmp_path / "out"
    ended = command("check", "--set", f"output={output}", *QUICK)
    assert ended.code == 0, ended.stderr
    assert not output.exists()


def test_inspect_shows_why_a_page_went(sample_run: Path, command: Command) -> None:
    ended = command(
        *("inspect", str(sample_run), "--dropped", "duplicate_near", "-n", "1")
    )
    assert ended.code == 0, ended.stderr
    assert "deduplicate: duplicate_near" in ended.stdout


def test_inspect_reads_a_text_again_that_nobody_kept(
    sample_run: Path, command: Command
) -> None:
    """A page dropped before its text was made: the archive still has it."""
    (page,) = [
        row for row in rows(sample_run, "dropped") if row["reason"] == "url_word_strict"
    ]
    assert page["text"] is None
    ended = command("inspect", str(sample_run), "--url", page["url"])
    assert ended.code == 0, ended.stderr
    assert "(no text)" not in ended.stdout
    assert len(ended.stdout) > 500


def test_inspect_of_nothing_says_so(sample_run: Path, command: Command) -> None:
    ended = command("inspect", str(sample_run), "--dropped", "boredom")
    assert (ended.code, ended.stdout) == (2, "")
    assert "nothing was dropped so in this run" in ended.stderr
    ended = command("inspect", str(sample_run), "--language", "lao")
    assert (ended.code, ended.stdout) == (2, "")
    assert "no such document" in ended.stderr


def test_inspect_of_no_run_says_so(tmp_path: Path, command: Command) -> None:
    ended = command("inspect", str(tmp_path))
    assert ended.code == 1
    assert "run.json: it does not exist" in ended.stderr


def test_explain_takes_a_file_through_the_recipe(
    tmp_path: Path, command: Command
) -> None:
    page = tmp_path / "page.html"
    words = "The harbour was quiet that morning and the boats lay still in the haze. "
    page.write_text(f"<html><title>Harbour</title><p>{words * 3}</html>", "utf-8")
    ended = command("explain", str(page), *QUICK)
    assert ended.code == 0, ended.stderr
    for expected in (
        "decode_html",
        "identify_language",
        "eng",
        "word_count",
        "Harbour",
    ):
        assert expected in ended.stdout, expected
    assert "dropped: " in ended.stdout


def test_explain_finds_a_page_in_the_archives(
    sample_run: Path, command: Command
) -> None:
    url = rows(sample_run, "mix")[0]["url"]
    ended = command("explain", url, *QUICK)
    assert ended.code == 0, ended.stderr
    assert "kept by every stage before deduplicate" in ended.stdout


def test_explain_of_an_unknown_page_says_so(command: Command) -> None:
    ended = command("explain", "http://nowhere.example/", *QUICK)
    assert ended.code == 1
    assert "no such page in" in ended.stderr


def test_report_is_made_again(sample_run: Path, command: Command) -> None:
    before = (sample_run / "report.html").read_bytes()
    (sample_run / "report.html").unlink()
    ended = command("report", str(sample_run))
    assert ended.code == 0, ended.stderr
    assert (sample_run / "report.html").read_bytes() == before
    book = json.loads((sample_run / "run.json").read_text("utf-8"))
    assert f"{book['stages']['read_warc']['documents_in']:,}" in ended.stdout


def test_explain_obeys_no_page() -> None:
    """An address in an archive may hold anything."""
    assert (
        explain._shown("url", "http://a/\x1b[2J\x9b2J") == "http://a/\ufffd[2J\ufffd2J"
    )


def test_a_log_in_ascii_is_no_reason_to_fail(sample_run: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "tamis", "inspect", str(sample_run), "-n", "20"],
        env={**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"},
        capture_output=True,
        timeout=300,
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.isascii()
    assert b"?" in ended.stdout


@pytest.mark.long  # test_executors.py: the same without a recipe
@pytest.mark.ray
def test_files_beside_a_recipe_hide_no_module(tmp_path: Path) -> None:
    """`python -m` puts the current folder before the standard library."""
    for name in ("html", "queue", "config", "pipeline"):
        (tmp_path / f"{name}.py").write_text("raise RuntimeError('hidden')")
    recipe = tmp_path / "r.yaml"
    recipe.write_text(
        f"input: {ROOT}/samples/samples-00000.warc.gz\noutput: out\nlanguages: [fra]\n"
        "stages: [read_warc, decode_html, extract_text, save: extracted]\n"
    )
    ended = subprocess.run(
        [sys.executable, "-m", "tamis", "run", "r.yaml", "--set", "executor.workers=1"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    book = json.loads((tmp_path / "out" / "run.json").read_text("utf-8"))
    assert book["recipe"]["executor"]["kind"] == "ray"


def test_a_name_that_means_nothing_is_told_with_the_nearest(
    sample_run: Path, command: Any
) -> None:
    for arguments, said in (
        (("chekc",), "no such command: chekc; did you mean check?"),
        (
            ("inspect", str(sample_run), "--dropped", "duplicte_near"),
            "did you mean duplicate_near?",
        ),
        (
            ("inspect", str(sample_run), "--stage", "deduplicat"),
            "did you mean deduplicate?",
        ),
        (("inspect", str(sample_run), "--language", "xq"), "is no ISO 639-3 code"),
    ):
        ended = command(*arguments)
        assert ended.code == 2
        assert said in ended.stderr
        assert len(ended.stderr.splitlines()) == 1


def test_a_language_has_any_of_its_codes(sample_run: Path, command: Any) -> None:
    shown = [
        command("inspect", str(sample_run), "--language", code, "-n", "2").stdout
        for code in ("fr", "fra", "FRE")
    ]
    assert shown[0] == shown[1] == shown[2]
    assert "fra" in shown[0]
