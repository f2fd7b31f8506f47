"""tamis forget: take documents out of a corpus, and prove it."""

import sys
from pathlib import Path

import click

from tamis.cli.options import storage_option


@click.command(
    "forget",
    epilog="""\b
    Examples:
      tamis forget corpus/ --request requests.jsonl
      tamis forget corpus/ --request requests.jsonl --dry-run   # only find and count
      tamis forget corpus/ --verify                             # is anything left?
    A line of requests.jsonl has one of domain, host, prefix, url, id:
      {"url": "https://example.org/me", "date": "2026-11-30", "reason": "asked by mail"}
    """,
)
@click.argument("corpus", metavar="CORPUS")
@click.option(
    "--request",
    type=click.Path(path_type=Path, dir_okay=False),
    help="JSON lines or CSV of what is to go, each with date and reason.",
)
@click.option("--dry-run", is_flag=True, help="Only find and count.")
@click.option("--verify", is_flag=True, help="Read every file for what is denied.")
@storage_option
def command(
    corpus: str,
    request: Path | None,
    dry_run: bool,
    verify: bool,
    recipe: Path | None,
) -> None:
    """Take documents out of CORPUS for ever: a corpus, a run or a release.

    Those that the file of requests means go from every mix, saved table and report. No
    later run or refresh of CORPUS takes them in again. Nothing is extracted again.
    """
    from tamis.runner.recorded import storage_options_of

    if (request is None) != verify or (verify and dry_run):
        raise click.UsageError("give either --request FILE, or --verify")
    options = storage_options_of(recipe)
    if verify:
        _verify(corpus, options)
        return
    assert request is not None
    _forget(corpus, request, options, is_trial=dry_run)


def _forget(
    corpus: str, request: Path, options: dict[str, object], *, is_trial: bool
) -> None:
    from tamis import api
    from tamis.cli.showing import visible

    def note(line: str) -> None:
        click.echo(visible(line), err=True)

    done = api.forget(
        corpus, request, storage_options=options, is_trial=is_trial, note=note
    )
    asked = f"{done.requests:,} requests, {done.added:,} of them new"
    if is_trial:
        click.echo(f"{asked}: they mean {done.ids:,} documents; nothing was changed")
        return
    for name, took in done.folders.items():
        click.echo(
            f"{name or corpus}: {took.documents:,} documents left the mix, "
            f"{took.files:,} files are new"
        )
        for line in took.notes:
            click.echo(visible(line))
    click.echo(f"{asked}: {done.ids:,} documents are denied")


def _verify(corpus: str, options: dict[str, object]) -> None:
    from tamis import api
    from tamis.cli.showing import visible

    found = api.find_denied(corpus, storage_options=options)
    for line in found.left:
        click.echo(visible(line))
    what = f"{found.files:,} files read for {found.requests:,} requests"
    if found.left:
        click.echo(f"{what}: {len(found.left):,} of them have something left", err=True)
        sys.exit(1)
    click.echo(f"{what}: none has anything left")
