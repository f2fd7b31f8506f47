"""Measure the block extractor on sites, and on sources, that it has not seen.

    python benchmarks/extractor_quality.py FILE.warc.gz ... --gold GOLD --out FOLDER
        [--cache others.jsonl]

Writes the texts (url, text) for another scorer, a file each:

    blocks         of every page, by weights that have seen no page of its site
    left-out       of every page with gold, by weights that have seen none of its source
    trafilatura, trafilatura_comments, resiliparse    of every page

and prints word F1 by source, page type and language, and what is kept of the gold's structure:
of the blocks of each kind that stand in the gold text, the share that stands in the text too;
and of the rows of tables the shares that are there whole and in part. Pages whose licence
forbids it are not used for training (see CARD.md beside the weights). Deterministic; some 15
minutes on one core for 3,087 pages, half of it for the other extractors, whose texts
`--cache` keeps.
"""

import argparse
import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import lxml.html
from structure import words

from tamis.training.extractor.answers import ask_teachers
from tamis.training.extractor.pages import Page, read_pages
from tamis.training.extractor.scores import language_of, table, type_of
from tamis.training.extractor.teachers import TEACHERS
from tamis.training.extractor.train import cross_validate, leave_one_source_out, lessons

_KINDS: Final = (
    *("td", "th", "dt", "dd", "li", "blockquote", "pre"),
    *("h1", "h2", "h3", "h4", "p", "figcaption"),
)
_SHORT: Final = ("td", "th", "dt", "h1", "h2", "h3", "h4")  # one word is enough
# Of these the innermost count, and those that hold less than two paragraphs.
_NESTED: Final = ("td", "th", "li", "dd", "blockquote")
_HOLDS_OTHERS: Final = lxml.etree.XPath(".//td|.//li|.//p[2]")
_HOLDS_TABLE: Final = lxml.etree.XPath(".//table")
_WHOLE, _PART = "rows whole", "rows in part"
_LEAST_BLOCKS: Final = 20  # of a kind in a group, for a share of them


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("warcs", nargs="+", type=Path)
    parser.add_argument("--gold", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--cache", type=Path)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)

    pages = read_pages(options.warcs, options.gold)
    judged = [page for page in pages if page.gold is not None]
    answers = ask_teachers(pages, options.cache)
    theirs = {
        name: {page.url: said[name] for page, said in zip(pages, answers, strict=True)}
        for name in TEACHERS
    }
    taught = lessons(pages, options.cache)
    ours = {
        "blocks": cross_validate(pages, taught),
        "left-out": leave_one_source_out(judged, taught),
    }
    for name, texts in (ours | theirs).items():
        rows = (json.dumps({"url": url, "text": text}) for url, text in texts.items())
        (options.out / f"{name}.jsonl").write_text("\n".join(rows) + "\n")
    print(table(judged, ours | theirs))
    print(structure_table(judged, ours | theirs))


def structure_table(
    pages: Sequence[Page], texts: Mapping[str, Mapping[str, str]]
) -> str:
    """Markdown: of each kind the share that a text has, for all pages and by group.

    A page counts if every extractor has a text of it. Short cells may stand elsewhere in
    the text by chance: the shares are for comparison.
    """
    found: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    sizes: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for page in pages:
        if not all(page.url in of for of in texts.values()):
            continue
        blocks, rows = list(_blocks(page)), list(_rows(page))
        groups = ["all", *filter(None, (f(page) for f in (type_of, language_of)))]
        for group in groups:
            sizes[group].update(kind for kind, _ in blocks)
            sizes[group].update({_WHOLE: len(rows), _PART: len(rows)})
        for name, of in texts.items():
            said = words(of[page.url])
            kept = Counter(kind for kind, block in blocks if block in said)
            for row in rows:
                cells = sum(cell in said for cell in row)
                kept[_WHOLE] += cells == len(row)
                kept[_PART] += 0 < cells < len(row)
            for group in groups:
                found[group, name].update(kept)
    columns = (*_KINDS, _WHOLE, _PART)
    lines = [f"| kept | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    for group, size in sorted(sizes.items(), key=lambda pair: (pair[0] != "all", pair)):
        for name in texts:
            kept = found[group, name]
            shares = " | ".join(
                f"{kept[kind] / size[kind]:.3f}" if size[kind] >= _LEAST_BLOCKS else ""
                for kind in columns
            )
            lines.append(f"| {group}, {name} | {shares} |")
    sums = " | ".join(str(sizes["all"][kind]) for kind in columns)
    return "\n".join([*lines, f"| *blocks* | {sums} |"])


def _blocks(page: Page) -> Iterator[tuple[str, str]]:
    """Kind and words of each block of the page that stands in its gold text."""
    wanted = words(page.gold or "")
    for element in _root(page).iter(*_KINDS):
        if element.tag in _NESTED and _HOLDS_OTHERS(element):
            continue
        text = words(" ".join(element.itertext()))
        if text in wanted and len(text.split()) > (element.tag not in _SHORT):
            yield element.tag, text


def _rows(page: Page) -> Iterator[list[str]]:
    """The cells of each row of data that stands in the gold text, two or more a row."""
    wanted = words(page.gold or "")
    for row in _root(page).iter("tr"):
        cells = [
            text
            for cell in row
            if cell.tag in ("td", "th")
            and len(text := words(" ".join(cell.itertext()))) > 2
        ]
        is_wanted = len(cells) > 1 and all(cell in wanted for cell in cells)
        if is_wanted and not _HOLDS_TABLE(row):
            yield cells


def _root(page: Page) -> Any:
    """The page as lxml parses it; an empty element if it has none."""
    try:
        return lxml.html.fromstring(page.html.tobytes().decode("utf-8", "replace"))
    except (lxml.etree.LxmlError, ValueError):
        return lxml.html.Element("html")


if __name__ == "__main__":
    main()
