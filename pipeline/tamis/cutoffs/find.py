"""Find the cutoff of each group of documents, over all parts.

    sum     a part   keys -> weights by group and digit, if too many documents are left
    gather  a part   keys -> those of the documents that may be the cutoff

What is ranked, and by what, is said by a function: it gives the documents of a part, by
group. The search itself: `tamis.cutoffs.radix_select`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tamis.cutoffs.radix_select import (
    DIGITS,
    Key,
    Keys,
    Search,
    cutoff,
    narrowed,
    next_digit,
    shares_prefix,
)
from tamis.documents.parts import Part
from tamis.storage import Storage
from tamis.work.commits import Commit, Outputs
from tamis.work.steps import Piece, Steps

_MOST_GATHERED = 1 << 22  # keys in memory at once, some 130 MB
_WORK = "work/cutoffs"
_SUMMED_AT_ONCE = 256  # files
_SUMS = pa.schema(
    [
        ("group", pa.string()),
        ("digit", pa.int64()),
        ("weight", pa.int64()),
        ("count", pa.int64()),
    ]
)
_KEYS = pa.schema(
    [
        ("group", pa.string()),
        ("value", pa.uint64()),
        ("id", pa.uint64()),
        ("weight", pa.int64()),
    ]
)


class Ranked(NamedTuple):
    """The documents of a group that are ranked: their rows in the part, keys, weights."""

    rows: NDArray[np.int64]
    values: Keys
    ids: Keys
    weights: NDArray[np.int64]


Rank = Callable[[Storage, Part], Mapping[str, Ranked]]
"""The ranked documents of a part, by group."""

RankOf = Callable[[str, int], int]
"""Where a group's cutoff is, by its name and the weight of all its documents."""


def find_cutoffs(
    steps: Steps,
    name: str,
    parts: Sequence[Part],
    *,
    rank: Rank,
    rank_of: RankOf,
    searches: Mapping[str, Search] | None = None,
    most_ranked: int,
) -> dict[str, Key | None]:
    """The last document to stay of each group; null for a group of which none stays.

    `name` begins the names of the steps. `searches` say what is known before.
    `most_ranked` is the number of documents that are ranked at most.
    """
    known = dict(searches or {})
    left = most_ranked
    for number in range(DIGITS):
        if left <= _MOST_GATHERED:
            break
        sums = _step(steps, f"{name}sum-{number}", sum_digits, parts, rank, known)
        known, left = _narrowed(_read(steps.tasks.storage, sums), known, rank_of)
    gathered = _step(steps, f"{name}gather", gather_keys, parts, rank, known)
    found = {}
    for group, own in _by_group(_read(steps.tasks.storage, gathered)):
        weights = own["weight"].to_numpy()
        search = known.get(group, Search())
        place = search.rank
        if place is None:
            place = rank_of(group, int(weights.sum()))
        keys = own["value"].to_numpy(), own["id"].to_numpy()
        found[group] = cutoff(*keys, weights, place)
    return found


def sum_digits(
    outputs: Outputs, rank: Rank, part: Part, searches: Mapping[str, Search]
) -> None:
    """Write the weight, and the number, of the part's documents with each next digit."""
    tables = [_SUMS.empty_table()]
    for group, own in rank(outputs.storage, part).items():
        search = searches.get(group, Search())
        if search.digits == DIGITS:
            continue
        wanted = shares_prefix(own.values, own.ids, search)
        digits = next_digit(own.values[wanted], own.ids[wanted], search)
        found, inverse, counts = np.unique(
            digits, return_inverse=True, return_counts=True
        )
        weights = np.zeros(len(found), np.int64)
        np.add.at(weights, inverse, own.weights[wanted])
        names = pa.array([group] * len(found), pa.string())
        tables.append(pa.table([names, found, weights, counts], schema=_SUMS))
    with outputs.parquet(_WORK, _SUMS) as writer:
        writer.write_table(pa.concat_tables(tables))


def gather_keys(
    outputs: Outputs, rank: Rank, part: Part, searches: Mapping[str, Search]
) -> None:
    """Write the keys of the part's documents that may be the cutoff."""
    tables = [_KEYS.empty_table()]
    for group, own in rank(outputs.storage, part).items():
        wanted = shares_prefix(own.values, own.ids, searches.get(group, Search()))
        names = pa.array([group] * int(wanted.sum()), pa.string())
        columns = [names, own.values[wanted], own.ids[wanted], own.weights[wanted]]
        tables.append(pa.table(columns, schema=_KEYS))
    with outputs.parquet(_WORK, _KEYS) as writer:
        writer.write_table(pa.concat_tables(tables))


def _step(
    steps: Steps,
    name: str,
    function: Callable[..., None],
    parts: Sequence[Part],
    rank: Rank,
    searches: Mapping[str, Search],
) -> list[Commit]:
    pieces = [
        Piece(part.name, (rank, part, searches), (part.fingerprint,)) for part in parts
    ]
    return steps.run(name, function, pieces, searches)


def _narrowed(
    sums: pa.Table, searches: Mapping[str, Search], rank_of: RankOf
) -> tuple[dict[str, Search], int]:
    """Each group's search with one more digit, and how many documents are left."""
    found, left = dict(searches), 0
    for group, own in _by_group(_summed([sums])):
        own = own.sort_by("digit")
        digits, weights = own["digit"].to_numpy(), own["weight"].to_numpy()
        rank = rank_of(group, int(weights.sum()))
        search = searches.get(group, Search())
        found[group], bucket = narrowed(search, digits, weights, rank)
        left += own["count"][bucket].as_py()
    return found, left


def _read(storage: Storage, commits: Sequence[Commit]) -> pa.Table:
    """All rows that a step wrote; sums of parts are added up as they are read."""
    tables: list[pa.Table] = []
    for commit in commits:
        with storage.table(commit.files[0].path) as opened:
            tables.append(opened.read())
        if tables[0].schema.names == _SUMS.names and len(tables) == _SUMMED_AT_ONCE:
            tables = [_summed(tables)]
    return pa.concat_tables(tables)


def _summed(tables: Sequence[pa.Table]) -> pa.Table:
    sums = pa.concat_tables(tables).group_by(["group", "digit"])
    table = sums.aggregate([("weight", "sum"), ("count", "sum")])
    table = table.rename_columns({"weight_sum": "weight", "count_sum": "count"})
    return table.select(_SUMS.names).cast(_SUMS)


def _by_group(table: pa.Table) -> Iterator[tuple[str, pa.Table]]:
    """The rows of each group, the groups in the order of their names."""
    if table.num_rows == 0:
        return
    table = table.sort_by("group").combine_chunks()
    codes = table["group"].combine_chunks().dictionary_encode()
    starts = np.flatnonzero(np.diff(codes.indices.to_numpy(), prepend=-1)).tolist()
    stops = [*starts[1:], table.num_rows]
    for group, start, stop in zip(
        codes.dictionary.to_pylist(), starts, stops, strict=True
    ):
        yield group, table.slice(start, stop - start)
