"""tamis explain: one page through the recipe, each stage's numbers."""

from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pipeline.cli.options import recipe_argument, set_option
from pipeline.config import load_recipe
from pipeline.runner.replay import Step, record_of_file, record_of_url, replay
from pipeline.stage import kind

_TEXT_SHOWN = 1200
_VALUE_SHOWN = 100


@click.command(
    "explain",
    epilog="""\b
    Examples:
      tamis explain page.html
      tamis explain http://example.org/article.html --set input=crawl.warc.gz
    """,
)
@click.argument("page", metavar="FILE.html|URL")
@recipe_argument
@set_option
def command(page: str, recipe: Path, overrides: tuple[str, ...]) -> None:
    """Take one page through the stages of RECIPE and show what each of them finds.

    PAGE is a file, or the URL of a record in the recipe's input. Stages that need the
    whole corpus (deduplicate, mix_corpus) are left out.
    """
    checked = load_recipe(recipe, overrides)
    if Path(page).is_file():
        record = record_of_file(Path(page))
    else:
        record = record_of_url(
            page, checked.input, checked.stages[0], checked.storage_options
        )
    console = Console()
    reason = None
    for step in replay(record, checked.stages):
        console.print(_table(step))
        reason = step.reason
    barriers = [config.label for config in checked.stages if kind(config) == "barrier"]
    if reason is None:
        console.print(f"kept by every stage before {', '.join(barriers) or 'the end'}")


def _table(step: Step) -> Table:
    verdict = f"dropped: {step.reason}" if step.reason else "kept"
    table = Table(
        title=f"{step.stage}   {verdict}",
        title_style="bold red" if step.reason else "bold",
        title_justify="left",
        show_header=False,
        expand=True,
    )
    table.add_column(ratio=1)
    table.add_column(ratio=3, overflow="fold")
    for name, value in step.columns.items():
        table.add_row(name, _shown(name, value))
    return table


def _shown(name: str, value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    text = "" if value is None else str(value)
    limit = _TEXT_SHOWN if name == "text" else _VALUE_SHOWN
    return escape(text if len(text) <= limit else f"{text[:limit]} ... ({len(text):,})")
