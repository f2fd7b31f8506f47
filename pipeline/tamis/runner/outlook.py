"""Find what a run has finished already and what is left to do, without doing it."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from tamis.addresses import without_secrets
from tamis.errors import StorageError
from tamis.inputs import InputFile, shown_places
from tamis.recipe.load import Recipe
from tamis.recipe.plan import Step, plan_steps
from tamis.runner.changes import changes, cost, reason
from tamis.runner.denied import with_denials
from tamis.runner.estimate import Estimate, estimate, rates_of
from tamis.runner.steps import Setting, look_ahead, recipe_files, run_steps
from tamis.runner.store import last_summary
from tamis.sizes import spelled
from tamis.storage import Storage
from tamis.work.commits import Commit
from tamis.work.executors import InlineExecutor
from tamis.work.tasks import Task, Tasks


@dataclass
class Outlook:
    """Inputs, splits and disk.

    to_do       what is left of each step
    why         why a step that the last run had is done again
    estimate    of the whole run
    shortage    why the disk is too small for what is left to do; empty if it is not
    """

    files: int
    input_bytes: int
    splits: int
    workers: int
    free_bytes: int | None
    estimate: Estimate
    problems: dict[str, str] = field(default_factory=dict)
    to_do: dict[str, str] = field(default_factory=dict)
    why: dict[str, str] = field(default_factory=dict)
    shortage: str = ""


class _NotDone(Exception):
    """A step has tasks that are not committed: the steps after it cannot be known."""


class _Looking(Tasks):
    """Finds committed tasks, and stops at the first step with missing ones."""

    def __init__(self, storage: Storage, workers: int) -> None:
        executor = InlineExecutor()
        executor.workers = workers
        super().__init__(storage, executor)
        self.found: dict[str, str] = {}  # what is left of each step
        self.splits = 0
        self.done_bytes = 0

    def run_each(self, group: str, tasks: Sequence[Task]) -> dict[str, list[Commit]]:
        commits = self.committed(group, tasks)
        self.done_bytes += sum(map(_bytes, commits.values()))
        missing = sum(task.key not in commits for task in tasks)
        pieces = self.unfinished_pieces(group, commits, {t.key: t for t in tasks})
        left = missing + len(pieces)
        self.splits = self.splits or len(tasks)
        self.found[group] = f"{left} of {len(tasks)} tasks" if left else "done"
        if left:
            raise _NotDone
        return self.by_key(group, tasks, commits)

    def recall(self, group: str, key: str, fingerprint: str) -> Commit | None:
        commit = super().recall(group, key, fingerprint)
        if commit is None:
            raise _NotDone
        self.done_bytes += _bytes(commit)
        self.found[group] = "done"
        return commit


def _bytes(commit: Commit) -> int:
    return sum(file.bytes for file in commit.files)


def outlook(recipe: Recipe, workers: int) -> Outlook:
    """Check the inputs and the output folder; writes nothing."""
    recipe, _ = with_denials(recipe)
    look_ahead(recipe.stages)
    storage = Storage(recipe.output, recipe.storage_options)
    return _outlook(recipe, storage, recipe_files(recipe, storage), workers=workers)


def refuse_without_space(
    recipe: Recipe, storage: Storage, files: Sequence[InputFile], *, workers: int
) -> None:
    """Raise StorageError if what is left to do needs more disk than is free.

    What is done is looked for only where the whole run would not fit.
    """
    free, size = storage.free_bytes(), sum(file.about_bytes for file in files)
    if free is not None and free < estimate(size, recipe.stages).disk_bytes:
        shortage = _outlook(recipe, storage, files, workers=workers).shortage
        if shortage:
            raise StorageError(shortage)


def _outlook(
    recipe: Recipe, storage: Storage, files: Sequence[InputFile], *, workers: int
) -> Outlook:
    looking = _Looking(storage, workers)
    to_do = looking.found
    steps = plan_steps(recipe.stages)
    with suppress(_NotDone):
        run_steps(Setting(recipe, storage, looking, files, is_dry=True))
    for step in steps:
        to_do.setdefault(step.name, "then all" if to_do else "all")
    places = shown_places(files)
    size = sum(file.about_bytes for file in files)
    free = storage.free_bytes()
    bill = estimate(size, recipe.stages, rates_of(last_summary(storage)))
    left = bill.disk_bytes - looking.done_bytes
    is_short = not recipe.ignore_free_space and set(to_do.values()) != {"done"}
    return Outlook(
        files=len(files),
        input_bytes=size,
        splits=looking.splits,
        workers=workers,
        free_bytes=free,
        problems={places[file.path]: file.problem for file in files if file.problem},
        to_do=to_do,
        why=_why(recipe, storage, files, steps=steps, to_do=to_do),
        estimate=bill,
        shortage=_shortage(recipe, left, free) if is_short else "",
    )


def _shortage(recipe: Recipe, left: int, free: int | None) -> str:
    """What to do about a disk that is too small; "" if it is not."""
    if free is None or free >= left:
        return ""
    return (
        f"{without_secrets(recipe.output)}: the run needs about {spelled(left)} of disk, and "
        f"{spelled(free)} are free: choose another output, free space, or set "
        f"ignore_free_space: true"
    )


def _why(
    recipe: Recipe,
    storage: Storage,
    files: Sequence[InputFile],
    *,
    steps: Sequence[Step],
    to_do: Mapping[str, str],
) -> dict[str, str]:
    """Why each step with something to do is not found, and what it took last time."""
    before = last_summary(storage)
    if before is None:
        return {}
    found = changes(recipe, files, before)
    why = {}
    for step in steps:
        reasons = reason(step, found)
        if to_do[step.name] == "done" or not reasons:
            continue
        took = cost(step, before)
        if took.documents:
            again = f"{took.documents:,} documents again, {_spelled(took.seconds)}"
            reasons = f"{reasons}: {again}"
        why[step.name] = reasons
    return why


def _spelled(seconds: float) -> str:
    """3725 -> "about 1.0 core hours"."""
    if seconds < 90:
        return f"about {seconds:.0f} core seconds"
    if seconds < 5400:
        return f"about {seconds / 60:.0f} core minutes"
    return f"about {seconds / 3600:.1f} core hours"
