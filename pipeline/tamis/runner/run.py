"""One run: steps in order, each skipping what is finished, then the books.

What a step needs of the one before it are commits: of saved files (a pass), or of
parts with their layers (filters on columns, barriers).
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa

from tamis.documents.parts import Part, Published
from tamis.errors import InputError
from tamis.inputs import InputFile, resolve
from tamis.recipe.load import Recipe
from tamis.recipe.plan import BarrierStep, Pass, plan_steps, signal_columns
from tamis.remote.failures import without_secrets
from tamis.runner.barriers import LastAct, begin, look_ahead
from tamis.runner.dropped.publish import DroppedInput, DroppedWork
from tamis.runner.dropped.rows import masking_print
from tamis.runner.finish import finish
from tamis.runner.passes.columns import run_columns
from tamis.runner.passes.own import run_aligned
from tamis.runner.passes.saved import file_task, saved_name, saved_rows
from tamis.runner.passes.splits import (
    SplitTasks,
    corrected_tasks,
    known_files,
    planned_ranges,
    selection_of,
    task_name,
    write_plan,
)
from tamis.runner.passes.work import PassWork
from tamis.runner.tally import add
from tamis.stage import StageConfig, function_of
from tamis.storage import Storage
from tamis.work.commits import Commit, File, fingerprint
from tamis.work.executors import Executor
from tamis.work.fingerprints import pass_print, stage_print
from tamis.work.tasks import Progress, Task, Tasks


@dataclass
class Outcome:
    """What a run came to. `missing` says of each unread input why."""

    output: str
    book: dict[str, Any]
    missing: dict[str, str] = field(default_factory=dict)
    is_complete: bool = True


def run(recipe: Recipe, executor: Executor, progress: Progress) -> Outcome:
    """Take the recipe from its inputs to its mix, or as far as its inputs allow.

    Holds the lock of the output folder. Raises a TamisError for what the user has
    to mend; whatever was finished by then stays and is not done again.
    """
    look_ahead(recipe.stages)
    storage = Storage(recipe.output, recipe.storage_options)
    files = recipe_files(recipe, storage)
    readable = [file for file in files if not file.problem]
    if not readable:
        problem = files[0].problem if files else None
        raise InputError(problem or "input: the list names no file")
    with storage.lock():
        tasks = Tasks(storage, executor, progress)
        return Run(recipe, storage, tasks, files).whole()


def recipe_files(recipe: Recipe, storage: Storage) -> list[InputFile]:
    """What the recipe's `input` names; see `tamis.inputs`."""
    return resolve(
        recipe.input,
        recipe.storage_options,
        requests_per_second=getattr(recipe.stages[0], "requests_per_second", None),
        known=known_files(storage),
    )


