"""tamis verify: hold all that was published against its records."""

import sys
from pathlib import Path

import click

from tamis.cli.options import run_argument, storage_option


@click.command(
    "verify",
    epilog="""\b
    Examples:
      tamis verify out/
      tamis verify corpus/releases/2026-11-30-0123456789abcdef
      tamis verify corpus/                   # every run and every release
    """,
)
@run_argument
@storage_option
def command(run: str, recipe: Path | None) -> None:
    """Hold all that RUN published against its records: a run, a release or a corpus.

    Every file is read once: it must have the bytes, the digest and the rows that are on
    record. In = out + dropped for each stage and input; dropped/ and mix/ have the rows
    that were counted, and the mix the documents that it took. Prints a line for whatever
    is not so; then the exit code is 1.
    """
    from tamis import api
    from tamis.runner.recorded import storage_options_of
    from tamis.sizes import spelled

    found = api.verify(run, storage_options=storage_options_of(recipe))
    for line in found.wrong:
        click.echo(line)
    what = f"{found.files:,} files, {spelled(found.bytes)}"
    if found.folders != 1:
        what += f", {found.folders:,} runs and releases"
    if found.wrong:
        click.echo(f"{len(found.wrong):,} things are wrong in {what}", err=True)
        sys.exit(1)
    click.echo(f"verified: {what}")
