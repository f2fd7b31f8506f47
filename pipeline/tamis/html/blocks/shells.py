"""The article that a script would have shown: from ld+json or the framework's state.

A page whose markup holds hardly a word (a JavaScript shell) may carry its text as
data: schema.org's articleBody, or the state of Next.js, Nuxt and similar frameworks in
a script of type application/json. The text is returned as HTML, so that the engine
reads it like any other page.

Caps hold for a page as a whole. The time to parse depends on the number of values, not
of bytes (3 MB of `[],[],` take a second). So values are capped: the signs that separate
them are counted before anything is parsed.
"""

import json
import re
from collections.abc import Iterator
from html import escape
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

FEW_WORDS: Final = 50  # a page with fewer words in its blocks may be a shell
MAX_JSON_BYTES: Final = 4 << 20
MAX_VALUES: Final = 100_000
_MAX_TEXTS: Final = 2_000
_MAX_STRINGS: Final = 16_000  # of a page that are tested for prose
_MAX_SCRIPTS: Final = 64
_MIN_WORDS: Final = 15  # a string with fewer is a label, not prose
_PROSE: Final = 2_000  # characters of a string that are tested for prose
# Scripts without spaces: a character counts as a word, as the tokenizer counts it.
_UNSPACED: Final = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]+"
)

_DATA_TYPE: Final = re.compile(rb"""type\s*=\s*["']?application/(?:ld\+)?json""", re.I)
_BODY_KEYS: Final = frozenset(
    (
        "articlebody",
        "body",
        "bodyhtml",
        "content",
        "contenthtml",
        "fulltext",
        "html",
        "paragraphs",
        "rendered",
        "reviewbody",
        "text",
    )
)


def state_html(page: NDArray[np.uint8], words: int) -> bytes | None:
    """HTML of the longest text in the page's data, or None.

    None if no text has three times `words`, and at least FEW_WORDS. Data is skipped if
    it is not JSON, too large, or nested too deeply for the parser.
    """
    best: list[str] = []
    best_words = max(3 * words, FEW_WORDS) - 1
    questions = iter(range(_MAX_STRINGS))
    for script in _data_scripts(page.tobytes()):
        try:
            texts = list(dict.fromkeys(_bodies(json.loads(script), questions)))
        except (ValueError, RecursionError):
            continue
        count = sum(map(_words, texts))
        if count > best_words:
            best, best_words = texts, count
    if not best:
        return None
    return b"".join(_as_html(text) for text in best)


def _data_scripts(page: bytes) -> Iterator[bytes]:
    """Contents of the page's JSON scripts, in order, within the caps."""
    lowered, position = page.lower(), 0
    bytes_left, values_left = MAX_JSON_BYTES, MAX_VALUES
    for _ in range(_MAX_SCRIPTS):
        position = lowered.find(b"<script", position)
        start = lowered.find(b">", position)
        if position < 0 or start < 0:
            return
        stop = lowered.find(b"</script", start)
        if stop < 0:
            return
        if _DATA_TYPE.search(page, position, start) and stop - start < bytes_left:
            values = sum(page.count(sign, start, stop) for sign in (b",", b"[", b"{"))
            if values < values_left:
                bytes_left -= stop - start
                values_left -= values
                yield page[start + 1 : stop]
        position = stop


def _bodies(data: Any, questions: Iterator[int]) -> Iterator[str]:
    """Prose under the keys of _BODY_KEYS, in document order, without recursion.

    Testing a string takes one of `questions`; the search ends when none is left.
    """
    pending: list[tuple[str, Any]] = [("", data)]
    found = 0
    while pending and found < _MAX_TEXTS:
        key, value = pending.pop()
        if isinstance(value, dict):
            pending += [(str(k).lower(), v) for k, v in reversed(value.items())]
        elif isinstance(value, list):
            pending += [(key, v) for v in reversed(value)]
        elif isinstance(value, str) and key in _BODY_KEYS:
            if next(questions, None) is None:
                return
            if _words(value[:_PROSE]) >= _MIN_WORDS:
                found += 1
                yield value


def _words(text: str) -> int:
    """Approximate word count: spaces + 1, and each character of unspaced scripts."""
    words = 1 + text.count(" ") + text.count("\n")
    if text.isascii():
        return words
    return words + len(text) - len(_UNSPACED.sub("", text))


def _as_html(text: str) -> bytes:
    if re.search(r"<(?:p|br|div|h\d|li)\b", text, re.I):
        return f"<div>{text}</div>".encode("utf-8", "replace")
    paragraphs = "".join(f"<p>{escape(line)}</p>" for line in text.splitlines())
    return paragraphs.encode("utf-8", "replace")
