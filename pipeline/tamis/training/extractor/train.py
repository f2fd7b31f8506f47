"""Training the block extractor, and judging it on sites and sources it has not seen.

    train                  weights from all pages that may be trained on
    cross_validate         the text of every page, by weights trained without the pages
                           of its site (five folds)
    leave_one_source_out   the text of every page, by weights trained without the pages
                           of its source

Everything is deterministic: folds by a hash of the site, fixed seeds, one thread.
The log-odds of names in a page's features never come from its own fold, and neither do the
first trees' answers that the second trees learn from. So the trees learn how reliable these
are on new pages.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tamis.errors import StorageError
from tamis.html.blocks.engine import extract_buffers
from tamis.html.blocks.judge.context import ALL_NAMES
from tamis.html.blocks.judge.dictionary import dictionary
from tamis.html.blocks.judge.features import NAMES
from tamis.html.blocks.judge.weights import trees_of
from tamis.html.blocks.kernel import describe, describe_again
from tamis.html.blocks.layout import COMMENT, CONTENT, SECOND
from tamis.html.blocks.tokenizer import tokenize
from tamis.html.blocks.workspace import (
    Workspace,
    new_workspace,
    use_dictionary,
    use_trees,
)
from tamis.training.extractor.answers import ask_teachers
from tamis.training.extractor.fit import (
    COMMENT_ROUNDS,
    CONTENT_BIAS,
    CONTENT_ROUNDS,
    fit,
    fit_second,
    stored,
)
from tamis.training.extractor.labels import Labels, label
from tamis.training.extractor.names import LogOdds, log_odds, page_log_odds, spelled
from tamis.training.extractor.pages import Page
from tamis.training.extractor.teachers import TEACHERS
from tamis.training.extractor.weights import block_weights, page_weights

FOLDS: Final = 5
# Weight of a page without gold when the second trees are fitted. At 1 listings gain half as
# much, at 0 DAnIEL, which never trains, loses .007 (site-grouped cross-validation,
# 2026-12-01).
_SILVER_AGAIN: Final = 0.3
_ALL_FEATURES: Final = list(range(len(ALL_NAMES)))


@dataclass(frozen=True, eq=False)
class Lesson:
    """A page that may be trained on, its labels and the log-odds of its names."""

    page: Page
    labels: Labels
    log_odds: LogOdds
    fold: int


@dataclass(frozen=True, eq=False)
class Learnt:
    """Trees in the form of weights.json, and log-odds by the word's hash."""

    content: dict[str, Any]
    comment: dict[str, Any]
    log_odds: LogOdds
    second: dict[str, Any] | None  # None if all pages are of one fold


def lessons(
    pages: Sequence[Page],
    cache: Path | None = None,
    *,
    teachers: tuple[str, ...] = TEACHERS,
) -> list[Lesson]:
    """The pages that may be trained on; `cache` holds the teachers' texts of them."""
    workspace = new_workspace()
    teaching = [page for page in pages if page.may_train]
    answers = ask_teachers(teaching, cache, names=teachers)
    found = []
    for page, taught in zip(teaching, answers, strict=True):
        labels = label(page, workspace, taught)
        if labels is not None:
            of_names = page_log_odds(page, labels, workspace)
            found.append(Lesson(page, labels, of_names, fold_of(page)))
    return found


