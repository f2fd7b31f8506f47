"""Train the second opinion on sister languages: see `tamis.language.sister_model`.

Rows are labelled texts: text, language, and if known `fold`: rows of one fold, such as
an article of the Declaration of Human Rights in all languages, are held out together,
so that no model is judged by an article that it has seen in a sister's words.

A language needs 10 texts. Both halves of a text are learnt too, because pages are short,
and texts in Latin letters without their marks, as many are typed.

Held-out texts say how strongly the linear models count beside the first model's answer,
and which pairs of languages they do not tell apart. scikit-learn fits the weights and
is needed for nothing else.
"""

import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import xxhash
from numpy.typing import NDArray

from tamis.errors import ConfigError
from tamis.language.sister_model import (
    LEAST_TOLD_APART,
    GroupModel,
    SisterModel,
    log_odds,
    quantised,
    told_apart,
    views,
)
from tamis.language.sisters import Group, groups
from tamis.language.view import text_views
from tamis.linear.features import buckets, whole_documents
from tamis.linear.fit import fit, matrix, need_scikit_learn
from tamis.stages.identify_language import IdentifyLanguage
from tamis.text.buffers import utf8_buffers
from tamis.text.words import segment
from tamis.training.corpus import language_of, rows_of

BITS = 14
FOLDS = 5
FEWEST_TEXTS = 10

_STRENGTHS = (0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0)
# Shorter texts, single words, are learnt, but say nothing of the first model's answers.
_LEAST_CHARACTERS = 20
_LEAST_HAN = 8
_LEAST_WORDS = 8  # of a text that is learnt by halves, too


class Example(NamedTuple):
    """A text, its language (ISO 639-3), and what is held out with it."""

    text: str
    language: str
    fold: str


class _Texts(NamedTuple):
    """The texts of a group's languages.

    language, fold  (texts,)  places of the languages, and 0 to FOLDS - 1
    answers         the first model's
    """

    group: Group
    lines: list[str]
    language: NDArray[np.int64]
    fold: NDArray[np.int64]
    answers: list[str]


def examples_of(files: Iterable[Path]) -> list[Example]:
    """The labelled texts of some files; those of no known language are left out."""
    found = []
    for file in files:
        for row in rows_of(file):
            text, language = row.get("text"), language_of(row)
            if language and isinstance(text, str) and text.strip():
                found.append(Example(text, language, str(row.get("fold") or text)))
    return found


def train(
    examples: Sequence[Example], card: dict[str, Any], *, bits: int = BITS
) -> SisterModel:
    """Cross-validate each group, then fit on all its texts; the card gets the figures.

    Raises ConfigError if no group has two languages with enough texts, or if
    scikit-learn is missing.
    """
    need_scikit_learn()
    made: list[GroupModel] = []
    weights: list[NDArray[np.int8]] = []
    figures: dict[str, Any] = {}
    first = 0
    for texts in _texts(examples):
        logits = _held_out(texts, bits)
        coefficients, intercepts = _fitted(texts, np.ones(len(texts.fold), bool), bits)
        own, scales = quantised(coefficients)
        group = _judged(texts, logits, _is_long(texts))
        group = group._replace(first=first, scales=scales, intercepts=intercepts)
        made.append(group)
        weights.append(own)
        figures[texts.group.name] = _figures(texts, logits, group)
        first += len(group.languages)
    if not made:
        raise ConfigError(f"no group has two languages with {FEWEST_TEXTS} texts each")
    table = np.ascontiguousarray(np.concatenate(weights, axis=1))
    return SisterModel(table, tuple(made), card | {"figures": figures})


def fold_of(example: Example) -> int:
    """The fold of a text: 0 to FOLDS - 1, by the hash of what is held out with it."""
    return xxhash.xxh3_64_intdigest(example.fold.encode("utf-8", "replace")) % FOLDS


