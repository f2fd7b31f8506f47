"""tamis explain: show the numbers of each stage for one page, and its blocks."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tamis.cli.options import recipe_argument, set_option
from tamis.errors import ConfigError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from tamis.html.blocks.explain import Block
    from tamis.runner.replay import Step

_TEXT_SHOWN = 1200
_VALUE_SHOWN = 100


@click.command(
    "explain",
    epilog="""\b
    Examples:
      tamis explain page.html
      tamis explain http://example.org/article.html --set input=crawl.warc.gz
      tamis explain page.html --html blocks.html
      tamis explain page.html --set extract_text.engine=blocks
    """,
)
@click.argument("page", metavar="FILE.html|URL")
@recipe_argument
@set_option
@click.option(
    "--html",
    "shaded",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write a page that shades what the engine `blocks` keeps and leaves out.",
)
def command(
    page: str, recipe: Path, overrides: tuple[str, ...], shaded: Path | None
) -> None:
    """Take one page through the stages of RECIPE and show what each of them finds.

    PAGE is a file, or the URL of a record in the recipe's input. Stages that need the
    whole corpus (deduplicate, mix_corpus) are left out. If the engine is `blocks`, its
    blocks follow: kept (+) or left out (-), the probabilities that a block is content
    and that it is a reader's comment, and the three features that changed it most.
    """
    from rich.console import Console

    from tamis.api import explain
    from tamis.html.blocks.explain import as_html
    from tamis.recipe.load import load_recipe
    from tamis.stages.extract_text import ExtractText

    checked = load_recipe(recipe, overrides)
    found = explain(checked, page)
    engine = next((s for s in checked.stages if isinstance(s, ExtractText)), None)
    console = Console()
    for step in found.steps:
        console.print(_table(step))
        if engine and step.stage == engine.label and engine.engine == "blocks":
            _print_blocks(console, found.blocks)
    if shaded is not None:
        _write(shaded, as_html(found.blocks, page))
    barriers = [stage.label for stage in checked.stages if stage.kind == "barrier"]
    if found.reason is None:
        console.print(f"kept by every stage before {', '.join(barriers) or 'the end'}")


def _print_blocks(console: "Console", blocks: "list[Block]") -> None:
    """Print a line for each block, cut at the terminal's width, and its reasons below."""
    from rich.padding import Padding
    from rich.text import Text

    from tamis.cli.showing import visible
    from tamis.html.blocks.explain import as_text

    for line in visible(as_text(blocks, width=console.width)).splitlines():
        if line.startswith(" "):
            reasons = Text(line.strip(), style="dim")
            console.print(Padding(reasons, (0, 0, 0, 6)))
            continue
        style = "bold" if line.startswith("+") else ""
        console.print(Text(line, style=style), no_wrap=True, overflow="ellipsis")


def _write(path: Path, page: str) -> None:
    try:
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from error


def _table(step: "Step") -> "Table":
    from rich.table import Table

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
    from rich.markup import escape

    from tamis.cli.showing import visible

    if isinstance(value, float):
        return f"{value:.4g}"
    text = "" if value is None else visible(str(value))
    limit = _TEXT_SHOWN if name == "text" else _VALUE_SHOWN
    return escape(text if len(text) <= limit else f"{text[:limit]} ... ({len(text):,})")
