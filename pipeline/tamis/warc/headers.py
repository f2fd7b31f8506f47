"""The header of one record: WARC/1.0, WARC/1.1 and ARC.

Headers with LF line ends are read like those with CRLF. Field names are lower-case in
`fields`; if a field occurs twice, the first value counts. An ARC record gets the fields
that a WARC record of the same page would have.
"""

import re
from dataclasses import dataclass

MAX_HEADER_BYTES = 64 * 1024  # where records are looked for
MAX_LONG_HEADER_BYTES = 1 << 20  # where one is known to begin

_WARC_VERSION = re.compile(rb"WARC/\d\.\d{1,2}[ \t]*\r?\n")
_BLANK_LINE = re.compile(rb"\n\r?\n")
_ARC_URL = re.compile(rb"[a-z][a-z0-9+.\-]{1,15}:\S")
_ARC_DATE = re.compile(rb"\d{12,18}")
# What may begin a record, for scans of uncompressed bytes. A WARC header need not
# start a line: if a writer dies, the next one goes on in the middle of its line.
WARC_LINE = re.compile(rb"WARC/\d\.\d{1,2}[ \t]*\r?\n")
ARC_LINE = re.compile(
    rb"(?:(?<=\n)|\A)[a-z][a-z0-9+.\-]{1,15}:\S[^\n]{0,4096} \d{12,18} [^\n]{1,512}\n"
)


# Field names as spelled -> in lower case: an archive has a few dozen.
_NAMES: dict[str, str] = {}
_MAX_NAMES = 4096


@dataclass(frozen=True, slots=True)
class Header:
    """A parsed record header; the record's block follows it."""

    type: str  # WARC-Type in lower case; "unknown" where it is missing
    fields: dict[str, str]
    length: int  # bytes of the header, its blank line included
    block_length: int  # bytes of the block, as declared


def is_header_start(head: bytes, *, is_arc: bool) -> bool:
    """Whether these bytes begin like a record: with a version line, or an ARC line."""
    if is_arc:
        return _arc_parts(head) is not None
    return _WARC_VERSION.match(head) is not None


def parse_header(head: bytes, *, is_arc: bool) -> Header | None:
    """The record header at the start of `head`; None if it is not complete.

    A header without a valid Content-Length does not count: the end of its record would
    be unknown.
    """
    return _parse_arc(head) if is_arc else _parse_warc(head)


def parse_fields(lines: bytes, encoding: str) -> dict[str, str]:
    """`Name: value` lines, folded ones joined, lines without a colon left out.

    If any byte is not of the encoding, all lines are read as latin-1.
    """
    fields: dict[str, str] = {}
    name = ""
    for line in _text(lines, encoding).split("\n"):
        key, colon, value = line.partition(":")
        known = _NAMES.get(key) if colon else None
        if known is None:
            if line[:1] in (" ", "\t") and name:
                fields[name] += " " + line.strip()
                continue
            if not colon:
                continue
            known = _name(key)
        name = "" if known in fields else known
        if name:
            fields[name] = value.strip()
    return fields


def _name(key: str) -> str:
    """The name in lower case; cached, unless there are suspiciously many names."""
    name = key.strip().lower()
    if len(_NAMES) < _MAX_NAMES and len(key) < 64 and key == key.strip():
        _NAMES[key] = name
    return name


def is_length(value: str) -> bool:
    """Whether a field's value is a number of bytes that a file can have."""
    return value.isascii() and value.isdigit() and len(value) < 19


def _parse_warc(head: bytes) -> Header | None:
    if _WARC_VERSION.match(head) is None:
        return None
    blank = _BLANK_LINE.search(head)
    if blank is None or blank.end() > MAX_LONG_HEADER_BYTES:
        return None
    fields = parse_fields(head[: blank.start()], "utf-8")
    block_length = fields.get("content-length", "")
    if not is_length(block_length):
        return None
    url = fields.get("warc-target-uri")
    if url is not None:
        # wget 1.19 writes <URL>; warcio makes both repairs as well.
        if url.startswith("<") and url.endswith(">"):
            url = url[1:-1]
        fields["warc-target-uri"] = url.replace(" ", "%20")
    type_ = fields.get("warc-type", "unknown").lower()
    return Header(type_, fields, blank.end(), int(block_length))


def _parse_arc(head: bytes) -> Header | None:
    parts = _arc_parts(head)
    if parts is None:
        return None
    url, date, block_length = parts
    if not is_length(block_length):
        return None
    is_first = url.startswith("filedesc:")
    fields = {
        "warc-target-uri": url.replace(" ", "%20"),
        "warc-date": date,
        "content-type": "text/plain" if is_first else "application/http",
    }
    type_ = "warcinfo" if is_first else "response"
    return Header(type_, fields, head.index(b"\n") + 1, int(block_length))


def _arc_parts(head: bytes) -> tuple[str, str, str] | None:
    """URL, date and length of an ARC line; None for any other line.

    Version 1: `URL IP date type length`; version 2 has five more fields between
    type and length. The URL itself may hold spaces.
    """
    if _ARC_URL.match(head) is None:
        return None
    stop = head.find(b"\n", 0, MAX_HEADER_BYTES)
    if stop < 0:
        return None
    parts = head[:stop].rstrip(b"\r").split(b" ")
    for fields_after_url in (4, 9):
        if len(parts) <= fields_after_url:
            continue
        url = b" ".join(parts[:-fields_after_url])
        date = parts[1 - fields_after_url]
        if _ARC_DATE.fullmatch(date):
            length = parts[-1].decode("latin-1")
            return _text(url, "utf-8"), date.decode("latin-1"), length
    return None


def _text(value: bytes, encoding: str) -> str:
    try:
        return value.decode(encoding)
    except UnicodeDecodeError:
        return value.decode("latin-1")
