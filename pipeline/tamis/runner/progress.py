"""Show progress on a terminal: a bar for each step, with pages a second and time left.

If the output is not a terminal (a log, CI), print one line when a step has ended.
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
        self._pages: dict[str, int] = {}
        self._starts: dict[str, float] = {}

    def __enter__(self) -> "Bars":
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def begin(self, group: str, total: int) -> None:
        if group not in self._ids:
            self._ids[group] = self._bars.add_task(group, pages=_NO_DOCUMENTS)
            self._pages[group] = 0
            self._starts[group] = time.monotonic()
        self._bars.reset(self._ids[group], total=total)

    def advance(self, group: str, commit: Commit, *, redone: bool) -> None:
        bar = self._ids[group]
        stages = commit.tally.get("stages", {})
        if redone and stages:
            self._pages[group] += next(iter(stages.values()))["documents_in"]
        seconds = max(time.monotonic() - self._starts[group], 1e-3)
        rate = self._pages[group] / seconds
        pages = f"{self._pages[group]:,} pages, {rate:,.0f}/s" if rate else ""
        self._bars.update(bar, advance=1, pages=pages)
        task = self._bars.tasks[bar]
        if not self._console.is_terminal and task.completed == task.total:
            self._console.print(
                f"{group}: {task.total:.0f} tasks {pages}", highlight=False
            )

    def note(self, message: str) -> None:
        self._console.print(
            without_secrets_in(message),
            style="yellow",
            highlight=False,
            soft_wrap=True,
            markup=False,
        )


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
