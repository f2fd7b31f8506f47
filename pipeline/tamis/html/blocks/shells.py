"""The article that a script would have shown: from ld+json, a framework's state, or any JSON.

A page whose markup holds hardly a word (a JavaScript shell), or no more than a notice on
cookies, may carry its text as data. It is found by looking for prose: strings with sentences,
of which those at one place of the data (`article.blocks[].text`) are a text together. It is
returned as HTML, so that the engine reads it like any other page.

    ld+json      `articleBody` and what else is prose; `description` as a last resort
    state        script_data.py: Next.js, Nuxt, window.X = {...}, flight streams

Labels, code, catalogues of translations and texts on consent are no article (prose.py).
The work is bounded: bytes and values by script_data, here strings and texts.
"""

import itertools
import json
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from html import escape, unescape
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tamis.html.blocks.prose import UNSPACED, is_consent, prose_words, shown, words
from tamis.html.blocks.script_data import Data, script_data

FEW_WORDS: Final = 50  # a page with fewer words in its blocks may be a shell
# One with fewer may be, if what stands in its data is much longer, and is the page's: widgets,
# reviews and other stories stand in data too, and win over hardly a word alone. Of 3,087
# real pages this changes none whose text is right.
SHORT_WORDS: Final = 150
_HARDLY_WORDS: Final = 20
_MOST_SHARED: Final = 0.6  # of the kept words, in a text that goes on from them
_ARTICLE_BODY: Final = b"articleBody"
_PROBES: Final = 3  # lines of the kept text that are looked for in scripts
_PROBE: Final = 24  # characters of each
_LONG_WORD: Final = re.compile(r"\w{5,}")
_TIMES_LONGER: Final = 3
# A description is no text, but tells more than a page without any.
_DESCRIPTION_WORDS: Final = 15
_MAX_TEXTS: Final = 2_000
_MAX_STRINGS: Final = 16_000  # of a page that are tested for prose
_MAX_DEPTH: Final = 60  # of objects and lists; real ones are 30 deep
_WORDS_OF_LABEL: Final = 3
_MOST_LABELS: Final = 3  # in a row: subheadings, short replies
_LONGEST_KEY: Final = 64  # characters that are looked at
_MAX_INNER: Final = 8  # strings that are JSON themselves
_MIN_INNER: Final = 200  # characters of these

_LISTS: Final = "[]"  # in a path: what follows is in a list
_DESCRIPTION: Final = frozenset(
    ("description", "abstract", "headline", "metadescription")
)
# What is said of other things than the page's text, by the key that holds it.
_ASIDE: Final = re.compile(
    r"consent|cookie|gdpr|privacy|onetrust|\bcmp|tcf|vendors?$|i18n|l10n|translat|locale"
    r"|messages$|dictionar|labels?$|strings$|terms$|disclaimer|legal|footer|navigation|menu"
    r"|related|recommend|sidebar|comments?$|author|publisher|creator|provider|newsletter"
    r"|^seo|meta$|advert|copyright|config|settings|features?$|error|tooltip",
    re.I,
)
# Objects of schema.org that describe the site, not the page.
_OF_SITE: Final = frozenset(
    (
        *("Organization", "NewsMediaOrganization", "Corporation", "WebSite", "Brand"),
        *("Person", "ImageObject", "VideoObject", "BreadcrumbList", "SearchAction"),
        *("SiteNavigationElement", "Comment", "Review", "AggregateRating"),
    )
)
# Keys that hold text, or lists of it, in the documents of editors.
_TEXT_KEYS: Final = frozenset(
    (
        *(
            "articlebody",
            "blocks",
            "body",
            "bodyhtml",
            "children",
            "content",
            "contenthtml",
        ),
        *(
            "contents",
            "data",
            "document",
            "elements",
            "fulltext",
            "html",
            "items",
            "json",
        ),
        *("nodes", "paragraph", "paragraphs", "rendered", "reviewbody", "root", "text"),
        *("texts", "value", "values", "props", "attrs", "markup"),
    )
)
# Keys of lists of paragraphs; `@graph` lists what schema.org says of one page.
_PARAGRAPH_KEYS: Final = frozenset(
    (
        *("@graph", "articlebody", "blocks", "body", "children", "content", "contents"),
        *("paragraph", "paragraphs", "document", "texts", "text", _LISTS),
    )
)
_BLOCK_TAG: Final = re.compile(
    r"<(?:p|br|div|h[1-6]|li|ul|ol|blockquote|table|pre)\b", re.I
)
_ANY_TAG: Final = re.compile(
    r"</?(?:a|b|i|em|strong|span|u|sup|sub|code)\b[^<>]*>", re.I
)
_ESCAPED_TAG: Final = re.compile(r"&lt;/?[a-z]", re.I)
_LEANS_LEFT: Final = re.compile(r"[\s.,;:!?)\]’”»、。，；：！？）]")


class Text(NamedTuple):
    """A string of the data: its path, the list that it stands in, and its words if prose."""

    path: tuple[str, ...]
    line: int
    text: str
    words: int


