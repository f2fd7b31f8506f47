"""Train the quality model that ships (tamis.quality.prose) from web pages, without labels.

The corpus itself says what is prose: the extractor's text of article pages, against its text
of forums, products, listings and collections, and against the blocks that it left out of any
page. A page's type is the gold's, or the extractor's own if it is sure of it. Other types
(documentation, services, recipes) teach nothing, and only count among the percentiles.

All documents of a site are in one fold, so the figures are of sites that no curve has seen;
percentiles too are those of the other folds' pages. Deterministic: pages in order, one
solver without random numbers, rounded curves.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
import xxhash
from numpy.typing import NDArray

from tamis.errors import ConfigError
from tamis.html.blocks.judge.shipped import SHIPPED
from tamis.html.blocks.judge.weights import load_weights
from tamis.html.blocks.kernel import decide, describe, plain_text
from tamis.html.blocks.layout import COMMENT
from tamis.html.blocks.tokenizer import tokenize
from tamis.html.blocks.workspace import Workspace, new_workspace
from tamis.html.clean import clean
from tamis.linear.fit import area_under_curve, need_scikit_learn
from tamis.linear.model import probabilities
from tamis.quality.prose import (
    EVERY_LANGUAGE,
    KNOTS,
    STEPS,
    UNMARKED,
    Prose,
    logits,
    scores,
    unmarked,
)
from tamis.quality.prose_features import FEATURES, RISING, features
from tamis.stages.extract_text import ExtractText
from tamis.stages.identify_language import IdentifyLanguage
from tamis.stages.measure_text import MeasureText
from tamis.text.buffers import utf8_buffers
from tamis.text.word_column import words_of
from tamis.training.corpus import digests
from tamis.training.extractor.pages import Page, read_pages

ARTICLE: Final = "article"
LEFT_OUT, GOLD = "left out", "gold"
NO_PAGES: Final = (LEFT_OUT, GOLD)
POOR: Final = ("forum", "product", "listing", "collection", LEFT_OUT)

FOLDS: Final = 5
FEWEST_WORDS: Final = 50  # of a document that teaches: as filter_quality wants
SURE_FROM: Final = 0.8  # page_type_score of a type that gold does not have
OWN_TABLE_FROM: Final = 20  # pages of a language, to have percentiles of its own
BORROWED: Final = 50  # pages' weight of all languages in such a table
JUDGED_PAGES: Final = 100  # of a language whose percentiles are judged
JUDGED_ARTICLES: Final = 15  # of a language that is once left out of training

# Of .3, 1, 3, 10 and 30, with 10 a model of all other languages tells the types of English
# pages apart best (AUC .852; .823 without signs of the coefficients).
_PENALTY: Final = 10.0
_MOST_SPREAD: Final = (0.02, 0.98)  # between which quantiles of a feature its knots are
_DECIMALS: Final = 3
_CHUNK: Final = 256  # documents in memory with their words


class Document(NamedTuple):
    """A text; `kind` is a page type, "" for one that is not known, LEFT_OUT, or GOLD for the
    main text as people see it, which is judged and teaches nothing."""

    text: str
    language: str
    kind: str
    site: str
    source: str
    may_train: bool


class Sample(NamedTuple):
    """Documents as the model reads them; one row or entry each."""

    rows: NDArray[np.float64]
    words: NDArray[np.int64]
    documents: list[Document]

    def only(self, is_wanted: NDArray[np.bool_]) -> "Sample":
        kept = [
            own for own, keep in zip(self.documents, is_wanted, strict=True) if keep
        ]
        return Sample(self.rows[is_wanted], self.words[is_wanted], kept)


def train_prose(warcs: Sequence[Path], gold: Path | None, *, licence: str) -> Prose:
    """The fitted model, its figures in the card.

    Raises ConfigError if there are no articles or nothing to hold against them, InputError
    if a file cannot be read.
    """
    need_scikit_learn()
    files = [*warcs, *([gold] if gold else [])]
    sample = described(documents_of(read_pages(warcs, gold)))
    taught = sample.only(np.array([own.may_train for own in sample.documents], bool))
    pages = [own for own in taught.documents if own.kind not in NO_PAGES]
    sources = Counter(own.source or "not named" for own in pages)
    card = {
        "licence": licence,
        "inputs": {Path(name).name: own for name, own in digests(files).items()},
        "sources": dict(sorted(sources.items())),
        "figures": figures_of(sample),
    }
    return fit(taught)._replace(card=card)


def documents_of(pages: Iterable[Page]) -> list[Document]:
    """The text of each page, that of its blocks which are not in it, and its gold."""
    pages = list(pages)
    workspace = new_workspace(load_weights(SHIPPED))
    extract, identify = ExtractText().build(), IdentifyLanguage().build()
    found = []
    for start in range(0, len(pages), _CHUNK):
        own = pages[start : start + _CHUNK]
        html = pa.array([page.html.tobytes() for page in own], pa.large_binary())
        batch = pa.RecordBatch.from_pydict(
            {
                "html": html.cast(pa.large_string()),
                "http_content_type": pa.nulls(len(own), pa.string()),
                "drop_reason": pa.nulls(len(own), pa.string()),
            }
        )
        rows = identify(extract(batch)).to_pylist()
        for page, row in zip(own, rows, strict=True):
            is_sure = (row["page_type_score"] or 0.0) >= SURE_FROM
            kind = page.page_type or (row["page_type"] if is_sure else "")
            about = (page.site, page.source, page.may_train)
            language = row["language"] or ""
            if row["text"]:
                found.append(Document(row["text"], language, kind, *about))
                left = left_out(page, workspace)
                found.append(Document(left, language, LEFT_OUT, *about))
                if page.gold is not None:
                    found.append(Document(page.gold, language, GOLD, *about))
    return found


def left_out(page: Page, workspace: Workspace) -> str:
    """The text of the page's blocks that are neither content nor comments."""
    tokenize(page.html, workspace)
    describe(workspace)
    decide(workspace, False, True, True)
    own = workspace[0]
    is_comment = own["probabilities"][COMMENT] > 0.5
    own["is_kept"][:] = (own["is_kept"] == 0) & ~is_comment
    return clean(plain_text(page.html, workspace).tobytes().decode("utf-8", "replace"))


