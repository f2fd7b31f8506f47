"""Show progress on a terminal: a bar for each step, with pages a second and time left.

If the output is not a terminal (a log, CI), print one line when a step has ended, and
one every 30 seconds as long as it runs.
"""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from tamis.addresses import without_secrets_in
from tamis.work.commits import Commit
from tamis.work.tasks import Progress as Watching
from tamis.work.tasks import Silent

_NO_DOCUMENTS = ""
_HEARTBEAT_SECONDS = 30.0


class Bars:
    """A `tamis.work.tasks.Progress` on the terminal, used as a context manager."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bars = Progress(
            TextColumn("{task.description:<24}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TextColumn("{task.fields[pages]}"),
            TimeRemainingColumn(compact=True),
            console=console,
            disable=not console.is_terminal,
        )
        self._ids: dict[str, TaskID] = {}
        self._done: dict[str, int] = {}
        self._pages: dict[str, int] = {}
        self._starts: dict[str, float] = {}
        self._said = time.monotonic()  # when a line was printed last
        self._known = 0  # tasks of the step that an earlier run finished

    def __enter__(self) -> "Bars":
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def begin(self, group: str, total: int) -> None:
        self._done[group] = 0
        if group not in self._ids:
            self._ids[group] = self._bars.add_task(group, pages=_NO_DOCUMENTS)
            self._pages[group] = 0
            self._starts[group] = time.monotonic()
        self._bars.reset(self._ids[group], total=total)
        self._said, self._known = time.monotonic(), 0

    def advance(self, group: str, commit: Commit, *, redone: bool) -> None:
        bar = self._ids[group]
        stages = commit.tally.get("stages", {})
        self._known += not redone
        if redone and stages:
            self._pages[group] += next(iter(stages.values()))["documents_in"]
        self._done[group] = self._done.get(group, 0) + 1
        pages = self._rate(group, self._pages[group])
        self._bars.update(bar, completed=self._done[group], pages=pages)
        if self._bars.tasks[bar].completed == self._bars.tasks[bar].total:
            self.over(group, self._pages[group])

    def over(self, group: str, pages: int) -> None:
        """The step has ended: a line in a log, which has no bar."""
        if not self._console.is_terminal:
            total = self._bars.tasks[self._ids[group]].total or 0.0
            self._print(f"{group}: {total:.0f} tasks {self._rate(group, pages)}")

    def inside(self, group: str, documents: int, shares: float) -> None:
        """Move the bar within tasks; without a terminal, print a line now and then."""
        done = self._done.get(group, 0) + shares
        pages = self._rate(group, self._pages[group] + documents)
        self._bars.update(self._ids[group], completed=done, pages=pages)
        is_due = time.monotonic() - self._said >= _HEARTBEAT_SECONDS
        if not self._console.is_terminal and is_due:
            total = self._bars.tasks[self._ids[group]].total or 0.0
            line = f"{group}: {done:.1f} of {total:.0f} tasks"
            parts = [line, pages, self._left(group, done, total)]
            self._print(", ".join(part for part in parts if part))

    def _rate(self, group: str, pages: int) -> str:
        seconds = max(time.monotonic() - self._starts[group], 1e-3)
        return f"{pages:,} pages, {pages / seconds:,.0f}/s" if pages else ""

    def _left(self, group: str, done: float, total: float) -> str:
        """Time left at the rate so far; earlier runs' tasks took none of it."""
        own = done - self._known
        if own <= 0:
            return ""
        seconds = time.monotonic() - self._starts[group]
        return f"{spelled_time(seconds / own * (total - done))} left"

    def _print(self, line: str) -> None:
        self._said = time.monotonic()
        self._console.print(line, highlight=False, markup=False, soft_wrap=True)

    def note(self, message: str) -> None:
        self._console.print(
            without_secrets_in(message),
            style="yellow",
            highlight=False,
            soft_wrap=True,
            markup=False,
        )


def spelled_time(seconds: float) -> str:
    """`50 s`, `12 min` or `3.5 h`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


@contextmanager
def progress_of(progress: "bool | Watching | None") -> Iterator[Watching]:
    """Progress of a run: bars for True, none for False, on a terminal only for null."""
    if progress is None:
        progress = sys.stderr.isatty() or "ipykernel" in sys.modules
    if not isinstance(progress, bool):
        yield progress
    elif not progress:
        yield Silent()
    else:
        with Bars(Console(stderr=True)) as bars:
            yield bars
