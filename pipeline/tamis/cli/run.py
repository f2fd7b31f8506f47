"""tamis run: run the recipe from its inputs to its mix."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tamis.cli.options import recipe_argument, set_option

if TYPE_CHECKING:
    from rich.console import Console

    from tamis.runner.run import Outcome
    from tamis.storage import Storage


@click.command(
    "run",
    epilog="""\b
    Examples:
      tamis run
      tamis run stages.yaml --set output=out-test --set executor.kind=inline
      tamis run refinedweb --set 'input=crawl/*.warc.gz'    # or dactory, dclm, fineweb2, pagnol
      tamis run stages.yaml --set 'input=cc://CC-MAIN-2024-51?limit=2'
    """,
)
@recipe_argument
@set_option
@click.option("--quiet", "-q", is_flag=True, help="No bars and no funnel.")
@click.option(
    "--metrics-file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Keep the run's numbers in FILE as OpenMetrics text.",
)
def command(
    recipe: Path,
    overrides: tuple[str, ...],
    quiet: bool,
    metrics_file: Path | None,
) -> None:
    """Run RECIPE (default: stages.yaml).

    What an earlier run of the same recipe has finished is not done again, so that
    the same command resumes after Ctrl-C, a crash or a full disk. Exit code 1 if
    the run fails, an input cannot be read, or more records are lost than max_lost; 2 if
    the recipe is wrong. What was lost, and what
    should be looked at, is said at the end.
    """
    from rich.console import Console

    from tamis.api import run_recipe
    from tamis.recipe.load import load_recipe
    from tamis.report.alarms import alarm_lines
    from tamis.report.funnel import funnel_table
    from tamis.report.lost import lost_lines
    from tamis.runner.progress import Bars
    from tamis.storage import Storage

    console = Console(quiet=quiet, stderr=False)
    checked = load_recipe(recipe, overrides)
    with Bars(console) as bars:
        outcome = run_recipe(checked, bars, metrics_file)
    console.print(funnel_table(outcome.summary))
    for line in (*lost_lines(outcome.summary["lost"]), *alarm_lines(outcome.summary)):
        click.secho(line, fg="yellow", err=True)
    _say_where(console, outcome, Storage(checked.output, checked.storage_options))
    outcome.raise_if_incomplete()


def _say_where(console: "Console", outcome: "Outcome", storage: "Storage") -> None:
    """Print the path of the report, and of the mix if this run made one."""
    output = outcome.output.rstrip("/")
    for label, name in (("report", "report.html"), ("mix", "mix/_manifest.json")):
        if label == "report" or (outcome.is_complete and storage.exists(name)):
            console.print(
                f"{label:<7} {output}/{name}",
                highlight=False,
                soft_wrap=True,
                markup=False,
            )
