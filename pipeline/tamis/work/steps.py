"""The steps of a barrier: sets of tasks with commit records, one set after another.

Between steps everything lies under work/. How the work is cut follows from the documents
alone, never from the number of workers, so that a resumed run finds its tasks again.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from tamis.work.commits import Commit, File, fingerprint_of
from tamis.work.tasks import Task, Tasks

Work = list[tuple[Any, ...]]
Function = Callable[..., Mapping[str, Any] | None]


class Piece(NamedTuple):
    """One task of a step; `depends` is what it depends on besides the whole step."""

    key: str
    arguments: tuple[Any, ...]
    depends: tuple[Any, ...] = ()


class Steps:
    """Runs the steps of the barrier `label`. All of them depend on `depends`, which are
    JSON values: the stage's settings and, where each task does not name its own, the parts.
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
    ) -> list[Commit]:
        """A numbered task for each tuple of arguments.

        What earlier steps made need not enter the fingerprint: it follows from what the
        steps depend on. How the work is cut does, where it follows from anything else:
        `depends`.
        """
        pieces = [
            Piece(f"{name}-{number:05}", own) for number, own in enumerate(arguments)
        ]
        return self.run(name, function, pieces, len(arguments), *depends)

    def run(
        self, name: str, function: Function, pieces: Sequence[Piece], *depends: Any
    ) -> list[Commit]:
        """A task for each piece, under the piece's own key."""
        return self.tasks.run(
            f"{self.label}-{name}",
            [
                Task(
                    piece.key,
                    fingerprint_of(self.fingerprint, *depends, *piece.depends),
                    function,
                    piece.arguments,
                )
                for piece in pieces
            ],
        )

    def elsewhere(self, tasks: Tasks) -> "Steps":
        """The same steps with another place to publish their files."""
        steps = Steps(self.label, tasks)
        steps.fingerprint = self.fingerprint
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
