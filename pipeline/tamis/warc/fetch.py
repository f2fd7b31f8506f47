"""Read one record again, at the place that its document names."""

from tamis.errors import InputError
from tamis.warc.admission import Admitted
from tamis.warc.document import Document, block_limit, crawl_of, document, document_id
from tamis.warc.http import parse_response
from tamis.warc.record import Record
from tamis.warc.records import read_record_at
from tamis.warc.source import BinaryFile, Source

_MOST_BLOCK_BYTES = 1 << 30  # of a record that is copied


def fetch_record(
    file: BinaryFile,
    offset: int,
    length: int,
    *,
    path: str,
    size: int | None = None,
    id: int | None = None,
    name: str = "",
    crawl: str | None = None,
    max_html_bytes: int = 3 << 20,
) -> Document:
    """The document at `warc_offset` and `warc_length` of the archive at `path`.

    The record need not be one that would be admitted. Only the bytes from `offset` to
    `offset + length` are read, and a zstd archive's dictionary. `id` chooses
    among records that share a frame; it is made of the archive's `name`. For these, the search can go on after a `length`
    that is too short if `size`, the file's, is given.
    Raises InputError if there is no whole record, or none with that id.
    """
    record = fetch_whole(
        file,
        offset,
        length,
        path=path,
        size=size,
        id=id,
        name=name,
        max_block_bytes=block_limit(max_html_bytes),
    )
    is_response = record.header.type == "response"
    response = parse_response(record.block) if is_response else None
    fetched = document(
        Admitted(record, response),
        name=name,
        path=path,
        crawl=crawl_of(path) or crawl,
        max_html_bytes=max_html_bytes,
    )
    html = None if fetched.html is None else bytes(fetched.html)
    return fetched._replace(html=html)


def fetch_whole(
    file: BinaryFile,
    offset: int,
    length: int,
    *,
    path: str,
    size: int | None = None,
    id: int | None = None,
    name: str = "",
    max_block_bytes: int = _MOST_BLOCK_BYTES,
) -> Record:
    """The record itself, header and block; otherwise as `fetch_record`."""
    for stop in (offset + length, size):
        if stop is None:
            break
        wanted = None if id is None else (name, id)
        record = _find(
            Source(file, stop, path), offset, wanted, max_block_bytes=max_block_bytes
        )
        if record is not None:
            return record
    raise InputError(f"{path}: no whole record at {offset}, length {length}")


def _find(
    source: Source,
    offset: int,
    wanted: tuple[str, int] | None,
    *,
    max_block_bytes: int,
) -> Record | None:
    """The first record at the offset; with a name and an id, the one that has that id."""
    from tamis.warc.frames import open_archive

    archive = open_archive(source, offset)
    for step in read_record_at(archive, offset, max_block_bytes=max_block_bytes):
        if isinstance(step, Record) and (
            wanted is None or document_id(wanted[0], step) == wanted[1]
        ):
            return step
    return None
