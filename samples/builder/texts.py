"""The prose of the samples, read from samples/texts/, and what is composed of it.

A language's file starts with its interface and goes on with its articles:

    @site LAYOUT HOST NAME       a site that publishes in this language
    @key words                   what its navigation, banner or footer says
    == slug | section | Title    an article; each line is a paragraph
    [name] words                 a post of a forum thread
        words                    a line of code (four spaces)
    | key | value                a row of a product's table

A digest is one paragraph each of three articles. Two texts of a language never
share more than one paragraph, which keeps their Jaccard similarity below 0.4.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path

TEXTS = Path(__file__).resolve().parents[1] / "texts"

# Sections that are not prose of the ordinary kind: never cut into digests.
SPECIAL_SECTIONS = frozenset(
    {"forum", "docs", "documentation", "shop", "boutique", "negozio", "mixed"}
    | {"toxic", "toxique", "toxisch", "pii", "spam", "short", "bref"}
)


@dataclass(frozen=True)
class Site:
    layout: str
    host: str
    name: str


@dataclass(frozen=True)
class Part:
    """A line of an article; `label` is its heading, its author or its table key."""

    kind: str  # paragraph, post, code or row
    words: str
    label: str = ""


@dataclass(frozen=True)
class Text:
    slug: str
    section: str
    title: str
    parts: tuple[Part, ...]

    @property
    def prose(self) -> str:
        """What a good extraction finds: paragraphs and posts, one to a line."""
        kinds = {"paragraph", "post"}
        return "\n".join(part.words for part in self.parts if part.kind in kinds)


@dataclass(frozen=True)
class Language:
    code: str  # ISO 639-3
    sites: tuple[Site, ...]
    interface: dict[str, list[str]]  # what each @key says, in order
    articles: dict[str, Text]

    def says(self, key: str) -> str:
        return self.interface[key][0]

    @property
    def prose_articles(self) -> list[Text]:
        return [
            text
            for text in self.articles.values()
            if text.section not in SPECIAL_SECTIONS
        ]


@dataclass(frozen=True)
class Edit:
    """A row of edits.tsv: how a copy of an article differs from it."""

    kind: str
    language: str
    slug: str
    jaccard: float
    old: str
    new: str

    def applied_to(self, text: Text) -> Text:
        if text.prose.count(self.old) != 1:
            raise ValueError(f"{self.language} {self.slug}: {self.old!r} is not unique")
        parts = tuple(
            replace(part, words=part.words.replace(self.old, self.new))
            for part in text.parts
        )
        return replace(text, parts=parts)


def read_languages() -> dict[str, Language]:
    return {path.stem: read_language(path) for path in sorted(TEXTS.glob("???.txt"))}


def read_language(path: Path) -> Language:
    sites: list[Site] = []
    interface: dict[str, list[str]] = {}
    articles: dict[str, Text] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("@site "):
            layout, host, name = line.removeprefix("@site ").split(" ", 2)
            sites.append(Site(layout, host, name))
        elif line.startswith("@"):
            key, words = line[1:].split(" ", 1)
            interface.setdefault(key, []).append(words)
        elif line.startswith("== "):
            slug, section, title = line.removeprefix("== ").split(" | ")
            articles[slug] = Text(slug, section, title, ())
        elif line.strip():
            text = articles[slug]
            articles[slug] = replace(text, parts=(*text.parts, _part(line)))
    return Language(path.stem, tuple(sites), interface, articles)


def read_edits() -> list[Edit]:
    lines = (TEXTS / "edits.tsv").read_text(encoding="utf-8").splitlines()
    rows = [line.split("\t") for line in lines if not line.startswith("#")][1:]
    return [
        Edit(kind, language, slug, float(jaccard), old, new)
        for kind, language, slug, jaccard, old, new in rows
    ]


def digests(language: Language) -> Iterator[Text]:
    """Texts of three paragraphs, no two of which ever meet again in another text.

    The order is that of a hash, so that it neither follows the file nor depends
    on the version of a random generator. Paragraphs used least come first.
    """
    paragraphs = [
        (text, part) for text in language.prose_articles for part in text.parts
    ]
    triples = [
        triple
        for triple in combinations(range(len(paragraphs)), 3)
        if len({paragraphs[index][0].slug for index in triple}) == 3
    ]
    triples.sort(key=lambda triple: _shuffle_key(language.code, triple))
    used_pairs: set[tuple[int, int]] = set()
    uses = [0] * len(paragraphs)
    for number in range(1, len(triples) + 1):
        free = [t for t in triples if used_pairs.isdisjoint(combinations(t, 2))]
        if not free:
            return
        chosen = min(free, key=lambda triple: sum(uses[index] for index in triple))
        used_pairs.update(combinations(chosen, 2))
        for index in chosen:
            uses[index] += 1
        parts = tuple(
            Part("paragraph", paragraphs[index][1].words, paragraphs[index][0].title)
            for index in chosen
        )
        title = f"{language.says('digest')} {number}"
        section = language.says("nav").split(" | ")[1]
        yield Text(f"digest-{number:02d}", section, title, parts)


def _part(line: str) -> Part:
    if line.startswith("    "):
        return Part("code", line[4:])
    if line.startswith("| "):
        key, value = line[2:].split(" | ")
        return Part("row", value, key)
    if line.startswith("["):
        author, words = line[1:].split("] ", 1)
        return Part("post", words, author)
    return Part("paragraph", line)


def _shuffle_key(code: str, triple: tuple[int, ...]) -> bytes:
    return hashlib.sha256(f"{code}{triple}".encode()).digest()