def _texts(examples: Sequence[Example]) -> list[_Texts]:
    """The texts of each group with two languages or more, as the first model read them."""
    known = {language for group in groups() for language in group.languages}
    own = [example for example in examples if example.language in known]
    texts = pa.array([example.text for example in own], pa.large_string())
    first = IdentifyLanguage(sisters=None).build()
    named = first(pa.RecordBatch.from_pydict({"text": texts}))
    columns = [named[name].to_pylist() for name in ("language", "script")]
    read = list(zip(own, text_views(texts, 1_024).to_pylist(), *columns, strict=True))
    found = []
    for group in groups():
        rows = [
            row
            for row in read
            if row[0].language in group.languages and row[3] == group.script
        ]
        of = {x: sum(row[0].language == x for row in rows) for x in group.languages}
        languages = tuple(x for x in group.languages if of[x] >= FEWEST_TEXTS)
        rows = [row for row in rows if row[0].language in languages]
        if len(languages) < 2:
            continue
        places = [languages.index(row[0].language) for row in rows]
        folds = [fold_of(row[0]) for row in rows]
        found.append(
            _Texts(
                group._replace(languages=languages),
                [row[1] for row in rows],
                np.array(places),
                np.array(folds),
                [row[2] or "" for row in rows],
            )
        )
    return found


def _is_long(texts: _Texts) -> NDArray[np.bool_]:
    """(texts,): which ones are as long as a sentence."""
    least = _LEAST_HAN if texts.group.script == "Hani" else _LEAST_CHARACTERS
    return np.array([len(line) >= least for line in texts.lines])


def _held_out(texts: _Texts, bits: int) -> NDArray[np.float64]:
    """(texts, languages): the linear models of every text, fitted without its fold."""
    rows = _matrix(texts.lines, bits)
    logits = np.zeros((len(texts.lines), len(texts.group.languages)))
    for fold in np.unique(texts.fold):
        is_test = texts.fold == fold
        coefficients, intercepts = _fitted(texts, ~is_test, bits)
        logits[is_test] = rows[is_test] @ coefficients.T + np.array(intercepts)
    return logits


def _fitted(
    texts: _Texts, is_learnt: NDArray[np.bool_], bits: int
) -> tuple[NDArray[np.float64], tuple[float, ...]]:
    """Coefficients (languages, 2**bits) and intercepts: each language against the rest.

    All languages have the same weight.
    """
    lines, places = _more(texts, is_learnt)
    rows = _matrix(lines, bits)
    counts = np.bincount(places, minlength=len(texts.group.languages))
    weights = (len(places) / len(counts) / np.maximum(counts, 1))[places]
    found = [fit(rows, places == place, weights) for place in range(len(counts))]
    return np.stack([own for own, _ in found]), tuple(own for _, own in found)


def _more(
    texts: _Texts, is_learnt: NDArray[np.bool_]
) -> tuple[list[str], NDArray[np.int64]]:
    """The texts to learn, their halves, and Latin ones without marks."""
    lines: list[str] = []
    places: list[int] = []
    for row in is_learnt.nonzero()[0].tolist():
        line = texts.lines[row]
        words = line.split()
        own = [line]
        if len(words) >= _LEAST_WORDS:
            half = len(words) // 2
            own += [" ".join(words[:half]), " ".join(words[half:])]
        if texts.group.script == "Latn" and (bare := without_marks(line)) != line:
            own.append(bare)
        lines += own
        places += [int(texts.language[row])] * len(own)
    return lines, np.array(places, np.int64)


def without_marks(text: str) -> str:
    """The text as it is typed without accents: "příští" is "pristi"; ł and ø stay."""
    apart = unicodedata.normalize("NFD", text)
    return "".join(x for x in apart if not unicodedata.combining(x))


def _matrix(lines: Sequence[str], bits: int) -> Any:
    data, offsets = utf8_buffers(views(pa.array(lines, pa.large_string())))
    words = segment(data, offsets)
    return matrix(*buckets(data, words, whole_documents(words), bits), bits)


