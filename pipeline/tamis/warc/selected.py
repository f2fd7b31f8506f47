"""Read the records at places that an index gave, and nothing between them.

Places are passed packed, 16 bytes each: offset and length as int64, by offset. Places
close together are read as one range; the unwanted bytes between them stay below a fifth
of the wanted ones.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tamis.warc.frames import Archive, open_archive
from tamis.warc.record import Loss, Record
from tamis.warc.records import read_record_at
from tamis.warc.source import BinaryFile, Source

_WASTE_RATIO = 0.2


@dataclass(frozen=True, slots=True)
class Group:
    """Bytes [start, stop) of a file, and the places wanted in them."""

    start: int
    stop: int
    places: tuple[tuple[int, int], ...]


def packed(places: NDArray[np.int64]) -> bytes:
    """(records, 2): offset and length."""
    return np.ascontiguousarray(places, dtype="<i8").tobytes()


def unpacked(selected: bytes) -> list[tuple[int, int]]:
    pairs = np.frombuffer(selected, dtype="<i8").reshape(-1, 2)
    return [(int(offset), int(length)) for offset, length in pairs]


def groups(selected: bytes, max_gap_bytes: int) -> list[Group]:
    """Ranges to read, in order, neighbours merged.

    (0, 100), (110, 100) with gaps of 10 or more allowed -> one range (0, 210).
    """
    found: list[Group] = []
    open_places: list[tuple[int, int]] = []
    start = stop = wanted = 0
    for offset, length in unpacked(selected):
        gap = max(0, offset - stop)
        waste = stop - start - wanted + gap
        is_near = gap <= max_gap_bytes and waste <= _WASTE_RATIO * (wanted + length)
        if open_places and not is_near:
            found.append(Group(start, stop, tuple(open_places)))
            open_places = []
        if not open_places:
            start, stop, wanted = offset, offset, 0
        wanted += max(0, offset + length - max(stop, offset))
        stop = max(stop, offset + length)
        open_places.append((offset, length))
    if open_places:
        found.append(Group(start, stop, tuple(open_places)))
    return found


def read_selected(
    file: BinaryFile, wanted: list[Group], name: str, *, max_block_bytes: int
) -> Iterator[Record | Loss]:
    """The record at every place, or its loss where there is no whole one."""
    archive: Archive | None = None
    for group in wanted:
        source = Source(file, group.stop, name)
        known = archive or open_archive(source, group.start)
        archive = known = replace(known, source=source)
        for place in group.places:
            found = _record_at(known, place, max_block_bytes)
            if isinstance(found, Loss):
                # The codec was read from a place like this one: it may be wrong too.
                archive = None
            yield found


def _record_at(
    archive: Archive, place: tuple[int, int], max_block_bytes: int
) -> Record | Loss:
    offset, length = place
    damaged = None
    for step in read_record_at(archive, offset, max_block_bytes=max_block_bytes):
        record = step.record if isinstance(step, Loss) else step
        if record is not None and (record.offset, record.inner) == (offset, 0):
            if isinstance(step, Record):
                return step
            damaged = record
    return Loss(offset, length, 1, "no whole record at this place", record=damaged)
