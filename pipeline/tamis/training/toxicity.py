"""Train a toxicity model: labelled comments, and clean prose against false alarms.

A model that has only seen comments takes the words of articles for toxic ones: trained
without clean prose it flagged 41 % of news paragraphs. So windows of normal documents
are added as examples that are not toxic, and the model is measured on held-out ones: if
more than 1 % of them score over 0.9, it is refused.

Figures come from cross-validation. The fold is chosen by the hash of a text, or for
clean windows of their document, so that no page is in two folds.
scikit-learn fits the weights and is needed for nothing else.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import xxhash
from numpy.typing import NDArray

from tamis.errors import ConfigError
from tamis.linear.features import buckets, whole_documents, windows_of
from tamis.linear.fit import fit, matrix, need_scikit_learn, telling_scales
from tamis.linear.fit import held_out as fit_held_out
from tamis.linear.model import Model, quantised, window_chances
from tamis.text.buffers import utf8_buffers
from tamis.text.words import segment
from tamis.toxicity.figures import (
    FEWEST_WINDOWS,
    THRESHOLDS,
    Sample,
    figures_of,
    refuse_false_alarms,
    shares_over,
)
from tamis.training.corpus import (
    corpus_files,
    digests,
    drawn,
    language_of,
    rows_of,
    texts_of,
)

BITS = 20
FOLDS = 5

_FEWEST_ROWS = 100  # of either label: with fewer a language cannot be judged
_MOST_WINDOWS = 1500  # of clean prose per language

# Strings that show a comment's platform, not its tone.
_PLATFORM = re.compile(r"@\w+|https?://\S+|\bRT\b")


class Example(NamedTuple):
    """A labelled comment, or a clean document (`is_toxic` False, any length)."""

    text: str
    language: str  # ISO 639-3
    is_toxic: bool
    source: str


def train(
    labelled: Sequence[Example],
    clean: Iterable[Example],
    card: dict[str, Any],
    *,
    unseen: Iterable[Example] = (),
    bits: int = BITS,
    show: Callable[[dict[str, Any]], None] = lambda figures: None,
) -> Model:
    """Cross-validate, then fit on everything; the card gets the figures.

    `show` gets the figures before the model may be refused.

    `unseen` are clean documents that are only judged. Languages with fewer than 100
    comments of either label are left out. Those with fewer than 100 windows of clean
    prose, seen and unseen together, are not scored: how much prose the model flags
    would be unknown. Raises ConfigError if none remains, if scikit-learn is missing, or
    if clean prose is flagged too often, over all languages or in one.
    """
    need_scikit_learn()
    drawn = sample(labelled, clean, bits)
    figures = figures_of(drawn, held_out(drawn, bits))
    rows = matrix(drawn.buckets, drawn.offsets, bits)
    coefficients, intercept = fit(rows, drawn.is_toxic, _weights(drawn), telling_scales)
    languages = figures["languages"]
    judge = quantised(coefficients, intercept, (), {})
    for language, chances in _chances_of(unseen, set(languages), judge).items():
        languages[language]["unseen_windows"] = len(chances)
        languages[language]["unseen_over"] = shares_over(chances)
    show(figures)
    refuse_false_alarms(figures)
    scored = [
        language
        for language, own in sorted(languages.items())
        if own["clean_windows"] + own["unseen_windows"] >= FEWEST_WINDOWS
    ]
    if not scored:
        raise ConfigError(f"no language has {FEWEST_WINDOWS} windows of clean prose")
    figures["not_scored"] = sorted(set(languages) - set(scored))
    return judge._replace(languages=tuple(scored), card=card | {"figures": figures})


def sample(
    labelled: Sequence[Example], clean: Iterable[Example], bits: int = BITS
) -> Sample:
    """Features of the trained languages' comments, and of the clean windows."""
    comments, prose = _rows_of(labelled, clean)
    data, offsets = utf8_buffers(pa.array(_texts(comments, prose), pa.large_string()))
    words = segment(data, offsets)
    found, starts = buckets(data, words, whole_documents(words), bits)
    groups = [example.text for example in comments] + [page for _, _, page in prose]
    languages = [example.language for example in comments]
    digests = [xxhash.xxh3_64_intdigest(group.encode()) for group in groups]
    return Sample(
        found,
        starts,
        np.array([example.is_toxic for example in comments] + [False] * len(prose)),
        np.arange(len(groups)) >= len(comments),
        np.array(languages + [language for _, language, _ in prose]),
        np.array([digest % FOLDS for digest in digests], np.int64),
    )


def sample_texts(labelled: Sequence[Example], clean: Iterable[Example]) -> list[str]:
    """The texts of the rows of `sample`, for another model to judge."""
    return _texts(*_rows_of(labelled, clean))


def held_out(drawn: Sample, bits: int = BITS) -> NDArray[np.float64]:
    """Probability of every row, by the model trained without the row's fold."""
    rows = matrix(drawn.buckets, drawn.offsets, bits)
    return fit_held_out(
        rows, drawn.is_toxic, _weights(drawn), drawn.folds, telling_scales
    )


def _rows_of(
    labelled: Sequence[Example], clean: Iterable[Example]
) -> tuple[list[Example], list[tuple[str, str, str]]]:
    wanted = _trained_languages(labelled)
    if not wanted:
        raise ConfigError(
            f"no language has {_FEWEST_ROWS} toxic and {_FEWEST_ROWS} other examples"
        )
    comments = [example for example in labelled if example.language in wanted]
    return comments, _clean_windows(clean)


