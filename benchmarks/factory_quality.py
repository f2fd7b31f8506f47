"""Measure extractors on pages of the page factory: what they keep of known structure.

    python benchmarks/page_factory/make.py OUT
    python benchmarks/factory_quality.py OUT [--by program|generator|language] [--worst N]

Ours and trafilatura by their Markdown, resiliparse by its text with bullets and numbers,
rs-trafilatura by its Markdown where it is installed. First the pages of generators that
are not for training (they count), then all, then ours by generator; see `structure.py`
for the measures. Nothing was trained on any of these pages.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from structure import MEASURES, Score, rates, scores

from tamis.html.blocks.engine import extract
from tamis.html.clean import clean

Extractor = Callable[[str], str]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pages", type=Path, help="what page_factory/make.py wrote")
    parser.add_argument("--by", default="generator", help="a key of the pages")
    parser.add_argument("--worst", type=int, default=0, help="pages to name, a measure")
    parser.add_argument("--only", nargs="*", help="names of extractors")
    options = parser.parse_args()
    lines = (options.pages / "pages.jsonl").read_text("utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    found = {
        name: [scores(row, text_of(_page(options.pages, row))) for row in rows]
        for name, text_of in extractors().items()
        if not options.only or name in options.only
    }
    unseen = [bool(row["is_unseen"]) for row in rows]
    print(table(f"unseen ({sum(unseen)})", found, unseen))
    print(table(f"all ({len(rows)})", found, [True] * len(rows)))
    for value in sorted({row[options.by] for row in rows}):
        chosen = [row[options.by] == value for row in rows]
        print(table(f"{value} ({sum(chosen)})", found, chosen))
    for name in MEASURES if options.worst else ():
        print(
            f"{name}: {', '.join(worst(rows, found['tamis'], name)[: options.worst])}"
        )


def _page(folder: Path, row: dict[str, Any]) -> str:
    return (folder / row["page"]).read_text("utf-8")


def extractors() -> dict[str, Extractor]:
    """The function of each extractor that is installed, from a page to its text."""
    from resiliparse.extract.html2text import extract_plain_text
    from trafilatura import extract as trafilatura

    def ours(page: str) -> str:
        markdown = extract([page], markdown=True).markdown
        assert markdown is not None
        return clean(markdown[0].as_py(), is_markdown=True)

    def theirs(page: str) -> str:
        text: str | None = trafilatura(
            page,
            output_format="markdown",
            include_comments=False,
            include_formatting=True,
            include_tables=True,
        )
        return text or ""

    def resiliparse(page: str) -> str:
        text: str = extract_plain_text(page, main_content=True, alt_texts=False)
        return text.replace("•", "-")

    found = {"tamis": ours, "trafilatura": theirs, "resiliparse": resiliparse}
    try:
        import rs_trafilatura
    except ImportError:
        return found

    def rust(page: str) -> str:
        result = rs_trafilatura.extract(page, output_markdown=True)
        return str(result.content_markdown or result.main_content or "")

    return found | {"rs-trafilatura": rust}


def table(
    title: str, found: dict[str, list[dict[str, Score]]], chosen: list[bool]
) -> str:
    """A Markdown table with a line for each measure and a column for each extractor."""
    lines = [f"\n| {title} | {' | '.join(found)} |", "|---|" + "--:|" * len(found)]
    columns = [
        rates([s for s, use in zip(pages, chosen, strict=True) if use], MEASURES)
        for pages in found.values()
    ]
    for name, *values in zip(MEASURES, *columns, strict=True):
        cells = ("" if value is None else f"{value:.3f}" for value in values)
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def worst(
    rows: list[dict[str, Any]], found: list[dict[str, Score]], name: str
) -> list[str]:
    """Pages in order of a measure, the worst first, with it."""
    shares = [
        (page[name][0] / page[name][1], row["page"])
        for row, page in zip(rows, found, strict=True)
        if name in page and page[name][0] < page[name][1]
    ]
    return [f"{path} {share:.2f}" for share, path in sorted(shares)]


if __name__ == "__main__":
    main()