def described(documents: Sequence[Document]) -> Sample:
    """Features of the documents that have words."""
    measure = MeasureText().build()
    parts, counts = [], []
    for start in range(0, len(documents), _CHUNK):
        own = documents[start : start + _CHUNK]
        texts = [document.text for document in own]
        batch = measure(
            pa.RecordBatch.from_pydict(
                {
                    "text": pa.array(texts, pa.string()),
                    "language": [document.language or None for document in own],
                }
            )
        )
        words = words_of(batch)
        measured = dict(zip(batch.schema.names, batch.columns, strict=True))
        parts.append(features(*utf8_buffers(batch["text"]), words, measured))
        counts.append(np.diff(words.documents))
    all_counts = np.concatenate(counts)
    sample = Sample(np.concatenate(parts), all_counts, list(documents))
    return sample.only(all_counts > 0)


def fit(sample: Sample) -> Prose:
    """Curves of articles against POOR, and percentiles of the pages."""
    kinds = np.array([own.kind for own in sample.documents], str)
    is_long = sample.words >= FEWEST_WORDS
    model = curves_of(sample.only(is_long & np.isin(kinds, (ARTICLE, *POOR))))
    pages = sample.only(~np.isin(kinds, NO_PAGES))
    return model._replace(percentiles=percentiles_of(pages, model))


