"""Commit records gathered in ledgers."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tamis.storage import Storage
from tamis.storage.records import sealed
from tamis.work import ledger as ledger_module
from tamis.work.commits import Commit, File, Outputs, record_name
from tamis.work.executors import InlineExecutor
from tamis.work.ledger import (
    compact,
    gather,
    known_commit,
    publish_commit,
    record_text,
    records_in,
    records_of,
    remove_records,
    total_of,
)
from tamis.work.tasks import Silent, Task, Tasks

GROUP = "extracted"
SCHEMA = pa.schema([("n", pa.int64())])


class Notes(Silent):
    def __init__(self) -> None:
        self.said: list[str] = []

    def note(self, message: str) -> None:
        self.said.append(message)


def commit(number: int, note: Any = "é漢字ไทยعربي") -> Commit:
    files = (File("extracted", f"extracted/{number}.parquet", number, 10 * number),)
    tally = {"stages": {"a": {"documents_in": number}}, ', "tally": ': {"}": note}}
    return Commit(f"key {number}", f"{number:016x}", files, tally, ("x", "y"))


def name_of(one: Commit) -> str:
    return record_name(GROUP, one.key, one.fingerprint)


def published(storage: Storage, commits: Sequence[Commit]) -> None:
    for one in commits:
        publish_commit(storage, name_of(one), one)


def ledgers(folder: Path) -> list[Path]:
    return sorted((folder / "commits" / GROUP).glob("ledger-*.jsonl"))


def records_by_ledger(folder: Path) -> list[int]:
    """Each has a line about itself first."""
    return [len(path.read_bytes().splitlines()) - 1 for path in ledgers(folder)]


def singles(folder: Path) -> list[str]:
    found = (folder / "commits" / GROUP).glob("*.json")
    return sorted(str(path.relative_to(folder)) for path in found)


def same(found: Commit, expected: Commit) -> bool:
    return dict(found.tally) == dict(expected.tally) and found == Commit(
        **{**vars(expected), "tally": found.tally}
    )


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(str(tmp_path))


@pytest.mark.parametrize(
    "note", ["", "Ünïcödé", "привет", "نص", "漢字", "ไทย", '"\\\n\x85\u2028', None]
)
def test_a_record_is_read_as_it_was_written(storage: Storage, note: Any) -> None:
    one = commit(7, note)
    assert record_text(compact(one)) == record_text(one)
    publish_commit(storage, name_of(one), one)
    known = known_commit(storage, name_of(one))
    assert isinstance(known, Commit)
    assert same(known, one)
    gather(storage, GROUP, 0, [known])
    assert same(records_in(storage, GROUP).commits[name_of(one)], one)


def test_gathered_records_are_those_that_were_single(
    storage: Storage, tmp_path: Path
) -> None:
    commits = [commit(n) for n in range(20)]
    published(storage, commits)
    assert gather(storage, GROUP, 0, commits[:12]) == 1
    found = records_in(storage, GROUP)
    assert sorted(found.commits) == sorted(map(name_of, commits))
    assert all(same(found.commits[name_of(one)], one) for one in commits)
    assert found.single == sorted(map(name_of, commits[12:]))
    assert (found.number, found.damaged) == (1, [])
    assert len(list((tmp_path / "commits" / GROUP).glob("*.json"))) == 8
    wanted = {name_of(commits[3]), name_of(commits[15]), "commits/extracted/none.json"}
    assert set(records_in(storage, GROUP, wanted).commits) == wanted - {
        "commits/extracted/none.json"
    }
    assert dict(records_of(storage)).keys() == found.commits.keys()


def test_the_newest_record_of_a_name_counts(storage: Storage) -> None:
    one = commit(1, "first")
    for number, note in enumerate(["first", "second"]):
        gather(storage, GROUP, number, [commit(1, note)])
    assert same(records_in(storage, GROUP).commits[name_of(one)], commit(1, "second"))
    publish_commit(storage, name_of(one), commit(1, "third"))
    assert same(records_in(storage, GROUP).commits[name_of(one)], commit(1, "third"))


@pytest.mark.parametrize("damage", ["bit", "cut", "line gone", "two lines", "empty"])
def test_a_damaged_line_costs_its_record(
    storage: Storage, tmp_path: Path, damage: str
) -> None:
    commits = [commit(n) for n in range(10)]
    gather(storage, GROUP, 0, commits)
    (path,) = ledgers(tmp_path)
    about, *lines = path.read_bytes().splitlines(keepends=True)
    lost = {
        "bit": [4],
        "cut": [9],
        "line gone": [4],
        "two lines": [4, 5],
        "empty": range(10),
    }
    if damage == "bit":
        lines[4] = lines[4].replace(b"documents_in", b"documents_im")
    elif damage == "cut":
        lines[9] = lines[9][:-30]
    elif damage == "line gone":
        del lines[4]
    elif damage == "two lines":
        lines[4] = lines[4][:-1] + b"\x0b"
    else:
        lines, about = [], b""
    path.write_bytes(about + b"".join(lines))
    found = records_in(storage, GROUP)
    kept = [one for n, one in enumerate(commits) if n not in lost[damage]]
    assert sorted(found.commits) == sorted(map(name_of, kept))
    assert found.damaged
    assert path.name in found.damaged[0].what
    remove_records(storage, [f"commits/{GROUP}/{path.name}"])
    mended = records_in(storage, GROUP)
    assert (mended.commits.keys(), mended.damaged) == (found.commits.keys(), [])


def test_a_damaged_first_line_costs_the_sum_and_no_record(
    storage: Storage, tmp_path: Path
) -> None:
    commits = [replace(commit(n), replaced_by=()) for n in range(10)]
    gather(storage, GROUP, 0, commits)
    assert [len(one.names) for one in records_in(storage, GROUP).sums] == [10]
    (path,) = ledgers(tmp_path)
    path.write_bytes(path.read_bytes().replace(b'"apart": []', b'"apart": [1]', 1))
    found = records_in(storage, GROUP)
    assert sorted(found.commits) == sorted(map(name_of, commits))
    assert found.sums == []
    assert "line 1" in found.damaged[0].what


def test_sums_of_ledgers_add_up_to_what_their_records_do(storage: Storage) -> None:
    """Lists too, which are in the order of the commits and not of the ledger."""
    commits = [replace(commit(n), replaced_by=()) for n in range(12)]
    for number in (3, 4, 8):
        tally = {**commits[number].tally, "lost": [number], "split": [0, 9, True, []]}
        tally["source"] = {"records": 5, "first_start": 7, "next_start": 9}
        commits[number] = replace(commits[number], tally=tally)
    expected = total_of([(name_of(one), one) for one in commits], ())
    assert expected["lost"] == [3, 4, 8]
    assert expected["source"] == {"records": 15}
    assert "split" not in expected
    gather(storage, GROUP, 0, commits[5:][::-1])
    gather(storage, GROUP, 1, commits[:4])
    published(storage, commits[4:5])
    found = records_in(storage, GROUP)
    assert [len(one.names) for one in found.sums] == [6, 3]
    named = [(name_of(one), found.commits[name_of(one)]) for one in commits]
    assert total_of(named, found.sums) == expected
    # Of a ledger of which the run uses a part the sum says nothing.
    some = total_of(named[1:6], found.sums)
    assert some == total_of(named[1:6], ())
    wanted = {name for name, _ in named[:2]}
    assert records_in(storage, GROUP, wanted).sums == []


def test_records_are_removed_from_ledgers_and_files(
    storage: Storage, tmp_path: Path
) -> None:
    commits = [commit(n) for n in range(9)]
    published(storage, commits)
    gather(storage, GROUP, 0, commits[:3])
    gather(storage, GROUP, 1, commits[3:6])
    going = [commits[n] for n in (0, 3, 4, 5, 6)]
    remove_records(storage, map(name_of, going))
    kept = [one for one in commits if one not in going]
    assert sorted(records_in(storage, GROUP).commits) == sorted(map(name_of, kept))
    assert len(ledgers(tmp_path)) == 1
    remove_records(storage, ["commits/other/none.json"])


def touch(outputs: Outputs, number: int) -> dict[str, Any]:
    with outputs.parquet(GROUP, SCHEMA) as writer:
        writer.write_table(pa.table({"n": [number]}, schema=SCHEMA))
    return {"number": number}


def made(count: int) -> list[Task]:
    return [Task(f"t{n:03}", f"{n:016x}", touch, (n,)) for n in range(count)]


def ran(storage: Storage, count: int, notes: Notes | None = None) -> tuple[Any, Tasks]:
    tasks = Tasks(storage, InlineExecutor(), notes)
    return tasks.run(GROUP, made(count)), tasks


def test_a_run_gathers_its_records_as_it_goes(
    storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_module, "RECORDS", 10)
    monkeypatch.setattr(ledger_module, "FEWEST", 4)
    first, tasks = ran(storage, 23)  # 10, 10, and 3 that stay single
    assert tasks.executed == {GROUP: 23}
    assert records_by_ledger(tmp_path) == [10, 10]
    again, tasks = ran(storage, 24)  # one more: 4 at the end
    assert tasks.executed == {GROUP: 1}
    assert [c.files for c in again][:23] == [c.files for c in first]
    assert [c.tally["number"] for c in again] == list(range(24))
    assert records_by_ledger(tmp_path) == [10, 10, 4]
    assert not list((tmp_path / "commits" / GROUP).glob("*.json"))


def test_a_task_of_a_damaged_line_is_done_again_and_the_ledger_mended(
    storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_module, "FEWEST", 4)
    ran(storage, 8)
    (path,) = ledgers(tmp_path)
    path.write_bytes(re.sub(rb'"number": 5}', b'"number": 6}', path.read_bytes()))
    notes = Notes()
    again, tasks = ran(storage, 8, notes)
    assert tasks.executed == {GROUP: 1}
    assert [c.tally["number"] for c in again] == list(range(8))
    (said,) = notes.said
    assert f"{path.name} is damaged" in said
    assert "line 7" in said
    notes = Notes()
    _, tasks = ran(storage, 8, notes)
    assert (tasks.executed, notes.said) == ({}, [])


@pytest.mark.parametrize("damage", ["first line", "no newline", "a newline more"])
def test_a_ledger_of_which_no_record_is_lost_is_mended_and_nothing_done_again(
    storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    """What is written anew has the name that it had."""
    monkeypatch.setattr(ledger_module, "FEWEST", 4)
    ran(storage, 8)
    (path,) = ledgers(tmp_path)
    whole = path.read_bytes()
    changed = {
        "first line": whole.replace(b'"records": 8', b'"records": 9', 1),
        "no newline": whole[:-1],
        "a newline more": whole + b"\n",
    }
    path.write_bytes(changed[damage])
    for _ in range(2):
        notes = Notes()
        _, tasks = ran(storage, 8, notes)
        assert (tasks.executed, notes.said) == ({}, [])
    assert path.read_bytes() == whole
    assert ledgers(tmp_path) == [path]


def test_a_record_that_was_forgotten_does_not_come_back(
    storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the few single ones that a later group's end may gather."""
    monkeypatch.setattr(ledger_module, "FEWEST", 6)
    tasks = Tasks(storage, InlineExecutor())
    first = tasks.run(GROUP, made(5))
    tasks.forget([first[2].files[0].path])
    tasks.run(GROUP, [*made(2), *made(9)[5:]])  # the third is not among them
    assert ledgers(tmp_path)
    assert name_of(first[2]) not in records_in(storage, GROUP).commits


