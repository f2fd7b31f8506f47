"""Places of records, as an index tells them one by one and as an archive is read.

The driver holds all of a crawl's: 20 bytes a record while they are gathered, the number
of the archive standing for its name, up to 36 when they are sorted, and 16 afterwards.
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
    """Places by the archive's base name, by offset."""

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
        # Batches, by archive: each record's archive as its place in `_names`, and its own.
        self._batches: deque[tuple[NDArray[np.int32], Places]] = deque()

    def add(self, rows: Any) -> None:
        """Columns name, offset and length; those of other archives are left out."""
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
        """Each archive's places once each, whichever index files name them.

        Takes the batches away as it goes: there is no room for all of them twice.
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
    """Sorted by offset, in place; of several with the same one the first."""
    places[:] = places[np.argsort(places[:, 0], kind="stable")]
    is_first = np.diff(places[:, 0], prepend=-1) > 0
    return places if is_first.all() else places[is_first]
