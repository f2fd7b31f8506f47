"""What the barriers that deduplicate have in common: steps of tasks.

Each step is a set of tasks with commit records; between steps everything lies under
work/. How the work is cut follows from the parts alone (pipeline/tamis/dedup/groups.py).
"""

from collections.abc import Callable, Sequence
from typing import Any

from tamis.dedup.groups import Group
from tamis.documents.parts import Part
from tamis.stage import StageConfig
from tamis.work.commits import Commit, File, fingerprint
from tamis.work.fingerprints import stage_print
from tamis.work.tasks import Task, Tasks

Work = list[tuple[Any, ...]]


class Steps:
    """Runs one step after another, each under its name. `about` is what its tasks
    depend on besides the stage's settings and the parts.
    """

    def __init__(
        self, config: StageConfig, groups: Sequence[Group], tasks: Tasks, *about: Any
    ) -> None:
        self.label = config.label
        self.tasks = tasks
        parts = [
            [group.start, part.name, part.fingerprint]
            for group in groups
            for part in group.parts
        ]
        self.print = fingerprint(stage_print(config), parts, *about)

    def __call__(
        self,
        name: str,
        function: Callable[..., dict[str, Any]],
        arguments: Sequence[tuple[Any, ...]],
        *more: Any,
    ) -> list[Commit]:
        """One task for each tuple of arguments. What earlier steps made need not enter
        the fingerprint: what the steps were made with determines it. How the work is
        cut does, where it follows from anything else: `more`.
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


def layers_of(
    groups: Sequence[Group], layers: Sequence[File], parts: Sequence[Part]
) -> tuple[File, ...]:
    """Layers from the order of groups, one for each part, back to that of `parts`."""
    names = [part.name for group in groups for part in group.parts]
    by_name = dict(zip(names, layers, strict=True))
    return tuple(by_name[part.name] for part in parts)
