"""tamis status: how far a run is, from what it says in its output folder."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tamis.cli.options import run_argument, storage_option

if TYPE_CHECKING:
    from tamis.runner.live import RunState, Status, StepState


@click.command(
    "status",
    epilog="""\b
    Examples:
      tamis status out/
      tamis status s3://bucket/out/ --recipe stages.yaml
    """,
)
@run_argument
@storage_option
def command(run: str, recipe: Path | None) -> None:
    """Show how far the run in RUN, an output folder, is.

    Works on any machine that can read the folder, while the run goes on and after its
    end: what is done, the rate, the time left, the workers, and what was lost so far. A run that
    is heard of no more is watched for half a minute. Exit code 1 if no run has
    been here.
    """
    from tamis import api
    from tamis.cli.showing import visible
    from tamis.runner.recorded import storage_options_of

    found = api.status(run, storage_options=storage_options_of(recipe))
    for line in status_lines(found):
        click.echo(visible(line))


def status_lines(found: "Status") -> Iterator[str]:
    """A line about the run, one for each of its steps, what is to come, and losses."""
    state = found.state
    yield _head(found)
    for step in state["steps"]:
        if step["total"]:
            is_last = found.phase == "running" and step is state["steps"][-1]
            yield f"{step['name']:<24} {_step(step, is_running=is_last)}"
    if state["to_come"] and found.phase not in ("complete", "failed"):
        yield f"{'then':<24} {', '.join(state['to_come'])}"
    yield f"{'lost':<24} {', '.join(_losses(state)) or 'nothing'}"


def _head(found: "Status") -> str:
    from tamis.runner.progress import spelled_time

    state = found.state
    parts = [spelled_time(state["seconds"]), f"{state['workers']:,} workers"]
    if found.phase == "running":
        on = f" on {state['machines']:,} machines" if state["machines"] > 1 else ""
        parts.append(f"{state['running']:,} tasks at work{on}")
    if found.phase == "silent":
        parts.append("nobody renews its state: `tamis run` goes on where it was")
    if state["why"]:
        parts.append(state["why"])
    if found.seconds_ago is not None:
        parts.append(f"said {spelled_time(found.seconds_ago)} ago")
    return f"{found.phase:<24} {', '.join(parts)}"


def _step(step: "StepState", *, is_running: bool) -> str:
    from tamis.runner.live import rate_of, seconds_left
    from tamis.runner.progress import spelled_time

    done = f"{step['done']:,.1f}".removesuffix(".0")
    parts = [f"{done} of {step['total']:,} tasks"]
    if step["pages"]:
        parts.append(f"{step['pages']:,} pages, {rate_of(step):,.0f}/s")
    left = seconds_left(step) if is_running else None
    if left is not None:
        parts.append(f"{spelled_time(left)} left")
    elif not is_running:
        parts.append(spelled_time(step["seconds"]))
    return ", ".join(parts)


def _losses(state: "RunState") -> Iterator[str]:
    from tamis.sizes import spelled

    lost = state["lost"]
    if lost["records"] or lost["bytes"]:
        yield f"{lost['records']:,} records and {spelled(lost['bytes'])} of archives"
    if lost["inputs"]:
        yield f"{lost['inputs']:,} inputs set aside"
    if lost["requests"]:
        yield f"{lost['requests']:,} requests made again"
    if lost["tasks"]:
        yield f"{sum(lost['tasks'].values()):,} tasks tried again"
