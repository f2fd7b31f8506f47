"""The Creative Commons licences that a page states for itself.

    link     <link rel="license" href="https://creativecommons.org/licenses/by/4.0/">
    meta     <meta name="dc.rights" content="... the same address ...">
    json_ld  a `license` of a node of JSON-LD that is not an image, a video or a sound
    anchor   <a rel="license" href="...">, in the text or at the page's end
    header   Link: <...>; rel="license"

A licence has its SPDX name, in lower case: `cc-by-sa-4.0`,
`cc-by-nc-3.0-de`, `cc0-1.0`; the public domain mark is `cc-pdm-1.0`.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from tamis.rights.notices import attributes_of

# Where a statement is; those about the page as a whole come first.
PLACES = ("link", "meta", "json_ld", "header", "anchor")

_ADDRESS = re.compile(
    r"creativecommons\.org/(?:licenses/(by(?:-(?:nc|nd|sa)){0,2})|publicdomain/(zero|mark))"
    r"(?:/(\d\.\d)(?:/([a-z]{2,3}|scotland)(?![\w.]))?)?(?![\w-])",
    re.IGNORECASE,
)
_RELATIONS = {"license", "cc:license", "dc:license", "dct:license", "dcterms:license"}
_MEDIA = ("image", "video", "audio", "media", "3dmodel", "photograph")

_BACK = 1_024  # bytes before a mention in which its tag must begin
_COMMENT_BACK = 1 << 16
_MOST_JSON_BYTES = 1 << 18
_MOST_NODES = 10_000


class Statement(NamedTuple):
    """A licence and where it is stated, one of PLACES."""

    license: str
    place: str


def license_of(address: str) -> str | None:
    """Name of the licence whose address is in the text; None if there is none."""
    found = _ADDRESS.search(address)
    if found is None:
        return None
    family, dedication, version, country = found.groups()
    if dedication is not None:
        kind = "cc0" if dedication.lower() == "zero" else "cc-pdm"
        return f"{kind}-{version or '1.0'}"
    parts = family.lower().split("-")
    # Version 1.0 wrote by-nc-nd as `by-nd-nc`.
    ordered = ["by", *sorted(set(parts[1:]))]
    return "-".join(
        ["cc", *ordered, *filter(None, [version, country and country.lower()])]
    )


def statements(page: bytes, positions: list[int]) -> Iterator[Statement]:
    """The page's statements; `positions` are those of `creativecommons.org` in it."""
    json_seen = 0
    for position in positions:
        if position < json_seen or _is_in_comment(page, position):
            continue
        script = _script_around(page, position)
        if script is not None:
            start, inner, end = script
            if end > 0 and b"ld+json" in page[start:inner]:
                json_seen = end
                yield from of_json_ld(page[inner:end])
            continue
        start = page.rfind(b"<", max(0, position - _BACK), position)
        end = page.find(b">", position, position + _BACK)
        if start >= 0 and end >= 0:
            tag = page[start : end + 1].decode("utf-8", "replace")
            yield from _of_tag(tag)


def of_json_ld(content: bytes) -> Iterator[Statement]:
    """Licences of the nodes of one script; none if it is not JSON."""
    try:
        root = json.loads(content.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return
    nodes = [root]
    seen = 0
    while nodes and seen < _MOST_NODES:
        node = nodes.pop()
        seen += 1
        if isinstance(node, list):
            nodes += node
        elif isinstance(node, dict) and not _is_media(node):
            found = license_of(_text(node.get("license")))
            if found is not None:
                yield Statement(found, "json_ld")
            nodes += [value for key, value in node.items() if key != "license"]


def of_link_header(value: str) -> Iterator[Statement]:
    """Licences of a Link field: `<https://...>; rel="license", <...>; rel=next`."""
    for part in re.split(r",(?=\s{0,8}<)", value):
        address, _, parameters = part.partition(">")
        if re.search(r"\brel\s{0,8}=\s{0,8}[\"']?[^\"';]{0,64}\blicense\b", parameters):
            found = license_of(address)
            if found is not None:
                yield Statement(found, "header")


def _of_tag(tag: str) -> Iterator[Statement]:
    own = attributes_of(tag)
    name = tag[1:6].lower()
    if name.startswith(("a ", "a\n", "a\t", "a\r", "link", "area")):
        relations = (
            f"{own.get('rel', '')} {own.get('property', '')} {own.get('itemprop', '')}"
        )
        if not _RELATIONS & set(relations.lower().split()):
            return
        found, place = own.get("href", ""), "link" if name[0] == "l" else "anchor"
    elif name.startswith("meta"):
        named = own.get("name") or own.get("property") or own.get("itemprop", "")
        if not re.search("rights|licen[cs]e|copyright", named.lower()):
            return
        found, place = own.get("content", ""), "meta"
    else:
        return
    license_ = license_of(found)
    if license_ is not None:
        yield Statement(license_, place)


def _is_in_comment(page: bytes, position: int) -> bool:
    first = max(0, position - _COMMENT_BACK)
    opened = page.rfind(b"<!--", first, position)
    return opened > page.rfind(b"-->", first, position)


def _script_around(page: bytes, position: int) -> tuple[int, int, int] | None:
    """Tag, end of the tag and end of the script around a position.

    The end of the script is -1 if it is too far away.
    """
    first = max(0, position - _MOST_JSON_BYTES)
    start = page.rfind(b"<script", first, position)
    if start < 0 or page.rfind(b"</script", start, position) >= 0:
        return None
    inner = page.find(b">", start, position) + 1
    if inner == 0 or page[start + 7 : start + 8].isalpha():
        return None
    return start, inner, page.find(b"</script", position, start + _MOST_JSON_BYTES)


def _is_media(node: dict[str, Any]) -> bool:
    types = node.get("@type")
    named = types if isinstance(types, list) else [types]
    return any(
        isinstance(name, str) and name.lower().startswith(_MEDIA) for name in named
    )


def _text(value: Any) -> str:
    """An address, or a node's: {"@id": ...}, {"url": ...}; the first of a list."""
    if isinstance(value, list):
        value = value[0] if value else None
    if isinstance(value, dict):
        value = value.get("@id") or value.get("url")
    return value if isinstance(value, str) else ""
