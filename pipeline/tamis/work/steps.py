"""The steps of a barrier: sets of tasks with commit records, one set after another.

Between steps all data is under work/. How the work is cut follows from the documents
alone, never from the number of workers, so that a resumed run finds its tasks again.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from tamis.work.commits import Commit, File, fingerprint_of
from tamis.work.executors import TASK_BYTES
from tamis.work.tasks import Task, Tasks

Work = list[tuple[Any, ...]]
Function = Callable[..., Mapping[str, Any] | None]


class Piece(NamedTuple):
    """One task of a step; `depends` is what it depends on besides the whole step."""

    key: str
    arguments: tuple[Any, ...]
    depends: tuple[Any, ...] = ()


class Steps:
    """Runs the steps of the barrier `label`.

    All steps depend on `depends`, JSON values: the stage's settings and, unless each
    task names its own, the parts.
    """

    def __init__(self, label: str, tasks: Tasks, *depends: Any) -> None:
        self.label = label
        self.tasks = tasks
        self.fingerprint = fingerprint_of(*depends)

    def __call__(
        self,
        name: str,
        function: Function,
        arguments: Sequence[tuple[Any, ...]],
        *depends: Any,
        memory: int = TASK_BYTES,
    ) -> list[Commit]:
        """Run a numbered task for each tuple of arguments.

        The fingerprint does not need the results of earlier steps: these follow from
        what the steps depend on. It needs how the work is cut, as `depends`, if that
        follows from anything else. `memory`: bytes that a task may need.
        """
        pieces = [
            Piece(f"{name}-{number:05}", own) for number, own in enumerate(arguments)
        ]
        return self.run(name, function, pieces, len(arguments), *depends, memory=memory)

    def run(
        self,
        name: str,
        function: Function,
        pieces: Sequence[Piece],
        *depends: Any,
        memory: int = TASK_BYTES,
    ) -> list[Commit]:
        """Run a task for each piece, under the piece's own key."""
        return self.tasks.run(
            f"{self.label}-{name}",
            [
                Task(
                    piece.key,
                    fingerprint_of(self.fingerprint, *depends, *piece.depends),
                    function,
                    piece.arguments,
                    memory=max(memory, TASK_BYTES),
                )
                for piece in pieces
            ],
        )

    def elsewhere(self, tasks: Tasks) -> "Steps":
        """The same steps, which publish their files in another place."""
        steps = Steps(self.label, tasks)
        steps.fingerprint = self.fingerprint
        return steps


def by_column(
    commits: Sequence[Commit], columns: Sequence[str]
) -> dict[str, tuple[File, ...]]:
    """The files of each column, one for each group.

    Each commit is of one group and has one file for each column.
    """
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
