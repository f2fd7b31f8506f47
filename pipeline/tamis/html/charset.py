"""The text of a page's bytes, the charset it was read in, and what decided on it.

The order is the Encoding Standard's, with two lessons from real pages. Bytes that
are valid UTF-8 are UTF-8 whatever the header says: text in another charset almost
never is. And a declaration is believed only if the bytes agree with it:

    bom        the bytes begin with a byte order mark
    utf8       they are UTF-8, except for a few broken sequences
    http, meta the charset declared there decodes them
    detector   letter statistics (turbohtml's, with the host's top-level domain)
    default    what browsers assume for such a host, where letters are no evidence

Names (in lower case) and decoders are the Encoding Standard's: an undecodable
sequence becomes U+FFFD.
"""

import codecs
import re
from typing import NamedTuple

from turbohtml.detect import Detection, detect

from tamis.html.labels import REPLACEMENT
from tamis.html.prescan import encoding_in_header, encoding_in_markup

DEFAULT = "windows-1252"

# Replacement characters per non-ASCII byte. In the 190 re-encoded pages and the
# 11 legacy ones of the development set, text in another charset read as UTF-8 has
# 0.56 or more, damaged UTF-8 0.02 or less. A page that declares UTF-8 may be a
# mixture of both, so its limit is higher. Cyrillic or Greek in a single-byte charset
# has 0.08 to 0.2 when read as a two-byte one, because many pairs of its letters are
# characters there; text in the two-byte charset that it declares has 0.
_MAX_DAMAGE_UTF_8 = 0.1
_MAX_DAMAGE_DECLARED_UTF_8 = 0.25
_MAX_DAMAGE_DECLARED = 0.05

# Detection costs about 0.1 ms per kB of evidence, and more than this did not change
# its answer on 184 pages.
_EVIDENCE_BYTES = 65_536

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16le"),
    (codecs.BOM_UTF16_BE, "utf-16be"),
)
_ASCII = bytes(range(128))
# ISO-2022-JP is made of ASCII bytes: this escape switches to two-byte kanji.
_KANJI_ESCAPE = re.compile(rb"\x1b\$[@B]")
# The euro sign and the ligature of cœur. In windows-1252 these bytes are a currency
# sign that nobody writes, and fractions, which do not begin words.
_LATIN_9 = re.compile(rb"\xa4|(?<=[A-Za-z])\xbd(?=[a-z])|[\xbc\xbd](?=[ui][a-z])")
# The bytes 80 to 9F are controls in ISO-8859; its Windows sibling has quotation marks
# and dashes there.
_NOT_C1 = bytes(set(range(256)) - set(range(0x80, 0xA0)))
_WINDOWS_SIBLING = {
    "iso-8859-2": "windows-1250",
    "iso-8859-4": "windows-1257",
    "iso-8859-6": "windows-1256",
    "iso-8859-7": "windows-1253",
    "iso-8859-8": "windows-1255",
    "iso-8859-13": "windows-1257",
    "iso-8859-15": "windows-1252",
}
# Charsets in which any bytes are text, so that it proves nothing that they can be read.
_SINGLE_BYTE = ("iso-8859-", "windows-", "koi8-", "ibm866", "macintosh", "x-mac-")
_GENERIC_TLD = re.compile(r"[a-z0-9-]{1,63}\Z")


class Decoded(NamedTuple):
    """A page's text without byte order mark, its charset, and what decided on it."""

    text: str
    charset: str
    source: str


def decode(
    data: bytes, content_type: str | None = None, host: str | None = None
) -> Decoded:
    """Text of a page. Never raises; an empty page is empty UTF-8."""
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return Decoded(_decoded(data[len(mark) :], encoding), encoding, "bom")
    declared = {
        "http": encoding_in_header(content_type),
        "meta": encoding_in_markup(data),
    }
    unmarked = utf_16_without_mark(data)
    if unmarked is not None:
        source = "http" if declared["http"] == unmarked else "detector"
        return Decoded(_decoded(data, unmarked), unmarked, source)
    if data.isascii():
        return _decode_ascii(data, declared)
    text = data.decode("utf-8", "replace")
    high_bytes = len(data.translate(None, _ASCII))
    damage = text.count("\ufffd") / high_bytes
    if damage <= _MAX_DAMAGE_UTF_8:
        return Decoded(text, "utf-8", "utf8")
    for source, name in _in_order(declared, data, host):
        if name == "utf-8":
            if damage <= _MAX_DAMAGE_DECLARED_UTF_8:
                return Decoded(text, name, source)
        elif name is not None and name != REPLACEMENT and not name.startswith("utf-16"):
            legacy = _decoded(data, name)
            if legacy.count("\ufffd") <= _MAX_DAMAGE_DECLARED * high_bytes:
                return Decoded(*_with_windows(data, legacy, name), source)
    name, is_evident = detected(data, host)
    return Decoded(_decoded(data, name), name, "detector" if is_evident else "default")


