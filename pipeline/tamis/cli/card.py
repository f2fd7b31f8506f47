"""tamis card: README.md and croissant.json of a mix."""

from pathlib import Path

import click

from tamis.cli.options import echo_missing, publisher_option, run_argument


@click.command(
    "card",
    epilog="""\b
    Examples:
      tamis card out/
      tamis card out/ --recipe stages.yaml   # with its section `publisher`
      tamis card corpus/releases/2026-11-30-0123456789abcdef
    """,
)
@run_argument
@publisher_option
def command(run: str, recipe: Path | None) -> None:
    """Write README.md and croissant.json of RUN, an output folder or a release.

    The README has the header that Hugging Face reads; croissant.json is Croissant 1.1,
    with the sha256 of every shard. They lie beside mix/, so that the folder can be
    published. What only the publisher knows is in the section `publisher` of the recipe;
    what is missing says TO BE PROVIDED, and is listed here.
    """
    from tamis import api
    from tamis.publishing.card import CROISSANT, README
    from tamis.recipe.load import load_recipe

    loaded = None if recipe is None else load_recipe(recipe)
    missing = api.card(
        run,
        publisher=None if loaded is None else loaded.publisher,
        storage_options=None if loaded is None else loaded.storage_options,
    )
    echo_missing(missing)
    for name in (README, CROISSANT):
        click.echo(f"card  {run.rstrip('/')}/{name}")
