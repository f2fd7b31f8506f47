"""One run: steps in order, each skipping what is finished, then the run summary.

A step needs the commits of the step before it: of saved files (a pass), or of parts
with their layers (filters on columns, barriers).
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import pyarrow as pa

from tamis.documents.parts import Part, Published
from tamis.errors import DamagedFile, InputError
from tamis.inputs import InputFile, resolve
from tamis.recipe.load import Recipe
from tamis.recipe.plan import BarrierStep, Pass, plan_steps, signal_columns
from tamis.remote.failures import without_secrets
from tamis.runner.dropped.publish import DroppedInput, DroppedWork
from tamis.runner.dropped.rows import masking_fingerprint
from tamis.runner.finish import LastAct, finish
from tamis.runner.passes.layers import run_layer
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
from tamis.stage import Barrier, Begun, Source, Stage, Transform
from tamis.stage_source import refuse_without_file
from tamis.storage import Storage
from tamis.tally import RunSummary, Tally, add
from tamis.work.commits import Commit, File, fingerprint_of
from tamis.work.executors import Executor, InlineExecutor
from tamis.work.fingerprints import pass_fingerprint, stage_dependencies
from tamis.work.tasks import Progress, Task, Tasks


@dataclass
class Outcome:
    """The result of a run. `missing` has the reason for each unread input."""

    output: str
    summary: RunSummary
    missing: dict[str, str] = field(default_factory=dict)
    is_complete: bool = True

    def raise_if_incomplete(self) -> None:
        """Raise InputError, naming the inputs that could not be read."""
        if not self.is_complete:
            names = "\n".join(f"  {why}" for why in self.missing.values())
            raise InputError(
                f"{len(self.missing)} input(s) could not be read, so no mix was made; "
                f"repair them and run again, or set allow_missing_inputs:\n{names}"
            )


@dataclass(frozen=True)
class Setting:
    """What does not change from the first step of a run to the last.

    A dry run writes nothing: it only finds what is finished.
    """

    recipe: Recipe
    storage: Storage
    tasks: Tasks
    inputs: Sequence[InputFile]
    is_dry: bool = False

    @property
    def missing_at_most(self) -> int:
        return self.recipe.allow_missing_inputs


@dataclass
class State:
    """What one step gives to the next.

    files      inputs that could be read so far
    missing    why the others could not, by path
    saved      commits of the last save so far, by input name
    sidecars   files of dropped rows, by input name
    parts      that save with its layers; empty until a step needs them
    labels     the stage of each layer; null if its rows name the stage
    manifests  JSON files that barriers publish at the end
    last_acts  functions of barriers that are called at the end
    """

    files: list[InputFile]
    missing: dict[str, str]
    saved: dict[str, list[Commit]] = field(default_factory=dict)
    sidecars: dict[str, list[File]] = field(default_factory=dict)
    parts: list[Part] = field(default_factory=list)
    labels: list[str | None] = field(default_factory=list)
    manifests: dict[str, Any] = field(default_factory=dict)
    last_acts: list[LastAct] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)


def run(recipe: Recipe, executor: Executor, progress: Progress) -> Outcome:
    """Run the recipe from its inputs to its mix, or as far as its inputs allow.

    A file of the folder that is found damaged is made again, by going through all steps
    once more: those that are finished take no time.

    Holds the lock of the output folder. Raises a TamisError for what the user has to
    correct; finished work is kept and not done again.
    """
    look_ahead(recipe.stages)
    if not isinstance(executor, InlineExecutor):
        for stage in recipe.stages:
            refuse_without_file(type(stage))
    storage = Storage(recipe.output, recipe.storage_options)
    files = recipe_files(recipe, storage)
    if all(file.problem for file in files):
        problem = files[0].problem if files else None
        raise InputError(problem or "input: the list names no file")
    with storage.lock():
        start = time.time()
        setting = Setting(recipe, storage, Tasks(storage, executor, progress), files)
        made_again: set[str] = set()
        while True:
            try:
                return _to_the_end(setting, executor, start)
            except DamagedFile as error:
                # A file of an index cannot be made again. Nor does it help to make one
                # again that was damaged right after that: the disk has to be looked at.
                if error.root != storage.root or made_again & set(error.names):
                    raise
                made_again |= set(error.names)
                progress.note(f"{error.what}: made again")
                setting.tasks.forget(error.names)


def _to_the_end(setting: Setting, executor: Executor, start: float) -> Outcome:
    """All steps, then the run summary. Raises DamagedFile."""
    recipe = setting.recipe
    state = run_steps(setting)
    is_complete = len(state.missing) <= setting.missing_at_most
    summary = finish(
        recipe,
        setting.tasks,
        setting.inputs,
        dropped=_dropped_inputs(state),
        work=_dropped_work(recipe, state),
        tally=state.tally,
        missing=state.missing,
        manifests=state.manifests,
        last_acts=state.last_acts,
        executor=executor.kind,
        seconds=time.time() - start,
        is_complete=is_complete,
    )
    return Outcome(recipe.output, summary, state.missing, is_complete)


def look_ahead(stages: Sequence[Stage]) -> None:
    """Raise ConfigError if an index outside the run does not fit the recipe."""
    for stage in stages:
        if isinstance(stage, Barrier):
            stage.look_ahead(stages)


def recipe_files(recipe: Recipe, storage: Storage) -> list[InputFile]:
    """The files of the recipe's `input`; see `tamis.inputs`."""
    source = recipe.stages[0]
    assert isinstance(source, Source)
    return resolve(
        recipe.input,
        recipe.storage_options,
        requests_per_second=source.requests_to_one_host(),
        known=known_files(storage),
    )


