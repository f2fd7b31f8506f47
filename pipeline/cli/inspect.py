"""tamis inspect: documents of a run, and why they went."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
import pyarrow.compute as pc
import pyarrow.dataset as ds
from rich.console import Console
from rich.markup import escape
from rich.panel import Panel

from pipeline.cli.options import run_argument
from pipeline.config import Recipe, load_recipe
from pipeline.errors import ConfigError
from pipeline.runner.replay import text_again
from pipeline.storage import Storage

_TEXT_SHOWN = 1000
_PLACE = ("id", "warc_path", "warc_offset", "warc_length", "crawl")


@click.command(
    "inspect",
    epilog="""\b
    Examples:
      tamis inspect out/ --dropped duplicate_near --language fra
      tamis inspect out/ --stage filter_quality -n 3
      tamis inspect out/ --url http://example.org/page.html
    """,
)
@run_argument
@click.option(
    "--dropped", "reason", metavar="REASON", help="Documents dropped for this."
)
@click.option("--stage", metavar="STAGE", help="Documents that this stage dropped.")
@click.option("--language", metavar="CODE", help="Documents in this language (fra).")
@click.option("--url", metavar="URL", help="The document of this address.")
@click.option("--limit", "-n", default=10, show_default=True, type=click.IntRange(1))
@click.option(
    "--recipe",
    default="stages.yaml",
    show_default=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="For texts that have to be extracted again.",
)
def command(
    run: str,
    reason: str | None,
    stage: str | None,
    language: str | None,
    url: str | None,
    limit: int,
    recipe: Path,
) -> None:
    """Show documents of RUN, an output folder: of the mix, or with --dropped, --stage those left out.

    A dropped document that is not among the samples is read again from its archive.
    """
    console = Console()
    storage = Storage(run)
    storage.read_json("run.json")  # says clearly where there is no run
    wanted = {"reason": reason, "stage": stage, "language": language, "url": url}
    filters = {name: value for name, value in wanted.items() if value is not None}
    folders = ["dropped"] if reason or stage else ["mix", "dropped"] if url else ["mix"]
    shown = 0
    for folder in folders:
        for row in _rows(storage, folder, filters, limit - shown):
            _show(console, row, recipe)
            shown += 1
    if not shown:
        raise ConfigError(f"no such document in {run}: {_said(filters)}")


def _rows(
    storage: Storage, folder: str, filters: Mapping[str, str], limit: int
) -> Iterator[dict[str, Any]]:
    paths = [storage.path(n) for n in storage.names(folder) if n.endswith(".parquet")]
    if not paths or limit <= 0:
        return
    dataset = ds.dataset(paths, filesystem=storage.filesystem)
    condition = None
    for name, value in filters.items():
        if name not in dataset.schema.names:
            continue
        is_equal = pc.field(name) == value
        condition = is_equal if condition is None else condition & is_equal
    yield from dataset.head(limit, filter=condition).to_pylist()


def _show(console: Console, row: Mapping[str, Any], recipe: Path) -> None:
    reason = row.get("reason")
    text = row.get("text")
    if reason and text is None:
        text = _again(row, recipe)
    verdict = f"{row['stage']}: {reason}" if reason else "in the mix"
    numbers = [
        f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in row.items()
        if isinstance(value, int | float) and name not in _PLACE
    ]
    place = f"{row['warc_path']} {row['warc_offset']} {row['warc_length']}"
    body = "\n".join(
        [
            f"[bold]{escape(str(row['url']))}[/]",
            f"[dim]{escape(place)}  {row.get('language')}[/]",
            f"[dim]{escape('  '.join(numbers))}[/]",
            "",
            escape((text or "(no text)")[:_TEXT_SHOWN]),
        ]
    )
    console.print(Panel(body, title=escape(verdict), title_align="left"))


def _again(row: Mapping[str, Any], recipe: Path) -> str | None:
    checked: Recipe = load_recipe(recipe)
    return text_again(row, checked.stages, checked.storage_options)


def _said(filters: Mapping[str, str]) -> str:
    return (
        ", ".join(f"{name} {value}" for name, value in filters.items()) or "none at all"
    )
