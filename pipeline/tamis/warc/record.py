"""What reading an archive yields: records, and losses between records."""

from dataclasses import dataclass

from tamis.warc.headers import Header


@dataclass(frozen=True, slots=True)
class Record:
    """One whole record.

    length  bytes of the file, from `offset` on, that must be read to get all of it:
            its frame, or, in an uncompressed archive, header, block and padding. A
            frame of many records is read up to the record's end
    inner   where it starts in its inflated segment; 0 in a frame of its own
    block   its block, cut at the limit; empty for types that are not wanted
    """

    offset: int
    inner: int
    length: int
    header: Header
    block: bytes


@dataclass(frozen=True, slots=True)
class Loss:
    """A part of the file that gave no record.

    bytes    of the file; inflated bytes if the lost part shares a sound frame with
             other records
    records  how many records it certainly held, by their headers or frames
    is_seen  whether a record's header was read in it
    record   the wanted record whose header was read; its block is cut or wrong
    """

    offset: int
    bytes: int
    records: int
    cause: str
    inner: int = 0
    is_seen: bool = False
    record: Record | None = None


def is_wanted(header: Header) -> bool:
    """Whether records of this type can become documents; only then blocks are kept."""
    return header.type in ("response", "conversion")