def _texts(comments: list[Example], prose: list[tuple[str, str, str]]) -> list[str]:
    bare = [_PLATFORM.sub(" ", example.text) for example in comments]
    return bare + [text for text, _, _ in prose]


def _trained_languages(labelled: Sequence[Example]) -> set[str]:
    counts: dict[tuple[str, bool], int] = {}
    for example in labelled:
        key = (example.language, example.is_toxic)
        counts[key] = counts.get(key, 0) + 1
    return {
        language
        for language, _ in counts
        if min(counts.get((language, label), 0) for label in (True, False))
        >= _FEWEST_ROWS
    }


def _clean_windows(clean: Iterable[Example]) -> list[tuple[str, str, str]]:
    """(window, language, document) of clean prose: at most 1,500 of each language.

    A hash chooses them, so that they come from many documents.
    """
    windows: dict[str, dict[int, tuple[str, str, str]]] = {}
    for example in clean:
        data, offsets = utf8_buffers(pa.array([example.text], pa.large_string()))
        words = segment(data, offsets)
        cuts = windows_of(words).words
        for first, last in pairwise(cuts.tolist()):
            start, stop = words.starts[first], words.ends[last - 1]
            text = data[start:stop].tobytes().decode("utf-8", "replace")
            own = windows.setdefault(example.language, {})
            own[xxhash.xxh3_64_intdigest(text.encode())] = (
                text,
                example.language,
                example.text,
            )
    return [
        own[key]
        for _, own in sorted(windows.items())
        for key in sorted(own)[:_MOST_WINDOWS]
    ]


def _chances_of(
    documents: Iterable[Example], languages: set[str], model: Model
) -> dict[str, NDArray[np.float64]]:
    """Probabilities of all windows of the documents, by language."""
    texts: dict[str, list[str]] = {}
    for example in documents:
        if example.language in languages:
            texts.setdefault(example.language, []).append(example.text)
    chances = {}
    for language, own in texts.items():
        data, offsets = utf8_buffers(pa.array(own, pa.large_string()))
        words = segment(data, offsets)
        chances[language] = window_chances(data, words, windows_of(words), model)
    return chances


def _weights(drawn: Sample) -> NDArray[np.float64]:
    """Weight of each row: a language's toxic comments weigh no more than the others.

    Else the model would learn that a language with many toxic examples is toxic.
    """
    weights = np.ones(len(drawn.folds))
    for language in set(drawn.languages.tolist()):
        comments = (drawn.languages == language) & ~drawn.is_prose
        toxic = comments & drawn.is_toxic
        others = int((comments & ~drawn.is_toxic).sum())
        weights[toxic] = min(1.0, others / max(int(toxic.sum()), 1))
    return weights


_LABELS = {
    **dict.fromkeys(("1", "1.0", "true", "toxic"), True),
    **dict.fromkeys(("0", "0.0", "false"), False),
}


def train_toxicity(
    labelled: Sequence[Path],
    clean: Path,
    *,
    licence: str,
    documents: int,
    bits: int,
    show: Callable[[dict[str, Any]], None],
) -> Model:
    """The fitted model; `show` gets the figures before the model may be refused.

    Raises ConfigError for files that cannot be read, and if more than 1 % of clean
    prose is over 0.9.
    """
    clean_files = corpus_files(clean)
    comments = [example for file in labelled for example in labelled_examples(file)]
    pages = [
        Example(text, language, False, clean.name)
        for text, language, *_ in drawn(texts_of(clean_files), documents)
    ]
    card = {
        "licence": licence,
        "sources": sorted({example.source for example in comments}),
        "inputs": digests([*labelled, *clean_files]),
    }
    return train(comments, pages, card, bits=bits, show=show)


def labelled_examples(file: Path) -> Iterator[Example]:
    """Rows with `text`, `label` (1 toxic, 0 not), `language`; `source` if it is given.

    Rows in no known language are left out. Raises ConfigError for any other label.
    """
    for number, row in enumerate(rows_of(file), 1):
        label = _LABELS.get(str(row.get("label")).lower())
        text = row.get("text")
        if label is None or not isinstance(text, str):
            raise ConfigError(
                f"{file}: row {number}: `text` and a `label` of 0 or 1 are needed,"
                f" found label {row.get('label')!r}"
            )
        language = language_of(row)
        if language is not None:
            yield Example(text, language, label, str(row.get("source") or file.name))


def table_of(figures: dict[str, Any]) -> list[list[str]]:
    """Figures per language as rows of cells, the heading first."""
    over = [f"> {limit}" for limit in THRESHOLDS]
    rows = [
        [
            "language",
            "comments",
            "AUC",
            *(f"toxic {cell}" for cell in over),
            "clean windows",
        ]
        + [f"clean {cell}" for cell in over]
    ]
    for language, own in figures["languages"].items():
        shares = [
            [_percent(own[kind].get(str(limit))) for limit in THRESHOLDS]
            for kind in ("toxic_over", "clean_over")
        ]
        numbers = [str(own["comments"]), f"{own['auc']:.3f}", *shares[0]]
        windows = str(own["clean_windows"])
        rows.append([language, *numbers, windows, *shares[1]])
    everything = [_percent(figures["clean_over"].get(str(x))) for x in THRESHOLDS]
    blank = [""] * (2 + len(THRESHOLDS))
    rows.append(["all", *blank, str(figures["clean_windows"]), *everything])
    return rows


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.2%}"
