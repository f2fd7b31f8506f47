"""Arguments that several commands take."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

recipe_argument: Decorator = click.argument(
    "recipe",
    default="stages.yaml",
    type=click.Path(path_type=Path, dir_okay=False),
)
set_option: Decorator = click.option(
    "--set",
    "overrides",
    metavar="KEY=VALUE",
    multiple=True,
    help="Override a setting of the recipe, as executor.kind=inline or "
    "extract_text.engine=resiliparse. Can be repeated.",
)
address_option: Decorator = click.option(
    "--address",
    metavar="URL",
    help="The dashboard of the cluster's head. Default: $RAY_API_SERVER_ADDRESS, else "
    "http://127.0.0.1:8265.",
)
shared_option: Decorator = click.option(
    "--shared",
    metavar="FOLDER",
    multiple=True,
    type=click.Path(file_okay=False, path_type=str),
    help="A folder that all nodes of the cluster have under the same path. Can be repeated.",
)
wheel_option: Decorator = click.option(
    "--wheel",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A wheel of tamis that travels with the recipe. Default: what the cluster has "
    "installed.",
)
workers_option: Decorator = click.option(
    "--workers",
    default=1,
    show_default=True,
    type=click.IntRange(1),
    help="Cores to use.",
)
root_option: Decorator = click.option(
    "--root",
    metavar="FOLDER",
    help="Where the archives are now, if they have moved; a folder or an address.",
)
run_argument: Decorator = click.argument("run", metavar="RUN")


def opening_option(what: str) -> Decorator:
    """`--recipe`, whose storage options open `what`."""
    return click.option(
        "--recipe",
        type=click.Path(path_type=Path, dir_okay=False),
        help=f"A recipe whose storage_options open {what}. "
        "Default: credentials of the environment.",
    )


storage_option = opening_option("RUN and its archives")
publisher_option: Decorator = click.option(
    "--recipe",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A recipe whose `publisher` is taken instead of that of the run, and whose "
    "storage_options open RUN.",
)


def echo_missing(names: Iterable[str]) -> None:
    """List on stderr what the publisher has to say still."""
    from tamis.publishing.facts import MISSING

    for name in names:
        click.echo(f"publisher.{name}: {MISSING}", err=True)
