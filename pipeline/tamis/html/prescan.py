"""The charset that a page declares: in the HTTP header, in `<meta>` or in XML.

The rules are the HTML Standard's, section 13.2.3.2 ("prescan a byte stream to
determine its encoding"). They read bytes, because nothing can be decoded before the
charset is known. Every function gives an encoding's name (see `labels`) or None.
"""

import re
from collections.abc import Iterator

from tamis.html.labels import encoding_of

# The standard asks for at least 1,024 bytes. Browsers follow a later declaration as
# well, by reading the page again, and inline styles do push declarations down.
PRESCAN_BYTES = 16_384

_CHARSET = re.compile(
    r"charset[\t\n\f\r ]*=[\t\n\f\r ]*"
    r"(?:\"([^\"]*)\"|'([^']*)'|([^\"'\t\n\f\r ;,][^\t\n\f\r ;,]*))",
    re.IGNORECASE,
)
_ATTRIBUTE = re.compile(
    rb"[\t\n\f\r /]*([^\t\n\f\r />][^\t\n\f\r />=]*)"
    rb"(?:[\t\n\f\r ]*=[\t\n\f\r ]*(?:\"([^\"]*)\"|'([^']*)'|([^\t\n\f\r >]*)))?"
)
_TAG_NAME = re.compile(rb"</?[A-Za-z][^\t\n\f\r >]*")
_XML = re.compile(
    rb"<\?xml[^>]*?[\t\n\f\r ]encoding[\t\n\f\r ]*=[\t\n\f\r ]*[\"']([^\"'>]*)"
)


def encoding_in_header(content_type: str | None) -> str | None:
    """Encoding named by a Content-Type such as `text/html; charset="utf-8"`."""
    if content_type is None:
        return None
    found = _CHARSET.search(content_type)
    return encoding_of(next(filter(None, found.groups()), "")) if found else None


def encoding_in_markup(data: bytes) -> str | None:
    """Encoding named by the first `<meta>` that names one, else by `<?xml encoding=`."""
    head = data[:PRESCAN_BYTES]
    return _encoding_in_meta(head) or _encoding_in_xml(head)


def _encoding_in_meta(head: bytes) -> str | None:
    position = head.find(b"<")
    while position >= 0:
        tag = _TAG_NAME.match(head, position)
        if head.startswith(b"<!--", position):
            # `<!-->` is a complete comment: its end may overlap its beginning.
            end = head.find(b"-->", position + 2)
        elif tag is not None:
            attributes = list(_attributes(head, tag.end()))
            if tag.group().lower() in (b"<meta", b"<meta/"):
                encoding = _encoding_of_meta(
                    [(name, value) for name, value, _ in attributes]
                )
                if encoding is not None:
                    return encoding
            end = attributes[-1][2] if attributes else tag.end()
        elif head[position + 1 : position + 2] in (b"!", b"/", b"?"):
            end = head.find(b">", position)
        else:
            end = position + 1
        position = head.find(b"<", end) if end >= 0 else -1
    return None


def _attributes(head: bytes, position: int) -> Iterator[tuple[str, str, int]]:
    """Name (lower case), value and end of each attribute from `position` to the `>`."""
    while (found := _ATTRIBUTE.match(head, position)) is not None:
        position = found.end()
        name, *values = found.groups()
        value = next((value for value in values if value is not None), b"")
        yield name.decode("latin-1").lower(), value.decode("latin-1"), position


def _encoding_of_meta(attributes: list[tuple[str, str]]) -> str | None:
    """Encoding that a `<meta>` declares; `content` needs http-equiv=content-type."""
    declared: dict[str, str] = {}
    for name, value in attributes:
        declared.setdefault(name, value)
    if "charset" in declared:
        encoding = encoding_of(declared["charset"])
    elif declared.get("http-equiv", "").lower() == "content-type":
        encoding = encoding_in_header(declared.get("content"))
    else:
        return None
    return _readable(encoding)


def _encoding_in_xml(head: bytes) -> str | None:
    found = _XML.match(head)
    return _readable(encoding_of(found.group(1).decode("latin-1"))) if found else None


def _readable(encoding: str | None) -> str | None:
    """The encoding to use: a page whose declaration was read as ASCII is not UTF-16."""
    if encoding in ("utf-16le", "utf-16be"):
        return "utf-8"
    return "windows-1252" if encoding == "x-user-defined" else encoding
