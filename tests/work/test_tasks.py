"""Commit records: what is finished is not done again, and nothing else counts."""

import os
import signal
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
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
    record_name,
)
from tamis.work.executors import Call, InlineExecutor, Outcome
from tamis.work.ledger import known_commit, publish_commit
from tamis.work.processes import Death, ProcessDied, in_fresh_process
from tamis.work.tasks import (
    MAX_DEATHS,
    STAGE_NOTE,
    Silent,
    Task,
    Tasks,
    execute_marked,
)

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


def read_all(
    outputs: Outputs, names: tuple[str, ...], log: Path, driver: int
) -> dict[str, Any]:
    """Reads inputs, of which one cannot be read and one ends its worker."""
    with log.open("a", encoding="utf-8") as file:
        file.write(f"{' '.join(names)}\n")
    if outputs.deaths:
        outputs.mark(READING)
    if "deadly" in names:
        end_worker(signal.SIGABRT, driver)
    if "bad" in names:
        raise InputError("bad: no such file")
    return write_rows(outputs, len(names))


def several(log: Path, *names: str) -> Task:
    """A task that reads small inputs together."""

    def of(key: str, *names: str) -> Task:
        return Task(key, "f", read_all, (names, log, os.getpid()), lambda mark: ())

    apart = [of(name, name) for name in names]
    group = of("group", *names)
    return replace(group, isolate=lambda mark: apart, together=names)


def test_one_input_that_cannot_be_read_costs_its_group_one_reading(
    storage: Storage, tmp_path: Path
) -> None:
    """Later runs try it alone, and find the others."""
    log, notes = tmp_path / "log", Notes()
    task = several(log, "a", "bad", "b")
    tasks = Tasks(storage, InlineExecutor(), notes)
    each = tasks.run_each("numbers", [task])
    assert log.read_text().splitlines() == ["a bad b", "a", "bad", "b"]
    assert {key for key, found in each.items() if found} == {"a", "b"}
    assert {key for key, found in each.items() if not found} == {"group", "bad"}
    assert tasks.unreadable["group"] == tasks.unreadable["bad"] == "bad: no such file"
    assert notes.said == [
        "3 small inputs are read one by one: bad: no such file",
        "set aside: bad: no such file",
    ]
    for _ in range(2):
        log.write_text("")
        again = tasks_of(storage)
        assert again.run_each("numbers", [task]) == each
        assert log.read_text().splitlines() == ["bad"]
        assert again.executed == {}
    # Another file under the name is another task.
    mended = replace(several(log, "a", "mended", "b"), fingerprint="g")
    (commit,) = tasks_of(storage).run("numbers", [mended])
    assert commit.tally == {"rows": 3}


def test_a_group_whose_worker_dies_as_it_reads_is_told_by_its_inputs(
    storage: Storage, tmp_path: Path
) -> None:
    log, notes = tmp_path / "log", Notes()
    tasks = Tasks(storage, Apart(), notes)
    each = tasks.run_each("numbers", [several(log, "a", "b", "c", "d", "deadly")])
    assert [key for key, found in each.items() if not found] == ["group", "deadly"]
    assert not any("group" in said for said in notes.said)
    (told,) = (said for said in notes.said if "read one by one" in said)
    assert "a, b, c and 2 more: its worker died 3 times" in told
    (aside,) = (said for said in notes.said if said.startswith("set aside: "))
    assert aside.startswith("set aside: deadly: its worker died 3 times")


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


class Apart(InlineExecutor):
    """Tells who its worker ends (`end_worker`), as Ray does; others kill `kills` of them."""

    def __init__(self, kills: int = 0, death: Death | None = None) -> None:
        super().__init__()
        self.kills = kills
        self.death = death or Death("killed by an operator")

    def wait(self) -> Outcome:
        call = self._calls.popleft()
        if self.kills:
            self.kills -= 1
            return Outcome(call, died=self.death)
        self._calls.appendleft(self.placed(call))
        return super().wait()

    def placed(self, call: Call) -> Call:
        return call


class InProcesses(Apart):
    """Has a process for each call."""

    def placed(self, call: Call) -> Call:
        return Call(call.name, in_fresh_process, (call.function, call.arguments))


def end_worker(number: int, driver: int) -> None:
    """The signal ends this process; if that is the driver, it ends a worker as told."""
    if os.getpid() == driver:
        is_own = number != signal.SIGKILL
        raise ProcessDied(Death("its worker was a process once", is_own=is_own))
    os.kill(os.getpid(), number)


class Notes(Silent):
    def __init__(self) -> None:
        self.said: list[str] = []

    def note(self, message: str) -> None:
        self.said.append(message)


