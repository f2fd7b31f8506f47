"""Build the sample archives: `python samples/build.py [--output FOLDER]`.

The same bytes on every run: samples-00000.warc.gz, samples-00001.warc.gz and
manifest.tsv, which says of every response what the default recipe does to it.
"""

import argparse
import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from builder.archive import fetched_at, record_id, write_warc
from builder.pages import Capture, article, page_url, part_of, render
from builder.poor import poor_captures
from builder.special import special_captures
from builder.texts import Language, Text, digests, read_edits, read_languages

FOLDER = Path(__file__).resolve().parent

# The languages that stages.yaml asks for; pages in any other are dropped.
WANTED = frozenset(
    {"arb", "cmn", "deu", "ell", "eng", "fra", "hin", "ita", "jpn", "nld"}
    | {"pol", "por", "rus", "spa", "tha"}
)
# Composed pages besides those that the special captures use up.
DIGESTS = {"eng": 24, "fra": 20, **dict.fromkeys(sorted(WANTED - {"eng", "fra"}), 5)}

COLUMNS = (
    *("url", "language", "kind", "group"),
    *("expected", "fetched_at", "warc", "record_id"),
)

# How the sections that are not articles are laid out, and on which host.
_LAYOUTS = {
    "forum": ("forum", "forum"),
    "docs": ("docs", "docs"),
    "documentation": ("docs", "docs"),
    "shop": ("shop", "shop"),
    "boutique": ("shop", "shop"),
    "negozio": ("shop", "shop"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=FOLDER)
    build(parser.parse_args().output)


def build(output: Path) -> None:
    """Write the two archives and the manifest into an existing folder."""
    fetches = [
        (capture, fetched_at(capture, position))
        for position, capture in enumerate(all_captures())
    ]
    rows = []
    for number in range(2):
        name = f"samples-{number:05d}.warc.gz"
        write_warc(output / name, fetches[number::2])
        rows += [
            (
                *(capture.url, capture.language, capture.kind, capture.group),
                *(capture.expected, when.strftime("%Y-%m-%dT%H:%M:%SZ"), name),
                record_id("response", capture),
            )
            for capture, when in fetches[number::2]
        ]
    lines = ["\t".join(row) + "\n" for row in [COLUMNS, *rows]]
    manifest = "".join(lines).encode()
    (output / "manifest.tsv").write_bytes(manifest)


def all_captures() -> list[Capture]:
    """Every capture, in the order of a hash: neighbours have nothing in common."""
    languages = read_languages()
    supply = {code: digests(language) for code, language in languages.items()}
    captures = special_captures(languages, supply)
    captures += poor_captures(languages, supply)
    groups = {capture.group for capture in captures}
    for language in languages.values():
        captures += _articles(language, groups)
        captures += _other_layouts(language)
        captures += _digests(language, supply[language.code])
    return sorted(captures, key=_hash)


def _articles(language: Language, groups: set[str]) -> Iterator[Capture]:
    refetched = {edit.slug for edit in read_edits() if edit.kind == "refetched"}
    for text in language.prose_articles:
        group = f"{language.code}-{text.slug}"
        yield replace(
            article(language, text, kind="article"),
            kind="refetched" if text.slug in refetched else "article",
            group=group if group in groups else "",
            expected="mix" if language.code in WANTED else "filter_language",
        )


def _digests(language: Language, supply: Iterator[Text]) -> Iterator[Capture]:
    for _ in range(DIGESTS.get(language.code, 0)):
        yield article(language, next(supply), kind="digest")


def _other_layouts(language: Language) -> Iterator[Capture]:
    for text in language.articles.values():
        if text.section in _LAYOUTS and text.slug != "stiff-sourdough":
            kind, layout = _LAYOUTS[text.section]
            site = part_of(language.sites[0], kind, layout)
            url = page_url(site, text, folder="t")
            yield Capture(
                url,
                kind,
                render(language, text, site=site, url=url).encode(),
                language=language.code,
                prose=text.prose,
            )


def _hash(capture: Capture) -> bytes:
    return hashlib.sha256(f"{capture.url} {capture.day}".encode()).digest()


if __name__ == "__main__":
    main()