def run_steps(setting: Setting) -> State:
    """Run passes and barriers, as far as the inputs allow."""
    state = State(
        files=[file for file in setting.inputs if not file.problem],
        missing={
            without_secrets(file.path): file.problem
            for file in setting.inputs
            if file.problem
        },
    )
    for step in plan_steps(setting.recipe.stages):
        if isinstance(step, BarrierStep):
            # No mix from an incomplete corpus unless the recipe allows it.
            if len(state.missing) > setting.missing_at_most:
                break
            _barrier(setting, state, step)
        elif step.kind == "source":
            _source_pass(setting, state, step)
        elif step.kind == "table":
            _table_pass(setting, state, step)
        else:
            _layer_pass(setting, state, step)
    return state


def _source_pass(setting: Setting, state: State, step: Pass) -> None:
    """Take every split of every input to a file of the first save."""
    source = step.stages[0]
    assert isinstance(source, Source)
    tasks, storage = setting.tasks, setting.storage
    ranges = planned_ranges(
        storage,
        state.files,
        source,
        cores=tasks.executor.workers,
        note=tasks.progress.note,
    )
    if not setting.is_dry:
        write_plan(storage, state.files, source, ranges=ranges)
    makers = SplitTasks(
        _work(setting, step),
        source,
        _pass_fingerprint(setting, step),
        tasks=tasks.executor.workers,
        selection=selection_of(
            source,
            state.files,
            storage,
            options=setting.recipe.storage_options,
            is_kept=not setting.is_dry,
            note=tasks.progress.note,
        ),
    )
    planned = {
        file.name: [
            makers.task(file, start, stop, exact=start == 0)
            for start, stop in ranges[file.name]
        ]
        for file in state.files
    }
    each = tasks.run_each(step.name, _flat(planned))
    files = state.files
    while corrected := corrected_tasks(files, planned, each, makers=makers):
        planned.update(corrected)
        each |= tasks.run_each(step.name, _flat(corrected))
        files = [file for file in files if file.name in corrected]
    _take_saved(setting, state, step, planned=planned, each=each)


def _table_pass(setting: Setting, state: State, step: Pass) -> None:
    """Take every saved file, with its layers, to a file of the next save."""
    work = _work(setting, step)
    fingerprint = _pass_fingerprint(setting, step)
    parts = {part.name: part for part in state.parts}
    planned = {
        file.name: [
            file_task(work, fingerprint, rows)
            for rows in saved_rows(
                state.saved[file.name], state.labels, parts.get(task_name(file.name))
            )
        ]
        for file in state.files
    }
    each = setting.tasks.run_each(step.name, _flat(planned))
    # The next layers belong to the new save.
    state.parts, state.labels = [], []
    _take_saved(setting, state, step, planned=planned, each=each)


def _layer_pass(setting: Setting, state: State, step: Pass) -> None:
    """Write a layer of decisions or of new columns for every part."""
    work = _work(setting, step)
    parts = _parts(state)
    fingerprint = _pass_fingerprint(setting, step)
    tasks = [
        Task(
            part.name,
            fingerprint_of(fingerprint, part.fingerprint),
            run_layer,
            (work, part),
            gpus=step.resources.gpu if step.resources else 0.0,
        )
        for part in parts
    ]
    commits = setting.tasks.run(step.name, tasks)
    state.parts = [
        part.with_layer(commit.files[0], commit.fingerprint)
        for part, commit in zip(parts, commits, strict=True)
    ]
    state.labels.append(None)
    for commit in commits:
        add(state.tally, commit.tally)


