"""Which records become documents.

These are `response` records with HTTP status 200 and an HTML type, and `conversion`
records of plain text, which WET files hold. The type is the one that the crawler
identified, else the server's, else sniffed from the body.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from tamis.warc.http import Response, decode_body, parse_response
from tamis.warc.record import Record

HTML_TYPES = frozenset({"text/html", "application/xhtml+xml"})
_MEDIA_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]{1,64}/[a-z0-9!#$&^_.+-]{1,64}")
# The tags of the WHATWG MIME Sniffing Standard, section 7.1, "html".
_HTML_START = re.compile(
    rb"(?:<!DOCTYPE HTML|<(?:HTML|HEAD|SCRIPT|IFRAME|H1|DIV|FONT|TABLE|A|STYLE|TITLE"
    rb"|BODY|BR|B|P))[ >\t\n\f\r]|<!--",
    re.IGNORECASE,
)
_XHTML_START = re.compile(
    rb"<\?xml[^>]{0,256}>.{0,512}?<(?:!DOCTYPE )?html", re.I | re.S
)
_SNIFFED = 2048
_BOM_OR_SPACE = b"\xef\xbb\xbf\xfe\xff \t\n\f\r"


@dataclass(frozen=True, slots=True)
class Admitted:
    """A record to be kept, with its HTTP head if it has one."""

    record: Record
    response: Response | None  # None for a conversion record


class Refused(NamedTuple):
    """Under what a record that becomes no document is counted."""

    type: str
    status: int | None
    mime: str | None


def admit(record: Record) -> Admitted | Refused:
    header = record.header
    stated = media_type(header.fields.get("content-type"))
    if header.type == "conversion":
        if stated in (None, "text/plain"):
            return Admitted(record, None)
        return Refused(header.type, None, stated)
    if header.type != "response":
        return Refused(header.type, None, stated)
    response = parse_response(record.block)
    if response.status is None:
        # A page may be in it: dropped with a reason, not refused. DNS and FTP have none.
        is_http = (
            (header.fields.get("warc-target-uri") or "").lower().startswith("http")
        )
        if is_http and stated in (None, "application/http", *HTML_TYPES):
            return Admitted(record, response)
        return Refused(header.type, None, stated)
    mime = (
        media_type(header.fields.get("warc-identified-payload-type"))
        or media_type(response.fields.get("content-type"))
        or sniffed_type(record.block, response)
    )
    if response.status == 200 and mime in HTML_TYPES:
        return Admitted(record, response)
    return Refused(header.type, response.status, mime)


def media_type(value: str | None) -> str | None:
    """`Text/HTML; charset=utf-8` -> `text/html`; None if there is no type."""
    if value is None:
        return None
    return _usual(value) if len(value) <= _USUAL_LENGTH else _essence(value)


def _essence(value: str) -> str | None:
    essence = value.partition(";")[0].partition(",")[0].strip().lower()
    return essence if _MEDIA_TYPE.fullmatch(essence) else None


# Values repeat, so most are found in the cache. A hostile archive may have as many as it
# likes: no long one is kept.
_USUAL_LENGTH = 128
_usual = lru_cache(maxsize=4096)(_essence)


def sniffed_type(block: bytes, response: Response) -> str | None:
    """`text/html` if the response's decoded body begins like HTML, else None."""
    body = memoryview(block)[response.body_start :]
    head = bytes(decode_body(body, response, _SNIFFED))
    if head.startswith((b"\xfe\xff", b"\xff\xfe")):
        head = head.replace(b"\0", b"")
    head = head.lstrip(_BOM_OR_SPACE)
    if _HTML_START.match(head) or _XHTML_START.match(head):
        return "text/html"
    return None
