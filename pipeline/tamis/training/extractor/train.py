"""Training the block extractor, and judging it on sites and sources it has not seen.

    train                  weights from all pages that may be trained on
    cross_validate         the text of every page, by weights trained without the pages
                           of its site (five folds)
    leave_one_source_out   the text of every page, by weights trained without the pages
                           of its source

Everything is deterministic: folds by a hash of the site, fixed seeds, one thread.
The log-odds of names in a page's features never come from its own fold. So the trees
learn how reliable these are on new pages.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tamis.errors import StorageError
from tamis.html.blocks.engine import extract_buffers
from tamis.html.blocks.judge.dictionary import dictionary
from tamis.html.blocks.judge.features import NAMES
from tamis.html.blocks.judge.weights import trees_of
from tamis.html.blocks.kernel import describe
from tamis.html.blocks.layout import COMMENT, CONTENT
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
    stored,
)
from tamis.training.extractor.labels import Labels, label
from tamis.training.extractor.names import LogOdds, log_odds, page_log_odds, spelled
from tamis.training.extractor.pages import Page
from tamis.training.extractor.teachers import TEACHERS
from tamis.training.extractor.weights import block_weights, page_weights

FOLDS: Final = 5
_ALL_FEATURES: Final = list(range(len(NAMES)))


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
    """Fit both ensembles and the log-odds on all lessons."""
    workspace = new_workspace()
    weights = page_weights(
        [lesson.page for lesson in taught], [lesson.labels for lesson in taught]
    )
    importance = dict(zip(map(id, taught), weights, strict=True))
    rows: list[NDArray[np.float32]] = []
    used: list[Lesson] = []
    for fold in range(FOLDS):
        others = [lesson for lesson in taught if lesson.fold != fold]
        use_dictionary(workspace, dictionary(_log_odds(others)))
        for lesson in (lesson for lesson in taught if lesson.fold == fold):
            rows.append(_features(lesson.page.html, workspace, len(NAMES)))
            used.append(lesson)
    features = np.concatenate(rows)
    content = np.concatenate([lesson.labels.content for lesson in used])
    comment = np.concatenate([lesson.labels.comment for lesson in used])
    weight = np.concatenate(
        [block_weights(lesson.labels, importance[id(lesson)]) for lesson in used]
    )
    return Learnt(
        fit(features, content, weight, rounds=CONTENT_ROUNDS, bias=CONTENT_BIAS),
        fit(features, comment, weight, rounds=COMMENT_ROUNDS),
        _log_odds(taught),
    )


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
    content = stored(learnt.content, learnt.comment, spelled(learnt.log_odds, pages))
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


def _features(
    html: NDArray[np.uint8], workspace: Workspace, count: int
) -> NDArray[np.float32]:
    """Features of a page's blocks with the workspace's dictionary."""
    tokenize(html, workspace)
    describe(workspace)
    page = workspace[0]
    blocks = int(page["state"][0]["blocks"])
    features: NDArray[np.float32] = page["features"][:blocks, :count].copy()
    return features
