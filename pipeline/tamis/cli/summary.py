"""tamis summary: the AI Act's public summary of training content."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tamis.cli.options import echo_missing, publisher_option, run_argument

if TYPE_CHECKING:
    from tamis.publishing.summary import Declared


@click.command(
    "summary",
    epilog="""\b
    Examples:
      tamis summary out/
      tamis summary out/ --recipe stages.yaml    # with its section `publisher`
      tamis summary out/ --declare own           # one's own crawl: 2.3 of the template
    """,
)
@run_argument
@publisher_option
@click.option(
    "--declare",
    "declared",
    type=click.Choice(["public", "own"]),
    help="The crawl as a public data set (2.1), or as one's own (2.3). Default: public if "
    "all crawls are CommonCrawl's.",
)
def command(run: str, recipe: Path | None, declared: "Declared | None") -> None:
    """Write the AI Act's public summary of RUN, an output folder or a release.

    It follows the Commission's template; domains.parquet has every domain with its size.
    What only the provider knows is in `publisher` of the recipe; what is missing says TO BE
    PROVIDED, and is listed here. This is support and no legal advice.
    """
    from tamis import api
    from tamis.publishing.domains import DOMAINS
    from tamis.publishing.summary import SUMMARY_HTML, SUMMARY_MD
    from tamis.recipe.load import load_recipe

    loaded = None if recipe is None else load_recipe(recipe)
    missing = api.summary(
        run,
        publisher=None if loaded is None else loaded.publisher,
        declared=declared,
        storage_options=None if loaded is None else loaded.storage_options,
    )
    echo_missing(missing)
    for name in (SUMMARY_MD, SUMMARY_HTML, DOMAINS):
        click.echo(f"summary  {run.rstrip('/')}/{name}")
