"""What the barriers on lines, URLs and substrings have in common: steps of tasks.

Each step is a set of tasks with commit records; between steps everything lies under
work/. How the work is cut follows from the parts alone (pipeline/stages/dedup_job.py).
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from pipeline.commits import Commit, File, fingerprint
from pipeline.documents import Part
from pipeline.prints import stage_print
from pipeline.stage import StageConfig
from pipeline.stages.dedup_job import Group
from pipeline.tasks import Task, Tasks


class Steps:
    """Runs one step after another, each under its name."""

    def __init__(
        self, config: StageConfig, groups: Sequence[Group], tasks: Tasks
    ) -> None:
        self.label = config.label
        self.tasks = tasks
        parts = [
            [group.start, part.name, part.fingerprint]
            for group in groups
            for part in group.parts
        ]
        self.print = fingerprint(stage_print(config), parts)

    def __call__(
        self,
        name: str,
        function: Callable[..., dict[str, Any]],
        arguments: Sequence[tuple[Any, ...]],
    ) -> list[Commit]:
        """One task for each tuple of arguments. What earlier steps made need not enter
        the fingerprint: settings and parts determine it.
        """
        print_ = fingerprint(self.print, len(arguments))
        return self.tasks.run(
            f"{self.label}-{name}",
            [
                Task(f"{name}-{number:05}", print_, function, own)
                for number, own in enumerate(arguments)
            ],
        )


def files_of(commits: Iterable[Commit], dataset: str) -> tuple[File, ...]:
    """The files of one data set, in the order of the commits."""
    return tuple(file for commit in commits for file in commit.of(dataset))


def layers_of(
    groups: Sequence[Group], layers: Sequence[File], parts: Sequence[Part]
) -> tuple[File, ...]:
    """Layers from the order of groups, one for each part, back to that of `parts`."""
    names = [part.name for group in groups for part in group.parts]
    by_name = dict(zip(names, layers, strict=True))
    return tuple(by_name[part.name] for part in parts)
