"""Cut the work of deduplicate into groups of parts, ranges of hashes and partitions.

All sizes follow from the number of documents, never from the number of workers, so a
run that is resumed with other workers finds its tasks again. With these figures a task
holds at most about 1 GB, up to 10^10 documents:

    group      parts of at least 2^18 rows, or a 64th of all, at most 2^24: 600 groups
    range      a power of two of equal ranges of hashes, at most 2^24 rows each
    unit       one range of one column; a task takes units of 2^23 rows in all
    partition  components by hash, 2^28 bytes of rows each, at most 512 of them; a larger
               one is cut into pieces of that size when it is processed
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tamis.documents.parts import Part
from tamis.stage import Stage
from tamis.storage import Storage
from tamis.work.commits import File
from tamis.work.fingerprints import stage_dependencies
from tamis.work.steps import Steps
from tamis.work.tasks import Tasks

WORK = "work/dedup"

_MIN_GROUP_ROWS = 1 << 18
_MAX_GROUP_ROWS = 1 << 24
_GROUPS = 64
_MAX_RANGE_ROWS = 1 << 24
_PARTITION_BYTES = 1 << 28
_MAX_PARTITIONS = 512
_ROW_BYTES = 128
_SHINGLES_BYTES = 8 << 10  # of a document; web pages measured 5.0 kB on average

SKETCH_BYTES = 1100  # in memory; at most 930 in the index

Piece = TypeVar("Piece")
Order = tuple[tuple[str, bool], ...]
"""Columns by which documents of a cluster are preferred; true for descending."""


class Settings(NamedTuple):
    """The settings of the stage that its tasks need."""

    by_language: bool
    exact: bool
    bands: tuple[str, ...]
    order: Order
    is_verified: bool
    jaccard: float
    ngram: int
    max_component: int
    has_index: bool = False
    has_sketches: bool = False

    @property
    def hash_columns(self) -> tuple[str, ...]:
        """Columns whose equal values make duplicates."""
        return (*(["text_hash"] if self.exact else []), *self.bands)


class Group(NamedTuple):
    """Consecutive parts; `start` is the ordinal of the first row."""

    number: int
    start: int
    parts: tuple[Part, ...]

    @property
    def stop(self) -> int:
        return self.start + sum(part.rows for part in self.parts)

    def starts(self) -> Iterator[tuple[int, Part]]:
        """Each part and the ordinal of its first row."""
        start = self.start
        for part in self.parts:
            yield start, part
            start += part.rows


def groups_of(parts: Sequence[Part]) -> list[Group]:
    """All parts, by name, in groups of a bounded number of rows."""
    ordered = sorted(parts, key=lambda part: (part.name, part.fingerprint))
    rows = sum(part.rows for part in ordered)
    target = min(max(rows // _GROUPS, _MIN_GROUP_ROWS), _MAX_GROUP_ROWS)
    groups: list[Group] = []
    own: list[Part] = []
    start = stop = 0
    for part in ordered:
        own.append(part)
        stop += part.rows
        if stop - start >= target:
            groups.append(Group(len(groups), start, tuple(own)))
            own, start = [], stop
    if own:
        groups.append(Group(len(groups), start, tuple(own)))
    return groups


def steps_of(
    stage: Stage, groups: Sequence[Group], tasks: Tasks, *depends: Any
) -> Steps:
    """The steps of a barrier over groups of parts."""
    parts = [
        [group.start, part.name, part.fingerprint]
        for group in groups
        for part in group.parts
    ]
    return Steps(stage.label, tasks, stage_dependencies(stage), parts, *depends)


def layers_of(
    groups: Sequence[Group], layers: Sequence[File], parts: Sequence[Part]
) -> tuple[File, ...]:
    """The layers, one for each part, in the order of `parts` instead of the groups'."""
    names = [part.name for group in groups for part in group.parts]
    by_name = dict(zip(names, layers, strict=True))
    return tuple(by_name[part.name] for part in parts)


