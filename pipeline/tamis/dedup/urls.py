"""The steps of deduplicate_urls (see pipeline/tamis/stages/deduplicate_urls.py)."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash
from numpy.typing import NDArray

from tamis.dedup.groups import Group, as_numpy, ranges_of, read_between
from tamis.dedup.sorted_runs import delta_coded
from tamis.documents.parts import Part
from tamis.storage import Storage
from tamis.urls.page import page_address
from tamis.work.commits import Counts, File, Outputs

URLS, RUNS, LOSERS = "urls", "work/urls/runs", "work/urls/losers"
REASON = "duplicate_url"

# Rows are twice as wide as those of deduplicate, and sorting them takes room as well.
RANGES_PER_RANGE = 8
_RUN_ROWS = 1 << 21
_ROW_GROUP_ROWS = 1 << 17
_UNKNOWN_AGE = -(1 << 62)

_RUN = pa.schema(
    [
        ("hash", pa.uint64()),
        ("fetched_at", pa.int64()),
        ("id", pa.uint64()),
        ("ordinal", pa.uint64()),
    ]
)
_LOSER = pa.schema([("ordinal", pa.uint64())])
_LAYER = pa.schema([("id", pa.uint64()), ("drop_reason", pa.string())])


def gather(
    outputs: Outputs, group: Group, ignored: Sequence[str], documents: int
) -> None:
    """Write the group's runs, newest first among equal hashes."""
    held: list[pa.Table] = []
    rows = runs = 0
    for start, part in group.starts():
        for table in _rows(outputs.storage, start, part, ignored=frozenset(ignored)):
            held.append(table)
            rows += table.num_rows
            if rows >= _RUN_ROWS:
                _write_run(outputs, runs, held, documents=documents)
                held, rows, runs = [], 0, runs + 1
    if held:
        _write_run(outputs, runs, held, documents=documents)


def find_losers(outputs: Outputs, files: Sequence[File], low: int, high: int) -> None:
    """Write the ordinals of the range's documents that have a newer copy."""
    tables = [_RUN.empty_table()]
    for file in files:
        table = read_between(outputs.storage, file, "hash", low=low, high=high)
        hashes = as_numpy(table["hash"])
        start = int(np.searchsorted(hashes, np.uint64(low)))
        stop = int(np.searchsorted(hashes, np.uint64(high), side="right"))
        tables.append(table.slice(start, stop - start))
    table = _newest_first(pa.concat_tables(tables))
    hashes = as_numpy(table["hash"])
    is_later = np.append(False, hashes[1:] == hashes[:-1])[: len(hashes)]
    ordinals = np.sort(as_numpy(table["ordinal"])[is_later])
    with outputs.parquet(LOSERS, _LOSER, **delta_coded(_LOSER)) as writer:
        written = pa.table([ordinals], schema=_LOSER)
        writer.write_table(written, row_group_size=_ROW_GROUP_ROWS)


def publish(outputs: Outputs, group: Group, losers: Sequence[File]) -> Counts:
    """Write one layer for each part of the group."""
    is_loser = np.zeros(group.stop - group.start, bool)
    for file in losers:
        table = read_between(
            outputs.storage, file, "ordinal", low=group.start, high=group.stop - 1
        )
        ordinals = as_numpy(table["ordinal"])
        own = ordinals[(ordinals >= group.start) & (ordinals < group.stop)]
        is_loser[(own - np.uint64(group.start)).astype(np.int64)] = True
    for start, part in group.starts():
        first = start - group.start
        ids = part.read(outputs.storage, ["id"])["id"]
        mask = ~is_loser[first : first + part.rows]
        reasons = pa.array(np.full(part.rows, REASON), pa.string(), mask=mask)
        with outputs.parquet(URLS, _LAYER, part.name) as writer:
            writer.write_table(pa.table([ids, reasons], schema=_LAYER))
    return {"dropped": int(is_loser.sum())}


def _rows(
    storage: Storage, start: int, part: Part, *, ignored: frozenset[str]
) -> list[pa.Table]:
    """The rows to compare of a part; documents that were dropped before are left out."""
    tables = []
    columns = ["id", "url", "fetched_at", "drop_reason"]
    for batch in part.batches(storage, columns, _ROW_GROUP_ROWS):
        is_in = np.asarray(
            pc.and_(pc.is_null(batch["drop_reason"]), pc.is_valid(batch["url"]))
        )
        ordinals = np.uint64(start) + np.flatnonzero(is_in).astype(np.uint64)
        start += batch.num_rows
        kept = batch.filter(pa.array(is_in))
        ages = pc.fill_null(kept["fetched_at"].cast(pa.int64()), _UNKNOWN_AGE)
        columns_ = [_hashes(kept["url"], ignored), ages, kept["id"], ordinals]
        tables.append(pa.table(columns_, schema=_RUN))
    return tables


def _hashes(urls: pa.StringArray, ignored: frozenset[str]) -> NDArray[np.uint64]:
    hashes = [
        xxhash.xxh3_64_intdigest(page_address(url, ignored).encode("utf-8", "replace"))
        for url in urls.to_pylist()
    ]
    return np.array(hashes, np.uint64)


def _write_run(
    outputs: Outputs, number: int, tables: list[pa.Table], *, documents: int
) -> None:
    """Write row groups that end where a range of hashes ends."""
    table = _newest_first(pa.concat_tables(tables))
    hashes = as_numpy(table["hash"])
    highs = [high for _, high in ranges_of(RANGES_PER_RANGE * documents)]
    stem = f"{outputs.key}-{number:05}"
    with outputs.parquet(RUNS, _RUN, stem, **delta_coded(_RUN)) as writer:
        start = 0
        for stop in np.searchsorted(hashes, np.array(highs, np.uint64), side="right"):
            if stop > start:
                own = table.slice(start, stop - start)
                writer.write_table(own, row_group_size=_RUN_ROWS)
            start = int(stop)


def _newest_first(table: pa.Table) -> pa.Table:
    """By hash, newest first, then the smallest id; of equal ids the earlier row."""
    keys = [as_numpy(table[name]) for name in ("ordinal", "id", "fetched_at", "hash")]
    keys[2] = -keys[2]
    return table.take(np.lexsort(keys))
