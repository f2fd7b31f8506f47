"""tamis robots: make a table for read_rights from the robots.txt files of archives."""

from pathlib import Path

import click

from tamis.cli.options import opening_option, workers_option
from tamis.errors import InputError
from tamis.rights.agents import REPRESENTED_AGENTS

_MOST_SHOWN = 20


@click.command(
    "robots",
    epilog="""\b
    Example:
      tamis robots "cc://CC-MAIN-2024-51?kind=robotstxt" -o robots.arrow
      tamis run --set read_rights.robots=robots.arrow
    """,
)
@click.argument("archives", nargs=-1, required=True)
@click.option(
    "--output",
    "-o",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="The table's file.",
)
@click.option(
    "--agent",
    "agents",
    multiple=True,
    default=REPRESENTED_AGENTS,
    show_default=True,
    help="Record whether hosts refuse this agent. Can be repeated.",
)
@workers_option
@opening_option("ARCHIVES")
def command(
    archives: tuple[str, ...],
    output: Path,
    agents: tuple[str, ...],
    workers: int,
    recipe: Path | None,
) -> None:
    """Read the robots.txt responses of ARCHIVES and write what they refuse to the agents.

    If a host was asked several times, its latest answer counts. If an archive cannot be
    read, the table is written without its hosts, and the command fails.
    """
    from tamis.api import build_robots_table
    from tamis.cli.showing import visible
    from tamis.runner.recorded import storage_options_of

    built = build_robots_table(
        archives,
        output,
        agents=agents,
        workers=workers,
        storage_options=storage_options_of(recipe),
    )
    rows, hosts = built.written
    click.echo(f"{output}: {rows:,} of {hosts:,} hosts refuse or signal something")
    if built.problems:
        shown = [visible(line) for line in built.problems[:_MOST_SHOWN]]
        raise InputError(
            f"{len(built.problems):,} archives were not read completely, and their hosts"
            " may be missing from the table; run again when they can be read:\n  "
            + "\n  ".join(shown)
        )