def curves_of(taught: Sample) -> Prose:
    """A model without percentiles. Each curve rises or falls, as its feature must."""
    weights = weights_of(taught.documents)
    if not weights.any():
        raise ConfigError(
            "no language has articles and, to hold against them, forums, products,"
            f" listings, or blocks left out, of {FEWEST_WORDS} words or more"
        )
    rows = taught.rows[weights > 0]
    is_article = np.array([own.kind == ARTICLE for own in taught.documents], bool)
    knots = [knots_of(column) for column in rows.T]
    bases = [steps(column, own) for column, own in zip(rows.T, knots, strict=True)]
    means = [_means(own) for own in bases]
    centred = [
        np.nan_to_num(own - mean) for own, mean in zip(bases, means, strict=True)
    ]
    counts = [own.shape[1] for own in bases]
    signs = np.repeat([1.0 if own in RISING else -1.0 for own in FEATURES], counts)
    heights, intercept = regression(
        np.column_stack(centred) * signs, is_article[weights > 0], weights[weights > 0]
    )
    of_feature = np.split(signs * heights, np.cumsum(counts)[:-1])
    curves = [
        np.concatenate([[0.0], np.cumsum(height)]) - height @ mean
        for height, mean in zip(of_feature, means, strict=True)
    ]
    return Prose(
        _as_stored(knots),
        _as_stored([np.round(curve, _DECIMALS) for curve in curves]),
        round(intercept, _DECIMALS),
        {},
        {},
    )