def test_records_that_are_not_what_they_are_called_count_as_none(
    storage: Storage, tmp_path: Path
) -> None:
    one = commit(1)
    storage.write(f"commits/{GROUP}/other-0000.json", record_text(one))
    strange = replace(one, key="../../../victim")
    storage.write(f"commits/{GROUP}/victim-0001.json", record_text(strange))
    gather(storage, GROUP, 0, [replace(commit(n), replaced_by=()) for n in range(3)])
    (path,) = ledgers(tmp_path)
    _, rest = path.read_bytes().split(b"\n", 1)
    about = sealed({"records": 3, "apart": [99], "sum": {}})
    path.write_bytes(about + b"\n" + rest)
    found = records_in(storage, GROUP)
    assert sorted(found.commits) == sorted(name_of(commit(n)) for n in range(3))
    assert (found.sums, len(found.damaged)) == ([], 3)


def test_a_ledger_ends_before_it_is_too_large_to_read(
    storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_module, "_MOST_LEDGER_BYTES", 40)
    ran(storage, 9)
    assert records_by_ledger(tmp_path) == [4, 4]


def test_a_task_whose_file_is_gone_is_done_again(
    storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The new record counts, though the ledger has the old one."""
    monkeypatch.setattr(ledger_module, "FEWEST", 4)
    first, _ = ran(storage, 8)
    (tmp_path / first[2].files[0].path).unlink()
    again, tasks = ran(storage, 8)
    assert tasks.executed == {GROUP: 1}
    assert again[2].files == first[2].files
    tasks.forget([first[3].files[0].path])
    _, tasks = ran(storage, 8)
    assert tasks.executed == {GROUP: 1}


def test_a_ledger_whose_single_records_were_not_removed_yet(
    storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The driver was killed in between."""
    monkeypatch.setattr(Storage, "remove", lambda self, names: None)
    monkeypatch.setattr(ledger_module, "FEWEST", 4)
    first, _ = ran(storage, 8)
    assert len(ledgers(tmp_path)) == 1
    monkeypatch.undo()
    assert len(singles(tmp_path)) == 8
    again, tasks = ran(storage, 8)
    assert tasks.executed == {}
    assert [c.files for c in again] == [c.files for c in first]
    assert singles(tmp_path) == []
    assert records_by_ledger(tmp_path) == [8]


def test_what_a_run_leaves_singly_goes_though_the_next_one_wants_none_of_it(
    storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not those that are in no ledger, or newer than theirs."""
    commits = [commit(n) for n in range(6)]
    with monkeypatch.context() as killed:
        killed.setattr(Storage, "remove", lambda self, names: None)
        published(storage, commits[:4])
        gather(storage, GROUP, 0, commits[:4])
    newer = commit(1, "newer")
    storage.write(name_of(newer), record_text(newer))
    storage.write(name_of(commits[2]), record_text(commits[2])[:-9])
    published(storage, commits[4:])
    ran(storage, 1)
    left = [name_of(one) for one in (newer, *commits[4:])]
    assert singles(tmp_path) == sorted([*left, f"commits/{GROUP}/t000-{0:016x}.json"])
    found = records_in(storage, GROUP).commits
    assert same(found[name_of(newer)], newer)
    assert all(same(found[name_of(commits[n])], commits[n]) for n in (0, 2, 3, 4, 5))


def test_a_record_written_since_it_was_found_twice_stays(
    storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file of its task was gone, and the task has been done again."""
    monkeypatch.setattr(ledger_module, "FEWEST", 4)
    with monkeypatch.context() as killed:
        killed.setattr(Storage, "remove", lambda self, names: None)
        first, _ = ran(storage, 8)
    (tmp_path / first[2].files[0].path).unlink()
    _, tasks = ran(storage, 8)
    assert tasks.executed == {GROUP: 1}
    assert singles(tmp_path) == [name_of(first[2])]
    _, tasks = ran(storage, 8)
    assert tasks.executed == {}


def test_a_worker_that_ends_while_its_record_is_gathered_writes_one_again(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of a killed driver, whose task was done again."""
    one = commit(1)
    published(storage, [one])
    create = Storage.create

    def gathered_behind(self: Storage, name: str, content: bytes) -> bool:
        done = create(self, name, content)
        if not done:
            gather(storage, GROUP, 0, [one])
        return done

    monkeypatch.setattr(Storage, "create", gathered_behind)
    assert publish_commit(storage, name_of(one), commit(1, "again")) == commit(
        1, "again"
    )
    found = records_in(storage, GROUP)
    assert same(found.commits[name_of(one)], commit(1, "again"))


def test_records_that_are_gathered_while_they_are_read_are_found(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By another run, of whose folder the reader only wants to know what is done."""
    commits = [commit(n) for n in range(6)]
    published(storage, commits)
    names, listed = Storage.names, []

    def gathered_behind(self: Storage, folder: str) -> list[str]:
        found = names(self, folder)
        if not listed:
            listed.append(folder)
            gather(storage, GROUP, 0, commits[:4])
        return found

    monkeypatch.setattr(Storage, "names", gathered_behind)
    found = records_in(storage, GROUP, {name_of(one) for one in commits[2:]})
    assert listed
    assert sorted(found.commits) == sorted(map(name_of, commits[2:]))
    assert (found.damaged, found.number) == ([], 1)
