"""The index folder: documents that earlier runs kept, in generations.

    generations/000003-000003.json  a manifest: its runs, their settings, its files
    hashes/ keepers/ sketches/      the files that manifests name
    writer.json                     whose turn it is (pipeline/tamis/dedup/index/turn.py)

A generation holds what one run published, or several runs, merged: `first` to `last`
are their numbers. Every row says which run `added` it, so a run reads what earlier runs
published, merged or not. A cluster is named after its keeper, the document that stays:

    hashes    (hash, keeper, added)             a hash of a document of the cluster: of its
                                                text, or of a band
    keepers   (keeper, crawl, documents, added) by how many documents the cluster grew
    sketches  (keeper, sketch, added)           to compare texts (pipeline/tamis/dedup/index)

Each is sorted by its first column, in files that hold one range of one column. A
manifest that covers the numbers of another one replaces it: so a merge takes effect
when one file appears.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple, TypedDict

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pydantic import TypeAdapter, with_config

from tamis.dedup.groups import as_numpy, bounds_of, ranges_for
from tamis.storage import Storage
from tamis.storage.records import sealed
from tamis.work.commits import Commit, File

HASHES = pa.schema(
    [("hash", pa.uint64()), ("keeper", pa.uint64()), ("added", pa.uint32())]
)
KEEPERS = pa.schema(
    [
        ("keeper", pa.uint64()),
        ("crawl", pa.string()),
        ("documents", pa.uint32()),
        ("added", pa.uint32()),
    ]
)
SKETCHES = pa.schema(
    [("keeper", pa.uint64()), ("sketch", pa.list_(pa.uint32())), ("added", pa.uint32())]
)
SCHEMAS = {"hashes": HASHES, "keepers": KEEPERS, "sketches": SKETCHES}
GENERATIONS = "generations"
# Columns that are not hashes of documents: `keepers` and `sketches` by id, and the
# names of the input files, so that none is read into the index twice.
BY_KEEPER, BY_SKETCH, INPUT = "keeper", "sketch", "input"

_RESTORE = (
    "an index cannot be made again from itself: restore this file from a copy, or begin "
    "another index"
)

EVER = 2**32 - 1  # a run number that sees all rows
ALL = (0, 2**64 - 1)

_MOST_ROWS = {BY_KEEPER: 1 << 22, BY_SKETCH: 1 << 18}

Hashes = NDArray[np.uint64]


@with_config(extra="forbid")
@dataclass(frozen=True)
class IndexFile:
    """A file of the index: rows of one column whose hash is within [low, high]."""

    column: str
    low: int
    high: int
    file: File


@with_config(extra="forbid")
@dataclass(frozen=True)
class Entry:
    """A run that published. `fingerprint`: its recipe and input; `at`: when, in UTC."""

    number: int
    fingerprint: str
    at: str
    documents: int
    kept: int
    of_index: int
    crawls: tuple[str, ...]


@with_config(extra="forbid")
@dataclass(frozen=True)
class Generation:
    """What one or several runs published."""

    first: int
    last: int
    runs: tuple[Entry, ...]
    settings: dict[str, Any]
    files: tuple[IndexFile, ...]

    @property
    def bytes(self) -> int:
        return sum(own.file.bytes for own in self.files)

    @property
    def name(self) -> str:
        return f"{GENERATIONS}/{self.first:06}-{self.last:06}.json"


_GENERATION = TypeAdapter(Generation)


class PiecesTally(TypedDict):
    """The column and the range of hashes of each file that a task wrote, in order."""

    pieces: list[list[Any]]


class Reading(NamedTuple):
    """The rows in `files` that run `number` may see: those that earlier runs added."""

    storage: Storage
    number: int
    files: tuple[IndexFile, ...]

    def of(self, column: str, low: int = ALL[0], high: int = ALL[1]) -> "Reading":
        """The files that may have rows of `column` within [low, high]."""
        files = tuple(
            own
            for own in self.files
            if own.column == column and own.low <= high and own.high >= low
        )
        return self._replace(files=files)

    def rows(self, column: str) -> int:
        return sum(own.file.rows for own in self.files if own.column == column)


def index_at(folder: str, options: Mapping[str, Any] | None = None) -> Storage:
    """The folder of an index, whether there is one or not."""
    return Storage(folder, options, if_damaged=_RESTORE)


def locked(index: Storage) -> AbstractContextManager[None]:
    """Lock the index to write into it. Raises StorageError while another run holds it."""
    return index.lock(
        "another `tamis run` or `tamis index`, which writes into this index",
        "wait until it has ended, and run this again",
    )


def ranges_in(column: str, rows: int) -> list[tuple[int, int]]:
    """Ranges of a column of the index that fit into memory; row sizes differ by column."""
    return bounds_of(ranges_for(rows, _MOST_ROWS.get(column, 1 << 23)))


def all_generations(storage: Storage) -> list[Generation]:
    """Every manifest, also those that a merged one covers. Raises DamagedFile."""
    found = [storage.read_record(name, _GENERATION) for name in manifests(storage)]
    return sorted(found, key=lambda own: (own.first, -own.last))


def generations(storage: Storage) -> list[Generation]:
    """All that is published, the oldest first. Raises DamagedFile."""
    published: list[Generation] = []
    for own in all_generations(storage):
        if not published or own.first > published[-1].last:
            published.append(own)
    return published


def manifests(storage: Storage) -> list[str]:
    """Names of all manifests, including those of merged generations."""
    return [name for name in storage.names(GENERATIONS) if name.endswith(".json")]


def manifest(generation: Generation) -> bytes:
    """The manifest to write; `generations` reads it back."""
    return sealed(asdict(generation))


def reading(storage: Storage, published: Iterable[Generation], number: int) -> Reading:
    """What run `number` may read."""
    files = [
        own for generation in published if generation.first < number
        for own in generation.files
    ]  # fmt: skip
    return Reading(storage, number, tuple(files))


def index_files(commits: Sequence[Commit]) -> tuple[IndexFile, ...]:
    """The files that tasks wrote, with (column, low, high) from `pieces` of the tally."""
    return tuple(
        IndexFile(column, low, high, file)
        for commit in commits
        for (column, low, high), file in zip(
            commit.tally["pieces"],
            [file for file in commit.files if file.dataset in SCHEMAS],
            strict=True,
        )
    )


def rows_of(
    source: Reading, low: int, high: int, wanted: Hashes | None = None
) -> Iterator[pa.Table]:
    """Rows of `source.files` within [low, high], a row group at a time, each ascending.

    With `wanted`, ascending, only row groups whose range holds one of these.
    """
    for own in source.files:
        with source.storage.table(own.file.path) as parquet:
            key = parquet.schema.names[0]
            for number in range(parquet.num_row_groups):
                group = parquet.metadata.row_group(number)
                limits = group.column(0).statistics
                added = group.column(group.num_columns - 1).statistics
                least, most = max(limits.min, low), min(limits.max, high)
                if least > most or not _is_any(wanted, least, most):
                    continue
                table = parquet.read(groups=[number])
                is_within = limits.min >= low and limits.max <= high
                if not is_within or added.max >= source.number:
                    table = table.filter(
                        _is_read(table, key, source, low=low, high=high)
                    )
                yield table


def input_hashes(source: Reading) -> Hashes:
    """Hashes of the names of all input files that earlier runs have read."""
    tables = rows_of(source.of(INPUT), *ALL)
    found = [as_numpy(table["hash"]) for table in tables]
    return np.unique(np.concatenate([np.empty(0, np.uint64), *found]))


def _is_read(table: pa.Table, key: str, source: Reading, *, low: int, high: int) -> Any:
    """Which rows are within [low, high] and were added before the run that reads."""
    above = pc.greater_equal(table[key], pa.scalar(low, pa.uint64()))
    below = pc.less_equal(table[key], pa.scalar(high, pa.uint64()))
    return pc.and_(pc.and_(above, below), pc.less(table["added"], source.number))


def _is_any(wanted: Hashes | None, low: int, high: int) -> bool:
    if wanted is None:
        return True
    bounds = np.array([low, high], np.uint64)
    start = np.searchsorted(wanted, bounds[0], side="left")
    return bool(start < np.searchsorted(wanted, bounds[1], side="right"))
