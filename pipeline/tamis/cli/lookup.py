"""tamis lookup: is a domain or a page in a corpus, and how much of it?"""

import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from tamis.cli.options import storage_option


@click.command(
    "lookup",
    epilog="""\b
    Examples:
      tamis lookup corpus/ example.org
      tamis lookup corpus/ https://example.org/page.html
      tamis lookup out/ example.org --json
    """,
)
@click.argument("corpus", metavar="CORPUS")
@click.argument("asked", metavar="DOMAIN|URL")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@storage_option
def command(corpus: str, asked: str, as_json: bool, recipe: Path | None) -> None:
    """Say how much of a domain or a page is in CORPUS: a corpus, a run or a release.

    Counts documents, rows and tokens in each mix, with their crawls and languages.
    """
    # Without api, which imports all that a run needs: the answer takes less.
    from tamis.cli.showing import visible
    from tamis.forgetting.lookup import look_up
    from tamis.storage import Storage

    found = look_up(Storage(corpus, _options(recipe)), asked)
    if as_json:
        click.echo(json.dumps(asdict(found), indent=1, ensure_ascii=False))
        return
    for mix in found.mixes:
        click.echo(
            f"{mix.folder or corpus}{' (latest)' if mix.is_latest and mix.folder else ''}: "
            f"{mix.documents:,} documents, {mix.rows:,} rows, {mix.tokens:,} tokens"
        )
        for name, counts in (("crawls", mix.crawls), ("languages", mix.languages)):
            if counts:
                click.echo(f"  {name}: {_spelled(counts)}")
        for id_, url in mix.pages:
            click.echo(visible(f"  {id_}  {url}"))
    if found.is_denied:
        click.echo("denied: it was asked to be left out, and is refused for ever")


def _options(recipe: Path | None) -> dict[str, Any]:
    if recipe is None:
        return {}
    from tamis.runner.recorded import storage_options_of

    return storage_options_of(recipe)


def _spelled(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.most_common(10))
