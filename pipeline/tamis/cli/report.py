"""tamis report: write the report of a finished run again."""

from pathlib import Path

import click

from tamis.cli.options import run_argument, storage_option


@click.command("report", epilog="Example: tamis report out/")
@run_argument
@storage_option
def command(run: str, recipe: Path | None) -> None:
    """Print the funnel of RUN, an output folder, and write its report.html again."""
    from rich.console import Console

    from tamis.finished_run import Run
    from tamis.report.funnel import funnel_table
    from tamis.runner.recorded import storage_options_of

    console = Console()
    opened = Run(run, storage_options_of(recipe))
    place = opened.render_report()
    console.print(funnel_table(opened.summary))
    console.print(f"report  {place}", highlight=False, soft_wrap=True)