def letters(
    outputs: Outputs, text: str, apart: str, deadly: str, number: int, driver: int
) -> dict[str, Any]:
    """A letter is a document. `deadly`: a file whose letters end the process by a signal."""
    deaths = Path(deadly).read_text("utf-8") if Path(deadly).exists() else ""
    if outputs.deaths:
        outputs.mark(LOADING)
    for letter in text:
        if letter in apart:
            continue
        if outputs.deaths:
            outputs.mark({"id": letter, "stage": "spell", "url": f"of/{letter}"})
        if letter in deaths:
            sys.stderr.write(f"cannot bear {letter}\n")
            sys.stderr.flush()
            end_worker(number, driver)
    return write_rows(outputs, len(text) - len(apart))


def word(
    text: str, deadly: Path, number: int = signal.SIGSEGV, apart: str = ""
) -> Task:
    def isolate(mark: Any) -> list[Task]:
        before, letter, after = text.partition(mark["id"])
        own = word(letter, deadly, number, apart=letter)
        rest = [word(piece, deadly, number) for piece in (before, after) if piece]
        return [own, *rest]

    def alone(mark: Any) -> tuple[Any, ...]:
        return (mark["id"], "", str(deadly), number, os.getpid())

    key = f"{text}-crash" if apart else text
    arguments = (text, apart, str(deadly), number, os.getpid())
    return Task(key, "f", letters, arguments, isolate, alone)


@pytest.mark.parametrize(
    ("number", "executor"),
    [
        pytest.param(signal.SIGABRT, InProcesses, id="abort"),
        pytest.param(signal.SIGSEGV, Apart, id="a fault of memory"),
        pytest.param(signal.SIGKILL, Apart, id="a signal that others could have sent"),
    ],
)
def test_a_document_that_ends_a_process_of_its_own_is_set_apart(
    storage: Storage, tmp_path: Path, number: signal.Signals, executor: type[Apart]
) -> None:
    (tmp_path / "deadly").write_text("c", "utf-8")
    notes = Notes()
    tasks = Tasks(storage, executor(), notes)
    commits = tasks.run("letters", [word("abcde", tmp_path / "deadly", number)])
    assert [commit.key for commit in commits] == ["c-crash", "ab", "de"]
    said = notes.said[-1]
    assert "of/c in spell ends a process that has nothing else" in said
    assert f"died of {number.name}; its last words: cannot bear c" in said
    record = known_commit(storage, record_name("letters", "abcde", "f"))
    assert isinstance(record, Commit)
    assert f"{number.name}; its last words: cannot bear c" in record.tally["death"]


def test_each_of_several_documents_is_set_apart(
    storage: Storage, tmp_path: Path
) -> None:
    (tmp_path / "deadly").write_text("bd", "utf-8")
    tasks = Tasks(storage, Apart())
    commits = tasks.run("letters", [word("abcde", tmp_path / "deadly")])
    assert {commit.key for commit in commits} == {"a", "b-crash", "c", "d-crash", "e"}


@pytest.mark.parametrize(
    ("number", "is_own"),
    [
        *((number, True) for number in (signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT)),
        *(
            (number, False)
            for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGHUP)
        ),
        # A batch system before it takes a node back, a limit of its own, an operator.
        *(
            (number, False)
            for number in (signal.SIGUSR1, signal.SIGXCPU, signal.SIGQUIT)
        ),
    ],
    ids=lambda value: getattr(value, "name", str(value)),
)
def test_only_the_signal_of_a_fault_is_a_process_s_own_doing(
    number: signal.Signals, is_own: bool
) -> None:
    with pytest.raises(ProcessDied) as error:
        in_fresh_process(signal.raise_signal, (number,))
    assert (error.value.death.is_own, number.name in str(error.value)) == (is_own, True)


def test_the_next_run_tries_a_verdict_again_and_lets_it_stand(
    storage: Storage, tmp_path: Path
) -> None:
    (tmp_path / "deadly").write_text("bd", "utf-8")
    task = word("abcde", tmp_path / "deadly")
    first = Tasks(storage, Apart()).run("letters", [task])
    again = Tasks(storage, Apart())
    assert again.run("letters", [task]) == first
    assert again.executed == {}


def test_a_verdict_ends_when_the_document_does_no_harm_any_more(
    storage: Storage, tmp_path: Path
) -> None:
    (tmp_path / "deadly").write_text("bd", "utf-8")
    task = word("abcde", tmp_path / "deadly")
    Tasks(storage, Apart()).run("letters", [task])
    (tmp_path / "deadly").unlink()
    (commit,) = Tasks(storage, Apart()).run("letters", [task])
    assert commit.key == "abcde"
    assert commit.tally == {"rows": 5}
    healthy = Tasks(storage, Apart())
    assert healthy.run("letters", [task]) == [commit]
    assert healthy.executed == {}


@pytest.mark.parametrize("kills", [3, MAX_DEATHS - 2])
def test_kills_by_others_convict_no_document(
    storage: Storage, tmp_path: Path, kills: int
) -> None:
    task = word("abcde", tmp_path / "deadly")
    Outputs(storage, task.key, "f").mark({"id": "c", "stage": "spell"})  # a suspect
    (commit,) = Tasks(storage, Apart(kills)).run("letters", [task])
    assert commit.tally == {"rows": 5}


