"""The columns of one document, from an admitted record."""

import functools
import re
from datetime import UTC, datetime
from typing import NamedTuple

import xxhash
from publicsuffixlist import PublicSuffixList

from tamis.warc.admission import Admitted
from tamis.warc.http import MAX_HEAD_BYTES, decode_body, is_binary, rights_lines
from tamis.warc.record import Record

# Why a record that was admitted is dropped at once; `html` is null then.
DAMAGED = "damaged_record"  # not whole; what can be read of it names it
TOO_LARGE = "html_too_large"  # more than max_html_bytes, decoded
EMPTY = "empty_body"  # no byte of body
HEAD_TOO_LARGE = "http_head_too_large"  # more than a megabyte before the body
NO_STATUS = "http_head_unreadable"  # it does not begin with a status line
SEGMENTED = "segmented_record"  # its other parts are in records of their own
UNDECODABLE = "undecodable"  # packed in a way that neither names nor magic bytes tell
_CRAWL = re.compile(r"CC-MAIN-\d{4}-\d{2}(?!\d)")
_HOST = re.compile(
    r"[a-z][a-z0-9+.\-]*://(?:[^/?#@\\]*@)*(?:\[([0-9a-f:.]+)\]|([^/?#:@\\\[\]]+))",
    re.I,
)
_PARTIAL_DATE = re.compile(r"(\d{4})(?:-(\d{2}))?", re.ASCII)
_FIRST_YEAR, _LAST_YEAR = 1990, 2100
_IPV4 = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}")


class Document(NamedTuple):
    """One row of schema.RECORD, its fields in the schema's order."""

    id: int
    record_id: str | None
    url: str | None
    host: str | None
    domain: str | None
    fetched_at: datetime | None
    crawl: str | None
    warc_path: str
    warc_offset: int
    warc_length: int
    payload_digest: str | None
    http_content_type: str | None
    truncated: str | None
    http_rights: str | None
    html: bytes | memoryview | None
    drop_reason: str | None


def document(
    admitted: Admitted,
    *,
    name: str,
    path: str,
    crawl: str | None,
    max_html_bytes: int,
    is_damaged: bool = False,
) -> Document:
    """The row of an admitted record; `name` is its archive's (`tamis.warc.names`).

    `path` and `crawl` are stored as given; see `crawl_of`. `is_damaged`: the record is
    not whole.
    """
    record, response = admitted.record, admitted.response
    fields = record.header.fields
    rights = None
    if response is None:
        content_type = fields.get("content-type")
        body: bytes | memoryview = record.block
    else:
        content_type = response.fields.get("content-type")
        rights = rights_lines(record.block, response)
        coded = memoryview(record.block)[response.body_start :]
        body = decode_body(coded, response, max_html_bytes)
    reason = None
    if is_damaged:
        reason = DAMAGED
    elif "warc-segment-number" in fields:
        reason = SEGMENTED
    elif response is not None and response.status is None:
        reason = NO_STATUS
    elif response is not None and not response.is_whole:
        reason = HEAD_TOO_LARGE
    elif len(body) > max_html_bytes or len(record.block) < record.header.block_length:
        reason = TOO_LARGE
    elif not body:
        reason = EMPTY
    elif response is not None and is_binary(body, response):
        reason = UNDECODABLE
    url = fields.get("warc-target-uri")
    host = host_of(url)
    return Document(
        id=document_id(name, record),
        record_id=fields.get("warc-record-id"),
        url=url,
        host=host,
        domain=domain_of(host),
        fetched_at=timestamp(fields.get("warc-date")),
        crawl=crawl,
        warc_path=path,
        warc_offset=record.offset,
        warc_length=record.length,
        payload_digest=fields.get("warc-payload-digest"),
        http_content_type=content_type,
        truncated=fields.get("warc-truncated"),
        http_rights=rights,
        html=body if reason is None else None,
        drop_reason=reason,
    )


def block_limit(max_html_bytes: int) -> int:
    """Bytes of a block to read: an encoded body may be longer than the decoded one."""
    return 2 * max_html_bytes + 2 * MAX_HEAD_BYTES


def document_id(name: str, record: Record) -> int:
    """xxh3_64 of `NAME:OFFSET`, seed 0: NAME is the archive's (`tamis.warc.names`).

    A record that is not the first of its compressed frame has no offset of its
    own: `NAME:OFFSET:INNER`, where INNER counts inflated bytes from the frame.
    """
    place = f"{name}:{record.offset}"
    if record.inner:
        place += f":{record.inner}"
    return xxhash.xxh3_64_intdigest(place.encode("utf-8", "surrogateescape"))


def crawl_of(path: str) -> str | None:
    """`CC-MAIN-YYYY-WW` if the path names a crawl, else None."""
    found = _CRAWL.search(path)
    return None if found is None else found.group()


def host_of(url: str | None) -> str | None:
    """Host in lower case, without port and final dot; None if there is none.

    Punycode is not decoded. `http://[2001:DB8::1]:80/` has host `2001:db8::1`.
    """
    found = None if url is None else _HOST.match(url)
    if found is None:
        return None
    return (found.group(1) or found.group(2)).strip().rstrip(".").lower() or None


@functools.lru_cache(maxsize=1 << 16)
def domain_of(host: str | None) -> str | None:
    """Registered domain by the public suffix list; None for an address or a suffix."""
    if host is None or ":" in host or _IPV4.fullmatch(host):
        return None
    domain: str | None = _public_suffixes().privatesuffix(host)
    return domain


def timestamp(date: str | None) -> datetime | None:
    """A WARC-Date, or an ARC's 14 digits, in UTC; None for anything else.

    WARC/1.1 allows a year or a month alone (W3C-DTF): the first moment of it counts.
    None outside 1990 to 2100 too: nobody archived the web then.
    """
    if date is None:
        return None
    try:
        if date.isascii() and date.isdigit() and len(date) >= 14:
            parsed = datetime.strptime(date[:14], "%Y%m%d%H%M%S")
        elif partial := _PARTIAL_DATE.fullmatch(date):
            parsed = datetime(int(partial[1]), int(partial[2] or 1), 1)
        else:
            parsed = datetime.fromisoformat(date)
        moment = parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed
        moment = moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return moment if _FIRST_YEAR <= moment.year < _LAST_YEAR else None


@functools.lru_cache(maxsize=1)
def _public_suffixes() -> PublicSuffixList:
    return PublicSuffixList()
