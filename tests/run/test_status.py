"""`tamis status`: what a run says of itself while it works, at its end, and after a kill."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import tamis
from tamis.errors import InputError, StorageError, TamisError
from tamis.recipe.load import Recipe
from tamis.runner import live
from tamis.runner.live import STATE, Live, read_state, status_of
from tamis.storage import Storage
from tamis.storage.records import sealed
from tamis.work.commits import Commit
from tamis.work.executors import InlineExecutor
from tamis.work.tasks import Silent

PASS = """
input: INPUT
output: OUTPUT
languages: [fra]
executor: {kind: inline}
stages:
  - read_warc: {batch_documents: 8}
  - decode_html: {}
  - extract_text: {engine: resiliparse}
  - save: documents
"""


def live_of(folder: Path, *planned: str) -> Live:
    return Live(Silent(), Storage(str(folder)), InlineExecutor(), planned)


def commit(documents: int, **source: int) -> Commit:
    stages = {"read_warc": {"documents_in": documents, "dropped": {}}}
    return Commit("a", "f", tally={"stages": stages, "source": source})


@pytest.fixture
def recipe(tmp_path: Path, small_archive: bytes) -> Recipe:
    for name in "abc":
        (tmp_path / f"{name}.warc.gz").write_bytes(small_archive)
    path = tmp_path / "stages.yaml"
    text = PASS.replace("INPUT", f"{tmp_path}/*.warc.gz")
    path.write_text(text.replace("OUTPUT", f"{tmp_path}/out"), "utf-8")
    return Recipe.load(path)


def test_a_run_tells_how_far_it_is_while_it_works(recipe: Recipe) -> None:
    class Looking(Silent):
        def __init__(self) -> None:
            self.seen: list[Any] = []

        def advance(self, group: str, commit: Commit, *, redone: bool) -> None:
            inner.say("running")
            self.seen.append(tamis.status(recipe.output))

    looking = Looking()
    inner: Any = None
    whole = Live.beating

    def beating(self: Live) -> Any:
        nonlocal inner
        inner = self
        return whole(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Live, "beating", beating)
        tamis.run(recipe, progress=looking)
    of_documents = [
        (status.phase, status.state["steps"][-1])
        for status in looking.seen
        if status.state["steps"][-1]["name"] == "documents"
    ]
    assert {phase for phase, _ in of_documents} == {"running"}
    assert [step["done"] for _, step in of_documents] == [1, 2, 3]
    pages = [step["pages"] for _, step in of_documents]
    assert pages[0] > 10
    assert pages == [pages[0], 2 * pages[0], 3 * pages[0]]


def test_a_run_that_has_ended_says_what_run_json_says(
    recipe: Recipe, command: Callable[..., Any]
) -> None:
    run = tamis.run(recipe, progress=False)
    found = tamis.status(recipe.output)
    assert found.phase == "complete"
    assert found.state["seconds"] >= run.summary["seconds"] > 0
    steps = {step["name"]: step for step in found.state["steps"]}
    executed = run.summary["tasks_executed"]
    assert {n: s["done"] for n, s in steps.items() if s["total"]} == executed
    read = run.summary["stages"]["read_warc"]["documents_in"]
    assert steps["documents"]["pages"] == read > 30
    assert found.state["to_come"] == []
    shown = command("status", recipe.output)
    assert shown.code == 0, shown.stderr
    head, *lines = shown.stdout.splitlines()
    assert head.startswith("complete ")
    assert lines[0].startswith(
        f"documents                3 of 3 tasks, {read:,} pages, "
    )
    assert lines[-1] == "lost                     nothing"


def test_a_run_with_nothing_to_do_says_so(recipe: Recipe) -> None:
    tamis.run(recipe, progress=False)
    first = read_state(Storage(recipe.output))
    tamis.run(recipe, progress=False)
    second = read_state(Storage(recipe.output))
    assert second["run"] != first["run"]
    (step,) = [s for s in second["steps"] if s["name"] == "documents"]
    assert (step["done"], step["known"], step["pages"]) == (3, 3, 0)


def test_a_run_that_fails_says_why_without_secrets(recipe: Recipe) -> None:
    live_run = live_of(Path(recipe.output))
    with pytest.raises(InputError), live_run.beating():
        raise InputError("https://me:word@host/a?token=x\ndoes not answer")
    found = tamis.status(recipe.output)
    assert found.phase == "failed"
    assert found.state["why"] == "https://host/a does not answer"


def test_an_interrupted_run_is_stopped_and_not_failed(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), live_of(tmp_path).beating():
        raise KeyboardInterrupt
    assert tamis.status(str(tmp_path)).phase == "stopped"


def test_a_killed_run_is_heard_of_no_more(tamis_on: Any, tmp_path: Path) -> None:
    """What kill -9 leaves says `running`, and nobody renews it."""
    killed = tamis_on(tmp_path / "out")
    process = killed.start(kind="inline")
    storage = Storage(str(killed.output))
    end = time.monotonic() + 120
    while not storage.exists(STATE):
        assert time.monotonic() < end
        assert process.poll() is None
        time.sleep(0.05)
    assert status_of(storage).phase == "running"
    process.kill()
    process.wait()
    if process.stderr:
        process.stderr.close()
    assert read_state(storage)["phase"] == "running"
    slept: list[float] = []
    found = status_of(storage, sleep=slept.append, clock=lambda: time.time() + 3600)
    assert found.phase == "silent"
    assert 20 <= sum(slept) <= 60
    assert found.seconds_ago is not None
    assert found.seconds_ago > 3000


@pytest.mark.parametrize("skew", [3600.0, -3600.0], ids=["ahead", "behind"])
def test_a_run_on_a_machine_with_another_clock_is_heard_of(
    tmp_path: Path, skew: float
) -> None:
    ours = live_of(tmp_path)
    ours.say("running")
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 12:
            ours.say("running")

    found = status_of(
        Storage(str(tmp_path)), sleep=sleep, clock=lambda: time.time() + skew
    )
    assert (found.phase, len(slept), found.seconds_ago) == ("running", 12, None)


def test_the_time_left_does_not_count_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr(live.time, "monotonic", lambda: now)
    ours = live_of(tmp_path, "documents", "deduplicate", "mix_corpus")
    ours.begin("documents", 6)
    ours.advance("documents", commit(50), redone=False)
    now += 20
    ours.advance("documents", commit(300, records_lost=2, bytes_lost=7), redone=True)
    ours.inside("documents", 100, 1.0)
    state = ours.state("running")
    (step,) = state["steps"]
    assert (step["done"], step["known"], step["pages"]) == (3.0, 1, 400)
    assert live.rate_of(step) == 20.0
    assert live.seconds_left(step) == 30.0  # three tasks, ten seconds each
    assert state["to_come"] == ["deduplicate", "mix_corpus"]
    assert (state["lost"]["records"], state["lost"]["bytes"]) == (2, 7)
    ours.begin("deduplicate", 0)
    ours.begin("deduplicate-bands", 4)
    state = ours.state("running")
    assert state["to_come"] == ["mix_corpus"]
    assert state["steps"][0]["seconds"] == 20.0
    assert live.seconds_left(state["steps"][-1]) is None


def test_a_late_beat_does_not_take_back_the_end(tmp_path: Path) -> None:
    ours = live_of(tmp_path)
    ours.say("complete")
    ours.say("running")
    assert read_state(Storage(str(tmp_path)))["phase"] == "complete"


def test_a_run_goes_on_where_its_state_cannot_be_written(
    recipe: Recipe, tmp_path: Path
) -> None:
    (tmp_path / "out" / STATE / "in-the-way").mkdir(parents=True)
    assert tamis.run(recipe, progress=False).summary["complete"]


GOOD: dict[str, Any] = {
    "run": "r",
    "beat": 1,
    "phase": "complete",
    "why": "",
    "written": 1.0,
    "seconds": 1.0,
    "executor": "inline",
    "workers": 1,
    "running": 0,
    "machines": 0,
    "steps": [],
    "to_come": [],
    "lost": {"records": 0, "bytes": 0, "inputs": 0, "requests": 0, "tasks": {}},
}


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(sealed(GOOD)[:90], id="torn"),
        pytest.param(sealed(GOOD).replace(b'"beat": 1', b'"beat": 2'), id="changed"),
        pytest.param(b"\x00" * 4096, id="zeros"),
        pytest.param(b"[" * (2 << 20), id="deep and long"),
        pytest.param(json.dumps(GOOD).encode(), id="without its digest"),
        pytest.param(sealed({**GOOD, "beat": -1}), id="a negative number"),
        pytest.param(sealed({**GOOD, "beat": 10**400}), id="a huge number"),
        pytest.param(sealed({**GOOD, "seconds": float("inf")}), id="no number"),
        pytest.param(sealed({**GOOD, "phase": "fine"}), id="no such phase"),
        pytest.param(sealed({**GOOD, "why": "x" * 501}), id="a long text"),
        pytest.param(sealed({**GOOD, "more": 1}), id="something more"),
        pytest.param(sealed([GOOD]), id="a list"),
    ],
)
def test_a_torn_or_hostile_file_is_no_state(
    content: bytes, tmp_path: Path, command: Callable[..., Any]
) -> None:
    (tmp_path / STATE).write_bytes(content)
    shown = command("status", str(tmp_path))
    assert (shown.code, shown.stdout) == (1, "")
    (line,) = shown.stderr.splitlines()
    assert line.startswith(f"tamis: {tmp_path}: no state of a run: status.json: ")


def test_a_folder_without_a_run_has_no_state(
    tmp_path: Path, command: Callable[..., Any]
) -> None:
    shown = command("status", str(tmp_path))
    assert (shown.code, shown.stdout) == (1, "")
    assert (
        shown.stderr
        == f"tamis: {tmp_path}: no state of a run: no status.json is here\n"
    )
    with pytest.raises(TamisError, match="no state of a run"):
        tamis.status(str(tmp_path / "nothing"))


def test_what_a_state_says_orders_no_terminal(
    tmp_path: Path, command: Callable[..., Any]
) -> None:
    step = {"name": "\x1b[2J", "total": 1, "done": 1.0, "known": 0, "pages": 0}
    told = {**GOOD, "steps": [{**step, "seconds": 1.0}], "why": "\x1b]0;x\x07"}
    (tmp_path / STATE).write_bytes(sealed(told))
    shown = command("status", str(tmp_path))
    assert shown.code == 0, shown.stderr
    assert "\x1b" not in shown.stdout
    assert "\x07" not in shown.stdout
    assert "\ufffd[2J" in shown.stdout


def test_no_state_is_an_error_of_storage(tmp_path: Path) -> None:
    with pytest.raises(StorageError):
        read_state(Storage(str(tmp_path)))
