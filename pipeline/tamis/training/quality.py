"""Train a quality model: good documents, or trusted domains, against all others.

A model learns what a site looks like more easily than what makes it good. So all
documents of a site are in one fold, the AUC is that of sites which the model has not
seen, and at most one in twenty of a language's good documents is from one site.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import xxhash
from numpy.typing import NDArray

from tamis.errors import ConfigError
from tamis.linear.choice import spread
from tamis.linear.features import buckets, whole_documents, windows_of
from tamis.linear.fit import area_under_curve, fit, held_out, matrix, need_scikit_learn
from tamis.linear.model import Model, quantised
from tamis.text.buffers import utf8_buffers
from tamis.text.words import Words, segment
from tamis.training.corpus import Text, corpus_files, digests, drawn, texts_of
from tamis.urls.normalise import address

BITS = 20
FOLDS = 5

_FEWEST_DOCUMENTS = 50  # of either kind: with fewer a language cannot be judged
_MOST_WINDOWS = 3  # of one document, evenly spread: a long one must not count more
_MOST_OF_SITE = 1 / 20
_LEAST_AUC = 0.6
_CHUNK = 512  # documents whose words are in memory at once


class Example(NamedTuple):
    """A document; `site` is "" if unknown."""

    text: str
    language: str  # ISO 639-3
    is_good: bool
    site: str


class Sample(NamedTuple):
    """The training data: one row per window, and the document of each window."""

    buckets: NDArray[np.int32]
    offsets: NDArray[np.int64]  # (windows + 1,) into buckets
    documents: NDArray[np.int64]  # (windows,)
    is_good: NDArray[np.bool_]  # (documents,), like the next three
    languages: NDArray[np.str_]
    folds: NDArray[np.int64]


def train(
    examples: Iterable[Example],
    card: dict[str, Any],
    *,
    bits: int = BITS,
    show: Callable[[dict[str, Any]], None] = lambda figures: None,
) -> Model:
    """Cross-validate, then fit on everything; the card gets the figures.

    Languages with fewer than 50 documents of either kind are left out, those with an
    AUC below 0.6 are not scored. Raises ConfigError if none remains or scikit-learn is
    missing. `show` gets the figures in any case.
    """
    need_scikit_learn()
    drawn = sample(usable(list(examples)), bits)
    rows = matrix(drawn.buckets, drawn.offsets, bits)
    is_good, weights = drawn.is_good[drawn.documents], window_weights(drawn)
    chances = held_out(rows, is_good, weights, drawn.folds[drawn.documents])
    figures = {"languages": figures_of(drawn, chances)}
    show(figures)
    scored = [
        language
        for language, own in figures["languages"].items()
        if own["auc"] >= _LEAST_AUC
    ]
    if not scored:
        raise ConfigError(
            f"no language has an AUC of {_LEAST_AUC}: the positive documents do not"
            " differ from the negative ones in what a linear model sees"
        )
    coefficients, intercept = fit(rows, is_good, weights)
    card = card | {"figures": figures}
    return quantised(coefficients, intercept, tuple(scored), card)


def usable(examples: Sequence[Example]) -> list[Example]:
    """Examples of languages with enough of either kind, limited per site."""
    bounded = _within_site_bounds(examples)
    counts = Counter((example.language, example.is_good) for example in bounded)
    wanted = {
        language
        for language, _ in counts
        if min(counts[language, True], counts[language, False]) >= _FEWEST_DOCUMENTS
    }
    if not wanted:
        raise ConfigError(
            f"no language has {_FEWEST_DOCUMENTS} positive and {_FEWEST_DOCUMENTS}"
            " negative documents, after at most one in twenty of a site"
        )
    return [example for example in bounded if example.language in wanted]


def sample(examples: Sequence[Example], bits: int = BITS) -> Sample:
    """Features of at most three windows of each document."""
    parts = [
        _features(examples[start : start + _CHUNK], bits)
        for start in range(0, len(examples), _CHUNK)
    ]
    counts = np.concatenate([np.diff(starts) for _, starts, _ in parts])
    folds = [
        xxhash.xxh3_64_intdigest((example.site or example.text).encode()) % FOLDS
        for example in examples
    ]
    return Sample(
        np.concatenate([found for found, _, _ in parts]),
        np.concatenate([[0], np.cumsum(counts)]),
        np.concatenate(
            [documents + _CHUNK * part for part, (_, _, documents) in enumerate(parts)]
        ),
        np.array([example.is_good for example in examples], bool),
        np.array([example.language for example in examples]),
        np.array(folds, np.int64),
    )


def window_weights(drawn: Sample) -> NDArray[np.float64]:
    """Weight of each window: 1 per document; a language's rarer kind weighs as much
    as the other."""
    of_document = 1.0 / np.maximum(np.bincount(drawn.documents), 1)
    weights = of_document[drawn.documents]
    for language in set(drawn.languages.tolist()):
        is_own = drawn.languages == language
        good = is_own & drawn.is_good
        share = float(good.sum()) / float(is_own.sum())
        rarer = good if share < 0.5 else is_own & ~drawn.is_good
        factor = max(share, 1 - share) / min(share, 1 - share)
        weights[rarer[drawn.documents]] *= factor
    return weights


def figures_of(drawn: Sample, chances: NDArray[np.float64]) -> dict[str, Any]:
    """Documents and AUC per language; a document's score is the mean of its windows."""
    counts = np.bincount(drawn.documents, minlength=len(drawn.is_good))
    sums = np.bincount(drawn.documents, chances, minlength=len(drawn.is_good))
    scores = sums / np.maximum(counts, 1)
    figures = {}
    for language in sorted(set(drawn.languages.tolist())):
        is_own = (drawn.languages == language) & (counts > 0)
        good, others = is_own & drawn.is_good, is_own & ~drawn.is_good
        figures[language] = {
            "positive": int(good.sum()),
            "negative": int(others.sum()),
            "auc": round(area_under_curve(drawn.is_good[is_own], scores[is_own]), 3),
            "mean_positive": round(float(scores[good].mean()), 3),
            "mean_negative": round(float(scores[others].mean()), 3),
        }
    return figures


