"""The steps of `decontaminate: {method: ngram13}`: count, then cut.

    count         a group of parts   texts -> their n-grams of instances, each with its window,
                                     and in how many documents of the group each is
    common        all                counts -> the n-grams that too many documents have
    contaminated  a group of parts         -> the layers

Texts are read once: what the cut needs of a text, the first step has written.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, TypedDict

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tamis.dedup.groups import Group, as_numpy
from tamis.stage import Bill
from tamis.storage import Storage
from tamis.text.columns import CUTS, CUTS_TYPE
from tamis.work.commits import Counts, File, Outputs

LAYER = "contaminated"
HITS, GRAMS, COMMON = (f"work/{LAYER}/{name}" for name in ("hits", "grams", "common"))
SPANS = "contaminated_spans"
REASON = "contaminated"
_BATCH_ROWS = 256
_BUFFER_ROWS = 1 << 16

_HIT = pa.schema(
    [
        ("ordinal", pa.uint64()),
        ("gram", pa.int32()),
        ("start", pa.int32()),
        ("stop", pa.int32()),
        ("first_char", pa.int32()),
        ("stop_char", pa.int32()),
        ("gap", pa.int32()),
        ("bytes", pa.int32()),
        ("chars", pa.int32()),
    ]
)
_GRAM = pa.schema([("gram", pa.int32()), ("documents", pa.int64())])


class Settings(NamedTuple):
    """The settings of the stage that its tasks need."""

    benchmarks: tuple[str, ...]
    ngram: int
    max_documents: int
    window_chars: int
    min_chars: int
    max_pieces: int
    action: str


class Found(TypedDict):
    """By benchmark: documents that have an instance's n-grams, and those dropped."""

    documents: dict[str, int]
    dropped: dict[str, int]


def columns_of(action: str) -> pa.Schema:
    """The columns of the layer except the drop reason and the cuts."""
    own = {"drop": [("text_chars", pa.int32())], "mask": [(SPANS, CUTS_TYPE)]}
    return pa.schema(
        [
            *own.get(action, []),
            ("contaminated_by", pa.string()),
            ("contaminated_instance", pa.int64()),
            ("contamination", pa.float32()),
            ("contaminated_chars", pa.int32()),
        ]
    )


# Words and n-grams of 5 kB take .07 ms in Latin and Cyrillic, .8 in Chinese, whose words a
# dictionary finds; and the text is read.
_SECONDS = 2e-4
_LAYER_BYTES = 1
_MEMORY_BYTES = 1 << 30


def bill_of(documents: int) -> Bill:
    """What so many documents will need; the hits of a clean corpus are next to nothing."""
    hours = documents * _SECONDS / 3600
    return Bill(hours, layer_bytes=documents * _LAYER_BYTES, memory_bytes=_MEMORY_BYTES)


def count(outputs: Outputs, settings: Settings, group: Group) -> Counts:
    """Write the n-grams of instances in the documents of the group, and their counts."""
    from tamis.decontamination.benchmarks import opened

    index = opened(settings.benchmarks, settings.ngram).index
    counts = np.zeros(len(index.starts) - 1, np.int64)
    documents = 0
    with outputs.parquet(HITS, _HIT) as writer:
        waiting: list[pa.Table] = []
        for own in _hits(outputs.storage, settings, group):
            once = own.group_by(["ordinal", "gram"]).aggregate([])
            counts += np.bincount(as_numpy(once["gram"]), minlength=len(counts))
            documents += len(pc.unique(own["ordinal"]))
            waiting.append(own)
            if sum(map(len, waiting)) >= _BUFFER_ROWS:
                writer.write_table(pa.concat_tables(waiting))
                waiting.clear()
        if waiting:
            writer.write_table(pa.concat_tables(waiting))
    grams = np.flatnonzero(counts)
    table = pa.table([grams.astype(np.int32), counts[grams]], schema=_GRAM)
    with outputs.parquet(GRAMS, _GRAM) as writer:
        writer.write_table(table)
    return {"documents": documents, "ngrams": len(grams)}


def _hits(storage: Storage, settings: Settings, group: Group) -> Iterator[pa.Table]:
    """Rows of `_HIT` in the order of the documents, a few documents at a time."""
    from tamis.decontamination.benchmarks import opened
    from tamis.decontamination.overlap import hits
    from tamis.decontamination.pieces import windows
    from tamis.text.buffers import read_only, utf8_buffers
    from tamis.text.utf8 import code_point_counts
    from tamis.text.words import segment

    index = opened(settings.benchmarks, settings.ngram).index
    start = group.start
    for part in group.parts:
        for batch in part.batches(storage, ["text", "drop_reason"], _BATCH_ROWS):
            first, start = start, start + batch.num_rows
            is_in = np.asarray(pc.is_null(batch["drop_reason"]))
            texts = batch["text"].filter(pa.array(is_in))
            data, offsets = utf8_buffers(texts)
            data = read_only(data)
            words = segment(data, offsets)
            found = hits(data, words, index)
            if not len(found.grams):
                continue
            placed = windows(
                data,
                offsets,
                words,
                found.words,
                found.bounds,
                index.ngram,
                settings.window_chars,
            )
            own = np.repeat(np.arange(len(texts)), np.diff(found.bounds))
            ordinals = (first + np.flatnonzero(is_in)).astype(np.uint64)
            sizes = np.diff(offsets).astype(np.int32)
            chars = code_point_counts(data, offsets).astype(np.int32)
            columns = [ordinals[own], found.grams, *placed, sizes[own], chars[own]]
            yield pa.table(columns, schema=_HIT)


