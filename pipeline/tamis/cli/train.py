"""tamis train: train models on the user's own documents.

Each model has a function here and a module in `tamis.training`, which is imported when
the command runs.
"""

from pathlib import Path

import click

from tamis.cli.options import Decorator

_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
_PLACE = click.Path(path_type=Path, exists=True)
_NEW_FILE = click.Path(path_type=Path, dir_okay=False)
_output_option = click.option(
    "--output", "-o", required=True, type=_NEW_FILE, help="The model's file."
)
_licence_option = click.option(
    "--licence", default="not stated", help="Licence of the weights, for the card."
)


def _bits_option(default: int) -> Decorator:
    return click.option(
        "--bits",
        default=default,
        show_default=True,
        type=click.IntRange(10, 24),
        help="The model has 2 to this power weights.",
    )


def _documents_option(default: int, what: str) -> Decorator:
    return click.option(
        "--documents",
        default=default,
        show_default=True,
        type=click.IntRange(1),
        help=what,
    )


@click.group("train")
def command() -> None:
    """Train a model on your own documents; it is one readable file with its figures.

    Needs scikit-learn, or LightGBM for the extractor: pip install 'tamis[train]'.
    """


@command.command(
    "toxicity",
    epilog="""\b
    Example:
      tamis train toxicity --labelled comments.jsonl --clean out/ -o toxicity.npz
      tamis run --set score_toxicity.model=toxicity.npz
    """,
)
@click.option(
    "--labelled",
    required=True,
    multiple=True,
    type=_FILE,
    help="JSON Lines or Parquet: text, label (1 toxic, 0 not), language. Can be repeated.",
)
@click.option(
    "--clean",
    required=True,
    type=_PLACE,
    help="Ordinary documents (text, language): a run's output folder, or files.",
)
@_output_option
@_licence_option
@_documents_option(2_000, "Clean documents per language.")
@_bits_option(20)
def toxicity(
    labelled: tuple[Path, ...],
    clean: Path,
    output: Path,
    licence: str,
    documents: int,
    bits: int,
) -> None:
    """Fit the toxicity model that score_toxicity reads.

    Prints per language the AUC and the share of comments and of clean prose over each
    threshold, all by cross-validation. A model with more than 1 % of clean prose over
    0.9 is not saved.
    """
    from tamis import training
    from tamis.training.toxicity import table_of

    model = training.train_toxicity(
        labelled,
        clean,
        output,
        licence=licence,
        documents=documents,
        bits=bits,
        show=lambda figures: _print_table(table_of(figures)),
    )
    unjudged = model.card["figures"]["not_scored"]
    if unjudged:
        click.echo(f"not scored, without clean prose: {', '.join(unjudged)}")
    click.echo(f"{output}: {', '.join(model.languages)}")


@command.command(
    "quality",
    epilog="""\b
    Examples:
      tamis train quality --positive books/ --negative out/ -o quality.npz
      tamis train quality --positive trusted-domains.txt --negative out/ -o quality.npz
      tamis train quality --warc crawl.warc.gz -o own.prose.npz
      tamis run --set score_quality.model=quality.npz
    """,
)
@click.option(
    "--positive",
    type=_PLACE,
    help="Good documents (text, language), or a .txt file with one trusted domain a line:"
    " then the good documents are taken from the negative ones.",
)
@click.option(
    "--negative",
    type=_PLACE,
    help="A sample of the crawl: a run's output folder, or files.",
)
@click.option(
    "--warc",
    "warcs",
    multiple=True,
    type=_FILE,
    help="Instead of both: a WARC file with pages, whose articles are the good documents."
    " Can be repeated.",
)
@click.option(
    "--gold",
    type=_FILE,
    help="With --warc: JSON Lines (.gz or not): url, and if known page_type, source, site.",
)
@_output_option
@_licence_option
@_documents_option(1_000, "Documents per language of each kind, without --warc.")
@_bits_option(20)
def quality(
    positive: Path | None,
    negative: Path | None,
    warcs: tuple[Path, ...],
    gold: Path | None,
    output: Path,
    licence: str,
    documents: int,
    bits: int,
) -> None:
    """Fit the quality model that score_quality reads.

    Of documents: prints per language the AUC over documents of sites that the fold has not
    seen. A language with an AUC below 0.6 is not scored.

    Of pages (--warc): fits a model as the packaged one, which reads no words and scores
    every language: articles against forums, shops, listings and what the extractor leaves
    out of any page. Prints the AUC on unseen sites and in unseen languages, and the mean
    percentile of each kind of page. The same input gives the same bytes.
    """
    if warcs and not (positive or negative):
        _prose(warcs, gold, output, licence)
    elif positive and negative and not (warcs or gold):
        _by_documents(positive, negative, output, licence, documents, bits)
    else:
        raise click.UsageError("give --positive and --negative, or --warc")


