"""tamis clean: results of earlier runs, removed when somebody says so."""

from datetime import timedelta
from pathlib import Path

import click

from tamis.cli.options import run_argument, storage_option


@click.command(
    "clean",
    epilog="""\b
    Examples:
      tamis clean out/                       # says what would go
      tamis clean out/ --yes
      tamis clean out/ --keep-last 3 --older-than 30
    """,
)
@run_argument
@click.option(
    "--keep-last",
    default=1,
    show_default=True,
    type=click.IntRange(1),
    help="Keep the results of so many runs.",
)
@click.option(
    "--older-than",
    metavar="DAYS",
    type=click.FloatRange(0),
    help="Keep the results of runs that ended within so many days, too.",
)
@click.option(
    "--unfinished",
    is_flag=True,
    help="Also remove what no run that ended has used: the work of interrupted runs.",
)
@click.option("--yes", is_flag=True, help="Remove; without it nothing is removed.")
@storage_option
def command(
    run: str,
    keep_last: int,
    older_than: float | None,
    unfinished: bool,
    yes: bool,
    recipe: Path | None,
) -> None:
    """Remove results of RUN, an output folder, that only earlier runs used.

    A run removes nothing that another configuration has computed, so that a threshold
    that is tried and taken back costs seconds. This is where the disk comes back.
    Summaries of all runs stay in runs/.
    """
    from tamis import api
    from tamis.runner.recorded import storage_options_of
    from tamis.sizes import spelled

    found = api.clean(
        run,
        keep_last=keep_last,
        older_than=None if older_than is None else timedelta(days=older_than),
        unfinished=unfinished,
        dry_run=not yes,
        storage_options=storage_options_of(recipe),
    )
    verb = "removed" if yes else "would remove"
    click.echo(
        f"{verb} {len(found.files):,} files, {spelled(found.bytes)}, the results of "
        f"{found.core_hours:.2f} core hours and {len(found.runs)} earlier runs"
    )
    if found.files and not yes:
        click.echo("run it again with --yes to remove them")