def common(outputs: Outputs, settings: Settings, files: Sequence[File]) -> Counts:
    """Write the n-grams that more than `max_documents` have, in the order of the index."""
    totals = np.zeros(0, np.int64)
    for file in files:
        table = _read(outputs.storage, file)
        grams = as_numpy(table["gram"])
        if len(grams) and grams[-1] >= len(totals):
            totals = np.append(totals, np.zeros(grams[-1] + 1 - len(totals), np.int64))
        totals[grams] += as_numpy(table["documents"])
    over = np.flatnonzero(totals > settings.max_documents)
    with outputs.parquet(COMMON, _GRAM) as writer:
        writer.write_table(
            pa.table([over.astype(np.int32), totals[over]], schema=_GRAM)
        )
    return {"found": int(np.count_nonzero(totals)), "ignored": len(over)}


def cut(
    outputs: Outputs, settings: Settings, group: Group, hits: File, common: File
) -> Found:
    """Write one layer for each part of the group."""
    fields = [("id", pa.uint64()), ("drop_reason", pa.string())]
    cuts = [(CUTS, CUTS_TYPE)] if settings.action == "drop" else []
    schema = pa.schema([*fields, *cuts, *columns_of(settings.action)])
    ignored = _read(outputs.storage, common)["gram"]
    found = _read(outputs.storage, hits)
    found = found.filter(pc.invert(pc.is_in(found["gram"], ignored)))
    ordinals = as_numpy(found["ordinal"])
    documents: Counter[str] = Counter()
    dropped: Counter[str] = Counter()
    for start, part in group.starts():
        low, high = np.searchsorted(ordinals, [start, start + part.rows]).tolist()
        own = _decided(found.slice(low, high - low), start, settings)
        saved = part.read(outputs.storage, ["id", "text_chars", "drop_reason"])
        layer = _layer(saved, own, settings, schema=schema)
        with outputs.parquet(LAYER, schema, part.name) as writer:
            writer.write_table(layer)
        documents.update(own["contaminated_by"].to_pylist())
        is_out = pc.is_valid(own["drop_reason"])
        dropped.update(own["contaminated_by"].filter(is_out).to_pylist())
    return {"documents": dict(documents), "dropped": dict(dropped)}


def _read(storage: Storage, file: File) -> pa.Table:
    with storage.table(file.path) as parquet:
        return parquet.read()


def _decided(found: pa.Table, start: int, settings: Settings) -> pa.Table:
    """A row for each document of a part that has hits: its row there, and what it gets."""
    from tamis.decontamination.benchmarks import opened
    from tamis.decontamination.overlap import most_of
    from tamis.decontamination.pieces import Windows, pieces

    column = {name: as_numpy(found[name]) for name in found.column_names}
    rows, firsts = np.unique(column["ordinal"], return_index=True)
    bounds = np.append(firsts, len(found)).astype(np.int64)
    names = ("start", "stop", "first_char", "stop_char", "gap")
    chars = column["chars"][firsts]
    left = pieces(
        Windows(*(column[name] for name in names)),
        bounds,
        column["bytes"][firsts],
        chars,
        settings.min_chars,
    )
    benchmarks, numbers, index = opened(settings.benchmarks, settings.ngram)
    most = [
        most_of(np.unique(column["gram"][bounds[one] : bounds[one + 1]]), index)
        for one in range(len(rows))
    ]
    instance = np.array([number for number, _ in most], np.int64)
    is_out = (left.pieces > settings.max_pieces) | (left.left == 0)
    if settings.action == "tag":
        is_out[:] = False
    return pa.table(
        {
            "row": (rows - np.uint64(start)).astype(np.int64),
            "drop_reason": pa.array(
                np.full(len(rows), REASON, object), pa.string(), mask=~is_out
            ),
            CUTS: pa.ListArray.from_arrays(left.cut_bounds.astype(np.int32), left.cuts),
            SPANS: pa.ListArray.from_arrays(
                left.span_bounds.astype(np.int32), left.spans
            ),
            "text_chars": left.left,
            "contaminated_by": pa.array(benchmarks[instance], pa.string()),
            "contaminated_instance": numbers[instance],
            "contamination": np.array([share for _, share in most], np.float32),
            "contaminated_chars": _lengths(left.spans, left.span_bounds),
        }
    )


def _lengths(spans: NDArray[np.int32], bounds: NDArray[np.int64]) -> NDArray[np.int32]:
    """Characters of the spans of each document."""
    sums = np.append(0, np.cumsum(np.diff(spans)[::2]))
    return np.diff(sums[bounds // 2]).astype(np.int32)


def _layer(
    saved: pa.Table, own: pa.Table, settings: Settings, *, schema: pa.Schema
) -> pa.Table:
    """The part's rows; for documents dropped before, all but id is null."""
    places = np.full(saved.num_rows, -1, np.int64)
    places[as_numpy(own["row"])] = np.arange(own.num_rows)
    taken = own.take(pa.array(places, mask=places < 0))
    columns: dict[str, Any] = {name: taken[name] for name in schema.names[1:]}
    for name in ("contamination", "contaminated_chars"):
        columns[name] = columns[name].fill_null(0)
    if settings.action == "drop":
        columns["text_chars"] = pc.coalesce(
            columns["text_chars"], saved["text_chars"].cast(pa.int32())
        )
    is_in = pc.is_null(saved["drop_reason"])
    spread = {
        name: pc.if_else(is_in, values, pa.scalar(None, schema.field(name).type))
        for name, values in columns.items()
    }
    return pa.table({"id": saved["id"], **spread}, schema=schema)
