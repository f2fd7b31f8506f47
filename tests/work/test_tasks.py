"""Commit records: what is finished is not done again, and nothing else counts."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tamis.errors import InputError, StageError
from tamis.storage import Storage
from tamis.work.commits import (
    LOADING,
    READING,
    Commit,
    Outputs,
    fingerprint_of,
    known_commit,
    publish_commit,
    record_name,
)
from tamis.work.executors import Call, InlineExecutor, Outcome
from tamis.work.tasks import STAGE_NOTE, Task, Tasks

ROWS = pa.schema([("id", pa.uint64())])


def write_rows(outputs: Outputs, rows: int) -> dict[str, Any]:
    with outputs.parquet("numbers", ROWS) as writer:
        writer.write_table(pa.table({"id": pa.array(range(rows), pa.uint64())}))
    return {"rows": rows}


def unreadable(outputs: Outputs) -> dict[str, Any]:
    raise InputError("a.warc.gz: no such file")


def broken(outputs: Outputs) -> dict[str, Any]:
    return {"ratio": 1 / 0}


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(str(tmp_path / "out"))


def tasks_of(storage: Storage) -> Tasks:
    return Tasks(storage, InlineExecutor())


def test_a_finished_task_is_not_run_again(storage: Storage) -> None:
    task = Task("a", "f1", write_rows, (3,))
    first = tasks_of(storage)
    (commit,) = first.run("numbers", [task])
    second = tasks_of(storage)
    assert second.run("numbers", [task]) == [commit]
    assert first.executed == {"numbers": 1}
    assert second.executed == {}
    assert commit.files[0].rows == 3


def test_another_fingerprint_is_another_task(storage: Storage) -> None:
    tasks = tasks_of(storage)
    tasks.run("numbers", [Task("a", "f1", write_rows, (3,))])
    (commit,) = tasks.run("numbers", [Task("a", "f2", write_rows, (4,))])
    assert commit.tally == {"rows": 4}


def test_a_record_whose_file_is_gone_counts_for_nothing(storage: Storage) -> None:
    task = Task("a", "f1", write_rows, (3,))
    (commit,) = tasks_of(storage).run("numbers", [task])
    storage.remove([commit.files[0].path])
    again = tasks_of(storage)
    (redone,) = again.run("numbers", [task])
    assert again.executed == {"numbers": 1}
    assert storage.exists(redone.files[0].path)


def test_of_two_workers_that_finish_a_task_the_first_is_right(storage: Storage) -> None:
    name = record_name("numbers", "a", "f1")
    first = publish_commit(storage, name, Commit("a", "f1", (), {"rows": 1}))
    second = publish_commit(storage, name, Commit("a", "f1", (), {"rows": 2}))
    assert first == second
    kept = known_commit(storage, name)
    assert isinstance(kept, Commit)
    assert kept.tally == {"rows": 1}


def test_an_input_that_cannot_be_read_is_set_aside(storage: Storage) -> None:
    tasks = tasks_of(storage)
    commits = tasks.run(
        "numbers",
        [Task("a", "f1", unreadable, ()), Task("b", "f1", write_rows, (1,))],
    )
    assert [commit.key for commit in commits] == ["b"]
    assert tasks.unreadable == {"a": "a.warc.gz: no such file"}


def test_a_bug_names_the_step_and_the_task(storage: Storage) -> None:
    with pytest.raises(StageError, match="'numbers' failed on 'a': ZeroDivisionError"):
        tasks_of(storage).run("numbers", [Task("a", "f1", broken, ())])


def broken_in_a_stage(outputs: Outputs) -> dict[str, Any]:
    try:
        return broken(outputs)
    except ZeroDivisionError as error:
        error.add_note(f"{STAGE_NOTE}measure_text")
        raise


def test_a_bug_names_the_stage_where_it_is_known(storage: Storage) -> None:
    with pytest.raises(StageError, match="'measure_text' failed on 'a'"):
        tasks_of(storage).run("pass", [Task("a", "f1", broken_in_a_stage, ())])


class Dying(InlineExecutor):
    """The worker dies on every task whose key is in `deadly`."""

    def __init__(self, deadly: set[str]) -> None:
        super().__init__()
        self._deadly = deadly
        self.deaths: list[str] = []

    def wait(self) -> Outcome:
        call: Call = self._calls[0]
        if call.name not in self._deadly:
            return super().wait()
        self._calls.popleft()
        self.deaths.append(call.name)
        return Outcome(call, died="killed")


def range_task(start: int, stop: int) -> Task:
    def isolate(mark: Any) -> list[Task]:
        middle = (start + stop) // 2
        return [range_task(start, middle), range_task(middle, stop)]

    return Task(f"{start}-{stop}", "f", write_rows, (stop - start,), isolate)


def test_what_kills_its_worker_three_times_is_cut_up(storage: Storage) -> None:
    executor = Dying({"0-8", "4-8"})
    commits = Tasks(storage, executor).run("numbers", [range_task(0, 8)])
    assert executor.deaths == ["0-8"] * 3 + ["4-8"] * 3
    assert [commit.key for commit in commits] == ["0-4", "4-6", "6-8"]


def test_a_run_that_resumes_goes_on_with_the_pieces(storage: Storage) -> None:
    Tasks(storage, Dying({"0-8", "4-8"})).run("numbers", [range_task(0, 8)])
    healthy = Dying(set())
    resumed = Tasks(storage, healthy)
    commits = resumed.run("numbers", [range_task(0, 8)])
    assert [commit.key for commit in commits] == ["0-4", "4-6", "6-8"]
    assert resumed.executed == {}


def test_a_task_of_which_a_piece_cannot_be_read_has_none(storage: Storage) -> None:
    """Else a part of an input would pass for the whole."""

    def isolate(mark: Any) -> list[Task]:
        return [Task("a-1", "f", write_rows, (1,)), Task("a-2", "f", unreadable, ())]

    tasks = Tasks(storage, Dying({"a"}))
    whole = [
        Task("a", "f", write_rows, (2,), isolate),
        Task("b", "f", write_rows, (1,)),
    ]
    assert [commit.key for commit in tasks.run("numbers", whole)] == ["b"]
    assert tasks.unreadable["a"] == "a.warc.gz: no such file"


def test_attempts_of_another_group_do_not_count(storage: Storage) -> None:
    """Two deaths in each of three groups are recovered from every time."""

    class DyingTwice(Dying):
        def wait(self) -> Outcome:
            if self.deaths[-2:] == ["a", "a"]:
                self.deaths.clear()
                return InlineExecutor.wait(self)
            return super().wait()

    tasks = Tasks(storage, DyingTwice({"a"}))
    for group in ("numbers", "letters", "signs"):
        (commit,) = tasks.run(group, [Task("a", "f", write_rows, (1,))])
        assert commit.key == "a"


def test_what_cannot_be_cut_up_fails_the_run(storage: Storage) -> None:
    task = Task("a", "f", write_rows, (1,))
    with pytest.raises(StageError, match="its worker died 3 times"):
        Tasks(storage, Dying({"a"})).run("numbers", [task])


@pytest.mark.parametrize("place", [LOADING, READING])
def test_who_is_at_no_document_blames_none(
    storage: Storage, place: dict[str, str]
) -> None:
    """Models that do not fit fail the run; an input that cannot be read stays out."""
    Outputs(storage, "a", "f").mark(place)
    tasks = Tasks(storage, Dying({"a"}))
    task = Task("a", "f", write_rows, (1,), isolate=lambda mark: ())
    if place == LOADING:
        with pytest.raises(StageError, match="as it loaded models"):
            tasks.run("numbers", [task])
    else:
        assert tasks.run("numbers", [task]) == []
        assert tasks.unreadable == {"a": "a: its worker died 3 times"}


def test_a_fingerprint_differs_when_any_part_does() -> None:
    prints = {
        fingerprint_of("a", 1),
        fingerprint_of("a", 2),
        fingerprint_of("a1"),
        fingerprint_of(["a", 1]),
        fingerprint_of("a", {"x": 1}),
    }
    assert len(prints) == 5
    assert fingerprint_of({"x": 1, "y": 2}) == fingerprint_of({"y": 2, "x": 1})
