"""tamis report: the report of a finished run, made anew."""

from pathlib import Path

import click
from rich.console import Console

from tamis.cli.options import run_argument, storage_option
from tamis.report.funnel import funnel_table
from tamis.report.page import render_page
from tamis.runner.recorded import storage_options_of
from tamis.storage import Storage


@click.command("report", epilog="Example: tamis report out/")
@run_argument
@storage_option
def command(run: str, recipe: Path | None) -> None:
    """Print the funnel of RUN, an output folder, and write its report.html anew."""
    console = Console()
    storage = Storage(run, storage_options_of(recipe))
    book = storage.read_json("run.json")
    storage.write("report.html", render_page(book, storage).encode())
    console.print(funnel_table(book))
    console.print(
        f"report  {run.rstrip('/')}/report.html", highlight=False, soft_wrap=True
    )