def _prose(
    warcs: tuple[Path, ...], gold: Path | None, output: Path, licence: str
) -> None:
    from tamis import training
    from tamis.training.prose import tables_of

    model = training.train_prose(warcs, output, gold=gold, licence=licence)
    for table in tables_of(model.card["figures"]):
        _print_table(table)
        click.echo()
    click.echo(f"{output}: {output.stat().st_size:,} bytes")


def _by_documents(
    positive: Path,
    negative: Path,
    output: Path,
    licence: str,
    documents: int,
    bits: int,
) -> None:
    from tamis import training
    from tamis.training.quality import table_of

    model = training.train_quality(
        positive,
        negative,
        output,
        licence=licence,
        documents=documents,
        bits=bits,
        show=lambda figures: _print_table(table_of(figures)),
    )
    click.echo(f"{output}: {', '.join(model.languages)}")


@command.command(
    "language",
    epilog="""\b
    Example:
      tamis train language --labelled texts.jsonl -o sisters.npz
      tamis run --set identify_language.sisters=sisters.npz
    """,
)
@click.option(
    "--labelled",
    required=True,
    multiple=True,
    type=_FILE,
    help="JSON Lines or Parquet: text, language, and if known fold: texts of one fold are"
    " held out together. Can be repeated.",
)
@_output_option
@_licence_option
@_bits_option(14)
def language(labelled: tuple[Path, ...], output: Path, licence: str, bits: int) -> None:
    """Fit the second opinion on sister languages that identify_language reads.

    Prints per group of sisters the share of held-out texts that the first model, the
    linear models and both together name rightly, and the pairs that the linear models do
    not tell apart. The same input gives the same bytes.
    """
    from tamis import training
    from tamis.training.language import table_of

    model = training.train_language(labelled, output, licence=licence, bits=bits)
    _print_table(table_of(model.card["figures"]))
    click.echo(f"{output}: {output.stat().st_size:,} bytes")


@command.command(
    "extractor",
    epilog="""\b
    Examples:
      tamis train extractor --warc crawl.warc.gz -o extractor.json
      tamis train extractor --warc a.warc.gz --warc b.warc.gz --gold gold.jsonl -o e.json
      tamis run --set extract_text.engine=blocks --set extract_text.model=extractor.json
    """,
)
@click.option(
    "--warc",
    "warcs",
    required=True,
    multiple=True,
    type=_FILE,
    help="A WARC file with pages to learn from. Can be repeated.",
)
@click.option(
    "--gold",
    type=_FILE,
    help="JSON Lines (.gz or not): url, text (the whole main text), and if known"
    " source, site, page_type, lang.",
)
@click.option(
    "--teacher",
    "teachers",
    multiple=True,
    type=click.Choice(["trafilatura", "resiliparse"]),
    default=("trafilatura", "resiliparse"),
    show_default=True,
    help="An extractor that labels pages without gold. Can be repeated; trafilatura is required.",
)
@click.option(
    "--cache",
    type=_NEW_FILE,
    help="File that keeps the teachers' texts (JSON Lines) for another training.",
)
@_output_option
def extractor(
    warcs: tuple[Path, ...],
    gold: Path | None,
    teachers: tuple[str, ...],
    cache: Path | None,
    output: Path,
) -> None:
    """Fit the weights that extract_text reads with `engine: blocks`.

    Prints the word F1 by group of pages: of the new weights on unseen sites (five
    folds) and on unseen sources, and of the teachers. Only pages with gold count. The
    same input gives the same bytes.
    """
    from tamis import training

    table = training.train_extractor(
        warcs, output, gold=gold, teachers=teachers, cache=cache
    )
    click.echo(table)
    click.echo(f"{output}: {output.stat().st_size:,} bytes")


def _print_table(rows: list[list[str]]) -> None:
    """Print columns as wide as their widest cell, numbers aligned right."""
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    for row in rows:
        first, *others = (
            cell.ljust(width) if place == 0 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        click.echo("  ".join([first, *others]).rstrip())
