"""Places of records, gathered in the index's order and returned by archive.

The driver holds all places of a crawl: 20 bytes a record while they are gathered (the
archive's number in place of its name), up to 36 while they are sorted, then 16.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tamis.warc.selected import packed

Places = NDArray[np.int64]
"""(records, 2): offset and length."""


@dataclass(frozen=True)
class Selection:
    """Places of each archive, by its base name; sorted by offset."""

    places: Mapping[str, Places]

    def within(self, name: str, start: int, stop: int) -> bytes:
        """The places of an archive whose records start in [start, stop), packed."""
        found = self.places.get(name, np.empty((0, 2), np.int64))
        first, last = np.searchsorted(found[:, 0], [start, stop])
        return packed(found[first:last])

    @property
    def records(self) -> int:
        return sum(map(len, self.places.values()))


class Found:
    """Places of records in archives called `names`, gathered batch by batch."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = sorted(set(names))
        self._known = pa.array(self._names, pa.string())
        self._counts = np.zeros(len(self._names), np.int64)
        # Batches sorted by archive: of each record the archive's index, and its place.
        self._batches: deque[tuple[NDArray[np.int32], Places]] = deque()

    def add(self, rows: Any) -> None:
        """Add rows of name, offset and length; skip those of other archives."""
        archives = pc.index_in(rows["name"], value_set=self._known)
        own = rows.filter(pc.is_valid(archives))
        if own.num_rows == 0:
            return
        numbers = np.asarray(archives.drop_null()).astype(np.int32)
        places = np.column_stack([own["offset"], own["length"]]).astype(np.int64)
        order = np.argsort(numbers, kind="stable")
        self._counts += np.bincount(numbers, minlength=len(self._counts))
        self._batches.append((numbers[order], places[order]))

    def by_archive(self) -> Selection:
        """Each archive's places, without repeats in several index files.

        Removes the batches one by one: memory may not hold all of them twice.
        """
        ends = np.cumsum(self._counts)
        gathered = np.empty((int(self._counts.sum()), 2), np.int64)
        free = ends - self._counts  # where the next place of each archive goes
        while self._batches:
            numbers, places = self._batches.popleft()
            counts = np.bincount(numbers, minlength=len(free))
            starts = np.cumsum(counts) - counts
            gathered[(free - starts)[numbers] + np.arange(len(numbers))] = places
            free += counts
        each = zip(self._names, ends - self._counts, ends, strict=True)
        return Selection(
            {
                name: _once(gathered[first:last])
                for name, first, last in each
                if last > first
            }
        )


def _once(places: Places) -> Places:
    """Places sorted by offset, in place; of several with one offset the first."""
    places[:] = places[np.argsort(places[:, 0], kind="stable")]
    is_first = np.diff(places[:, 0], prepend=-1) > 0
    return places if is_first.all() else places[is_first]