class Run:
    """The state that one step hands to the next."""

    def __init__(
        self,
        recipe: Recipe,
        storage: Storage,
        tasks: Tasks,
        files: Sequence[InputFile],
        *,
        writes_plan: bool = True,
    ) -> None:
        self.writes_plan = writes_plan
        self.recipe = recipe
        self.storage = storage
        self.tasks = tasks
        self.files = [file for file in files if not file.problem]
        self.all_files = files
        self.missing = {without_secrets(f.path): f.problem for f in files if f.problem}
        self.saved: dict[str, list[Commit]] = {}
        self.sidecars: dict[str, list[File]] = {}
        self.parts: list[Part] = []
        self.labels: list[str | None] = []  # of layers; null: its rows name the stage
        self.books: dict[str, Any] = {}  # what barriers say of what they published
        self.tally: dict[str, Any] = {}
        self.last_acts: list[LastAct] = []  # of barriers, once all is done

    def whole(self) -> Outcome:
        """All steps, then the books."""
        start = time.time()
        self.steps()
        is_complete = len(self.missing) <= self.recipe.allow_missing_inputs
        book = finish(
            self.recipe,
            self.tasks,
            self.all_files,
            self._dropped_inputs(),
            self._dropped_work(),
            self.tally,
            self.missing,
            self.books,
            self.last_acts,
            seconds=time.time() - start,
            is_complete=is_complete,
        )
        return Outcome(self.recipe.output, book, self.missing, is_complete)

    def steps(self) -> None:
        """Passes and barriers, as far as the inputs allow."""
        for step in plan_steps(self.recipe.stages):
            if isinstance(step, BarrierStep):
                # No mix of a part of the corpus unless it is asked for.
                if len(self.missing) > self.recipe.allow_missing_inputs:
                    return
                self._barrier(step)
            elif step.kind == "source":
                self._source_pass(step)
            elif step.kind == "table":
                self._table_pass(step)
            elif step.kind == "column":
                self._layer_pass(step, run_columns)
            else:
                self._layer_pass(step, run_aligned)

    def _source_pass(self, step: Pass) -> None:
        source, *transforms = step.stages
        work = self._work(step, transforms)
        cores = self.tasks.executor.workers
        split_bytes = getattr(source, "split_bytes", None)
        ranges = planned_ranges(self.storage, self.files, split_bytes, cores)
        if self.writes_plan:
            write_plan(self.storage, self.files, split_bytes, ranges)
        makers = SplitTasks(
            work,
            source,
            self._print(step),
            tasks=cores,
            selection=selection_of(
                source,
                self.files,
                self.storage,
                self.recipe.storage_options,
                is_kept=self.writes_plan,
            ),
        )
        planned = {
            file.name: [
                makers.task(file, start, stop, exact=start == 0)
                for start, stop in ranges[file.name]
            ]
            for file in self.files
        }
        each = self.tasks.run_each(step.name, _flat(planned))
        files = self.files
        while corrected := corrected_tasks(files, planned, each, makers):
            planned.update(corrected)
            each |= self.tasks.run_each(step.name, _flat(corrected))
            files = [file for file in files if file.name in corrected]
        self._set_aside(planned, each)
        self.saved = {
            file.name: [c for task in planned[file.name] for c in each[task.key]]
            for file in self.files
        }
        self._count(step)

    def _set_aside(
        self, planned: dict[str, list[Task]], each: dict[str, list[Commit]]
    ) -> None:
        """An input of which a part cannot be read is left out whole."""
        for file in list(self.files):
            unread = [task.key for task in planned[file.name] if not each[task.key]]
            if unread:
                why = self.tasks.unreadable[unread[0]]
                self.missing[without_secrets(file.path)] = why
                self.files.remove(file)

    def _table_pass(self, step: Pass) -> None:
        """From every saved file, and the layers on it, to one of the next save."""
        work = self._work(step, step.stages)
        print_ = self._print(step)
        parts = {part.name: part for part in self.parts}
        planned = {
            file.name: [
                file_task(work, print_, rows)
                for rows in saved_rows(
                    self.saved[file.name],
                    self.labels,
                    parts.get(task_name(file.name)),
                )
            ]
            for file in self.files
        }
        each = self.tasks.run_each(step.name, _flat(planned))
        self._set_aside(planned, each)
        self.saved = {
            file.name: [c for task in planned[file.name] for c in each[task.key]]
            for file in self.files
        }
        # The next layers lie on what was saved now.
        self.parts, self.labels = [], []
        self._count(step)

    def _layer_pass(self, step: Pass, function: Callable[..., dict[str, Any]]) -> None:
        """A layer of decisions or of new columns for every part."""
        work = self._work(step, step.stages)
        parts = self._parts()
        prints = [fingerprint(self._print(step), part.fingerprint) for part in parts]
        gpus = max(config.own_pass_gpus() or 0.0 for config in step.stages)
        tasks = [
            Task(part.name, print_, function, (work, part), gpus=gpus)
            for part, print_ in zip(parts, prints, strict=True)
        ]
        commits = self.tasks.run(step.name, tasks)
        self.parts = [
            part.with_layer(commit.files[0], commit.fingerprint)
            for part, commit in zip(parts, commits, strict=True)
        ]
        self.labels.append(None)
        for commit in commits:
            add(self.tally, commit.tally)

    def _barrier(self, step: BarrierStep) -> None:
        parts = self._parts()
        prints: list[Any] = [
            stage_print(step.config),
            [part.fingerprint for part in parts],
        ]
        dry = not self.writes_plan
        stages = self.recipe.stages
        begun, acts = begin(step.config, parts, self.tasks, stages, is_dry=dry)
        self.last_acts += acts
        print_ = fingerprint(*prints, *begun)
        done = self.tasks.recall(step.name, "all", print_)
        if done is None:
            self.tasks.progress.begin(step.name, 0)
            start = time.time()
            result: Published = function_of(step.config)(
                step.config, parts, self.tasks, *begun
            )
            tally = {
                "counts": {**result.tally, "seconds": time.time() - start},
                "books": result.books,
            }
            files = (*result.layers, *result.files)
            done = self.tasks.record(step.name, Commit("all", print_, files, tally))
        layers = done.files[: len(parts)]
        self.parts = [
            part.with_layer(layer, print_)
            for part, layer in zip(parts, layers, strict=True)
        ]
        self.labels.append(step.name)
        add(self.tally, {"barriers": {step.name: done.tally["counts"]}})
        self.books.update(done.tally["books"])

    def _parts(self) -> list[Part]:
        """The saved documents by input file; kept with its layers from step to step."""
        if not self.parts:
            for file in self.files:
                files = tuple(
                    saved
                    for commit in self.saved[file.name]
                    for saved in commit.of(saved_name(commit))
                )
                print_ = fingerprint([saved.path for saved in files])
                self.parts.append(Part(task_name(file.name), print_, files))
        return self.parts

    def _work(self, step: Pass, transforms: Sequence[StageConfig]) -> PassWork:
        return PassWork(
            name=step.name,
            key=pass_print(transforms),
            stages=tuple(transforms),
            saved=step.saved,
            signals=self._signals(step),
            keep_dropped_text=self.recipe.dropped.text,
        )

    def _signals(self, step: Pass) -> pa.Schema:
        """What a dropped row of this pass can tell: no stage below it has any say."""
        return signal_columns(self.recipe.stages, step.end)

    def _print(self, step: Pass) -> str:
        """What every row of a pass depends on, kept or dropped, but for its input."""
        # Layers hold no texts: other rules of masking leave them as they are.
        masking = [masking_print()] if step.kind in ("source", "table") else []
        return pass_print(
            step.stages, self.recipe.dropped.text, str(self._signals(step)), *masking
        )

    def _count(self, step: Pass) -> None:
        """Add the tallies of a pass, and remember where its rows lie, dropped or saved.

        The tallies themselves go: those of 100,000 inputs would fill the driver.
        """
        for name, commits in self.saved.items():
            for commit in commits:
                tally = {k: v for k, v in commit.tally.items() if k != "split"}
                source = tally.get("source", {})
                for place in ("first_start", "next_start"):
                    source.pop(place, None)
                add(self.tally, tally)
                rows = commit.of(f"commits/{step.name}")
                self.sidecars.setdefault(name, []).extend(rows)
            self.saved[name] = [replace(commit, tally={}) for commit in commits]

    def _dropped_inputs(self) -> list[DroppedInput]:
        parts = {part.name: part for part in self._parts()}
        return [
            DroppedInput(
                task_name(file.name),
                tuple(self.sidecars[file.name]),
                parts[task_name(file.name)],
            )
            for file in self.files
        ]

    def _dropped_work(self) -> DroppedWork:
        return DroppedWork(
            signal_columns(self.recipe.stages),
            self.recipe.dropped.text,
            tuple(self.labels),
        )


def _flat(planned: Mapping[str, list[Task]]) -> list[Task]:
    return [task for tasks in planned.values() for task in tasks]
