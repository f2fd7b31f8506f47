"""tamis export: write a run's documents to files, with every signal."""

from pathlib import Path
from typing import Any

import click

from tamis.cli.options import run_argument, storage_option
from tamis.errors import ConfigError


@click.command(
    "export",
    epilog="""\b
    Examples:
      tamis export out/ --kept -o kept/
      tamis export out/ --kept --before mix_corpus -o deduplicated/
      tamis export out/ --kept --columns url,language,text --format jsonl -o texts/
    """,
)
@run_argument
@click.option(
    "--kept/--all",
    default=None,
    help="Only documents that no stage dropped, or all that were saved.",
)
@click.option("--dropped", is_flag=True, help="Only saved documents that were dropped.")
@click.option(
    "--before",
    metavar="STAGE",
    help="Ignore what this stage and those below it decided.",
)
@click.option("--columns", metavar="NAMES", help="Comma-separated; default: all.")
@click.option(
    "--format",
    "format_",
    type=click.Choice(["parquet", "jsonl"]),
    default="parquet",
    show_default=True,
)
@click.option(
    "--output",
    "-o",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="A new folder; it gets a file for each input.",
)
@storage_option
def command(
    run: str,
    kept: bool | None,
    dropped: bool,
    before: str | None,
    columns: str | None,
    format_: Any,
    output: Path,
    recipe: Path | None,
) -> None:
    """Write the documents of RUN, an output folder, with the signals of all stages.

    The documents are those of the last save; the run needs no mix.
    """
    from tamis.finished_run import Run
    from tamis.runner.recorded import storage_options_of

    if kept is None and not dropped:
        raise ConfigError("say which documents: --kept, --dropped or --all")
    if kept is not None and dropped:
        raise ConfigError("--dropped goes without --kept and --all")
    opened = Run(run, storage_options_of(recipe))
    written = opened.export(
        output,
        kept=False if dropped else (True if kept else None),
        columns=[name.strip() for name in columns.split(",")] if columns else None,
        before=before,
        format=format_,
    )
    click.echo(f"{output}: {len(written)} files")
