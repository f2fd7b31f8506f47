"""tamis submit: run a recipe as a job of a Ray cluster."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tamis.cli.options import (
    address_option,
    recipe_argument,
    set_option,
    shared_option,
    wheel_option,
)
from tamis.errors import TamisError

if TYPE_CHECKING:
    from tamis.storage import Storage
    from tamis.work.ray_jobs import Job, Jobs


@click.command(
    "submit",
    epilog="""\b
    Examples:
      tamis submit stages.yaml --address http://head:8265 --follow
      tamis submit stages.yaml --shared /scratch --wheel tamis-0.1.0-py3-none-any.whl
    """,
)
@recipe_argument
@set_option
@address_option
@shared_option
@wheel_option
@click.option("--follow", is_flag=True, help="Show the progress until the job ends.")
def command(
    recipe: Path,
    overrides: tuple[str, ...],
    address: str | None,
    shared: tuple[str, ...],
    wheel: Path | None,
    follow: bool,
) -> None:
    """Run RECIPE (default: stages.yaml) as a job of a Ray cluster.

    A job that runs this recipe already is joined; one that has ended goes on where it
    was, as a new job. The recipe is checked here first, and travels with absolute
    paths; files of this machine are refused, but below the folders of --shared. Exit code
    1 if a job that is followed fails.
    """
    from tamis.runner import jobs as running
    from tamis.storage import Storage
    from tamis.work.ray_jobs import Jobs

    submission = running.submission_of(recipe, overrides, shared=shared, wheel=wheel)
    cluster = Jobs(address)
    checked = submission.recipe
    storage = Storage(checked.output, checked.storage_options)
    before = running.last_run(storage) if follow else None
    job, is_new = running.submit(cluster, submission)
    click.echo(f"{job.id} {'is submitted' if is_new else 'is at work already'}")
    if follow:
        _follow(cluster, job, storage, before if is_new else None)


def _follow(
    cluster: "Jobs", job: "Job", storage: "Storage", before: str | None
) -> None:
    """Show the progress; raises TamisError for a job that did not succeed."""
    from rich.console import Console

    from tamis.cli.showing import visible
    from tamis.runner.jobs import follow
    from tamis.runner.progress import Bars

    with Bars(Console()) as bars:
        phase = follow(cluster, job, storage, bars, before=before)
    if phase != "SUCCEEDED":
        words = "; ".join(visible(line) for line in cluster.last_words(job))
        raise TamisError(f"{job.id} has ended as {phase.lower()}: {words}")
    click.echo(f"report  {storage.shown}/report.html")
