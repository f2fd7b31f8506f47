"""How good a text is: word F1 against gold, and tables of it.

Words are those of `alignment.words_of`. A text's score is the harmonic mean of two
shares: of its words that are in gold, and of gold's words that are in the text, counted
as multisets. Means are over pages.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence

from tamis.training.extractor.alignment import words_of
from tamis.training.extractor.pages import Page

_GROUPS: dict[str, str] = {"zh": "zh+ja", "ja": "zh+ja"} | dict.fromkeys(
    ("fr", "es", "it", "pt"), "fr+es+it+pt"
)
_ALONE = frozenset({"en", "de", "pl", "ru", "el"})


def f1(text: str, gold: str) -> float:
    """Word F1 in [0, 1]; 0 if no word is shared."""
    found, wanted = Counter(words_of(text)), Counter(words_of(gold))
    shared = (found & wanted).total()
    return 2 * shared / (found.total() + wanted.total()) if shared else 0.0


def table(pages: Sequence[Page], texts: Mapping[str, Mapping[str, str]]) -> str:
    """Markdown: a row per extractor (name -> url -> text), a column per group of pages.

    A page counts if it has gold and every extractor has a text of it, even "".
    """
    judged = [
        page
        for page in pages
        if page.gold is not None and all(page.url in of for of in texts.values())
    ]
    if not judged:
        return "no page with gold text"
    columns: dict[str, list[int]] = {"all": list(range(len(judged)))}
    for key in (_source, type_of, language_of):
        columns |= _groups(judged, key)
    head = " | ".join(f"{name} ({len(rows)})" for name, rows in columns.items())
    lines = [f"| F1 | {head} |", "|---" * (len(columns) + 1) + "|"]
    for extractor, of in texts.items():
        scores = [f1(of[page.url], page.gold or "") for page in judged]
        means = (
            sum(scores[row] for row in rows) / len(rows) for rows in columns.values()
        )
        lines.append(f"| {extractor} | " + " | ".join(f"{m:.3f}" for m in means) + " |")
    return "\n".join(lines)


def _groups(pages: Sequence[Page], key: Callable[[Page], str]) -> dict[str, list[int]]:
    """Rows by key, the largest group first; pages without the key are left out."""
    rows: defaultdict[str, list[int]] = defaultdict(list)
    for row, page in enumerate(pages):
        if key(page):
            rows[key(page)].append(row)
    return dict(sorted(rows.items(), key=lambda group: (-len(group[1]), group[0])))


def _source(page: Page) -> str:
    return f"source {page.source}" if page.source else ""


def type_of(page: Page) -> str:
    """The column of a page's type; "" if it is not known."""
    return f"type {page.page_type}" if page.page_type else ""


def language_of(page: Page) -> str:
    """The column of a page's language, rare ones together; "" if it is not known."""
    if not page.language:
        return ""
    alone = page.language if page.language in _ALONE else "other"
    return f"lang {_GROUPS.get(page.language, alone)}"