def _in_order(
    declared: dict[str, str | None], data: bytes, host: str | None
) -> list[tuple[str, str | None]]:
    """The declarations in the order in which they are tried.

    The header comes first. If it names another single-byte charset than the markup, the
    letters decide: a server sends one header for all its pages.
    """
    http, meta = declared["http"], declared["meta"]
    in_order = list(declared.items())
    if http == meta or not (_is_single_byte(http) and _is_single_byte(meta)):
        return in_order
    name, is_evident = detected(data, host)
    is_metas = is_evident and _family(name) == _family(meta)
    return in_order[::-1] if is_metas else in_order


def _family(name: str | None) -> str | None:
    """One name for charsets that have the same letters."""
    name = "koi8-u" if name == "koi8-r" else name
    return _WINDOWS_SIBLING.get(name or "", name)


def _is_single_byte(name: str | None) -> bool:
    return name is not None and name.startswith(_SINGLE_BYTE)


def _with_windows(data: bytes, text: str, name: str) -> tuple[str, str]:
    """Text and charset; those of the Windows sibling for an ISO-8859 that has C1 controls."""
    sibling = _WINDOWS_SIBLING.get(name)
    if sibling is None or not data.translate(None, _NOT_C1):
        return text, name
    better = _decoded(data, sibling)
    return (
        (text, name)
        if better.count("\ufffd") > text.count("\ufffd")
        else (better, sibling)
    )


def is_plain_utf_8(head: bytes) -> bool:
    """Whether valid UTF-8 without an escape is the page's text: its first kilobyte has no
    byte order mark, and is not UTF-16, whose bytes can be valid UTF-8 too."""
    return not head.startswith(codecs.BOM_UTF8) and utf_16_without_mark(head) is None


def utf_16_without_mark(data: bytes) -> str | None:
    """UTF-16's byte order, found by the zero bytes in every second place; None if none.

    Over 40 % of the even (or of the odd) places of the first kilobyte must be zero,
    and less than 5 % of the others.
    """
    head = data[:1024]
    if b"\0" not in head or len(head) < 4:
        return None
    half = len(head) // 2
    even, odd = head[::2].count(0) / half, head[1::2].count(0) / half
    if odd > 0.4 and even < 0.05:
        return "utf-16le"
    return "utf-16be" if even > 0.4 and odd < 0.05 else None


def detected(data: bytes, host: str | None = None) -> tuple[str, bool]:
    """Legacy charset that the letters suggest, and whether there was any evidence.

    Statistics cannot distinguish ISO-8859 charsets from their Windows siblings; the few
    bytes in which they differ decide. KOI8-R is answered as KOI8-U, which has all of
    its letters.
    """
    evidence = _evidence(data)
    match = detect(evidence, Detection(tld=_top_level_domain(host)))
    if match.encoding is None or match.encoding.lower() == "utf-8":
        return DEFAULT, False
    name = match.encoding.lower()
    has_c1 = len(data.translate(None, _NOT_C1)) > 0
    if has_c1:
        name = _WINDOWS_SIBLING.get(name, name)
    elif name == DEFAULT and _LATIN_9.search(evidence):
        return "iso-8859-15", True
    return name, match.confidence > 0


def _decode_ascii(data: bytes, declared: dict[str, str | None]) -> Decoded:
    if b"\x1b" not in data or _KANJI_ESCAPE.search(data) is None:
        return Decoded(data.decode("ascii"), "utf-8", "utf8")
    name = "iso-2022-jp"
    source = next((word for word, said in declared.items() if said == name), "detector")
    return Decoded(_decoded(data, name), name, source)


def _decoded(data: bytes, encoding: str) -> str:
    """Text by the Encoding Standard's decoder.

    One character is changed: Big5's A241 is a division slash in the standard, but
    Chinese UTF-8 pages write the full-width solidus there (209 to 0 in the
    development set).
    """
    if encoding in ("utf-8", "utf-16le", "utf-16be"):
        return data.decode(encoding, "replace")
    text = data.decode(f"whatwg-{encoding}", "replace")
    return text.replace("\u2215", "\uff0f") if encoding == "big5" else text


def _evidence(data: bytes) -> bytes:
    """The tags and pieces of text that are not pure ASCII, up to a limit.

    No legacy charset uses `<` or `>` as the second byte of a character, except
    UTF-16 and ISO-2022-JP, which were recognised earlier.
    """
    pieces, size = [], 0
    for piece in data.replace(b">", b"<").split(b"<"):
        if not piece.isascii():
            pieces.append(piece)
            size += len(piece)
            if size > _EVIDENCE_BYTES:
                break
    evidence = b"\n".join(pieces)
    # Half a character at the end would rule out the charset it belongs to, so cut at
    # a space, which is never part of a character. Text without spaces is not cut.
    end = evidence.rfind(b" ", _EVIDENCE_BYTES // 2, _EVIDENCE_BYTES)
    return evidence[:end] if end > 0 and size > _EVIDENCE_BYTES else evidence


def _top_level_domain(host: str | None) -> str | None:
    """Last label of a host name, or None if the detector does not accept it."""
    label = (host or "").rpartition(".")[2].lower()
    return label if _GENERIC_TLD.match(label) and not label.isdigit() else None
