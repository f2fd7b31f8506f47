"""Make pages of which everything is known: python benchmarks/page_factory/make.py OUT

Documents of nine languages (`content.py`) are rendered by real generators and themes and by
templates of our own (`generators.py`), each with a menu, teasers, a comment, a footer and a
notice on cookies around it. OUT gets

    pages/GENERATOR/DOCUMENT.html    the pages
    pages.jsonl                      a line each: what the page says, block by block

The same command gives the same pages, with the same versions of the generators. Names of
generators that are absent are printed with the reason; the others are made.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

from content import Document, document
from generators import (
    GENERATORS,
    TRAINABLE,
    UNSEEN,
    AbsentError,
    Generator,
    around,
    environments,
)
from sources import gold
from templates import TEMPLATES
from words import WORDS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--seeds", type=int, default=1, help="documents a language")
    parser.add_argument("--only", nargs="*", help="names of generators")
    options = parser.parse_args()
    for message in environments():
        print(f"absent: {message}", file=sys.stderr)
    options.out.mkdir(parents=True, exist_ok=True)
    rows = []
    for generator in GENERATORS:
        if options.only and generator.name not in options.only:
            continue
        try:
            rows += pages_of(generator, options.seeds, options.out)
        except AbsentError as error:
            print(f"absent: {generator.name}: {error}", file=sys.stderr)
    lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (options.out / "pages.jsonl").write_text("".join(lines), "utf-8")
    print(f"{len(rows)} pages of {len({row['generator'] for row in rows})} generators")


def pages_of(generator: Generator, seeds: int, out: Path) -> list[dict[str, object]]:
    """Write the pages of a generator; what they say, a row each."""
    documents = [
        _without(document(language, seed), generator.lacks)
        for language in WORDS
        for seed in range(seeds)
    ]
    with tempfile.TemporaryDirectory() as folder:
        pages = generator.render(documents, Path(folder))
    (out / "pages" / generator.name).mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, object]] = []
    for made in documents:
        page = pages[made.name]
        if generator.name not in TEMPLATES:
            page = around(page, made)
        path = Path("pages") / generator.name / f"{made.name}.html"
        (out / path).write_text(page, "utf-8")
        words = WORDS[made.language]
        rows.append(
            {
                "page": str(path),
                "generator": generator.name,
                "program": generator.program,
                "is_unseen": generator.program in UNSEEN,
                "may_train": generator.program not in UNSEEN
                and generator.licence in TRAINABLE,
                "forbidden": [words.cookies, words.footer, words.comment, words.teaser],
                **gold(made),
            }
        )
    return rows


def _without(made: Document, kinds: frozenset[str]) -> Document:
    blocks = tuple(block for block in made.blocks if block[0] not in kinds)
    return made._replace(blocks=blocks)


if __name__ == "__main__":
    main()
