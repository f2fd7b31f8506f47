"""tamis inspect: show documents of a run, why they were dropped, and their duplicates."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tamis.addresses import without_secrets
from tamis.cli.options import root_option, run_argument, storage_option
from tamis.errors import ConfigError, TamisError, nearest

if TYPE_CHECKING:
    import pyarrow.dataset as ds
    from rich.console import Console

    from tamis.finished_run import Run
    from tamis.report.members import Member, Members

_NGRAM = 5  # for a run without the stage sign


@click.command(
    "inspect",
    epilog="""\b
    Examples:
      tamis inspect out/ --dropped duplicate_near --language fra
      tamis inspect out/ --stage filter_quality -n 3
      tamis inspect out/ --url http://example.org/page.html
      tamis inspect out/ --cluster 1234567890123456789
      tamis inspect out/ --stage filter_url --warc some.warc.gz --root crawl/
      tamis inspect s3://bucket/out --recipe stages.yaml
    """,
)
@run_argument
@click.option(
    "--dropped", "reason", metavar="REASON", help="Documents dropped for this reason."
)
@click.option("--stage", metavar="STAGE", help="Documents that this stage dropped.")
@click.option("--language", metavar="CODE", help="Documents in this language (fra).")
@click.option("--url", metavar="URL", help="The document of this address.")
@click.option(
    "--cluster",
    metavar="ID",
    type=click.IntRange(0, 2**64 - 1),
    help="The duplicates of the document with this id, in the mix or dropped, side by side.",
)
@click.option("--limit", "-n", default=10, show_default=True, type=click.IntRange(1))
@click.option(
    "--warc",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the records of the documents shown into this archive (.warc.gz).",
)
@root_option
@storage_option
def command(
    run: str,
    reason: str | None,
    stage: str | None,
    language: str | None,
    url: str | None,
    cluster: int | None,
    limit: int,
    warc: Path | None,
    root: str | None,
    recipe: Path | None,
) -> None:
    """Show documents of RUN, an output folder: of its mix, or dropped (--dropped, --stage).

    The text of a dropped document that is not among the samples comes from RUN's last
    save, or is read again from its archive with the recipe in RUN's run.json.
    """
    from rich.console import Console

    from tamis.cli.showing import show_document
    from tamis.finished_run import Run
    from tamis.runner.recorded import opened_by

    console = Console()
    options, trusted, addresses = opened_by(recipe)
    opened = Run(run, options, trusted_stages=trusted, root=root, addresses=addresses)
    if cluster is not None:
        _show_cluster(console, opened, cluster, limit=limit)
        return
    _check_names(opened, reason, stage)
    language = code_of(language) if language else None
    wanted = {"reason": reason, "stage": stage, "language": language, "url": url}
    filters = {name: value for name, value in wanted.items() if value is not None}
    datasets = []
    if not (reason or stage) and opened.has_mix:
        datasets.append(opened.mix())
    if reason or stage or url:
        datasets.append(opened.dropped())
    shown: list[dict[str, Any]] = []
    for dataset in datasets:
        for row in _rows(dataset, filters, limit - len(shown)):
            verdict = "in the mix"
            if "reason" in row:
                verdict = f"{row['stage']}: {row['reason']}"
            show_document(console, row, verdict, text=_text(opened, row))
            shown.append(row)
    if not shown:
        raise ConfigError(
            f"no such document in {without_secrets(run)}: {_said(filters)}"
        )
    if warc is not None:
        count = opened.write_warc(shown, warc)
        console.print(f"records  {count} in {warc}", highlight=False, soft_wrap=True)


def code_of(language: str) -> str:
    """The ISO 639-3 code; `unknown` is the language of pages that have none."""
    from tamis.language.codes import canonical_language
    from tamis.tally import UNKNOWN_LANGUAGE

    if language == UNKNOWN_LANGUAGE:
        return language
    try:
        return canonical_language(language)
    except ValueError as error:
        raise ConfigError(f"--language: {error}") from error


def _check_names(run: "Run", reason: str | None, stage: str | None) -> None:
    """Raise ConfigError for a reason or a stage that dropped nothing in this run."""
    stages = run.summary.get("stages", {})
    reasons = {name for about in stages.values() for name in about["dropped"]}
    for option, name, known in (
        ("--dropped", reason, reasons),
        ("--stage", stage, {label for label, of in stages.items() if of["dropped"]}),
    ):
        if name is not None and name not in known:
            raise ConfigError(
                f"{option} {name}: nothing was dropped so in this run; there are "
                f"{', '.join(sorted(known)) or 'none'}{nearest(name, known)}"
            )


def _rows(
    dataset: "ds.Dataset", filters: Mapping[str, str], limit: int
) -> Iterator[dict[str, Any]]:
    import pyarrow.compute as pc

    from tamis.pii.urls import masked_url

    if limit <= 0:
        return
    condition = pc.scalar(True)
    for name, value in filters.items():
        if name in dataset.schema.names:
            # Addresses may be published with personal data masked.
            values = [value, masked_url(value)] if name == "url" else [value]
            condition = condition & pc.field(name).isin(values)
    yield from dataset.head(limit, filter=condition).to_pylist()


def _text(run: "Run", row: Mapping[str, Any]) -> str:
    """The text of a document, or why there is none."""
    try:
        return run.text_of(row) or "(no text)"
    except TamisError as error:
        return f"(no text: {error})"


def _show_cluster(console: "Console", run: "Run", id_: int, *, limit: int) -> None:
    from tamis.cli.showing import show_cluster
    from tamis.stages.sign import Sign

    members = run.cluster(id_, limit, masked=False)
    ngram = next((s.ngram for s in run.stages() if isinstance(s, Sign)), _NGRAM)
    show_cluster(console, run.masked(members), _similarities(members, ngram))


def _similarities(members: "Members", ngram: int) -> dict[int, float]:
    """Jaccard similarity of each document to the first one's, by id."""
    import pyarrow as pa

    from tamis.dedup.kernels.verify import jaccard
    from tamis.text.buffers import utf8_buffers
    from tamis.text.shingles import shingles

    texts: list[Member] = [*([members.kept] if members.kept else []), *members.others]
    sets = shingles(*utf8_buffers(pa.array([one.text for one in texts])), ngram)
    own = [
        sets.hashes[start:stop]
        for start, stop in zip(sets.offsets[:-1], sets.offsets[1:], strict=True)
    ]
    return {
        one.id: float(jaccard(own[0], hashes))
        for one, hashes in zip(texts, own, strict=True)
    }


def _said(filters: Mapping[str, str]) -> str:
    return (
        ", ".join(f"{name} {value}" for name, value in filters.items()) or "none at all"
    )
