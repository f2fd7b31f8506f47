"""tamis stop: stop the job that runs a recipe."""

from pathlib import Path

import click

from tamis.cli.options import (
    address_option,
    recipe_argument,
    set_option,
    shared_option,
    wheel_option,
)
from tamis.errors import TamisError


@click.command(
    "stop", epilog="Example: tamis stop stages.yaml --address http://head:8265"
)
@recipe_argument
@set_option
@address_option
@shared_option
@wheel_option
def command(
    recipe: Path,
    overrides: tuple[str, ...],
    address: str | None,
    shared: tuple[str, ...],
    wheel: Path | None,
) -> None:
    """Stop the job that runs RECIPE (default: stages.yaml).

    With the arguments of its `tamis submit`. What is finished is kept: submitted again, it goes
    on from there. Exit code 1 if no job runs it.
    """
    from tamis import api

    job = api.stop(recipe, overrides, address=address, shared=shared, wheel=wheel)
    if job is None:
        raise TamisError(f"{recipe}: no job at work runs it")
    click.echo(f"{job.id} is stopped; what is finished is kept")