def train(taught: Sequence[Lesson]) -> Learnt:
    """Fit all ensembles and the log-odds on all lessons."""
    workspace = new_workspace()
    weights = page_weights(
        [lesson.page for lesson in taught], [lesson.labels for lesson in taught]
    )
    importance = dict(zip(map(id, taught), weights, strict=True))
    used = sorted(taught, key=lambda lesson: lesson.fold)
    rows: list[NDArray[np.float32]] = []
    for _, own, others in _folds(used):
        use_dictionary(workspace, dictionary(_log_odds(others)))
        rows += (_features(lesson.page.html, workspace) for lesson in own)
    sizes = [len(of_page) for of_page in rows]
    features = np.concatenate(rows)
    content = np.concatenate([lesson.labels.content for lesson in used])
    comment = np.concatenate([lesson.labels.comment for lesson in used])
    weight = np.concatenate(
        [block_weights(lesson.labels, importance[id(lesson)]) for lesson in used]
    )

    def first_trees(
        is_used: NDArray[np.bool_],
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        x, w = features[is_used], weight[is_used]
        return (
            fit(x, content[is_used], w, rounds=CONTENT_ROUNDS, bias=CONTENT_BIAS),
            fit(x, comment[is_used], w, rounds=COMMENT_ROUNDS),
        )

    of_block = np.repeat([lesson.fold for lesson in used], sizes)
    context: list[NDArray[np.float32]] = []
    for fold, own, others in _folds(used):
        if not others:
            break
        use_dictionary(workspace, dictionary(_log_odds(others)))
        for model, trees in zip(
            (CONTENT, COMMENT), first_trees(of_block != fold), strict=True
        ):
            use_trees(workspace, model, trees_of(trees, _ALL_FEATURES))
        context += (_context(lesson.page.html, workspace) for lesson in own)
    second = None
    if context:
        is_gold = np.repeat([lesson.labels.is_gold for lesson in used], sizes)
        second = fit_second(
            np.concatenate(context),
            content,
            weight * np.where(is_gold, 1, _SILVER_AGAIN),
        )
    return Learnt(
        *first_trees(np.ones(len(features), np.bool_)), _log_odds(taught), second
    )


def _folds(
    taught: Sequence[Lesson],
) -> Iterator[tuple[int, list[Lesson], list[Lesson]]]:
    """Each fold that has lessons: its number, its lessons, those of all others."""
    for fold in sorted({lesson.fold for lesson in taught}):
        own = [lesson for lesson in taught if lesson.fold == fold]
        yield fold, own, [lesson for lesson in taught if lesson.fold != fold]


def cross_validate(pages: Sequence[Page], taught: Sequence[Lesson]) -> dict[str, str]:
    """Text of every page, by URL, by weights trained on the other folds' sites.

    A fold's pages are left out if no other fold has a page to train on.
    """
    texts: dict[str, str] = {}
    for fold in range(FOLDS):
        others = [lesson for lesson in taught if lesson.fold != fold]
        if not others:
            continue
        learnt = train(others)
        texts |= texts_by(learnt, [page for page in pages if fold_of(page) == fold])
    return texts


def leave_one_source_out(
    pages: Sequence[Page], taught: Sequence[Lesson]
) -> dict[str, str]:
    """Text of every page with gold, by URL, by weights trained on other sources.

    Sites of the left-out source are left out of the others too. A source's pages are
    left out if no other source has a page to train on.
    """
    texts: dict[str, str] = {}
    for source in sorted({page.source for page in pages if page.gold is not None}):
        judged = [page for page in pages if page.source == source]
        sites = {page.site for page in judged}
        others = [
            lesson
            for lesson in taught
            if lesson.page.source != source and lesson.page.site not in sites
        ]
        if others:
            texts |= texts_by(train(others), judged)
    return texts


def texts_by(learnt: Learnt, pages: Sequence[Page]) -> dict[str, str]:
    """Text by URL, extracted by the engine with these weights."""
    workspace = new_workspace()
    use_dictionary(workspace, dictionary(learnt.log_odds))
    use_trees(workspace, CONTENT, trees_of(learnt.content, _ALL_FEATURES))
    use_trees(workspace, COMMENT, trees_of(learnt.comment, _ALL_FEATURES))
    if learnt.second is not None:
        use_trees(workspace, SECOND, trees_of(learnt.second, _ALL_FEATURES))
    texts = {}
    for page in pages:
        ends = np.array([0, len(page.html)], np.int64)
        extraction = extract_buffers(page.html, ends, workspace=workspace)
        texts[page.url] = extraction.text[0].as_py()
    return texts


def write_weights(
    learnt: Learnt,
    pages: Sequence[Page],
    path: Path,
    page_type: dict[str, Any] | None = None,
) -> None:
    """Write weights.json: a line per array, words spelled out."""
    ensembles = {"content": learnt.content, "comment": learnt.comment}
    if learnt.second is not None:
        ensembles["second"] = learnt.second
    content = stored(ensembles, spelled(learnt.log_odds, pages))
    if page_type is not None:
        content["page_type"] = page_type
    lines = [f"{json.dumps(name)}: {_lines(value)}" for name, value in content.items()]
    try:
        path.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    except OSError as error:
        raise StorageError(f"{path}: cannot be written: {error}") from error


def fold_of(page: Page) -> int:
    """The fold of a page's site."""
    return hashlib.sha1(page.site.encode()).digest()[0] % FOLDS


def _log_odds(taught: Sequence[Lesson]) -> LogOdds:
    return log_odds((lesson.page.site, lesson.log_odds) for lesson in taught)


def _lines(value: Any, indent: str = "  ") -> str:
    """JSON with a line for each entry of an object, and each list of a list."""
    if isinstance(value, dict):
        inner = [
            f"{indent}{json.dumps(k, ensure_ascii=False)}: {_lines(v, indent + '  ')}"
            for k, v in value.items()
        ]
        return "{\n" + ",\n".join(inner) + "\n" + indent[2:] + "}"
    if isinstance(value, list) and value and isinstance(value[0], list):
        rows = ",\n".join(f"{indent}{json.dumps(row)}" for row in value)
        return "[\n" + rows + "\n" + indent[2:] + "]"
    return json.dumps(value)


def _features(html: NDArray[np.uint8], workspace: Workspace) -> NDArray[np.float32]:
    """The first trees' features of a page's blocks, with the workspace's dictionary."""
    tokenize(html, workspace)
    describe(workspace)
    return _rows(workspace, 0, len(NAMES))


def _context(html: NDArray[np.uint8], workspace: Workspace) -> NDArray[np.float32]:
    """The second trees' features of a page's blocks, with the workspace's first trees."""
    tokenize(html, workspace)
    describe(workspace)
    describe_again(workspace)
    return _rows(workspace, len(NAMES), len(ALL_NAMES))


def _rows(workspace: Workspace, start: int, stop: int) -> NDArray[np.float32]:
    page = workspace[0]
    blocks = int(page["state"][0]["blocks"])
    rows: NDArray[np.float32] = page["features"][:blocks, start:stop].copy()
    return rows
