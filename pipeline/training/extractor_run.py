"""The whole of `tamis train extractor`: read, train, write, judge.

The shipped weights are made by

    tamis train extractor --warc ../shared/data/pages-dev.warc.gz
        ../shared/data/pages-dev-{wcxb,daniel,recipes,htmldate}.warc.gz
        --gold ../shared/data/gold-dev.jsonl.gz

which trains on the sources that permit it (extractor_pages) and judges on all.
"""

from collections.abc import Iterable
from pathlib import Path

from pipeline.errors import InputError
from pipeline.html.blocks.weights import SHIPPED
from pipeline.training.extractor import (
    cross_validate,
    leave_one_source_out,
    lessons,
    train,
    write_weights,
)
from pipeline.training.extractor_labels import TEACHERS, ask_teachers
from pipeline.training.extractor_pages import read_pages
from pipeline.training.extractor_scores import table


def train_extractor(
    warcs: Iterable[Path],
    gold: Path | None = None,
    *,
    out: Path = SHIPPED,
    teachers: tuple[str, ...] = TEACHERS,
    cache: Path | None = None,
) -> str:
    """Write weights to `out`; returns the tables of cross-validation as Markdown.

    `teachers` must hold "trafilatura" and "trafilatura_comments"; without
    "resiliparse" trafilatura alone labels the pages that have no gold. `cache` is a
    JSON Lines file that keeps what the teachers say. Raises InputError where nothing
    can be learnt.
    """
    pages = read_pages(warcs, gold)
    taught = lessons(pages, cache, teachers=teachers)
    if not taught:
        raise InputError("no page among the inputs has a text to learn from")
    write_weights(train(taught), pages, out)
    judged = [page for page in pages if page.gold is not None]
    if not judged:
        return "no page with gold text"
    answers = ask_teachers(judged, cache, names=teachers)
    theirs = {
        name: {page.url: said[name] for page, said in zip(judged, answers, strict=True)}
        for name in teachers
    }
    texts = {"blocks, new sites": cross_validate(judged, taught)}
    if len({page.source for page in judged}) > 1:
        texts["blocks, new source"] = leave_one_source_out(judged, taught)
    return table(judged, texts | theirs)
