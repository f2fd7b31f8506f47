"""tamis report: the report of a finished run, made anew."""

import click
from rich.console import Console

from pipeline.cli.options import run_argument
from pipeline.report.funnel import funnel_table
from pipeline.report.page import render_page
from pipeline.storage import Storage


@click.command("report", epilog="Example: tamis report out/")
@run_argument
def command(run: str) -> None:
    """Print the funnel of RUN, an output folder, and write its report.html anew."""
    console = Console()
    storage = Storage(run)
    book = storage.read_json("run.json")
    storage.write("report.html", render_page(book, storage).encode())
    console.print(funnel_table(book))
    console.print(
        f"report  {run.rstrip('/')}/report.html", highlight=False, soft_wrap=True
    )
