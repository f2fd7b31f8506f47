"""One run: steps in order, each skipping what is finished, then the run summary.

A step needs the commits of the step before it: of saved files (a pass), or of parts
with their layers (filters on columns, barriers).
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import pyarrow as pa

from tamis.denials.state import Place
from tamis.documents.parts import Part, Published
from tamis.inputs import InputFile, resolve, shown_places, warc_paths
from tamis.kernels import ALWAYS, USES
from tamis.recipe.load import Recipe
from tamis.recipe.plan import BarrierStep, Pass, plan_steps, signal_columns
from tamis.runner.dropped.rows import masking_fingerprint
from tamis.runner.finish import LastAct
from tamis.runner.lost import InputLoss, input_loss
from tamis.runner.passes.layers import run_layer
from tamis.runner.passes.saved import file_task, saved_name, saved_rows
from tamis.runner.passes.splits import (
    SplitTasks,
    corrected_tasks,
    earlier_plan,
    planned_ranges,
    selection_of,
    task_name,
    write_plan,
)
from tamis.runner.passes.units import Unit, units_of
from tamis.runner.passes.work import PassWork
from tamis.stage import Barrier, Begun, Source, Stage, Transform
from tamis.storage import Storage
from tamis.storage.parquet import first_name
from tamis.tally import Tally, add
from tamis.work.commits import Commit, File, fingerprint_of
from tamis.work.fingerprints import pass_fingerprint, stage_dependencies
from tamis.work.tasks import WHOLE, Task, Tasks


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
    denied: Place | None = None

    @property
    def missing_at_most(self) -> int:
        return self.recipe.allow_missing_inputs


@dataclass
class State:
    """What one step gives to the next.

    units      inputs that could be read so far, by part
    missing    why the others could not, by place
    places     where each input is, without secrets, by path
    saved      commits of the last save so far, by the unit's name
    sidecars   files of dropped rows, by the unit's name
    parts      that save with its layers; empty until a step needs them
    labels     the stage of each layer; null if its rows name the stage
    manifests  JSON files that barriers publish at the end
    published  files of barriers that stay after the run
    last_acts  functions of barriers that are called at the end
    losses     of the inputs that lost something
    """

    units: list[Unit]
    missing: dict[str, str]
    places: dict[str, str]
    saved: dict[str, list[Commit]] = field(default_factory=dict)
    sidecars: dict[str, list[File]] = field(default_factory=dict)
    parts: list[Part] = field(default_factory=list)
    labels: list[str | None] = field(default_factory=list)
    manifests: dict[str, Any] = field(default_factory=dict)
    published: set[str] = field(default_factory=set)
    last_acts: list[LastAct] = field(default_factory=list)
    losses: list[InputLoss] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)


def kernels_of(stages: Sequence[Stage]) -> tuple[str, ...]:
    """The uses of kernels (tamis.kernels) that a recipe has."""
    named = {use for stage in stages for use in stage.kernel_uses()}
    return tuple(use for use in USES if use in ALWAYS or use in named)


def look_ahead(stages: Sequence[Stage]) -> None:
    """Raise ConfigError if an index outside the run does not fit the recipe."""
    for stage in stages:
        if isinstance(stage, Barrier):
            stage.look_ahead(stages)


def recipe_files(
    recipe: Recipe, storage: Storage, note: Callable[[str], None] | None = None
) -> list[InputFile]:
    """The files of the recipe's `input`; see `tamis.inputs`. Without `note` lines about
    places that do not answer go to stderr.
    """
    source = recipe.stages[0]
    assert isinstance(source, Source)
    if source.names_inputs:
        return source.inputs()
    plan = earlier_plan(storage)
    return resolve(
        recipe.input,
        recipe.storage_options,
        requests_per_second=source.requests_to_one_host(),
        known={name: (about["size"], about["etag"]) for name, about in plan.items()},
        stamped={about["seen"]: about["stamp"] for about in plan.values()},
        note=note,
    )


def run_steps(setting: Setting) -> State:
    """Run passes and barriers, as far as the inputs allow."""
    places = shown_places(setting.inputs)
    state = State(
        units=[Unit((file,)) for file in setting.inputs if not file.problem],
        missing={
            places[file.path]: file.problem for file in setting.inputs if file.problem
        },
        places=places,
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
    files = [file for unit in state.units for file in unit.files]
    earlier = earlier_plan(storage, tasks.progress.note)
    cores = tasks.executor.workers
    ranges = planned_ranges(earlier, files, source, cores=cores)
    if not setting.is_dry:
        write_plan(storage, earlier, files, source, ranges=ranges)
    selection = selection_of(
        source,
        files,
        storage,
        options=setting.recipe.storage_options,
        is_kept=not setting.is_dry,
        note=tasks.progress.note,
    )
    makers = SplitTasks(
        pass_work(setting, step),
        source,
        _pass_fingerprint(setting, step),
        warc_paths=warc_paths(setting.inputs),
        tasks=tasks.executor.workers,
        selection=selection,
    )
    if selection is None:
        state.units = units_of(files, ranges)
    planned = {unit.name: makers.tasks(unit, ranges) for unit in state.units}
    each = tasks.run_each(step.name, _flat(planned))
    broken = [u for u in state.units if u.is_group and not each[u.name]]
    if broken:
        apart = [one for unit in broken for one in unit.apart()]
        planned |= {unit.name: makers.tasks(unit, ranges) for unit in apart}
        whole = [unit for unit in state.units if unit not in broken]
        state.units = sorted([*whole, *apart], key=lambda unit: unit.files[0].name)
    units = state.units
    while corrected := corrected_tasks(units, planned, each, makers=makers):
        planned.update(corrected)
        each |= tasks.run_each(step.name, _flat(corrected))
        units = [unit for unit in units if unit.name in corrected]
    _take_saved(setting, state, step, planned=planned, each=each)


def _table_pass(setting: Setting, state: State, step: Pass) -> None:
    """Take every saved file, with its layers, to a file of the next save."""
    work = pass_work(setting, step)
    fingerprint = _pass_fingerprint(setting, step)
    parts = {part.name: part for part in state.parts}
    planned = {
        unit.name: [
            file_task(work, fingerprint, rows)
            for rows in saved_rows(
                state.saved[unit.name], state.labels, parts.get(task_name(unit.name))
            )
        ]
        for unit in state.units
    }
    each = setting.tasks.run_each(step.name, _flat(planned))
    # The next layers belong to the new save.
    state.parts, state.labels = [], []
    _take_saved(setting, state, step, planned=planned, each=each)


def _layer_pass(setting: Setting, state: State, step: Pass) -> None:
    """Write a layer of decisions or of new columns for every part."""
    work = pass_work(setting, step)
    parts = parts_of(state)
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
    add(state.tally, setting.tasks.total(step.name, commits))


def _barrier(setting: Setting, state: State, step: BarrierStep) -> None:
    """Make the layers of a stage that sees the whole data set."""
    parts, stage, tasks = parts_of(state), step.stage, setting.tasks
    stages = setting.recipe.stages
    begun = stage.begin(parts, tasks, stages, is_dry=setting.is_dry)
    if begun is not None:
        state.last_acts.append(partial(stage.conclude, list(parts), tasks, begun))
    depends = [stage_dependencies(stage), [part.fingerprint for part in parts]]
    fingerprint = fingerprint_of(*depends, *([begun] if begun is not None else []))
    done = tasks.recall(step.name, WHOLE, fingerprint)
    if done is None:
        tasks.progress.begin(step.name, 0)
        announce(stage, parts, tasks, above=stages[: step.position])
        done = _run_barrier(step, parts, tasks, begun=begun, fingerprint=fingerprint)
    layers = done.files[: len(parts)]
    state.published.update(file.path for file in done.files[len(parts) :])
    state.parts = [
        part.with_layer(layer, fingerprint)
        for part, layer in zip(parts, layers, strict=True)
    ]
    state.labels.append(step.name)
    add(state.tally, {"barriers": {step.name: done.tally["counts"]}})
    state.manifests.update(done.tally["manifests"])
    tasks.release()


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
    return tasks.record(step.name, Commit(WHOLE, fingerprint, files, tally))


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
    for unit in list(state.units):
        unread = [task.key for task in planned[unit.name] if not each[task.key]]
        if unread:
            why = setting.tasks.unreadable[unread[0]]
            state.missing |= {state.places[file.path]: why for file in unit.files}
            state.units.remove(unit)
    state.saved, every = {}, []
    for unit in state.units:
        commits = [c for task in planned[unit.name] for c in each[task.key]]
        every += commits
        for commit in commits:
            rows = commit.of(f"commits/{step.name}")
            state.sidecars.setdefault(unit.name, []).extend(rows)
        state.saved[unit.name] = [replace(commit, tally={}) for commit in commits]
        if step.kind == "source":
            state.losses += _losses(unit, [dict(c.tally.items()) for c in commits])
    add(state.tally, setting.tasks.total(step.name, every))


def _losses(unit: Unit, tallies: Sequence[Mapping[str, Any]]) -> list[InputLoss]:
    """The losses of each input of a unit that lost something."""
    found = []
    for file in unit.files:
        own = [
            one for tally in tallies if (one := tally.get("lossy", {}).get(file.name))
        ]
        read = own if unit.is_group else [tally["source"] for tally in tallies]
        found.append(input_loss(file.name, file.size, read if own else []))
    return [loss for loss in found if loss.lost]


def parts_of(state: State) -> list[Part]:
    """The saved documents by input file, kept with their layers from step to step."""
    if not state.parts:
        for unit in state.units:
            files = tuple(
                saved
                for commit in state.saved[unit.name]
                for saved in commit.of(saved_name(commit))
            )
            fingerprint = fingerprint_of([first_name(saved.path) for saved in files])
            inputs = tuple(task_name(file.name) for file in unit.files)
            part = Part(task_name(unit.name), fingerprint, files, inputs=inputs)
            state.parts.append(part)
    return state.parts


def pass_work(setting: Setting, step: Pass) -> PassWork:
    """What every task of a pass needs."""
    transforms = tuple(s for s in step.stages if isinstance(s, Transform))
    return PassWork(
        name=step.name,
        key=pass_fingerprint(transforms),
        stages=transforms,
        saved=step.saved,
        signals=_signals(setting, step),
        keep_dropped_text=setting.recipe.dropped.text,
        denied=setting.denied,
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


def _flat(planned: Mapping[str, list[Task]]) -> list[Task]:
    return [task for tasks in planned.values() for task in tasks]