def test_a_task_that_others_kill_again_and_again_ends_the_run_in_one_line(
    storage: Storage, tmp_path: Path
) -> None:
    tasks = Tasks(storage, Apart(99))
    with pytest.raises(
        StageError, match=r"died 12 times.*by an operator; no page"
    ) as raised:
        tasks.run("letters", [word("abcde", tmp_path / "deadly")])
    assert "\n" not in str(raised.value)


def test_machines_that_are_lost_again_and_again_are_told_as_that(
    storage: Storage, tmp_path: Path
) -> None:
    lost = Death("its node died", is_lost=True)
    tasks = Tasks(storage, Apart(99, lost))
    with pytest.raises(
        StageError,
        match=r": it was lost 12 times with its machine.*look at the machines",
    ) as raised:
        tasks.run("letters", [word("abcde", tmp_path / "deadly")])
    assert "worker died" not in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_lost_machine_makes_no_task_careful(storage: Storage, tmp_path: Path) -> None:
    task = word("abcde", tmp_path / "deadly")
    lost = Apart(3, Death("its node died", is_lost=True))
    Tasks(storage, lost).run("letters", [task])
    assert storage.names("work/marks") == []


def test_a_run_that_died_itself_finds_the_document_the_next_time(
    storage: Storage, tmp_path: Path
) -> None:
    """The executor without other processes: its run ends with the page, but only once."""
    (tmp_path / "deadly").write_text("c", "utf-8")
    task = word("abcde", tmp_path / "deadly")
    name = record_name("letters", task.key, "f")
    outputs = Outputs(storage, task.key, "f")
    with pytest.raises(ProcessDied, match="SIGSEGV"):
        in_fresh_process(
            execute_marked, (storage, name, outputs, "f", letters, task.arguments)
        )
    commits = tasks_of(storage).run("letters", [task])
    assert [commit.key for commit in commits] == ["c-crash", "ab", "de"]


def test_a_task_that_ends_leaves_no_mark(storage: Storage, tmp_path: Path) -> None:
    tasks_of(storage).run("letters", [word("abc", tmp_path / "deadly")])
    assert storage.names("work/marks") == []


def test_a_task_of_which_a_piece_cannot_be_read_has_none(
    storage: Storage, tmp_path: Path
) -> None:
    """Else a part of an input would pass for the whole."""
    (tmp_path / "deadly").write_text("a", "utf-8")

    def isolate(mark: Any) -> list[Task]:
        return [Task("a-1", "f", write_rows, (1,)), Task("a-2", "f", unreadable, ())]

    tasks = Tasks(storage, Apart())
    whole = [
        replace(word("a", tmp_path / "deadly"), isolate=isolate),
        Task("b", "f", write_rows, (1,)),
    ]
    assert [commit.key for commit in tasks.run("numbers", whole)] == ["b"]
    assert tasks.unreadable["a"] == "a.warc.gz: no such file"


def test_attempts_of_another_group_do_not_count(
    storage: Storage, tmp_path: Path
) -> None:
    """Eight deaths in each of three groups are recovered from every time."""
    tasks = Tasks(storage, Apart())
    for group in ("numbers", "letters", "signs"):
        tasks.executor = Apart(8)
        (commit,) = tasks.run(group, [Task("a", "f", write_rows, (1,))])
        assert commit.key == "a"


def abort_at(outputs: Outputs, place: dict[str, str] | None, driver: int) -> None:
    if place is not None and outputs.deaths:
        outputs.mark(place)
    sys.stderr.write("no memory\n")
    sys.stderr.flush()
    end_worker(signal.SIGABRT, driver)


def test_what_cannot_be_cut_up_fails_the_run(storage: Storage) -> None:
    task = Task("a", "f", abort_at, (None, os.getpid()))
    with pytest.raises(StageError, match=r"its worker died 3 times.*: no memory"):
        Tasks(storage, Apart()).run("numbers", [task])


@pytest.mark.parametrize("place", [LOADING, READING])
def test_who_is_at_no_document_blames_none(
    storage: Storage, place: dict[str, str]
) -> None:
    """Models that do not fit fail the run; an input that cannot be read stays out."""
    tasks = Tasks(storage, Apart())
    arguments = (place, os.getpid())
    task = Task("a", "f", abort_at, arguments, isolate=lambda mark: ())
    if place == LOADING:
        with pytest.raises(StageError, match="it was loading models"):
            tasks.run("numbers", [task])
    else:
        assert tasks.run("numbers", [task]) == []
        assert "a: its worker died 3 times" in tasks.unreadable["a"]
        assert "SIGABRT" in tasks.unreadable["a"]


def test_what_another_process_cannot_import_is_called_in_this_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A class of a notebook, which is in no file."""
    module = ModuleType("nowhere")
    exec("import os\ndef number(): return os.getpid()", module.__dict__)
    monkeypatch.setitem(sys.modules, "nowhere", module)
    assert in_fresh_process(module.number, ()) == os.getpid()
    assert in_fresh_process(os.getpid, ()) != os.getpid()


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
