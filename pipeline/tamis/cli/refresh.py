"""tamis refresh: bring a corpus up to date with every new crawl."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tamis.cli.options import recipe_argument, set_option
from tamis.errors import InUse

if TYPE_CHECKING:
    from tamis.corpus.refresh import Plan, Refreshed

_NOTHING, _HELD, _IN_USE = 3, 4, 5


@click.command(
    "refresh",
    epilog="""\b
    Examples:
      tamis refresh stages.yaml --plan
      tamis refresh stages.yaml
      tamis refresh stages.yaml --redo CC-MAIN-2026-30
      tamis refresh stages.yaml --give-up-redo
      tamis refresh stages.yaml --release 2026-11-30-0123456789abcdef
    """,
)
@recipe_argument
@set_option
@click.option("--plan", "is_plan", is_flag=True, help="Say what would be done.")
@click.option(
    "--redo",
    is_flag=True,
    help="Apply the present recipe to the CRAWLS that were read before, or to all.",
)
@click.option(
    "--give-up-redo",
    "gives_up",
    is_flag=True,
    help="Leave a redo that has begun: runs become again what they were before it.",
)
@click.option("--release", metavar="ID", help="Give this release to the readers.")
@click.option(
    "--detailed-exitcode",
    is_flag=True,
    help="3: nothing new; 4: a release was made and is held; 5: another refresh runs.",
)
@click.option("--quiet", "-q", is_flag=True, help="No bars.")
@click.argument("crawls", nargs=-1)
def command(
    recipe: Path,
    overrides: tuple[str, ...],
    is_plan: bool,
    redo: bool,
    gives_up: bool,
    release: str | None,
    detailed_exitcode: bool,
    quiet: bool,
    crawls: tuple[str, ...],
) -> None:
    """Bring the corpus of RECIPE (default: stages.yaml) up to date.

    Its section `refresh:` says which crawls there are. Each new one is run against the
    corpus' index, then all runs become one release, which latest.json names. Where nothing
    is new, nothing is done. Safe to call at any time, by any scheduler, after any kill.
    """
    from rich.console import Console

    from tamis import api
    from tamis.recipe.load import load_recipe
    from tamis.runner.progress import Bars

    if crawls and not redo:
        raise click.UsageError("CRAWLS are for --redo")
    if is_plan + redo + gives_up + (release is not None) > 1:
        raise click.UsageError(
            "--plan, --redo, --give-up-redo and --release exclude each other"
        )
    # A scheduler may stand in any folder, and a recipe is kept with what it made.
    checked = load_recipe(recipe.absolute(), overrides)
    if is_plan:
        _say_plan(api.refresh_plan(checked))
        return
    console = Console(quiet=quiet)
    try:
        with Bars(console) as bars:
            if release is not None:
                api.switch_release(checked, release, progress=bars)
                click.echo(f"released {release}")
                return
            if gives_up:
                click.echo(_given_up(api.give_up_redo(checked, progress=bars)))
                return
            found = api.refresh(checked, redo=crawls if redo else None, progress=bars)
    except InUse as error:
        if not detailed_exitcode:
            raise
        click.echo(f"tamis: {error}", err=True)
        sys.exit(_IN_USE)
    for line in found.why:
        click.secho(f"held: {line}", fg="yellow", err=True)
    click.echo(_last_line(found))
    if detailed_exitcode and found.how != "released":
        sys.exit(_HELD if found.how == "held" else _NOTHING)


def _given_up(runs: list[str]) -> str:
    back = f"{', '.join(runs)} put back" if runs else "no run had been made again"
    return f"the redo is given up: {back}"


def _last_line(found: "Refreshed") -> str:
    if found.how == "released":
        return f"released {found.release}"
    if found.how == "held":
        return (
            f"made and held {found.release}: look at its report, then tamis refresh "
            f"--release {found.release}"
        )
    more = f"; {', '.join(found.awaited)} not there yet" if found.awaited else ""
    if found.expected:
        more += f"; the next crawl is expected about {found.expected}"
    latest = f"newest release {found.release}" if found.release else "no release yet"
    held = " (held)" if found.why else ""
    what = "the same documents as before" if found.runs else "nothing to do"
    return f"{what}: {latest}{held}{more}"


def _say_plan(plan: "Plan") -> None:
    from tamis.sizes import spelled

    for name, own in plan.runs.items():
        bill = own.estimate
        click.echo(
            f"run     {name}: {own.files:,} archives, about {spelled(own.input_bytes)} to "
            f"read, {bill.pages:,} pages, {bill.core_hours:.1f} core hours, "
            f"{spelled(bill.disk_bytes)} of disk"
        )
    if plan.makes_release:
        click.echo("release of all runs")
    else:
        click.echo(f"nothing to do: {plan.latest or 'no release yet'}")
    for name in plan.awaited:
        click.echo(f"awaited {name}: announced, and not there yet")
    if plan.expected:
        click.echo(f"next    crawl expected about {plan.expected}")
