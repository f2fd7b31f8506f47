"""Keep the top share of each language: filter_quality over the whole run.

    bounds  a part   statistics -> which bound each document breaks
    count   a part   the column -> documents by language and digit, if too many are left
    gather  a part   the column -> keys of the documents that may be the cutoff
    decide  a part   the column -> its layer

No step reads text. The ranking column is read twice, to find the cutoffs and to decide;
a run of more than four million documents is counted once or twice before. The ranking
and the search for its cutoff: `tamis.quality.radix_select`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tamis.documents.parts import Part, Published
from tamis.errors import SchemaError
from tamis.quality.radix_select import (
    DIGITS,
    Key,
    Keys,
    Search,
    cutoff,
    is_below_cutoff,
    narrowed,
    next_digit,
    shares_prefix,
    value_keys,
)
from tamis.stage import Transform
from tamis.storage import Storage
from tamis.work.commits import Commit, Outputs
from tamis.work.fingerprints import stage_dependencies
from tamis.work.steps import Piece, Steps
from tamis.work.tasks import Tasks
from tamis.work.transforms import Applied, chain_of, through

LAYER = pa.schema([("id", pa.uint64()), ("drop_reason", pa.string())])

_MOST_GATHERED = 1 << 22  # keys in memory at once, some 100 MB
_WORK = "work/share"
LAYERS = "decisions_share"
_COUNTS = pa.schema(
    [("language", pa.string()), ("digit", pa.int64()), ("count", pa.int64())]
)
_KEYS = pa.schema(
    [("language", pa.string()), ("value", pa.uint64()), ("id", pa.uint64())]
)


class Share(NamedTuple):
    """Which share of each language stays, by which column; a share of 1 needs no cutoff.

    A document that breaks one of the bounds of `stage` is dropped before the others are
    ranked.
    """

    stage: Transform
    column: str
    largest_first: bool
    shares: dict[str, float]
    default: float

    def of(self, language: str) -> float:
        return self.shares.get(language, self.default)


class _Ranked(NamedTuple):
    """The documents of a language that are ranked: their rows in the part, their keys."""

    rows: NDArray[np.int64]
    values: Keys
    ids: Keys


def keep_top_share(share: Share, parts: Sequence[Part], tasks: Tasks) -> Published:
    """One layer per part."""
    steps = Steps(share.stage.label, tasks, stage_dependencies(share.stage))

    def step(
        name: str,
        function: Callable[..., None],
        parts: Sequence[Part],
        known: Mapping[str, Any],
    ) -> list[Commit]:
        """Run a task for each part. `known`: what it needs from earlier steps."""
        pieces = [
            Piece(part.name, (share, part, known), (part.fingerprint,))
            for part in parts
        ]
        return steps.run(name, function, pieces, known)

    bounded = step("bounds", keep_bounds, parts, {})
    parts = [
        part.with_layer(commit.files[0], commit.fingerprint)
        for part, commit in zip(parts, bounded, strict=True)
    ]
    searches: dict[str, Search] = {}
    left = sum(part.rows for part in parts)
    for number in range(DIGITS):
        if left <= _MOST_GATHERED:
            break
        counts = step(f"count-{number}", count_digits, parts, searches)
        searches, left = _narrowed(share, _read(tasks.storage, counts), searches)
    gathered = _read(tasks.storage, step("gather", gather_keys, parts, searches))
    cutoffs = {
        language: cutoff(
            _keys(own["value"]),
            _keys(own["id"]),
            searches.get(language, Search()),
            share=share.of(language),
        )
        for language, own in _by_language(gathered)
    }
    decided = step("decide", decide, parts, cutoffs)
    return Published(tuple(commit.files[0] for commit in decided))


def keep_bounds(
    outputs: Outputs, share: Share, part: Part, known: Mapping[str, Any]
) -> None:
    """Write the bound that each document breaks, if nothing dropped it before."""
    available = part.columns(outputs.storage)
    names = {"id", "drop_reason", *share.stage.columns_needed(available)}
    table = part.read(outputs.storage, sorted(names))
    reasons = np.full(table.num_rows, None, object)
    is_open = np.asarray(pc.is_null(table["drop_reason"]))
    chain = chain_of([share.stage])
    row = 0
    for batch in table.combine_chunks().to_batches():
        rows = row + np.flatnonzero(is_open[row : row + batch.num_rows])
        row += batch.num_rows
        opened = batch.filter(pc.is_null(batch["drop_reason"]))
        through(chain, opened, partial(_note_reasons, reasons, rows))
    layer = pa.table([table["id"], pa.array(reasons, pa.string())], schema=LAYER)
    with outputs.parquet(_WORK, LAYER) as writer:
        writer.write_table(layer)


def _note_reasons(
    reasons: NDArray[np.object_], rows: NDArray[np.int64], step: Applied
) -> None:
    reasons[rows] = step.after["drop_reason"].to_pylist()


def count_digits(
    outputs: Outputs, share: Share, part: Part, searches: Mapping[str, Search]
) -> None:
    """Write how many of the part's documents have each next digit, by language."""
    ranked = _ranked(outputs.storage, part, share)
    tables = [_COUNTS.empty_table()]
    for language, own in ranked.items():
        search = searches.get(language, Search())
        wanted = shares_prefix(own.values, own.ids, search)
        digits = next_digit(own.values[wanted], own.ids[wanted], search)
        found, counts = np.unique(digits, return_counts=True)
        names = pa.array([language] * len(found), pa.string())
        tables.append(pa.table([names, found, counts], schema=_COUNTS))
    with outputs.parquet(_WORK, _COUNTS) as writer:
        writer.write_table(pa.concat_tables(tables))


