"""Run a recipe: its inputs, its steps, and what it publishes at the end."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tamis.addresses import without_secrets
from tamis.errors import DamagedFile, InputError
from tamis.recipe.load import Recipe
from tamis.recipe.plan import plan_steps, signal_columns
from tamis.runner.denied import with_denials
from tamis.runner.dropped.publish import DroppedInput, DroppedWork
from tamis.runner.finish import finish
from tamis.runner.foreign import refuse_damaged_files
from tamis.runner.live import Live, RunState
from tamis.runner.lost import lost_of
from tamis.runner.metrics import MetricsFile, families_of_state, families_of_summary
from tamis.runner.outlook import refuse_without_space
from tamis.runner.passes.splits import task_name
from tamis.runner.steps import (
    Setting,
    State,
    kernels_of,
    look_ahead,
    parts_of,
    recipe_files,
    run_steps,
)
from tamis.stage_source import refuse_without_file
from tamis.stages.mask_pii import MaskPii, together
from tamis.storage import Storage
from tamis.storage.fetched import outside_tasks
from tamis.tally import RunSummary
from tamis.work.executors import Executor, InlineExecutor
from tamis.work.tasks import Progress, Tasks


@dataclass
class Outcome:
    """The result of a run. `missing` has the reason for each unread input."""

    output: str
    summary: RunSummary
    missing: dict[str, str] = field(default_factory=dict)
    is_complete: bool = True

    def raise_if_incomplete(self) -> None:
        """Raise InputError for inputs that could not be read, and for too many losses."""
        share, most = self.summary["lost"]["share"], self.summary["recipe"]["max_lost"]
        if self.is_complete and share > most:
            raise InputError(
                f"{share:.2%} of the records are lost, over max_lost ({most:.2%}): the mix "
                f"is published, and {self.output.rstrip('/')}/report.html says where "
                f"they are; repair the archives and run again, or set max_lost"
            )
        if not self.is_complete:
            names = "\n".join(f"  {why}" for why in self.missing.values())
            raise InputError(
                f"{len(self.missing)} input(s) could not be read, so no mix was made; "
                f"repair them and run again, or set allow_missing_inputs:\n{names}"
            )


def run(
    recipe: Recipe,
    executor: Executor,
    progress: Progress,
    *,
    metrics_file: Path | None = None,
) -> Outcome:
    """Run the recipe from its inputs to its mix, or as far as its inputs allow.

    A file of the folder that is found damaged is made again, by going through all steps
    once more: those that are finished take no time.

    Holds the lock of the output folder. Raises a TamisError for what the user has to
    correct; finished work is kept and not done again.
    """
    metrics = MetricsFile(metrics_file, progress.note) if metrics_file else None
    recipe, _ = with_denials(recipe)
    before = outside_tasks()
    look_ahead(recipe.stages)
    if not isinstance(executor, InlineExecutor):
        for stage in recipe.stages:
            refuse_without_file(type(stage))
    refuse_damaged_files(recipe.stages)
    executor.kernels = kernels_of(recipe.stages)
    storage = Storage(recipe.output, recipe.storage_options)
    files = recipe_files(recipe, storage, progress.note)
    if all(file.problem for file in files):
        problem = files[0].problem if files else None
        raise InputError(problem or "input: the list names no file")
    with storage.lock(note=progress.note):
        # Once more: `tamis forget` may have had the lock until now.
        recipe, denied = with_denials(recipe)
        start = time.time()
        refuse_without_space(recipe, storage, files, workers=executor.workers)
        watching = _live(recipe, storage, executor, progress, metrics, before)
        with watching.beating() as live:
            tasks = live.tasks = Tasks(
                storage,
                executor,
                live,
                stall_seconds=60 * recipe.executor.stall_minutes,
            )
            setting = Setting(recipe, storage, tasks, files, denied=denied)
            outcome = _mended(setting, live, executor, start)
            live.say("complete" if outcome.is_complete else "incomplete")
        families = families_of_summary(outcome.summary)
        executor.report(families)
        if metrics is not None:
            metrics.write(families)
        return outcome


def _live(
    recipe: Recipe,
    storage: Storage,
    executor: Executor,
    progress: Progress,
    metrics: MetricsFile | None,
    before: int,
) -> Live:
    """The progress that is also kept in the folder, and in the file of metrics."""

    def told(state: RunState, counts: Mapping[str, Any]) -> None:
        families = families_of_state(state, counts)
        executor.report(families)
        if metrics is not None:
            metrics.write(families)

    planned = [step.name for step in plan_steps(recipe.stages)]
    return Live(progress, storage, executor, planned, told, before=before)


def _mended(setting: Setting, live: Live, executor: Executor, start: float) -> Outcome:
    """To the end, once more for each set of damaged files that can be made again."""
    made_again: set[str] = set()
    while True:
        try:
            return _to_the_end(setting, live, executor, start)
        except DamagedFile as error:
            # A file of an index cannot be made again. Nor does it help to make one
            # again that was damaged right after that: the disk has to be looked at.
            if error.root != setting.storage.root or made_again & set(error.names):
                raise
            made_again |= set(error.names)
            setting.tasks.progress.note(f"{error.what}: made again")
            setting.tasks.forget(error.names)


def _to_the_end(
    setting: Setting, live: Live, executor: Executor, start: float
) -> Outcome:
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
        lost=lost_of(
            state.losses,
            state.tally.get("source", {}),
            state.tally.get("stages", {}),
            set_aside=len(state.missing),
            retried=setting.tasks.retried,
        ),
        manifests=state.manifests,
        files_of_barriers=state.published,
        last_acts=state.last_acts,
        executor=executor.kind,
        fetched=live.fetched,
        seconds=time.time() - start,
        is_complete=is_complete,
    )
    return Outcome(without_secrets(recipe.output), summary, state.missing, is_complete)


def _dropped_inputs(state: State) -> list[DroppedInput]:
    parts = {part.name: part for part in parts_of(state)}
    return [
        DroppedInput(
            task_name(unit.name),
            tuple(state.sidecars[unit.name]),
            parts[task_name(unit.name)],
        )
        for unit in state.units
    ]


def _dropped_work(recipe: Recipe, state: State) -> DroppedWork:
    masking = [stage for stage in recipe.stages if isinstance(stage, MaskPii)]
    return DroppedWork(
        signal_columns(recipe.stages),
        recipe.dropped.text,
        tuple(state.labels),
        together([stage.masks for stage in masking]) if masking else None,
    )