def ranges_of(rows: int) -> list[tuple[int, int]]:
    """Ranges [low, high] of hashes, each with a bounded number of the `rows`."""
    return bounds_of(ranges_for(rows, _MAX_RANGE_ROWS))


def ranges_for(rows: int, most: int) -> int:
    """A power of two: how many equal ranges have at most `most` rows each."""
    count = 1
    while rows > count * most:
        count *= 2
    return count


def bounds_of(count: int) -> list[tuple[int, int]]:
    """The first and the last hash of each of `count` equal ranges, a power of two."""
    bounds = [(step << 64) // count for step in range(count + 1)]
    return [(low, high - 1) for low, high in pairwise(bounds)]


def range_number(hashes: NDArray[np.uint64], count: int) -> NDArray[np.uint64]:
    """Number of each hash's range, of `count` equal ones, a power of two."""
    # Two shifts: one shift by all 64 bits is undefined.
    return (hashes >> np.uint64(1)) >> np.uint64(64 - count.bit_length())


def keeper_range(table: pa.Table, count: int) -> NDArray[np.uint64]:
    """Number of the range of each row's `keeper`, of `count` ranges."""
    return range_number(as_numpy(table["keeper"]), count)


def partitions_for(touched: int, *, with_shingles: bool) -> int:
    """Number of partitions for the rows of `touched` documents."""
    size = touched * (_ROW_BYTES + (_SHINGLES_BYTES if with_shingles else 0))
    return min(pieces_of(size), _MAX_PARTITIONS)


def sketch_ranges(rows: int) -> int:
    """Number of ranges of keepers for so many sketches."""
    count = ranges_for(rows * SKETCH_BYTES, _PARTITION_BYTES)
    return min(count, _MAX_PARTITIONS)


def pieces_of(size: int) -> int:
    """Number of pieces of bounded size that make up `size` bytes: at least one."""
    return max(-(-size // _PARTITION_BYTES), 1)


def band_names(columns: set[str]) -> tuple[str, ...]:
    """The columns that `sign` wrote, in the order of the bands."""
    bands = [name for name in columns if re.fullmatch(r"band_\d{2,}", name)]
    return tuple(sorted(bands, key=lambda name: int(name.removeprefix("band_"))))


def packed(every: Sequence[Piece], rows: int, most: int) -> list[tuple[Piece, ...]]:
    """The pieces of work, `rows` in all, packed into tasks of about `most` rows."""
    per_task = max(1, most * len(every) // max(rows, 1))
    firsts = range(0, len(every), per_task)
    return [tuple(every[first : first + per_task]) for first in firsts]


def read_between(
    storage: Storage, file: File, column: str, *, low: int, high: int
) -> pa.Table:
    """Rows of row groups that may have `column` within [low, high], by statistics."""
    with storage.table(file.path) as parquet:
        place = parquet.schema.get_field_index(column)
        wanted = []
        for number in range(parquet.num_row_groups):
            group = parquet.metadata.row_group(number)
            limits = group.column(place).statistics
            if group.num_rows and limits.min <= high and limits.max >= low:
                wanted.append(number)
        return parquet.read(groups=wanted)


def read_ascending(
    storage: Storage, file: File, column: str, *, low: int, high: int
) -> pa.Table:
    """As `read_between`, by binary search, for a file that ascends by `column`.

    In a file of many row groups, checking each one costs more than parsing the footer.
    """
    with storage.table(file.path) as parquet:
        place = parquet.schema.get_field_index(column)

        def limits(number: int) -> Any:
            return parquet.metadata.row_group(number).column(place).statistics

        every = range(parquet.num_row_groups)
        first = bisect_left(every, low, key=lambda number: limits(number).max)
        stop = bisect_right(every, high, key=lambda number: limits(number).min)
        return parquet.read(groups=range(first, stop))


def as_numpy(column: Any) -> NDArray[Any]:
    """A column without nulls, for kernels."""
    array: NDArray[Any] = np.ascontiguousarray(column.to_numpy())
    return array
