"""Cutting one archive into pieces that can be read in parallel.

A split owns the records whose offset is in [start, stop). The start of its first
record is found by scanning, which may be wrong if an archive is stored within an
archive. So each split reports

    first_start  where it began to read: its first record's offset
    next_start   where the first record at or after `stop` begins

and the caller goes through the splits of a file in order with `reread`:

    start = places[0].next_start
    for each later split and its place:
        again = reread(split, place, start)
        if again is not None: run `again` instead; take its place
        start = max(start, place.next_start)

The result is the same as reading [0, size). A split without a record of its own reports
`stop` for both.
"""

from dataclasses import dataclass, replace

# Size of a file whose size was not asked for; the reader will ask.
UNKNOWN_SIZE = 1 << 62


@dataclass(frozen=True, slots=True)
class Split:
    """A byte range of one file. `exact`: a record starts at `start`; do not scan.

    tasks     how many splits all workers read at once
    selected  the places to read, packed (`tamis.warc.selected`); None: all records
    etag      the file's, if it has one; another ETag means another file
    name      of the archive (`tamis.warc.names`): the ids of its documents are made of it
    warc_path what its documents call the file; "": its path, without folder or secrets
    about     what else the source has to know (`InputFile.about`)
    """

    path: str
    start: int
    stop: int
    size: int  # of the file
    exact: bool = False
    crawl: str | None = None
    tasks: int = 1
    selected: bytes | None = None
    etag: str = ""
    name: str = ""
    warc_path: str = ""
    about: str = ""


@dataclass(slots=True)
class Place:
    """Where a split's reading began and ended."""

    first_start: int = 0
    next_start: int = 0


def plan_splits(size: int, split_bytes: int | None) -> list[tuple[int, int]]:
    """Ranges of `split_bytes` that cover a file; the last is up to half longer.

    One range for None, for an empty file, and for UNKNOWN_SIZE.
    10, 4 -> (0, 4), (4, 10).
    """
    if split_bytes is None or split_bytes >= size or size == UNKNOWN_SIZE:
        return [(0, size)]
    count = max(1, (size + split_bytes // 2) // split_bytes)
    starts = [index * split_bytes for index in range(count)]
    return list(zip(starts, [*starts[1:], size], strict=True))


def reread(split: Split, place: Place, start: int) -> Split | None:
    """The split to read instead, if its first record really starts at `start`.

    None if it was read correctly. `start` is where the splits before it ended.
    """
    if place.first_start == start:
        return None
    found_none = place.first_start >= split.stop
    if found_none and start >= split.stop:
        return None
    return replace(split, start=start, exact=True)
