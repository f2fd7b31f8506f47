from pathlib import Path

import pyarrow as pa
import pytest

from tamis.rights.robots import Robots, Rule, Signal, Verdict, parse
from tamis.rights.robots_runs import Answer, Written, merge_runs, write_runs
from tamis.rights.robots_table import Asked, RobotsTable, seal

AGENTS = ("ccbot", "gptbot")
ALL = parse("User-agent: *\nDisallow: /", AGENTS)
NOTHING = parse("", AGENTS)


def table_of(folder: Path, *answers: Answer, run_rows: int = 100) -> RobotsTable:
    runs = write_runs(answers, folder, run_rows=run_rows)
    merge_runs(runs, folder / "robots.arrow")
    return RobotsTable(str(folder / "robots.arrow"))


def test_a_table_gives_back_what_was_written(tmp_path: Path) -> None:
    private = parse("User-agent: *\nDisallow: /privé", AGENTS)
    answers = [
        Answer("A.example", "2024", private),
        Answer("b.example", "2024", ALL),
        Answer("c.example", "2024", parse("Content-Signal: ai-train=no", AGENTS)),
        Answer("d.example", "2024", NOTHING),
        Answer("пример.example", "2024", ALL),
    ]
    path = tmp_path / "robots.arrow"
    assert merge_runs(write_runs(answers, tmp_path), path) == Written(4, 5)
    table = RobotsTable(str(path))
    assert table.verdict("a.example", "/privé/1") == Verdict(True, None, False)
    assert table.verdict("a.example", "/public") == Verdict(False, None, False)
    assert table.verdict("b.example", "/x") == Verdict(True, None, False)
    assert table.verdict("c.example", "/") == Verdict(False, False, False)
    assert table.verdict("d.example", "/") == Verdict(False, None, False)
    assert table.verdict("ПРИМЕР.example", "/") == Verdict(True, None, False)
    assert table.verdict("", "/") == Verdict(False, None, False)


def test_an_empty_table_refuses_nobody(tmp_path: Path) -> None:
    assert table_of(tmp_path).verdict("a.example", "/") == Verdict(False, None, False)


def test_a_table_knows_whom_it_is_about_and_from_when_it_is(tmp_path: Path) -> None:
    answers = [
        Answer("a.example", "2026-10-03T12:00:00Z", ALL),
        Answer("b.example", "2026-09-30T23:59:59Z", NOTHING),
    ]
    path = tmp_path / "robots.arrow"
    merge_runs(write_runs(answers, tmp_path), path, agents=AGENTS)
    table = RobotsTable(str(path))
    assert table.asked == Asked(AGENTS, "2026-09-30", "2026-10-03")
    assert table.stated() == "robots.txt of 2026-09-30 to 2026-10-03, for ccbot, gptbot"
    merge_runs([], path, agents=AGENTS)
    assert RobotsTable(str(path)).asked == Asked(AGENTS, "", "")


def test_a_table_keeps_what_paths_may_be_used_for_and_licences(tmp_path: Path) -> None:
    private = parse("User-agent: *\nContent-Usage: /privé/ train-ai=n", AGENTS)
    licensed = parse("License: https://c.example/rsl.xml", AGENTS)
    table = table_of(
        tmp_path,
        Answer("a.example", "2026", private),
        Answer("c.example", "2026", licensed),
    )
    assert table.verdict("a.example", "/priv%C3%A9/1") == Verdict(False, False, False)
    assert table.verdict("a.example", "/") == Verdict(False, None, False)
    assert table.verdict("c.example", "/x") == Verdict(False, None, True)


def test_of_several_answers_the_latest_counts_in_whatever_run_it_is(
    tmp_path: Path,
) -> None:
    answers = [
        Answer("shut.example", "2024-01-01", NOTHING),
        Answer("shut.example", "2024-01-02", ALL),
        Answer("open.example", "2024-01-02", NOTHING),
        Answer("open.example", "2024-01-01", ALL),
        Answer("twice.example", "2024-01-01", NOTHING),
        Answer("twice.example", "2024-01-01", ALL),
        Answer("signal.example", "2024-01-01", Robots((), ((Signal("", True),),))),
        Answer("signal.example", "2024-01-01", Robots((), ((Signal("", False),),))),
    ]
    for order in (answers, answers[::-1]):
        for run_rows in (1, 3, 100):
            table = table_of(tmp_path, *order, run_rows=run_rows)
            assert table.verdict("shut.example", "/").is_refused
            assert not table.verdict("open.example", "/").is_refused
            # Of the same second: the one that refuses.
            assert table.verdict("twice.example", "/").is_refused
            assert table.verdict("signal.example", "/").ai_train is False


def test_how_answers_are_cut_into_runs_and_ranges_changes_no_byte(
    tmp_path: Path,
) -> None:
    answers = [
        Answer(
            f"h{n % 300}.example",
            f"{n // 300}",
            Robots(((Rule(False, f"/{n}"),),)),
        )
        for n in range(900)
    ]
    paths = [tmp_path / "one", tmp_path / "many"]
    merge_runs(write_runs(answers, tmp_path), paths[0], ranges=4)
    merge_runs(write_runs(answers[::-1], tmp_path, run_bytes=500), paths[1], ranges=4)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    # More batches than keys in some, and every key is found.
    merge_runs(write_runs(answers, tmp_path), paths[1], ranges=64)
    table = RobotsTable(str(paths[1]))
    assert all(
        table.verdict(f"h{n}.example", f"/{600 + n}").is_refused for n in range(300)
    )
    assert not table.verdict("h1.example", "/1").is_refused


def test_a_table_is_mapped_and_not_read(tmp_path: Path) -> None:
    rules = tuple(Rule(False, f"/{n}") for n in range(1_000))
    answers = [Answer(f"h{n}.example", "", Robots((rules,), None)) for n in range(200)]
    merge_runs(write_runs(answers, tmp_path), tmp_path / "robots.arrow")
    assert (tmp_path / "robots.arrow").stat().st_size > 3_000_000
    before = pa.total_allocated_bytes()
    table = RobotsTable(str(tmp_path / "robots.arrow"))
    assert table.verdict("h7.example", "/999").is_refused
    assert pa.total_allocated_bytes() - before < 100_000


def test_a_file_that_is_no_table_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "none.arrow"
    path.write_bytes(b"no table")
    with pytest.raises(ValueError, match="not a table that tamis robots wrote"):
        RobotsTable(str(path))
    other = pa.table({"key": [1]})
    with pa.ipc.new_file(str(path), other.schema) as file:
        file.write_table(other)
    seal(path)
    with pytest.raises(ValueError, match="make it again"):
        RobotsTable(str(path))
    table_of(tmp_path, Answer("a.example", "", ALL))
    whole = (tmp_path / "robots.arrow").read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 1
    for content in (b"", whole[: len(whole) // 2], whole[:-1], bytes(flipped)):
        path.write_bytes(content)
        with pytest.raises(
            ValueError, match=r"not a table .* or damaged: make it again"
        ):
            RobotsTable(str(path))