def gather_keys(
    outputs: Outputs, share: Share, part: Part, searches: Mapping[str, Search]
) -> None:
    """Write the keys of the part's documents that may be the cutoff."""
    ranked = _ranked(outputs.storage, part, share)
    tables = [_KEYS.empty_table()]
    for language, own in ranked.items():
        wanted = shares_prefix(own.values, own.ids, searches.get(language, Search()))
        names = pa.array([language] * int(wanted.sum()), pa.string())
        columns = [names, own.values[wanted], own.ids[wanted]]
        tables.append(pa.table(columns, schema=_KEYS))
    with outputs.parquet(_WORK, _KEYS) as writer:
        writer.write_table(pa.concat_tables(tables))


def decide(
    outputs: Outputs, share: Share, part: Part, cutoffs: Mapping[str, Key | None]
) -> None:
    """Write the part's layer: documents that break a bound or are below the cutoff."""
    with outputs.storage.table(part.layers[-1].path) as opened:
        table = opened.read()
    reasons = np.array(table["drop_reason"].to_pylist(), object)
    for language, own in _ranked(outputs.storage, part, share).items():
        below = is_below_cutoff(own.values, own.ids, cutoffs.get(language))
        reasons[own.rows[below]] = f"{share.column}_share"
    layer = pa.table([table["id"], pa.array(reasons, pa.string())], schema=LAYER)
    with outputs.parquet(LAYERS, LAYER, part.name) as writer:
        writer.write_table(layer)


def _ranked(storage: Storage, part: Part, share: Share) -> dict[str, _Ranked]:
    """The ranked documents by language, of those that nothing has dropped.

    A document whose value is null or NaN is not ranked, and so not below the cutoff.
    """
    names = {"id", "drop_reason", "language", share.column}
    table = part.read(storage, sorted(names))
    column = table[share.column]
    if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
        raise SchemaError(
            f"filter_quality.share_column: {share.column} is of type {column.type},"
            " not a number"
        )
    numbers = column.cast(pa.float64()).combine_chunks().to_numpy(zero_copy_only=False)
    is_ranked = np.asarray(pc.is_null(table["drop_reason"])) & ~np.isnan(numbers)
    ids = table["id"].to_numpy()
    languages = pc.fill_null(table["language"], "").combine_chunks().dictionary_encode()
    codes = languages.indices.to_numpy(zero_copy_only=False)
    found = {}
    for code, language in enumerate(languages.dictionary.to_pylist()):
        if share.of(language) >= 1:
            continue
        rows = np.flatnonzero(is_ranked & (codes == code))
        values = value_keys(numbers[rows], largest_first=share.largest_first)
        found[language] = _Ranked(rows, values, ids[rows])
    return found


def _narrowed(
    share: Share, counts: pa.Table, searches: Mapping[str, Search]
) -> tuple[dict[str, Search], int]:
    """Each language's search with one more digit, and how many documents are left."""
    found, left = {}, 0
    for language, own in _by_language(counts):
        sums = own.group_by("digit").aggregate([("count", "sum")]).sort_by("digit")
        found[language], among = narrowed(
            searches.get(language, Search()),
            sums["digit"].to_numpy(),
            sums["count_sum"].to_numpy(),
            share.of(language),
        )
        left += among
    return found, left


def _read(storage: Storage, commits: Sequence[Commit]) -> pa.Table:
    """All rows that a step wrote; counts of parts are added up as they are read."""
    tables: list[pa.Table] = []
    for commit in commits:
        with storage.table(commit.files[0].path) as opened:
            tables.append(opened.read())
        if "count" in tables[0].column_names and len(tables) == 256:
            tables = [_summed(tables)]
    return pa.concat_tables(tables)


def _summed(tables: Sequence[pa.Table]) -> pa.Table:
    sums = pa.concat_tables(tables).group_by(["language", "digit"])
    table = sums.aggregate([("count", "sum")]).rename_columns({"count_sum": "count"})
    return table.select(_COUNTS.names).cast(_COUNTS)


def _by_language(table: pa.Table) -> Iterator[tuple[str, pa.Table]]:
    for language in sorted(pc.unique(table["language"]).to_pylist()):
        yield language, table.filter(pc.equal(table["language"], language))


def _keys(column: pa.ChunkedArray) -> Keys:
    keys: Keys = column.to_numpy()
    return keys
