"""Write the records of some documents as a new archive."""

from collections.abc import Iterable, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

from warcio.recordloader import ArcWarcRecord
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from tamis.errors import InputError
from tamis.remote.opening import Access
from tamis.runner.places import Places
from tamis.warc.fetch import fetch_whole
from tamis.warc.record import Record


def write_records(
    rows: Iterable[Mapping[str, Any]], path: Path, access: Access, places: Places
) -> int:
    """Write the record of each row into a gzipped WARC/1.1 file; returns how many.

    A row says where its record is: `id`, `warc_path`, `warc_offset`, `warc_length`.
    Header fields and block are those of the archive; a record of an ARC file is given a
    WARC header. The file appears complete or not at all. Raises InputError if a record
    cannot be read or the file cannot be written.
    """
    partial = path.with_name(f".{path.name}.partial")
    count = 0
    try:
        with partial.open("wb") as file:
            writer = WARCWriter(file, gzip=True, warc_version="1.1")
            for row in rows:
                writer.write_record(_as_warc(_record_of(row, access, places)))
                count += 1
        partial.replace(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error}") from error
    finally:
        partial.unlink(missing_ok=True)
    return count


def _record_of(row: Mapping[str, Any], access: Access, places: Places) -> Record:
    with places.opened(row, access) as (file, wanted):
        return fetch_whole(file, **wanted)


def _as_warc(record: Record) -> ArcWarcRecord:
    fields = {
        name: value
        for name, value in record.header.fields.items()
        if name != "content-length"
    }
    headers = [
        ("-".join(p.capitalize() for p in k.split("-")), v) for k, v in fields.items()
    ]
    headers = [(_SPELLED.get(name.lower(), name), value) for name, value in headers]
    return ArcWarcRecord(
        "warc",
        record.header.type,
        StatusAndHeaders("WARC/1.1", headers, protocol="WARC/1.1"),
        BytesIO(record.block),
        None,
        fields.get("content-type"),
        len(record.block),
    )


# Spelled as in the standard, though readers should ignore case.
_SPELLED = {
    name.lower(): name
    for name in (
        "WARC-Type",
        "WARC-Record-ID",
        "WARC-Date",
        "WARC-Target-URI",
        "WARC-IP-Address",
        "WARC-Payload-Digest",
        "WARC-Block-Digest",
        "WARC-Concurrent-To",
        "WARC-Refers-To",
        "WARC-Warcinfo-ID",
        "WARC-Identified-Payload-Type",
        "WARC-Truncated",
    )
}
