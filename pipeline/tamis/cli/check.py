"""tamis check: show what a run would do."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tamis.addresses import without_secrets
from tamis.cli.options import recipe_argument, set_option
from tamis.errors import InputError, StorageError

if TYPE_CHECKING:
    from rich.table import Table

    from tamis.recipe.load import Recipe
    from tamis.recipe.plan import Step
    from tamis.runner.estimate import Estimate
    from tamis.runner.outlook import Outlook
    from tamis.stage import Stage

_NODE_CORES = 16  # of a node in examples


@click.command(
    "check",
    epilog="""\b
    Examples:
      tamis check
      tamis check stages.yaml --set filter_language.min_score=0.8
    """,
)
@recipe_argument
@set_option
def command(recipe: Path, overrides: tuple[str, ...]) -> None:
    """Check RECIPE (default: stages.yaml) and print its plan.

    Shows the passes, the columns that each stage reads and writes, the entries of the
    lists that it names, inputs and splits, the disk that a run needs, how much an earlier
    run has done already, and why the rest is done again. Exit code 2 if the recipe is
    wrong, 1 if the disk has not the space or more inputs than `allow_missing_inputs`
    cannot be read.
    """
    from rich.console import Console

    from tamis.api import check
    from tamis.recipe.load import load_recipe

    console = Console()
    checked = load_recipe(recipe, overrides)
    found = check(checked)
    console.print(_plan_table(checked, found))
    for stage in checked.stages:
        for line in stage.facts():
            console.print(f"{stage.label}: {line}", markup=False, soft_wrap=True)
    console.print(_inputs_line(found), highlight=False)
    for path, problem in found.problems.items():
        console.print(
            f"cannot be read: {problem or path}",
            style="yellow",
            soft_wrap=True,
            markup=False,
        )
    for line in _why_lines(found):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    for line in _estimate_lines(found.estimate, found):
        console.print(line, highlight=False, soft_wrap=True)
    if found.shortage:
        raise StorageError(found.shortage)
    if len(found.problems) > checked.allow_missing_inputs:
        raise InputError(
            f"{len(found.problems)} input(s) cannot be read: repair them, or set "
            f"allow_missing_inputs"
        )


def _plan_table(recipe: "Recipe", found: "Outlook") -> "Table":
    from rich.table import Table

    from tamis.recipe.plan import BarrierStep, plan_steps

    table = Table(
        title=f"{recipe.path} -> {without_secrets(recipe.output)}", title_justify="left"
    )
    table.add_column("step", no_wrap=True)
    table.add_column("stage", no_wrap=True)
    table.add_column("reads")
    table.add_column("writes")
    table.add_column("to do", no_wrap=True)
    for step in plan_steps(recipe.stages):
        stages = (step.stage,) if isinstance(step, BarrierStep) else step.stages
        name = _step_name(step)
        for stage in stages:
            table.add_row(
                name,
                stage.label,
                _some(stage.columns_read()),
                _written(stage),
                found.to_do.get(step.name, "") if name else "",
            )
            name = ""
        table.add_section()
    return table


def _why_lines(found: "Outlook") -> list[str]:
    """Why steps are done again, and which are not."""
    kept = [name for name, left in found.to_do.items() if left == "done"]
    kept = kept if found.splits else []  # of no input nothing is done
    lines = [f"again   {name}: {why}" for name, why in found.why.items()]
    if kept:
        lines.append(f"stays   {', '.join(kept)}")
    return lines


def _step_name(step: "Step") -> str:
    from tamis.recipe.plan import BarrierStep

    if isinstance(step, BarrierStep):
        return "barrier"
    return f"save {step.name}" if step.kind in ("source", "table") else "columns"


def _written(stage: "Stage") -> str:
    """Names of the columns written; the provenance of a source is one word."""
    from tamis.schema import PROVENANCE

    names = [*stage.columns_written().names]
    if stage.kind != "source":
        return _some(names)
    own = [n for n in names if n not in (*PROVENANCE.names, "drop_reason")]
    return _some(["provenance", *own])


def _some(names: list[str] | tuple[str, ...]) -> str:
    shown = ", ".join(names[:4])
    return f"{shown} ... ({len(names)})" if len(names) > 4 else shown


def _inputs_line(found: "Outlook") -> str:
    from tamis.sizes import spelled

    return (
        f"inputs  {found.files} files, {spelled(found.input_bytes)}, "
        f"{found.splits} splits on {found.workers} workers"
    )


def _scale_line(bill: "Estimate", tasks: int) -> str:
    """For how large a cluster there is work, and what its machines need."""
    from tamis.runner.estimate import cores_kept_busy
    from tamis.sizes import spelled
    from tamis.work.executors import TASK_BYTES

    cores = cores_kept_busy(tasks)
    nodes = -(-cores // _NODE_CORES)
    line = (
        f"scales  to about {cores:,} cores, {nodes:,} nodes of {_NODE_CORES}: {tasks:,} "
        f"tasks of {spelled(TASK_BYTES)} of memory"
    )
    if bill.largest:
        line += f"; the largest of {bill.largest} has {spelled(bill.memory_bytes)}"
    return line


def _by_rate(bill: "Estimate") -> str:
    if bill.measured is None:
        return ""
    return (
        f", at {bill.measured.seconds * 1000:.2f} ms a page as of the last "
        f"{bill.measured.pages:,} here"
    )


def _estimate_lines(bill: "Estimate", found: "Outlook") -> list[str]:
    from tamis.sizes import spelled

    lines = [
        f"expect  about {bill.pages:,} pages, {spelled(bill.disk_bytes)} of disk, "
        f"{bill.core_hours:.1f} core hours from the start{_by_rate(bill)}"
    ]
    for label, own in bill.bills.items():
        lines.append(f"        of these {label} {own.stated()}")
        if own.index_bytes:
            lines.append(
                f"        and {spelled(own.index_bytes)} at most, permanently, "
                f"in the index"
            )
    lines.append(_scale_line(bill, found.splits))
    if found.free_bytes is not None:
        lines.append(f"free    {spelled(found.free_bytes)} where the output goes")
    return lines
