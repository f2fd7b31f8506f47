"""Mask personal data in addresses of pages, as they are published and shown.

What is masked is what `rules` finds in a text, anywhere behind the host: in segments of
the path, in values of the query and in the fragment, also percent-encoded, once or
several times (`?m=jane%2540example.org`). User and password before the host are left
out. The host is never masked. A kind's name replaces what was found: `?m=EMAIL` is an
address like any other, which `<EMAIL>` is not.

An address without personal data does not change by a byte.
"""

import re
from collections.abc import Iterable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tamis.pii.kinds import EVERY, KINDS
from tamis.pii.masking import Masks, find
from tamis.pii.national_ids import NAMES as ID_NAMES
from tamis.pii.national_ids import OUTLINE as ID_OUTLINE
from tamis.pii.outlines import may_have_any
from tamis.text.buffers import utf8_buffers

# Scheme and slashes, then user and password, then the host.
_BEFORE_HOST = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*:)?[/\\]{2,}", re.ASCII)
_ESCAPE = re.compile(rb"%[0-9A-Fa-f]{2}")
_MOST_LEVELS = 4  # of encoding over encoding
_NAMES = {number: kind.upper() for kind, number in KINDS.items()}

Span = tuple[int, int, int]  # first byte, end, kind


def masked_urls(
    urls: Sequence[str | None], kinds: Iterable[str] = EVERY
) -> list[str | None]:
    """Each address with the personal data of these `kinds` masked; null stays null.

    Of national ids those of every country; no phone numbers without a country code.
    """
    wanted = Masks(dict.fromkeys(kinds, ""), ID_NAMES)
    masked = list(urls)
    rows = _suspects(pa.array(urls, pa.large_string()), wanted)
    found = _masked_one_by_one([urls[row] or "" for row in rows], wanted)
    for row, url in zip(rows, found, strict=True):
        masked[row] = url
    return masked


def _suspects(urls: pa.Array, wanted: Masks) -> list[int]:
    """Rows that may change: few addresses do, and one by one they cost 50 µs each."""
    if not may_have_any(urls, [ID_OUTLINE]):
        return []
    values = pc.replace_substring(urls, "=", " ")  # as in `_found`
    findings = find(*utf8_buffers(values), wanted)
    is_suspect = pc.fill_null(pc.match_substring_regex(urls, "[@%]"), False)
    rows = np.union1d(np.flatnonzero(is_suspect), findings.document)
    return [int(row) for row in rows]


def _masked_one_by_one(urls: Sequence[str], wanted: Masks) -> list[str]:
    parts = [_parts(url) for url in urls]
    tails = [tail.encode() for _, tail in parts]
    spans: list[list[Span]] = [[] for _ in urls]
    rows = list(range(len(tails)))
    layers: list[tuple[bytes, Sequence[int]]] = [
        (tail, range(len(tail) + 1)) for tail in tails
    ]
    for level in range(_MOST_LEVELS + 1):
        if level:  # those that something is encoded in, decoded once more
            rows = [row for row in rows if _ESCAPE.search(layers[row][0])]
            for row in rows:
                layers[row] = _decoded(*layers[row])
        # `%40` next to a name looks like a part of it: decode before searching.
        ready = rows if level else [r for r in rows if not _ESCAPE.search(tails[r])]
        for row, found in _found([layers[row][0] for row in ready], wanted):
            places = layers[ready[row]][1]
            spans[ready[row]] += [(places[a], places[b], kind) for a, b, kind in found]
    return [
        before + _masked(tail, own)
        for (before, _), tail, own in zip(parts, tails, spans, strict=True)
    ]


def masked_url(url: str) -> str:
    """One address, all kinds masked, as it is shown to a person."""
    return masked_urls([url])[0] or ""


def _parts(url: str) -> tuple[str, str]:
    """Scheme and host without user and password; and what is behind the host."""
    begin = _BEFORE_HOST.match(url)
    if begin is None:
        return "", url
    rest = url[begin.end() :]
    end = re.search(r"[/?#\\]", rest)
    stop = end.start() if end else len(rest)
    host = rest[:stop].rpartition("@")[2]
    return url[: begin.end()] + host, rest[stop:]


def _decoded(content: bytes, places: Sequence[int]) -> tuple[bytes, Sequence[int]]:
    """Every escape of `content` as its byte, and where each byte was at first.

    Bytes that are no UTF-8 become question marks: kernels read UTF-8 only.
    """
    found = bytearray()
    at: list[int] = []
    position = 0
    for escape in _ESCAPE.finditer(content):
        found += content[position : escape.start()]
        at += places[position : escape.start()]
        found.append(int(escape.group()[1:], 16))
        at.append(places[escape.start()])
        position = escape.end()
    found += content[position:]
    at += places[position:]
    text = bytes(found).decode("utf-8", "surrogateescape")
    return re.sub(r"[\udc80-\udcff]", "?", text).encode(), at


def _found(
    contents: Sequence[bytes], wanted: Masks
) -> Iterable[tuple[int, list[Span]]]:
    """Rows with personal data, and where in them."""
    if not contents:
        return
    # A number right behind `=` counts as code in a text; here it is a value.
    values = [content.replace(b"=", b" ") for content in contents]
    data, offsets = utf8_buffers(pa.array(values, pa.large_binary()))
    findings = find(data, offsets, wanted)
    starts = np.asarray(offsets)[findings.document]
    columns = (
        findings.document,
        findings.start - starts,
        findings.stop - starts,
        findings.kind,
    )
    for row, start, stop, kind in zip(*(c.tolist() for c in columns), strict=True):
        yield row, [(start, stop, kind)]


def _masked(tail: bytes, spans: list[Span]) -> str:
    """`tail` with the name of a kind in place of each span; the first of two counts."""
    pieces: list[str] = []
    position = 0
    for start, stop, kind in sorted(spans):
        if start >= position:
            pieces += [_text(tail[position:start]), _NAMES[kind]]
        position = max(position, stop)
    return "".join([*pieces, _text(tail[position:])])


def _text(content: bytes) -> str:
    return content.decode()
