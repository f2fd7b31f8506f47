"""tamis compare: two runs or releases side by side."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tamis.cli.options import opening_option

if TYPE_CHECKING:
    from tamis.publishing.compare import Comparison

_SHOWN = 8


@click.command(
    "compare",
    epilog="""\b
    Examples:
      tamis compare out/ out-stricter/
      tamis compare out/ out-stricter/ --page compare.html --json compare.json
      tamis compare corpus/releases/2026-10-30-0123456789abcdef \\
        corpus/releases/2026-11-30-0123456789abcdef
    """,
)
@click.argument("before", metavar="A")
@click.argument("after", metavar="B")
@click.option(
    "--page",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write one HTML page that loads nothing.",
)
@click.option(
    "--json",
    "as_json",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write all of it as JSON.",
)
@opening_option("A and B")
def command(
    before: str,
    after: str,
    page: Path | None,
    as_json: Path | None,
    recipe: Path | None,
) -> None:
    """Compare B with A, output folders or releases: what a changed setting does.

    Settings that differ, figures, the funnel, how far the distributions of each column lie
    apart, domains that gained and lost, and the documents that only one of them has, with
    the reason of the other. Of more than two million documents a sample is compared.
    """
    from tamis import api
    from tamis.cli.showing import visible
    from tamis.runner.recorded import storage_options_of

    found = api.compare(before, after, storage_options=storage_options_of(recipe))
    for line in _lines(found):
        click.echo(visible(line))
    for path, content in ((page, found.page), (as_json, found.as_json)):
        if path is not None:
            path.write_text(content(), "utf-8")
            click.echo(f"written   {path}")


def _lines(found: "Comparison") -> Iterator[str]:
    for setting in found.settings[:_SHOWN]:
        yield f"setting   {setting.name}: {setting.before} -> {setting.after}"
    for change in found.changes:
        if change.of in ("documents", "tokens"):
            yield f"{change.of:9} {change.before or 0:,.0f} -> {change.after or 0:,.0f}"
    for column in found.columns[:_SHOWN]:
        if column.distance:
            yield (
                f"column    {column.name}: distance {column.distance:.4f}, median "
                f"{column.median_before:.4g} -> {column.median_after:.4g}"
            )
    for title, rows in (("before", found.only_before), ("now", found.only_after)):
        for row in rows[:_SHOWN]:
            yield f"only {title:6} {row.documents:,}: {row.reason}"
    one, other = found.compared
    sample = "all" if found.every == 1 else f"one in {found.every:,}"
    yield f"compared  {one:,} and {other:,} documents ({sample})"