def _judged(
    texts: _Texts, logits: NDArray[np.float64], is_known: NDArray[np.bool_]
) -> GroupModel:
    """The group without weights, from the held-out logits of those texts."""
    languages = texts.group.languages
    answers: dict[str, list[int]] = {}
    for row in is_known.nonzero()[0].tolist():
        counts = answers.setdefault(texts.answers[row], [0] * len(languages))
        counts[int(texts.language[row])] += 1
    answers.pop("", None)
    own = texts.language[is_known]
    group = GroupModel(
        name=texts.group.name,
        script=texts.group.script,
        languages=languages,
        first=0,
        strength=1.0,
        scales=(),
        intercepts=(),
        # A rare answer is a slip of the first model: it says nothing of sisters.
        answers={
            answer: counts
            for answer, counts in sorted(answers.items())
            if answer in languages or sum(counts) >= FEWEST_TEXTS
        },
        texts=tuple(np.bincount(own, minlength=len(languages)).tolist()),
        undivided=_undivided(logits[is_known], own, len(languages)),
    )
    losses = [
        _loss(texts, logits, group._replace(strength=strength), is_known)
        for strength in _STRENGTHS
    ]
    return group._replace(strength=_STRENGTHS[int(np.argmin(losses))])


def _undivided(
    logits: NDArray[np.float64], own: NDArray[np.int64], languages: int
) -> frozenset[tuple[int, int]]:
    """Pairs of which fewer than .86 of the texts, both languages alike, are told apart."""
    pairs = set()
    for left in range(languages):
        for right in range(left + 1, languages):
            ahead = logits[:, left] - logits[:, right]
            shares = [(ahead[own == left] > 0), (ahead[own == right] < 0)]
            if np.mean([share.mean() for share in shares]) < LEAST_TOLD_APART:
                pairs.add((left, right))
    return frozenset(pairs)


def _loss(
    texts: _Texts,
    logits: NDArray[np.float64],
    group: GroupModel,
    is_known: NDArray[np.bool_],
) -> float:
    """Mean of minus the logarithm of the right language's chance."""
    losses = []
    for row in is_known.nonzero()[0].tolist():
        odds = log_odds(group, texts.answers[row], logits[row])
        odds = odds - odds.max()
        losses.append(np.log(np.exp(odds).sum()) - odds[texts.language[row]])
    return float(np.mean(losses))


def _figures(
    texts: _Texts, logits: NDArray[np.float64], group: GroupModel
) -> dict[str, Any]:
    """Right answers of the first model, of the linear models and of both, held out.

    What the first model's answers mean is learnt without the fold, too.
    """
    is_long = _is_long(texts)
    both = np.zeros(len(texts.lines), bool)
    for fold in np.unique(texts.fold):
        judge = _judged(texts, logits, is_long & (texts.fold != fold))
        for row in (is_long & (texts.fold == fold)).nonzero()[0].tolist():
            found = first = texts.answers[row]
            if first in judge.answers:
                found = told_apart(judge, first, logits[[row]])[0].language
            both[row] = found == texts.group.languages[texts.language[row]]
    names = [texts.group.languages[place] for place in texts.language.tolist()]
    is_first = np.array([a == b for a, b in zip(texts.answers, names, strict=True)])
    is_linear = logits.argmax(axis=1) == texts.language
    return {
        "texts": int(is_long.sum()),
        "first": round(float(is_first[is_long].mean()), 4),
        "linear": round(float(is_linear[is_long].mean()), 4),
        "both": round(float(both[is_long].mean()), 4),
        "strength": group.strength,
        "undivided": [
            "+".join(group.languages[place] for place in pair)
            for pair in sorted(group.undivided)
        ],
    }


def table_of(figures: dict[str, Any]) -> list[list[str]]:
    """Rows of the table of figures, its heading first."""
    rows = [["group", "texts", "first", "linear", "both", "not told apart"]]
    for name, own in figures.items():
        shares = [f"{own[key]:.3f}" for key in ("first", "linear", "both")]
        pairs = ", ".join(own["undivided"])
        rows.append([name, str(own["texts"]), *shares, pairs])
    return rows