def _barrier(setting: Setting, state: State, step: BarrierStep) -> None:
    """Make the layers of a stage that sees the whole data set."""
    parts, stage, tasks = _parts(state), step.stage, setting.tasks
    stages = setting.recipe.stages
    begun = stage.begin(parts, tasks, stages, is_dry=setting.is_dry)
    if begun is not None:
        state.last_acts.append(partial(stage.conclude, list(parts), tasks, begun))
    depends = [stage_dependencies(stage), [part.fingerprint for part in parts]]
    fingerprint = fingerprint_of(*depends, *([begun] if begun is not None else []))
    done = tasks.recall(step.name, "all", fingerprint)
    if done is None:
        tasks.progress.begin(step.name, 0)
        announce(stage, parts, tasks, above=stages[: step.position])
        done = _run_barrier(step, parts, tasks, begun=begun, fingerprint=fingerprint)
    layers = done.files[: len(parts)]
    state.parts = [
        part.with_layer(layer, fingerprint)
        for part, layer in zip(parts, layers, strict=True)
    ]
    state.labels.append(step.name)
    add(state.tally, {"barriers": {step.name: done.tally["counts"]}})
    state.manifests.update(done.tally["manifests"])


def announce(
    stage: Stage, parts: Sequence[Part], tasks: Tasks, *, above: Sequence[Stage]
) -> None:
    """Show what a barrier will need, before it starts."""
    documents = sum(part.rows for part in parts)
    bill = stage.bill(documents, above)
    if bill is not None:
        tasks.progress.note(f"{stage.label}: {documents:,} documents, {bill.stated()}")


def _run_barrier(
    step: BarrierStep,
    parts: Sequence[Part],
    tasks: Tasks,
    *,
    begun: Begun | None,
    fingerprint: str,
) -> Commit:
    start = time.time()
    result: Published = step.stage.run(parts, tasks, begun)
    tally = {
        "counts": {**result.tally, "seconds": time.time() - start},
        "manifests": result.manifests,
    }
    files = (*result.layers, *result.files)
    return tasks.record(step.name, Commit("all", fingerprint, files, tally))


def _take_saved(
    setting: Setting,
    state: State,
    step: Pass,
    *,
    planned: Mapping[str, Sequence[Task]],
    each: Mapping[str, list[Commit]],
) -> None:
    """Take over what a pass saved and dropped; leave out inputs that were not fully read.

    The tallies are added up and then released: those of 100,000 inputs would fill the
    driver's memory.
    """
    for file in list(state.files):
        unread = [task.key for task in planned[file.name] if not each[task.key]]
        if unread:
            why = setting.tasks.unreadable[unread[0]]
            state.missing[without_secrets(file.path)] = why
            state.files.remove(file)
    state.saved = {}
    for file in state.files:
        commits = [c for task in planned[file.name] for c in each[task.key]]
        for commit in commits:
            tally = {k: v for k, v in commit.tally.items() if k != "split"}
            source = tally.get("source", {})
            for place in ("first_start", "next_start"):
                source.pop(place, None)
            add(state.tally, tally)
            rows = commit.of(f"commits/{step.name}")
            state.sidecars.setdefault(file.name, []).extend(rows)
        state.saved[file.name] = [replace(commit, tally={}) for commit in commits]


def _parts(state: State) -> list[Part]:
    """The saved documents by input file, kept with their layers from step to step."""
    if not state.parts:
        for file in state.files:
            files = tuple(
                saved
                for commit in state.saved[file.name]
                for saved in commit.of(saved_name(commit))
            )
            fingerprint = fingerprint_of([saved.path for saved in files])
            state.parts.append(Part(task_name(file.name), fingerprint, files))
    return state.parts


def _work(setting: Setting, step: Pass) -> PassWork:
    transforms = tuple(s for s in step.stages if isinstance(s, Transform))
    return PassWork(
        name=step.name,
        key=pass_fingerprint(transforms),
        stages=transforms,
        saved=step.saved,
        signals=_signals(setting, step),
        keep_dropped_text=setting.recipe.dropped.text,
    )


def _signals(setting: Setting, step: Pass) -> pa.Schema:
    """The signals of a row that this pass drops: of its stages and of earlier ones."""
    return signal_columns(setting.recipe.stages, step.end)


def _pass_fingerprint(setting: Setting, step: Pass) -> str:
    """What every row of a pass, kept or dropped, depends on besides its input."""
    # Layers hold no texts, so they do not depend on the masking rules.
    masking = [masking_fingerprint()] if step.kind in ("source", "table") else []
    signals = str(_signals(setting, step))
    return pass_fingerprint(step.stages, setting.recipe.dropped.text, signals, *masking)


def _dropped_inputs(state: State) -> list[DroppedInput]:
    parts = {part.name: part for part in _parts(state)}
    return [
        DroppedInput(
            task_name(file.name),
            tuple(state.sidecars[file.name]),
            parts[task_name(file.name)],
        )
        for file in state.files
    ]


def _dropped_work(recipe: Recipe, state: State) -> DroppedWork:
    return DroppedWork(
        signal_columns(recipe.stages), recipe.dropped.text, tuple(state.labels)
    )


def _flat(planned: Mapping[str, list[Task]]) -> list[Task]:
    return [task for tasks in planned.values() for task in tasks]
