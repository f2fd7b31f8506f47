"""Measure the block extractor on sites, and on sources, that it has not seen.

    python benchmarks/extractor_quality.py FILE.warc.gz ... --gold GOLD --out FOLDER
        [--cache others.jsonl]

Writes the texts (url, text) for another scorer, a file each:

    blocks         of every page, by weights that have seen no page of its site
    left-out       of every page with gold, by weights that have seen none of its source
    trafilatura, trafilatura_comments, resiliparse    of every page

and prints word F1 by source, page type and language. Pages whose licence forbids it are not
used for training (see CARD.md beside the weights). Deterministic; some 15 minutes on one
core for 3,087 pages, half of it for the other extractors, whose texts `--cache` keeps.
"""

import argparse
import json
from pathlib import Path

from tamis.training.extractor.answers import ask_teachers
from tamis.training.extractor.pages import read_pages
from tamis.training.extractor.scores import table
from tamis.training.extractor.teachers import TEACHERS
from tamis.training.extractor.train import cross_validate, leave_one_source_out, lessons


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


if __name__ == "__main__":
    main()
