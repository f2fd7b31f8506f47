"""tamis calibrate: bounds of filter_quality from a run's own documents."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import click

from tamis.cli.options import run_argument
from tamis.quality.names import Method, Preset

if TYPE_CHECKING:
    from rich.table import Table

    from tamis.quality.presets import Bounds


@click.command(
    "calibrate",
    epilog="""\b
    Examples:
      tamis calibrate out/ --method quantile
      tamis calibrate out/ --method 10tail --column mean_word_length
    and in the recipe:
      - filter_quality: {preset: tamis, thresholds: thresholds.yaml}
    """,
)
@run_argument
@click.option("--method", type=click.Choice(get_args(Method)), required=True)
@click.option(
    "--reference",
    default="eng",
    show_default=True,
    metavar="CODE",
    help="Language whose bounds are transferred to the others.",
)
@click.option(
    "--preset",
    default="tamis",
    show_default=True,
    type=click.Choice(get_args(Preset)),
    help="Preset with the reference's bounds.",
)
@click.option(
    "--column", "columns", multiple=True, help="Only this column. Can be repeated."
)
@click.option(
    "--min-documents",
    default=50,
    show_default=True,
    type=click.IntRange(1),
    help="Languages with fewer are left out.",
)
@click.option(
    "--saved",
    default="documents",
    show_default=True,
    metavar="NAME",
    help="The `save:` of the run that has the columns.",
)
@click.option(
    "--out",
    default="thresholds.yaml",
    show_default=True,
    type=click.Path(path_type=Path, dir_okay=False),
)
def command(
    run: str,
    method: str,
    reference: str,
    preset: str,
    columns: tuple[str, ...],
    min_documents: int,
    saved: str,
    out: Path,
) -> None:
    """Compute bounds per language from the documents of RUN, an output folder.

    Uses every document that was saved, also those dropped later: a bound says how far a
    document may be from all others. From a few hundred documents, 10tail and meanstd
    are rough. Columns that are null for a language are left out.
    """
    from rich.console import Console

    from tamis import api

    console = Console()
    found = api.calibrate(
        run,
        method=method,
        reference=reference,
        preset=preset,
        columns=columns,
        min_documents=min_documents,
        saved=saved,
    )
    out.write_text(found.to_yaml(), encoding="utf-8")
    console.print(_shown(found.bounds, found.documents))
    console.print(f"thresholds  {out}", highlight=False, soft_wrap=True)


def _shown(found: "dict[str, Bounds]", counts: Counter[str]) -> "Table":
    from rich.table import Table

    table = Table(title_justify="left", title="thresholds")
    table.add_column("column")
    for language in found:
        table.add_column(f"{language} ({counts[language]:,})", justify="right")
    columns = dict.fromkeys(column for bounds in found.values() for column in bounds)
    for column in columns:
        cells = [_side(bounds.get(column, (None, None))) for bounds in found.values()]
        table.add_row(column, *cells)
    return table


def _side(bound: tuple[float | None, float | None]) -> str:
    return " to ".join("" if side is None else f"{side:.3g}" for side in bound).strip()