class State(NamedTuple):
    """The text in a page's data as HTML, if any; and whether what is kept is no text."""

    html: bytes | None
    is_only_consent: bool


def state_of(page: NDArray[np.uint8], kept_words: int, kept: bytes) -> State:
    """The text in the page's data, if that is much longer than the kept one.

    A kept text that only asks for consent to cookies counts as none.
    """
    text = kept.decode("utf-8", "replace")
    if is_consent(text):
        return State(state_html(page, 0), True)
    signs: list[bytes] = []
    if kept_words >= _HARDLY_WORDS:
        signs = _signs(page.tobytes(), text)
        if not signs:
            return State(None, False)
    return State(state_html(page, kept_words, text, signs), False)


def _signs(page: bytes, kept: str) -> list[bytes]:
    """What is in a script that may hold the article: its key, and parts of the kept text.

    Reading all data of a page takes some milliseconds, looking for a part hardly any.
    """
    found = [_ARTICLE_BODY] if _ARTICLE_BODY in page else []
    for line in sorted(kept.splitlines(), key=len)[-_PROBES:]:
        part = line[len(line) // 3 :][:_PROBE]
        for written in (part, json.dumps(part)[1:-1]):
            sign = written.encode("utf-8", "replace")
            if _is_in_script(page, sign):
                found.append(sign)
    return found


def _is_in_script(page: bytes, part: bytes) -> bool:
    """Whether a script holds the bytes, rather than the markup."""
    position = page.find(part)
    for _ in range(_PROBES):
        if position < 0 or not part:
            return False
        if page.rfind(b"<script", 0, position) > page.rfind(b"</script", 0, position):
            return True
        position = page.find(part, position + 1)
    return False


def state_html(
    page: NDArray[np.uint8],
    kept_words: int,
    kept: str = "",
    signs: Sequence[bytes] = (),
) -> bytes | None:
    """HTML of the longest text in the page's data, or None.

    None if no text has three times `kept_words`, and at least FEW_WORDS; or if more than a
    few are kept, and nothing says that the text is what they are the beginning of. Given
    `signs`, only scripts with one of them are read.
    """
    best: list[Text] = []
    best_words = max(_TIMES_LONGER * kept_words, FEW_WORDS) - 1
    description = ""
    budget = _Budget()
    for data in script_data(page.tobytes(), signs):
        texts = list(_texts(data, budget))
        if data.is_linked and not description:
            description = _description(texts)
        found = _longest(texts)
        count = sum(text.words for text in found)
        if count <= best_words or is_consent(" ".join(t.text for t in found)):
            continue
        if kept_words < _HARDLY_WORDS or _is_the_article(data, found, kept):
            best, best_words = found, count
    if best:
        return _as_html(_without_labels(_paragraphs(best)))
    needed = max(_TIMES_LONGER * kept_words, _DESCRIPTION_WORDS)
    if words(shown(description)) >= needed and not is_consent(description):
        return _as_html([description])
    return None


class _Budget:
    """What the search of a page may still cost."""

    def __init__(self) -> None:
        self.strings = _MAX_STRINGS
        self.inner = _MAX_INNER


def _texts(data: Data, budget: _Budget) -> Iterator[Text]:
    """The strings of a value, in document order, without recursion."""
    pending: list[tuple[tuple[str, ...], int, Any]] = [((), 0, data.value)]
    line = 0
    while pending:
        path, within, value = pending.pop()
        if isinstance(value, str):
            if budget.strings == 0:
                return
            inner = _inner(value, budget)
            if inner is not None:
                pending.append((path, within, inner))
                continue
            budget.strings -= 1
            yield Text(path, within, value, prose_words(value))
        elif len(path) >= _MAX_DEPTH:
            continue
        elif isinstance(value, list):
            line += 1
            pending += [((*path, _LISTS), line, one) for one in reversed(value)]
        elif isinstance(value, dict):
            if data.is_linked and _is_of_site(value):
                continue
            pending += [
                ((*path, key), within, one)
                for key, one in reversed(value.items())
                if one
                and not isinstance(one, bool)
                and not _is_aside(key[:_LONGEST_KEY])
            ]


@lru_cache(maxsize=10_000)
def _is_aside(key: str) -> bool:
    return _ASIDE.search(key) is not None


def _is_of_site(value: dict[str, Any]) -> bool:
    kinds = value.get("@type")
    kinds = kinds if isinstance(kinds, list) else [kinds]
    return any(isinstance(kind, str) and kind in _OF_SITE for kind in kinds)


def _inner(text: str, budget: _Budget) -> Any:
    """The value of a string that is JSON itself, or None."""
    if len(text) < _MIN_INNER or text[0] not in "{[" or budget.inner == 0:
        return None
    budget.inner -= 1
    try:
        value = json.loads(text, parse_int=bool, parse_float=bool)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict | list) else None


