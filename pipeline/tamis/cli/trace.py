"""tamis trace: follow a document through all that a run or a corpus has of it."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tamis.cli.options import run_argument, storage_option

if TYPE_CHECKING:
    from tamis.publishing.trace import Traced

_PLACE = ("warc_path", "warc_offset", "warc_length")


@click.command(
    "trace",
    epilog="""\b
    Examples:
      tamis trace out/ https://example.org/page.html
      tamis trace out/ 1234567890123456789
      tamis trace corpus/ https://example.org/page.html    # every run and release
      tamis trace corpus/ 1234567890123456789 --json
    """,
)
@run_argument
@click.argument("page", metavar="ID|URL")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@storage_option
def command(run: str, page: str, as_json: bool, recipe: Path | None) -> None:
    """Follow a document through all that RUN has of it: a run, a release or a corpus.

    Shows its record, the numbers of every stage, the stage that dropped it and why, its
    cluster with the document that was kept, and its rows of the mix with their shards.
    Personal data in addresses is masked.
    """
    from tamis import api
    from tamis.cli.showing import visible
    from tamis.runner.recorded import opened_by

    options, trusted, _ = opened_by(recipe)
    found = api.trace(run, page, storage_options=options, trusted_stages=trusted)
    if as_json:
        every = [asdict(one) for one in found]
        click.echo(json.dumps(every, indent=1, default=str))
        return
    for one in found:
        for line in _lines(one):
            click.echo(visible(line))


def _lines(one: "Traced") -> Iterator[str]:
    """A document as a run has it, line by line."""
    yield f"{one.folder or 'document'}  id {one.id}  {one.record['url']}"
    yield f"  record  {' '.join(str(one.record[name]) for name in _PLACE)}"
    about = ((k, v) for k, v in one.record.items() if k not in (*_PLACE, "url"))
    yield f"          {_spelled(dict(about))}"
    width = max((len(step.stage) for step in one.steps), default=0)
    for step in one.steps:
        why = f"dropped: {step.reason}  " if step.reason else ""
        yield f"  {step.stage:{width}}  {why}{_spelled(step.columns)}".rstrip()
    if one.cluster is not None:
        kept = one.cluster.kept
        own = "this one" if kept == one.id else f"{kept} {one.cluster.kept_url}"
        own = "one of another run" if kept is None else own
        count = f"{one.cluster.size:,} documents"
        yield f"  cluster {one.cluster.cluster}: {count}, kept is {own}"
    for row in one.rows:
        yield f"  mix     {row.shard} row {row.row:,}, epoch {row.epoch}, {row.tokens} tokens"
    if not one.rows:
        yield "  mix     not in it"


def _spelled(columns: dict[str, Any]) -> str:
    return ", ".join(
        f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in columns.items()
        if value is not None
    )
