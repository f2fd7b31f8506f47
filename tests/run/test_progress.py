"""What a run shows while it works: within tasks, on a terminal and in a log."""

import io
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from tamis.runner import progress
from tamis.runner.progress import Bars, spelled_time
from tamis.work.commits import Commit
from tamis.work.executors import InlineExecutor


def bars(out: io.StringIO, *, is_terminal: bool) -> Bars:
    console = Console(file=out, force_terminal=is_terminal, width=120)
    return Bars(console)


def test_a_log_has_a_line_every_half_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    with bars(out, is_terminal=False) as shown:
        shown.begin("extracted", 4)
        now += 20.0
        shown.inside("extracted", 500, 0.5)
        assert out.getvalue() == ""
        now += 20.0
        shown.inside("extracted", 1000, 1.0)
        shown.inside("extracted", 1000, 1.0)
    (line,) = out.getvalue().splitlines()
    assert line == "extracted: 1.0 of 4 tasks, 1,000 pages, 25/s, 120 s left".replace(
        "120 s", "2 min"
    )


def test_what_an_earlier_run_finished_took_no_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = io.StringIO()
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    with bars(out, is_terminal=False) as shown:
        shown.begin("extracted", 4)
        shown.advance("extracted", Commit("a", "f"), redone=False)
        now += 60.0
        shown.inside("extracted", 300, 1.0)
    assert out.getvalue() == "extracted: 2.0 of 4 tasks, 300 pages, 5/s, 2 min left\n"


def test_the_bar_moves_within_a_task() -> None:
    with bars(io.StringIO(), is_terminal=True) as shown:
        shown.begin("extracted", 2)
        shown.inside("extracted", 10, 0.5)
        (task,) = shown._bars.tasks
        assert task.completed == 0.5
        assert task.fields["pages"].startswith("10 pages")
        shown.advance("extracted", Commit("a", "f"), redone=True)
        assert task.completed == 1


@pytest.mark.parametrize(
    ("seconds", "spelled"), [(5, "5 s"), (600, "10 min"), (7200, "2.0 h")]
)
def test_times_are_spelled(seconds: float, spelled: str) -> None:
    assert spelled_time(seconds) == spelled


def test_a_run_shows_how_far_its_splits_are(
    tamis: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both archives are one task each; the pages are counted batch by batch."""
    monkeypatch.setattr("tamis.work.executors.WATCH_SECONDS", 0.01)
    seen: list[tuple[str, int, float]] = []
    whole = Bars.inside

    def inside(self: Bars, group: str, documents: int, shares: float) -> None:
        seen.append((group, documents, shares))
        whole(self, group, documents, shares)

    monkeypatch.setattr(progress.Bars, "inside", inside)
    tamis.run("read_warc.batch_documents=8")
    moving = [row for row in seen if row[0] == "extracted" and 0 < row[2] < 1]
    assert len({row[1] for row in moving}) > 3
    assert InlineExecutor().running() == {}


OWN = """
import time
import tamis

class Burn(tamis.Transform):
    def build(self):
        def burn(batch):
            end = time.process_time() + 8
            while time.process_time() < end:
                pass
            return batch

        return burn
"""


def test_a_run_names_the_task_of_a_page_that_does_not_end(
    tmp_path: Path, small_archive: bytes, command: Callable[..., Any]
) -> None:
    """Ten seconds stand for ten minutes."""
    (tmp_path / "a.warc.gz").write_bytes(small_archive)
    (tmp_path / "own.py").write_text(OWN, "utf-8")
    (tmp_path / "stages.yaml").write_text(
        "input: a.warc.gz\noutput: out\nlanguages: [fra]\n"
        "executor: {kind: inline, stall_minutes: 0.05}\nstages:\n"
        "  - read_warc: {batch_documents: 1000}\n  - decode_html: {}\n"
        "  - own.py:Burn: {}\n  - extract_text: {}\n  - save: extracted\n",
        "utf-8",
    )
    done = command("run", str(tmp_path / "stages.yaml"))
    assert done.code == 0, done.stderr
    lines = " ".join((done.stdout + done.stderr).split())
    assert re.search(
        r"a\.warc\.gz-\S+: at work on one document, or one long step, since "
        r"\d\d:\d\d:\d\d \(0\.1 minutes\), in process \d+, after 0 documents",
        lines,
    )
