"""The steps of deduplicate as groups of tasks (see pipeline/stages/deduplicate.py)."""

from collections.abc import Callable, Sequence
from typing import Any

from pipeline.commits import Commit, File, fingerprint
from pipeline.prints import stage_print
from pipeline.stage import StageConfig
from pipeline.stages.dedup_job import Group, Settings
from pipeline.tasks import Task, Tasks

Work = list[tuple[Any, ...]]


class Steps:
    """Runs one step after another, each under its name."""

    def __init__(
        self,
        config: StageConfig,
        settings: Settings,
        groups: Sequence[Group],
        tasks: Tasks,
        begun: dict[str, Any] | None = None,
    ) -> None:
        self.label = config.label
        self.tasks = tasks
        parts = [
            [group.start, part.name, part.fingerprint]
            for group in groups
            for part in group.parts
        ]
        self.print = fingerprint(stage_print(config), list(settings), parts, begun)

    def __call__(
        self,
        name: str,
        function: Callable[..., dict[str, Any]],
        arguments: Work,
        *more: Any,
    ) -> list[Commit]:
        """One task for each tuple of arguments. What earlier steps made need not enter
        the fingerprint: settings, parts and what the index had determine it. How the
        work is cut does, where it follows from anything else: `more`.
        """
        print_ = fingerprint(self.print, len(arguments), *more)
        return self.tasks.run(
            f"{self.label}-{name}",
            [
                Task(f"{name}-{number:05}", print_, function, own)
                for number, own in enumerate(arguments)
            ],
        )

    def elsewhere(self, tasks: Tasks) -> "Steps":
        """The same with another place to publish: what its tasks make lies there."""
        steps = object.__new__(Steps)
        steps.label, steps.print, steps.tasks = self.label, self.print, tasks
        return steps


def by_column(
    commits: Sequence[Commit], columns: Sequence[str]
) -> dict[str, tuple[File, ...]]:
    """The files of each column, one for each group, from commits of one for each."""
    of_column = zip(*(commit.files for commit in commits), strict=True)
    return dict(zip(columns, of_column, strict=True))


def files_of(commits: Sequence[Commit], dataset: str | None = None) -> tuple[File, ...]:
    """All files of the commits, or those of one data set."""
    return tuple(
        file
        for commit in commits
        for file in commit.files
        if dataset is None or file.dataset == dataset
    )
