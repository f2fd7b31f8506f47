"""tamis index: manage the folder in which deduplicate remembers earlier runs."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tamis.addresses import without_secrets
from tamis.cli.options import opening_option, workers_option

if TYPE_CHECKING:
    from tamis.api import Index
    from tamis.dedup.index.folder import Generation

_folder: Callable[..., Any] = click.argument("folder", metavar="FOLDER")
_recipe = opening_option("FOLDER")


@click.group(
    "index",
    epilog="""\b
    Examples:
      tamis index list index/
      tamis index remove index/
      tamis index list s3://bucket/index --recipe stages.yaml
    """,
)
def command() -> None:
    """Manage FOLDER, the `index` of a recipe's deduplicate."""


@command.command("list")
@_folder
@_recipe
def list_(folder: str, recipe: Path | None) -> None:
    """List what FOLDER holds: a line for each run, a section for each generation."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from tamis.cli.showing import visible
    from tamis.sizes import spelled

    index = _opened(folder, recipe)
    published = index.generations()
    console = Console()
    table = Table()
    for name in ("run", "crawls", "published"):
        table.add_column(name)
    for name in ("documents", "kept", "of index", "bytes"):
        table.add_column(name, justify="right")
    for generation in published:
        table.add_section()
        for number, entry in enumerate(generation.runs):
            table.add_row(
                str(entry.number),
                # The name comes from archives: do not trust it.
                Text(visible(", ".join(entry.crawls))),
                entry.at.partition("T")[0],
                f"{entry.documents:,}",
                f"{entry.kept:,}",
                f"{entry.of_index:,}",
                spelled(generation.bytes) if number == 0 else "",
            )
    console.print(table)
    held = index.holder()
    if held:
        console.print(
            f"run {held['number']} is under way or was stopped: {held['output']}, "
            f"process {held['pid']} on {held['host']}, since {held['since']}",
            highlight=False,
            soft_wrap=True,
            markup=False,
        )


@command.command("remove")
@_folder
@_recipe
def remove(folder: str, recipe: Path | None) -> None:
    """Remove the newest run, and no other, from FOLDER with all that it added."""
    from tamis.sizes import spelled

    index = _opened(folder, recipe)
    removed = index.remove_newest()
    click.echo(
        f"removed run {removed.last} from {without_secrets(folder)}, {spelled(removed.bytes)}"
    )


@command.command("compact")
@_folder
@_recipe
@workers_option
def compact_(folder: str, recipe: Path | None, workers: int) -> None:
    """Merge generations of about the same size in FOLDER, except the newest two.

    Every run does so at its end; use this command after an interrupted run.
    """
    from tamis.sizes import spelled

    index = _opened(folder, recipe)
    merged = index.compact(workers)
    for own in merged:
        click.echo(
            f"merged runs {_numbers(own)} of {without_secrets(folder)}, {spelled(own.bytes)}"
        )
    if not merged:
        click.echo(f"nothing to merge in {without_secrets(folder)}")


@command.command("unlock")
@_folder
@_recipe
def unlock_(folder: str, recipe: Path | None) -> None:
    """Give up the run that has begun in FOLDER and will never end.

    If it continues after all, it cannot publish; running it again compares with what
    was published since.
    """
    index = _opened(folder, recipe)
    held = index.unlock()
    if held:
        click.echo(f"given up: run {held['number']} of {held['output']}")
    else:
        click.echo(f"no run has begun in {without_secrets(folder)}")


def _opened(folder: str, recipe: Path | None) -> "Index":
    from tamis.api import Index
    from tamis.runner.recorded import storage_options_of

    return Index(folder, storage_options_of(recipe))


def _numbers(generation: "Generation") -> str:
    first, last = generation.first, generation.last
    return f"{first}" if first == last else f"{first}-{last}"
