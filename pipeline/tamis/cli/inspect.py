"""tamis inspect: documents of a run, why they went, and what a duplicate doubles."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from rich.console import Console

from tamis.cli.options import run_argument, storage_option
from tamis.cli.showing import show_cluster, show_document
from tamis.dedup.kernels.verify import jaccard
from tamis.errors import ConfigError, TamisError
from tamis.report.members import Member, Members, members_with
from tamis.report.reading import InputTables, inputs_of, mix_shards, rows_with
from tamis.runner.passes.splits import task_name
from tamis.runner.recorded import opened_by, recorded_stages
from tamis.runner.replay import masked_for_eyes, text_again
from tamis.stage import Stage
from tamis.stages.sign import Sign
from tamis.storage import Storage
from tamis.text.buffers import utf8_buffers
from tamis.text.shingles import shingles

_NGRAM = 5  # of a run that signed nothing


@click.command(
    "inspect",
    epilog="""\b
    Examples:
      tamis inspect out/ --dropped duplicate_near --language fra
      tamis inspect out/ --stage filter_quality -n 3
      tamis inspect out/ --url http://example.org/page.html
      tamis inspect out/ --cluster 1234567890123456789
      tamis inspect s3://bucket/out --recipe stages.yaml
    """,
)
@run_argument
@click.option(
    "--dropped", "reason", metavar="REASON", help="Documents dropped for this."
)
@click.option("--stage", metavar="STAGE", help="Documents that this stage dropped.")
@click.option("--language", metavar="CODE", help="Documents in this language (fra).")
@click.option("--url", metavar="URL", help="The document of this address.")
@click.option(
    "--cluster",
    metavar="ID",
    type=click.IntRange(0, 2**64 - 1),
    help="The duplicates of the document with this id, of the mix or dropped, side by side.",
)
@click.option("--limit", "-n", default=10, show_default=True, type=click.IntRange(1))
@storage_option
def command(
    run: str,
    reason: str | None,
    stage: str | None,
    language: str | None,
    url: str | None,
    cluster: int | None,
    limit: int,
    recipe: Path | None,
) -> None:
    """Show documents of RUN, an output folder: of the mix, or with --dropped, --stage those left out.

    Of a dropped document that is not among the samples the text is taken from where
    RUN saved it, or read again from its archive, as the recipe in RUN's run.json has it.
    """
    console = Console()
    options, trusted = opened_by(recipe)
    storage = Storage(run, options)
    book = storage.read_json("run.json")  # says clearly where there is no run
    stages = recorded_stages(book, options, trusted)
    inputs = inputs_of(storage)
    if cluster is not None:
        _show_cluster(console, storage, inputs, stages, cluster, limit)
        return
    wanted = {"reason": reason, "stage": stage, "language": language, "url": url}
    filters = {name: value for name, value in wanted.items() if value is not None}
    dropped = [tables.dropped for tables in inputs]
    tables = [] if reason or stage else [mix_shards(storage)]
    tables += [dropped] if reason or stage or url else []
    shown = 0
    for names in tables:
        for row in _rows(storage, names, filters, limit - shown):
            verdict = "in the mix"
            if "reason" in row:
                verdict = f"{row['stage']}: {row['reason']}"
            show_document(console, row, verdict, _text(row, storage, inputs, stages))
            shown += 1
    if not shown:
        raise ConfigError(f"no such document in {run}: {_said(filters)}")


def _rows(
    storage: Storage, names: Sequence[str], filters: Mapping[str, str], limit: int
) -> Iterator[dict[str, Any]]:
    if not names or limit <= 0:
        return
    paths = [storage.path(name) for name in names]
    dataset = ds.dataset(paths, filesystem=storage.filesystem)
    condition = pc.scalar(True)
    for name, value in filters.items():
        if name in dataset.schema.names:
            condition = condition & (pc.field(name) == value)
    yield from dataset.head(limit, filter=condition).to_pylist()


def _text(
    row: Mapping[str, Any],
    storage: Storage,
    inputs: Sequence[InputTables],
    stages: Sequence[Stage],
) -> str:
    """The text of a document, or why there is none."""
    text: str | None = row["text"]
    if "reason" in row:
        text = text or _saved_text(row, storage, inputs)
        try:
            text = text or text_again(row, stages)
        except TamisError as error:
            return f"(no text: {error})"
        text = masked_for_eyes(text, stages) if text else None
    return text or "(no text)"


def _saved_text(
    row: Mapping[str, Any], storage: Storage, inputs: Sequence[InputTables]
) -> str | None:
    """The text of a document that the last save has: barriers dropped it, or filters
    on columns.
    """
    name = task_name(str(row["warc_path"]).rpartition("/")[2])
    for tables in inputs:
        if tables.name == name:
            for path in tables.saved:
                for saved in rows_with(storage, path, [row["id"]], ["text"]):
                    text: str | None = saved.get("text")
                    return text
    return None


def _show_cluster(
    console: Console,
    storage: Storage,
    inputs: Sequence[InputTables],
    stages: Sequence[Stage],
    id_: int,
    limit: int,
) -> None:
    if not any(tables.duplicates for tables in inputs):
        raise ConfigError(f"{storage.root}: this run did not deduplicate")
    members = members_with(storage, inputs, id_, limit)
    if members is None:
        raise ConfigError(
            f"{storage.root}: deduplicate saw no document with the id {id_}"
        )
    ngram = next((s.ngram for s in stages if isinstance(s, Sign)), _NGRAM)
    masked = members.with_texts(lambda text: masked_for_eyes(text, stages))
    show_cluster(console, masked, _similarities(members, ngram))


def _similarities(members: Members, ngram: int) -> dict[int, float]:
    """Jaccard similarity of each document to the first one's, by id."""
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