def _within_site_bounds(examples: Sequence[Example]) -> list[Example]:
    """Examples with at most one in twenty of a language's good ones from one site."""
    good = Counter(example.language for example in examples if example.is_good)
    seen: Counter[tuple[str, str]] = Counter()
    kept = []
    for example in examples:
        if example.is_good and example.site:
            key = example.language, example.site
            if seen[key] >= max(1.0, good[example.language] * _MOST_OF_SITE):
                continue
            seen[key] += 1
        kept.append(example)
    return kept


def _features(
    examples: Sequence[Example], bits: int
) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int64]]:
    """Buckets of the chosen windows, where each window's begin, and its document."""
    texts = pa.array([example.text for example in examples], pa.large_string())
    data, offsets = utf8_buffers(texts)
    words = segment(data, offsets)
    windows = windows_of(words)
    chosen = spread(windows, _MOST_WINDOWS)
    is_chosen = np.zeros(len(windows.words) - 1, bool)
    is_chosen[chosen] = True
    counts = np.diff(windows.words)
    kept = np.repeat(is_chosen, counts)
    ends = np.concatenate([[0], np.cumsum(counts[is_chosen])])
    few = Words(words.starts[kept], words.ends[kept], words.lengths[kept], ends)
    found, starts = buckets(data, few, whole_documents(few), bits)
    return found, starts, np.searchsorted(windows.documents, chosen, "right") - 1


def train_quality(
    positive: Path,
    negative: Path,
    *,
    licence: str,
    documents: int,
    bits: int,
    show: Callable[[dict[str, Any]], None],
) -> Model:
    """The fitted model; `show` gets the figures.

    If `positive` is a .txt of domains, the good documents are those of `negative` from
    one of these domains or a subdomain. A text in both is good.
    """
    files = corpus_files(negative)
    if positive.suffix == ".txt":
        trusted = domains_in(positive)
        good = drawn(_of_sites(files, trusted, wanted=True), documents)
        others = drawn(_of_sites(files, trusted, wanted=False), documents)
        inputs = [positive, *files]
    else:
        good_files = corpus_files(positive)
        good = drawn(texts_of(good_files), documents)
        others = drawn(texts_of(files), documents)
        inputs = [*good_files, *files]
    known = {text.text for text in good}
    examples = [
        *(Example(text, language, True, site) for text, language, site, _ in good),
        *(
            Example(text, language, False, site)
            for text, language, site, _ in others
            if text not in known
        ),
    ]
    card = {"licence": licence, "inputs": digests(inputs)}
    return train(examples, card, bits=bits, show=show)


def domains_in(file: Path) -> frozenset[str]:
    """The domains of a list, one per line, in any spelling; `#` begins a comment.

    Raises ConfigError if there is none.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise ConfigError(f"{file}: cannot be read: {error}") from error
    found = {address(line.partition("#")[0]).host for line in lines}
    if not found - {""}:
        raise ConfigError(f"{file}: no domain in it")
    return frozenset(found - {""})


def is_of(host: str, domains: frozenset[str]) -> bool:
    """Whether a host is one of the domains or below one."""
    labels = address(host).host.split(".")
    return any(".".join(labels[start:]) in domains for start in range(len(labels)))


def table_of(figures: dict[str, Any]) -> list[list[str]]:
    """Figures per language as rows of cells, the heading first."""
    rows = [["language", "positive", "negative", "AUC", "mean +", "mean -"]]
    for language, own in figures["languages"].items():
        numbers = (own["auc"], own["mean_positive"], own["mean_negative"])
        rows.append(
            [language, str(own["positive"]), str(own["negative"])]
            + [f"{number:.3f}" for number in numbers]
        )
    return rows


def _of_sites(
    files: list[Path], domains: frozenset[str], *, wanted: bool
) -> Iterator[Text]:
    return (text for text in texts_of(files) if is_of(text.host, domains) == wanted)
