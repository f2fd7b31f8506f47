"""Decide which documents the mix takes and how often, and make their rows."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tamis.documents.parts import Part
from tamis.mix.count import TOKENIZER_FAILED, batches
from tamis.mix.draw import Cutoff, Order, copies_taken, open_documents
from tamis.mix.kernels.cut import Cut
from tamis.mix.kernels.order import shuffle_key
from tamis.pii.kinds import KINDS
from tamis.pii.urls import masked_urls
from tamis.schema import PROVENANCE
from tamis.storage import Storage
from tamis.tally import UNKNOWN_LANGUAGE

# Text of rows that are made at once: a document may be taken many times.
_BATCH_BYTES = 16 << 20

# The columns of a shard. Those that the recipe does not write are null.
MIX = pa.schema(
    [
        *PROVENANCE,
        ("text", pa.string()),
        ("title", pa.string()),
        ("markdown", pa.string()),
        ("language", pa.string()),
        ("script", pa.string()),
        ("language_score", pa.float32()),
        ("quality_score", pa.float32()),
        ("rights_license", pa.string()),
        ("text_chars", pa.int64()),
        ("tokens", pa.int64()),
        ("cluster_size", pa.uint32()),
        ("repeated_spans", pa.list_(pa.int32())),  # for a trainer's loss to leave out
        ("epoch", pa.int32()),
    ]
)
KEY = "shuffle_key"
KEYED = MIX.append(pa.field(KEY, pa.uint64()))
# A row of a part's layer.
LAYER = pa.schema(
    [("id", pa.uint64()), ("drop_reason", pa.string()), ("copies", pa.int32())]
)
_FOLDER = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,31}")
_COUNTS = ("documents", "rows", "characters", "tokens")


@dataclass(frozen=True)
class Draw:
    """Decisions from the counts, the same for every task."""

    order: Order
    cutoffs: dict[str, Cutoff]
    cut: Cut


def drawn(storage: Storage, part: Part, draw: Draw) -> tuple[NDArray[np.int64], Any]:
    """How often each document is taken, and the part's layer with the reasons if not."""
    table = part.read(storage, ["id", "drop_reason"])
    times = np.zeros(part.rows, np.int64)
    opened = open_documents(storage, part, draw.order)
    times[opened.rows] = copies_taken(opened, draw.cutoffs)
    reasons = np.full(len(times), None, dtype=object)
    reasons[np.asarray(pc.is_null(table["drop_reason"]))] = "domain_share"
    reasons[opened.rows] = None
    reasons[opened.rows[times[opened.rows] == 0]] = "not_sampled"
    # Of this stage's first step, whose layer is among the part's.
    is_failed = pc.equal(table["drop_reason"], TOKENIZER_FAILED)
    reasons[np.asarray(pc.fill_null(is_failed, False))] = TOKENIZER_FAILED
    columns = [table["id"], pa.array(reasons, pa.string()), pa.array(times, pa.int32())]
    return times, pa.table(columns, schema=LAYER)


def mixed_rows(
    storage: Storage, part: Part, draw: Draw, *, times: NDArray[np.int64]
) -> Iterator[pa.Table]:
    """The rows of the mix, some megabytes at a time."""
    first = 0
    seen = [f"pii_{kind}" for kind in KINDS]
    for batch in batches(storage, part, [*MIX.names, "rights", *seen]):
        batch = _with_masked_urls(batch)
        repeats_ = times[first : first + batch.num_rows]
        taken = np.repeat(np.arange(batch.num_rows), repeats_)
        starts = np.cumsum(repeats_) - repeats_
        epoch = np.arange(len(taken)) - np.repeat(starts, repeats_)
        for some in _pieces(batch, taken):
            yield _keyed(batch.take(pa.array(taken[some])), epoch[some], draw)
        first += batch.num_rows


def _with_masked_urls(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The rows, personal data in addresses masked as mask_pii masked the texts.

    It counts the kinds that it was asked to mask, and no others.
    """
    kinds = [
        kind
        for kind in KINDS
        if f"pii_{kind}" in batch.schema.names
        and batch[f"pii_{kind}"].null_count < batch.num_rows
    ]
    if not kinds or "url" not in batch.schema.names:
        return batch
    urls = pa.array(masked_urls(batch["url"].to_pylist(), kinds), pa.string())
    return batch.set_column(batch.schema.get_field_index("url"), "url", urls)


def _folders(languages: pa.Array, cut: Cut) -> NDArray[np.int64]:
    """Number of the folder of each row."""
    numbers = {name: number for number, (name, _) in enumerate(cut.folders)}
    coded = pc.dictionary_encode(pc.fill_null(languages, UNKNOWN_LANGUAGE))
    found = [numbers[folder_of(name)] for name in coded.dictionary.to_pylist()]
    numbered: NDArray[np.int64] = np.array(found, np.int64)[np.asarray(coded.indices)]
    return numbered


def add_counts(languages: dict[str, dict[str, int]], rows: pa.Table) -> None:
    """Add documents (each once), rows, characters and tokens by language."""
    table = pa.table(
        {
            "language": pc.fill_null(rows["language"], UNKNOWN_LANGUAGE),
            "documents": pc.equal(rows["epoch"], 0).cast(pa.int64()),
            "rows": pa.repeat(1, rows.num_rows),
            "characters": rows["text_chars"],
            "tokens": rows["tokens"],
        }
    )
    sums = table.group_by("language").aggregate([(name, "sum") for name in _COUNTS])
    for row in sums.to_pylist():
        total = languages.setdefault(row["language"], dict.fromkeys(_COUNTS, 0))
        for name in _COUNTS:
            total[name] += row[f"{name}_sum"]


def _pieces(batch: pa.RecordBatch, taken: NDArray[np.int64]) -> list[slice]:
    """Runs of `taken` with a bounded number of bytes of text, and of Markdown."""
    if len(taken) == 0:
        return []
    sizes = np.zeros(batch.num_rows, np.int64)
    for name in {"text", "markdown"} & set(batch.schema.names):
        sizes += np.asarray(pc.fill_null(pc.binary_length(batch[name]), 0))
    groups = np.cumsum(sizes[taken]) // _BATCH_BYTES
    starts = np.flatnonzero(np.diff(groups, prepend=-1)).tolist()
    stops = [*starts[1:], len(taken)]
    return [slice(start, stop) for start, stop in zip(starts, stops, strict=True)]


def folder_of(language: str) -> str:
    """The folder of a language below mix/: its code, if that is a name of a folder."""
    return language if _FOLDER.fullmatch(language) else UNKNOWN_LANGUAGE


def _keyed(rows: pa.RecordBatch, epoch: NDArray[Any], draw: Draw) -> pa.Table:
    ids = np.asarray(rows["id"]).astype(np.uint64)
    keys = shuffle_key(draw.order.seed, ids, epoch.astype(np.uint64))
    if draw.cut.folders:
        keys = draw.cut.placed(keys, _folders(rows["language"], draw.cut))
    added = {
        "epoch": pa.array(epoch, pa.int32()),
        KEY: pa.array(keys, pa.uint64()),
    }
    if "rights" in rows.schema.names:
        added["rights_license"] = pc.struct_field(rows["rights"], "license")
    columns = [
        added[field.name]
        if field.name in added
        else rows[field.name].cast(field.type)
        if field.name in rows.schema.names
        else pa.nulls(rows.num_rows, field.type)
        for field in KEYED
    ]
    return pa.table(columns, schema=KEYED)
