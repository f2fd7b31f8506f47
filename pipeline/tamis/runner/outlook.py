"""Find what a run has finished already and what is left to do, without doing it."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from tamis.inputs import shown_places
from tamis.recipe.load import Recipe
from tamis.recipe.plan import plan_steps
from tamis.runner.run import Setting, look_ahead, recipe_files, run_steps
from tamis.storage import Storage
from tamis.work.commits import Commit
from tamis.work.executors import InlineExecutor
from tamis.work.tasks import Task, Tasks


@dataclass
class Outlook:
    """Inputs, splits and free disk; `to_do` says what is left of each step."""

    files: int
    input_bytes: int
    splits: int
    workers: int
    free_bytes: int | None
    problems: dict[str, str] = field(default_factory=dict)
    to_do: dict[str, str] = field(default_factory=dict)


class _NotDone(Exception):
    """A step has tasks that are not committed: the steps after it cannot be known."""


class _Looking(Tasks):
    """Finds committed tasks, and stops at the first step with missing ones."""

    def __init__(self, storage: Storage, found: dict[str, str]) -> None:
        super().__init__(storage, InlineExecutor())
        self._found = found
        self.splits = 0

    def run_each(self, group: str, tasks: Sequence[Task]) -> dict[str, list[Commit]]:
        commits = self.committed(group, tasks)
        missing = sum(task.key not in commits for task in tasks)
        pieces = self.unfinished_pieces(group, commits, {t.key: t for t in tasks})
        left = missing + len(pieces)
        self.splits = self.splits or len(tasks)
        self._found[group] = f"{left} of {len(tasks)} tasks" if left else "done"
        if left:
            raise _NotDone
        return {task.key: self.whole(group, task.key, commits) for task in tasks}

    def recall(self, group: str, key: str, fingerprint: str) -> Commit | None:
        commit = super().recall(group, key, fingerprint)
        if commit is None:
            raise _NotDone
        self._found[group] = "done"
        return commit


def outlook(recipe: Recipe, workers: int) -> Outlook:
    """Check the inputs and the output folder; writes nothing."""
    look_ahead(recipe.stages)
    storage = Storage(recipe.output, recipe.storage_options)
    files = recipe_files(recipe, storage)
    places = shown_places(files)
    to_do: dict[str, str] = {}
    looking = _Looking(storage, to_do)
    looking.executor.workers = workers
    steps = [step.name for step in plan_steps(recipe.stages)]
    with suppress(_NotDone):
        run_steps(Setting(recipe, storage, looking, files, is_dry=True))
    for step in steps:
        to_do.setdefault(step, "then all" if to_do else "all")
    return Outlook(
        files=len(files),
        input_bytes=sum(file.about_bytes for file in files),
        splits=looking.splits,
        workers=workers,
        free_bytes=storage.free_bytes(),
        problems={places[file.path]: file.problem for file in files if file.problem},
        to_do=to_do,
    )