def _as_stored(rows: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """(features, KNOTS): shorter rows go on with their last value."""
    padded = [np.pad(own, (0, KNOTS - len(own)), "edge") for own in rows]
    return np.array(padded).astype(np.float32).astype(np.float64)


def _means(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of each column, over the rows that were measured; 0 where none was."""
    known = rows[~np.isnan(rows).any(axis=1)]
    return known.mean(axis=0) if len(known) else np.zeros(rows.shape[1])


def weights_of(documents: Sequence[Document]) -> NDArray[np.float64]:
    """Of each document that teaches: a kind counts by the root of its documents, a language
    by that of its own, its articles as much as all else; 0 in a language without either."""
    kinds = Counter((own.language, own.kind) for own in documents)
    sizes = Counter(own.language for own in documents)
    weights = np.array([kinds[own.language, own.kind] ** -0.5 for own in documents])
    is_article = np.array([own.kind == ARTICLE for own in documents], bool)
    languages = np.array([own.language for own in documents], str)
    for language, size in sizes.items():
        sides = [
            (languages == language) & (is_article == side) for side in (True, False)
        ]
        totals = [weights[side].sum() for side in sides]
        for side, total in zip(sides, totals, strict=True):
            weights[side] *= size**0.5 / total if min(totals) > 0 else 0.0
    mean = weights.mean() if len(weights) else 0.0
    return weights / mean if mean else weights


def knots_of(column: NDArray[np.float64]) -> NDArray[np.float64]:
    """At most KNOTS different quantiles of a feature; [0] where it was never measured."""
    known = column[~np.isnan(column)]
    if not len(known):
        return np.zeros(1)
    # Rounded as in the file, so that what is read is what was fitted.
    found = np.quantile(known, np.linspace(*_MOST_SPREAD, KNOTS)).astype(np.float32)
    return np.unique(found).astype(np.float64)


def steps(
    column: NDArray[np.float64], knots: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(documents, knots - 1): how far each value has come from a knot to the next, 0 to 1."""
    lower, upper = knots[:-1], knots[1:]
    return np.clip((column[:, None] - lower) / (upper - lower), 0.0, 1.0)


def regression(
    rows: NDArray[np.float64],
    is_positive: NDArray[np.bool_],
    weights: NDArray[np.float64],
) -> tuple[NDArray[np.float64], float]:
    """Coefficients, none below 0, and intercept of a logistic regression."""
    labels = np.where(is_positive, 1.0, -1.0)

    def loss(point: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        margins = labels * (rows @ point[:-1] + point[-1])
        wrong = -weights * labels * probabilities(-margins)
        slopes = np.append(rows.T @ wrong + _PENALTY * point[:-1], wrong.sum())
        penalty = _PENALTY / 2 * point[:-1] @ point[:-1]
        return float(weights @ np.logaddexp(0.0, -margins) + penalty), slopes

    found = import_module("scipy.optimize").minimize(
        loss,
        np.zeros(rows.shape[1] + 1),
        jac=True,
        method="L-BFGS-B",
        bounds=[(0.0, None)] * rows.shape[1] + [(None, None)],
        options={"maxiter": 5000, "ftol": 1e-12, "gtol": 1e-6},
    )
    return found.x[:-1], float(found.x[-1])


def percentiles_of(pages: Sample, model: Prose) -> dict[str, NDArray[np.float64]]:
    """Tables of the languages with pages enough, and those of every language."""
    found = logits(pages.rows, model)
    languages = np.array([own.language for own in pages.documents], str)
    sizes = Counter(languages.tolist())
    shared = np.array([sizes[own] ** -0.5 for own in languages.tolist()])
    tables = {
        EVERY_LANGUAGE: _quantiles(found, shared),
        UNMARKED: _quantiles(logits(unmarked(pages.rows), model), shared),
    }
    for language, size in sorted(sizes.items()):
        if language and size >= OWN_TABLE_FROM:
            own = (languages == language) + BORROWED * shared / shared.sum()
            tables[language] = _quantiles(found, own)
    return tables


def _quantiles(
    values: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    order = np.argsort(values, kind="stable")
    until = np.cumsum(weights[order])
    places = (until - weights[order] / 2) / until[-1]
    wanted = np.linspace(0.0, 1.0, STEPS + 1)[1:-1]
    return np.round(np.interp(wanted, places, values[order]), _DECIMALS)


class Judged(NamedTuple):
    """Documents, each by a model that has seen none of its site; one entry each."""

    sample: Sample
    logits: NDArray[np.float64]
    percentiles: NDArray[np.float64]
    languages: NDArray[np.str_]
    kinds: NDArray[np.str_]
    may_train: NDArray[np.bool_]


def judged(sample: Sample) -> Judged:
    """Documents that may not train are judged too."""
    documents = sample.documents
    sites = [xxhash.xxh3_64_intdigest(own.site.encode()) for own in documents]
    folds = np.array([site % FOLDS for site in sites])
    may_train = np.array([own.may_train for own in documents], bool)
    languages = np.array([own.language for own in documents], str)
    kinds = np.array([own.kind for own in documents], str)
    found, percentiles = np.zeros(len(documents)), np.zeros(len(documents))
    for fold in np.unique(folds):
        is_own = folds == fold
        model = fit(sample.only(may_train & ~is_own))
        found[is_own] = logits(sample.rows[is_own], model)
        percentiles[is_own] = scores(
            sample.rows[is_own], languages[is_own].tolist(), model
        )
    return Judged(sample, found, percentiles, languages, kinds, may_train)


def figures_of(sample: Sample) -> dict[str, Any]:
    """What the model is worth on sites, and in languages, that it has not seen."""
    own = judged(sample)
    words = sample.words
    pages, articles = ~np.isin(own.kinds, NO_PAGES), own.kinds == ARTICLE
    return {
        "languages": _by_language(own),
        "kinds": _by_kind(own),
        "percentiles": _spreads(own),
        "rank correlation with words": {
            name: _rank_correlation(own.percentiles[rows], words[rows])
            for name, rows in (("pages", pages), ("articles", articles))
        },
    }


def _by_language(own: Judged) -> dict[str, Any]:
    """Are articles above what was left out, and above POOR pages? And by a model of all
    other languages?"""
    is_long, is_article = own.sample.words >= FEWEST_WORDS, own.kinds == ARTICLE
    sizes = Counter(own.languages[is_article & is_long].tolist())
    figures = {}
    for language, articles in sorted(sizes.items()):
        if articles < JUDGED_ARTICLES:
            continue
        rows = (own.languages == language) & is_long
        others = fit(own.sample.only(own.may_train & (own.languages != language)))
        unseen = logits(own.sample.rows, others)
        is_left = rows & (own.kinds == LEFT_OUT)
        is_poor = rows & np.isin(own.kinds, POOR) & ~is_left
        is_gold = rows & (own.kinds == GOLD)
        figures[language] = {
            "articles": articles,
            "taught": int((rows & own.may_train & is_article).sum()),
            "mean": round(float(own.percentiles[rows & is_article].mean()), 3),
            "left out": _auc(own.logits, rows & is_article, is_left),
            "gold, left out": _auc(own.logits, is_gold, is_left),
            "pages": _auc(own.logits, rows & is_article, is_poor),
            "unseen, left out": _auc(unseen, rows & is_article, is_left),
            "unseen, pages": _auc(unseen, rows & is_article, is_poor),
        }
    return figures


def _auc(
    values: NDArray[np.float64], good: NDArray[np.bool_], poor: NDArray[np.bool_]
) -> float | None:
    """Chance that a good one is above a poor one; None where a side has no document."""
    both = good | poor
    value = area_under_curve(good[both], values[both])
    return None if np.isnan(value) else round(value, 3)


def _by_kind(own: Judged) -> dict[str, Any]:
    """Mean percentile of each kind of each source."""
    sources = np.array([document.source for document in own.sample.documents], str)
    names = [f"{a} {b or 'not known'}" for a, b in zip(sources, own.kinds, strict=True)]
    figures = {}
    for name, documents in sorted(Counter(names).items()):
        if documents >= JUDGED_ARTICLES:
            mean = own.percentiles[np.array(names) == name].mean()
            figures[name] = {"documents": documents, "mean": round(float(mean), 3)}
    return figures


def _spreads(own: Judged) -> dict[str, Any]:
    """How near to uniform the percentiles of a language's pages are."""
    is_page = ~np.isin(own.kinds, NO_PAGES)
    figures = {}
    for language, pages in sorted(Counter(own.languages[is_page].tolist()).items()):
        if pages < JUDGED_PAGES:
            continue
        rows = is_page & (own.languages == language)
        found = np.sort(own.percentiles[rows])
        ranks = (np.arange(pages) + 0.5) / pages
        figures[language] = {
            "pages": pages,
            "taught": int((rows & own.may_train).sum()),
            "mean": round(float(found.mean()), 3),
            "over half": round(float((found >= 0.5).mean()), 3),
            "largest deviation": round(float(np.abs(found - ranks).max()), 3),
        }
    return figures


def _rank_correlation(left: NDArray[Any], right: NDArray[Any]) -> float:
    """Spearman's, equal values in their order."""
    first, second = (
        np.argsort(np.argsort(own, kind="stable")).astype(np.float64)
        for own in (left, right)
    )
    return round(float(np.corrcoef(first, second)[0, 1]), 3)


def tables_of(figures: dict[str, Any]) -> list[list[list[str]]]:
    """The figures as tables of cells, each with its heading first."""
    tables = []
    for name in ("languages", "kinds", "percentiles"):
        rows = figures[name]
        heading = list(next(iter(rows.values()), {}))
        cells = [
            [key or "-", *(_cell(own[c]) for c in heading)] for key, own in rows.items()
        ]
        tables.append([[name, *heading], *cells])
    correlations = figures["rank correlation with words"]
    tables.append(
        [["rank correlation with words", ""]]
        + [[name, _cell(value)] for name, value in correlations.items()]
    )
    return tables


def _cell(value: float | int | None) -> str:
    if value is None:
        return "-"
    return f"{value:.3f}" if isinstance(value, float) else str(value)
