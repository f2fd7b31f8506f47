"""Find what repeats in a partition, and write the layers of deduplicate_substrings."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tamis.dedup.groups import Group, as_numpy, read_between
from tamis.text.buffers import read_only, utf8_buffers
from tamis.text.columns import CUTS, CUTS_TYPE
from tamis.work.commits import Counts, File, Outputs

SUBSTRINGS, FOUND = "substrings", "work/substrings/found"
SPANS = "repeated_spans"
REASON = "only_repeated_text"
_ROW_GROUP_ROWS = 1 << 14


class Settings(NamedTuple):
    """The settings of the stage that its tasks need."""

    min_tokens: int
    is_cut: bool
    keeps_first: bool
    min_chars: int


def columns_of(settings: Settings) -> pa.Schema:
    """The columns of the layer except the drop reason and the cuts."""
    counts = [("repeated_tokens", pa.int32()), ("repeated_chars", pa.int32())]
    first = ("text_chars", pa.int32()) if settings.is_cut else (SPANS, CUTS_TYPE)
    return pa.schema([first, *counts])


def find(
    outputs: Outputs, settings: Settings, files: Sequence[File], partition: int
) -> Counts:
    """Write the repeats in each document of a partition; no row without repeats."""
    from tamis.dedup.kernels.substrings import code_point_spans, repeated, tokens
    from tamis.dedup.kernels.units import removal
    from tamis.text.normalise import folding

    texts = [
        read_between(outputs.storage, file, "partition", low=partition, high=partition)
        for file in files
    ]
    table = pa.concat_tables(texts)
    del texts
    ordinals = table["ordinal"]
    data, offsets = utf8_buffers(table["text"].cast(pa.large_string()))
    del table
    data = read_only(data)
    hashes, places = tokens(data, offsets, folding())
    is_repeated = repeated(
        hashes, places.bounds, settings.min_tokens, keeps_first=settings.keeps_first
    )
    points, point_bounds = code_point_spans(data, offsets, places, is_repeated)
    cuts, cut_bounds = removal(offsets, places, is_repeated)
    counts = np.diff(np.searchsorted(np.flatnonzero(is_repeated), places.bounds))
    lengths = np.diff(points)[::2]
    chars = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
    columns = {
        "ordinal": ordinals,
        CUTS: pa.ListArray.from_arrays(cut_bounds.astype(np.int32), cuts),
        SPANS: pa.ListArray.from_arrays(point_bounds.astype(np.int32), points),
        "repeated_tokens": counts.astype(np.int32),
        "repeated_chars": np.diff(chars[point_bounds // 2]).astype(np.int32),
        "cut_chars": _cut_chars(data, offsets, cuts, bounds=cut_bounds),
    }
    found = pa.table(columns).filter(pa.array(counts > 0)).sort_by("ordinal")
    with outputs.parquet(FOUND, found.schema) as writer:
        writer.write_table(found, row_group_size=_ROW_GROUP_ROWS)
    return {"documents": len(counts), "bytes": len(data), "tokens": len(hashes)}


def publish(
    outputs: Outputs, settings: Settings, group: Group, files: Sequence[File]
) -> Counts:
    """Write one layer for each part of the group."""
    schema = pa.schema([("id", pa.uint64()), ("drop_reason", pa.string())])
    if settings.is_cut:
        schema = schema.append(pa.field(CUTS, CUTS_TYPE))
    schema = pa.schema([*schema, *columns_of(settings)])
    tables = [
        read_between(
            outputs.storage, file, "ordinal", low=group.start, high=group.stop - 1
        )
        for file in files
    ]
    found = pa.concat_tables(tables).sort_by("ordinal").combine_chunks()
    ordinals = as_numpy(found["ordinal"])
    tally = {"documents_repeating": 0, "repeated_tokens": 0, "repeated_chars": 0}
    for start, part in group.starts():
        low, high = np.searchsorted(ordinals, [start, start + part.rows]).tolist()
        own = found.slice(low, high - low)
        rows = np.full(part.rows, -1, np.int64)
        rows[(ordinals[low:high] - np.uint64(start)).astype(np.int64)] = np.arange(
            high - low
        )
        saved = part.read(outputs.storage, ["id", "text_chars", "drop_reason"])
        layer = _layer(saved, own, rows, settings=settings, schema=schema)
        with outputs.parquet(SUBSTRINGS, schema, part.name) as writer:
            writer.write_table(layer)
        tally["documents_repeating"] += own.num_rows
        for name in ("repeated_tokens", "repeated_chars"):
            tally[name] += pc.sum(own[name]).as_py() or 0
    return tally


def _layer(
    saved: pa.Table,
    found: pa.Table,
    rows: NDArray[np.int64],
    *,
    settings: Settings,
    schema: pa.Schema,
) -> pa.Table:
    """The part's rows; for documents dropped before, all but id is null."""
    is_in = pc.is_null(saved["drop_reason"])
    taken = found.take(pa.array(rows, mask=rows < 0))
    lost = taken["cut_chars" if settings.is_cut else "repeated_chars"].fill_null(0)
    left = pc.subtract(saved["text_chars"], lost)
    is_lost = pc.and_(pc.greater(lost, 0), pc.less(left, settings.min_chars))
    columns = {
        "drop_reason": pc.if_else(is_lost, REASON, pa.scalar(None, pa.string())),
        CUTS: taken[CUTS],
        SPANS: taken[SPANS],
        "text_chars": left,
        "repeated_tokens": taken["repeated_tokens"].fill_null(0),
        "repeated_chars": taken["repeated_chars"].fill_null(0),
    }
    spread = {
        field.name: _where(is_in, columns[field.name].cast(field.type))
        for field in schema
        if field.name != "id"
    }
    return pa.table({"id": saved["id"], **spread}, schema=schema)


def _where(is_in: pa.ChunkedArray, values: pa.ChunkedArray) -> pa.ChunkedArray:
    rows = np.arange(len(values))
    return values.take(pa.array(rows, mask=~np.asarray(is_in)))


def _cut_chars(
    data: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    cuts: NDArray[np.int32],
    *,
    bounds: NDArray[np.int64],
) -> NDArray[np.int32]:
    """Code points that the cuts of each document remove."""
    owners = np.repeat(np.arange(len(bounds) - 1), np.diff(bounds) // 2)
    counts = np.zeros(len(bounds) - 1, np.int64)
    starts = offsets[owners] + cuts[::2]
    stops = offsets[owners] + cuts[1::2]
    for owner, start, stop in zip(owners, starts, stops, strict=True):
        counts[owner] += np.count_nonzero((data[start:stop] & 0xC0) != 0x80)
    return counts.astype(np.int32)