def _longest(texts: list[Text]) -> list[Text]:
    """The strings of the place that holds the most prose, with the short ones among them."""
    found: dict[tuple[str, ...], int] = {}
    seen: set[str] = set()
    for text in texts:
        if text.words and text.text not in seen and not _is_description(text.path):
            seen.add(text.text)
            root = _root(text.path)
            found[root] = found.get(root, 0) + text.words
    if not found:
        return []
    root = max(found, key=lambda place: found[place])  # of equal ones the first
    keys = {_key(t.path) for t in texts if t.words and _root(t.path) == root}
    return [
        text
        for text in texts
        if _root(text.path) == root
        and (_key(text.path) in keys or _key(text.path).lower() in _TEXT_KEYS)
        and not _is_description(text.path)
        and _has_letters(text.text)
    ][:_MAX_TEXTS]


def _root(path: tuple[str, ...]) -> tuple[str, ...]:
    """The place in the data of which a string is a part: a list's, whatever is nested in it.

    `story.content[].content[].text` belongs to `story.content[]`, but `items[].post.body` is
    a place of its own: items may be anything.
    """
    root = path
    for end in range(len(path) - 1, 0, -1):
        key = path[end - 1]
        if key == _LISTS:
            root = path[:end]
        elif key.lower() not in _TEXT_KEYS:
            break
    return root


def _is_the_article(data: Data, found: list[Text], kept: str) -> bool:
    """Whether a text is the page's: schema.org says so, or it has most of the kept words."""
    root = _root(found[0].path)
    if _is_of_things(root):
        return False
    if data.is_linked and _key(root).lower() == "articlebody":
        return True
    own = _words_to_compare(kept)
    shared = own & _words_to_compare(" ".join(shown(text.text) for text in found))
    return len(shared) >= _MOST_SHARED * max(len(own), 1)


def _words_to_compare(text: str) -> set[str]:
    """The longer words of a text; of scripts without spaces pairs of characters."""
    found = set(_LONG_WORD.findall(text.lower()))
    unspaced = "".join(UNSPACED.findall(text))
    return found | {a + b for a, b in itertools.pairwise(unspaced)}


def _is_of_things(root: tuple[str, ...]) -> bool:
    """Whether a place is a list of things, rather than of a text's paragraphs."""
    return any(
        key == _LISTS and before.lower() not in _PARAGRAPH_KEYS
        for before, key in itertools.pairwise(root)
    )


def _key(path: tuple[str, ...]) -> str:
    """The last key of a path, lists aside."""
    return next((key for key in reversed(path) if key != _LISTS), "")


def _is_description(path: tuple[str, ...]) -> bool:
    return _key(path).lower() in _DESCRIPTION


def _description(texts: list[Text]) -> str:
    """The first description among the strings that is prose, or ""."""
    return next((t.text for t in texts if t.words and _is_description(t.path)), "")


def _has_letters(text: str) -> bool:
    """Whether a string may be text: a name of something has no space."""
    return any(map(str.isalpha, text[:200])) and not text.startswith(("$", "http"))


def _paragraphs(texts: list[Text]) -> list[str]:
    """The strings as paragraphs, each once; pieces of one line are joined.

    Editors cut a line where its style changes: one piece ends, or the next one begins, with
    a space or a sign. A paragraph does not.
    """
    found: list[str] = []
    line = -1
    for text in texts:
        last = found[-1] if found else ""
        if (
            text.line == line
            and last
            and (last[-1].isspace() or _LEANS_LEFT.match(text.text))
        ):
            found[-1] = last + text.text
        else:
            found.append(text.text)
        line = text.line if text.line else -1
    return list(dict.fromkeys(found))


def _without_labels(paragraphs: list[str]) -> list[str]:
    """The paragraphs from the first that is prose to the last, without runs of labels.

    A flight stream holds the whole page, its menus too.
    """
    are_prose = [prose_words(paragraph) > 0 for paragraph in paragraphs]
    if not any(are_prose):
        return paragraphs
    stop = len(are_prose) - are_prose[::-1].index(True)
    found: list[str] = []
    labels: list[str] = []
    for paragraph, is_prose in zip(paragraphs[:stop], are_prose, strict=False):
        if not is_prose and words(paragraph) < _WORDS_OF_LABEL:
            labels.append(paragraph)
            continue
        if found and len(labels) <= _MOST_LABELS:
            found += labels
        labels = []
        if found or is_prose:
            found.append(paragraph)
    return found


def _as_html(paragraphs: list[str]) -> bytes:
    return "".join(map(_paragraph, paragraphs)).encode("utf-8", "replace")


def _paragraph(text: str) -> str:
    if _ESCAPED_TAG.search(text):
        text = unescape(text)
    if _BLOCK_TAG.search(text):
        return f"<div>{text}</div>"
    if _ANY_TAG.search(text):
        return f"<p>{text}</p>"
    lines = unescape(text).splitlines()
    return "".join(f"<p>{escape(line)}</p>" for line in lines if line.strip())
