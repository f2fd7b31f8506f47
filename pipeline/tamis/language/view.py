"""The part of a document that a language model reads.

A few hundred characters are enough to recognise a language. Reading more costs time and
adds the footer; reading only the beginning takes a cookie banner for the page. So a
long document is judged by its beginning and its middle. Web addresses, e-mail
addresses, digits and control characters are removed: they are the same in every
language, and fastText takes them for English.
"""

import html
import re

_ADDRESS = re.compile(r"(?:https?://|www\.)\S{1,2000}")
# Bounded on both sides: \S+@ would scan a page of Chinese once per character.
_EMAIL = re.compile(r"[\w.+-]{1,64}@\S{1,255}")
# Digits, controls and all white space except the plain space; they become spaces.
_NOISE = re.compile(
    r"[\d\x00-\x1f\x7f-\xa0\u2000-\u200b\u2028\u2029\u202f\u205f\u2060\u3000\ufeff\ufffd]+"
)


def text_view(utf8: bytes | memoryview, sample_bytes: int) -> str:
    """At most `sample_bytes` of a text, half from its start and half from its middle.

    One line, cleaned as in `clean`; empty if nothing is left. Cuts are between
    characters.
    """
    size = len(utf8)
    if size <= sample_bytes:
        return clean(_decoded(utf8))
    half = sample_bytes // 2
    middle = max((size - half) // 2, half)
    return clean(_decoded(utf8[:half]) + " " + _decoded(utf8[middle : middle + half]))


def middle_view(text: str, characters: int) -> str:
    """The middle of a page's text, after its menus and before its footer.

    Character references are resolved: "&eacute;t&eacute;" is French.
    """
    start = max((len(text) - characters) // 2, 0)
    return clean(html.unescape(text[start : start + characters]))


def clean(text: str) -> str:
    """One line without addresses, digits and control characters.

    A text all in capitals becomes lower case: models saw few such texts, and take a
    headline in capitals for another language.
    """
    if "://" in text or "www." in text:
        text = _ADDRESS.sub(" ", text)
    if "@" in text:
        text = _EMAIL.sub(" ", text)
    text = _NOISE.sub(" ", text).strip()
    return text.lower() if text.isupper() else text


def _decoded(utf8: bytes | memoryview) -> str:
    return bytes(utf8).decode("utf-8", "ignore")
