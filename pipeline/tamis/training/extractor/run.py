"""The work of `tamis train extractor`: read, train, write, judge.

The shipped weights are made by

    tamis train extractor --warc ../shared/data/pages-dev.warc.gz
        ../shared/data/pages-dev-{wcxb,daniel,recipes,htmldate}.warc.gz
        --gold ../shared/data/gold-dev.jsonl.gz

which trains on the sources that permit it (`pages`) and judges on all.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from tamis.errors import InputError
from tamis.html.blocks.judge.shipped import SHIPPED
from tamis.training.extractor.answers import ask_teachers
from tamis.training.extractor.page_types import (
    fit_page_types,
    judge_page_types,
    samples,
    spellings,
)
from tamis.training.extractor.pages import Page, read_pages
from tamis.training.extractor.scores import table
from tamis.training.extractor.teachers import TEACHERS
from tamis.training.extractor.train import (
    cross_validate,
    leave_one_source_out,
    lessons,
    train,
    write_weights,
)


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
    "resiliparse" only trafilatura labels the pages that have no gold. `cache` is a
    JSON Lines file with the teachers' answers. Raises InputError if nothing can be
    learnt.
    """
    pages = read_pages(warcs, gold)
    taught = lessons(pages, cache, teachers=teachers)
    if not taught:
        raise InputError("no page among the inputs has a text to learn from")
    typed = samples(pages)
    written = spellings(typed)
    write_weights(train(taught), pages, out, fit_page_types(typed, written))
    judged = [page for page in pages if page.gold is not None]
    if not judged:
        return "no page with gold text"
    answers = ask_teachers(judged, cache, names=teachers)
    theirs = {
        name: {page.url: said[name] for page, said in zip(judged, answers, strict=True)}
        for name in teachers
    }
    ours = {"blocks, new sites": cross_validate(judged, taught)}
    if len({page.source for page in judged}) > 1:
        ours["blocks, new source"] = leave_one_source_out(judged, taught)
    tables = [table_of(judged, ours, theirs)]
    if typed:
        tables.append(judge_page_types(typed, written))
    return "\n\n".join(tables)


def table_of(
    judged: Sequence[Page],
    ours: Mapping[str, Mapping[str, str]],
    theirs: Mapping[str, Mapping[str, str]],
) -> str:
    """The table, and a line for each of our extractors that is not in it.

    All rows are of the same pages: an extractor that lacks some would remove them from
    all rows, so it is left out.
    """
    whole = {
        name: texts
        for name, texts in ours.items()
        if all(page.url in texts for page in judged)
    }
    missing = [
        f"\n{name}: not judged: it needs training pages of more sites or sources"
        for name in ours
        if name not in whole
    ]
    return "\n".join([table(judged, {**whole, **theirs}), *missing])
