"""Score each document by the word list of its language and by a linear model.

Reads  text, language
Writes toxic_word_density   hits per 1,000 words, of entries that count: not anatomy,
                            not words with an ordinary meaning (see `toxicity.lists`);
                            a shorter text counts as one of 600 words
       toxic_word_distinct  entries of the list among the hits
and, where there is a model, over windows of about 400 characters,
       toxicity_max         the largest probability
       toxicity_mean        their mean
       toxicity_share       share of windows over 0.5

or over whole documents, for a fastText model that was trained on whole documents.

A language without a list, or that the model has not learnt, scores null, never 0. Lists
have a high precision and a low recall, and a single hit says nothing (a dictionary, a
court report). The model finds what no list names, and makes more mistakes. The columns
stay separate: see `filter_toxicity`.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import Field, field_validator

from tamis.errors import ConfigError
from tamis.language.codes import canonical_language
from tamis.stage import BatchFunction, Transform, with_columns
from tamis.text.buffers import Bytes, utf8_buffers
from tamis.toxicity.lists import (
    PACKAGE,
    WEIGHTS_PATH,
    entries_of,
    packaged_lists,
    packaged_weights,
)
from tamis.toxicity.model import COLUMNS, DEFAULT, DEFAULT_PATH
from tamis.work.fingerprints import refuse_irregular

if TYPE_CHECKING:
    from tamis.linear.fasttext_labels import FastTextLabels
    from tamis.linear.features import Windows
    from tamis.linear.model import Model, Scores
    from tamis.text.words import Words
    from tamis.toxicity.lexicon import Lexicon

    # Scores of documents, from their words and languages.
    Score = Callable[[Bytes, Words, list[str | None]], Scores]

# A page of 70 words that quotes six slurs has 86 per 1,000 words, and is no rant: a density
# needs a text that is long enough for one. Threads of 30 comments have about 480 words.
_FEWEST_WORDS = 600

_SUFFIXES = ("", ".txt", ".json")
_FASTTEXT = (".bin", ".ftz")
# Other files that are often in a folder of lists.
_NO_LISTS = ("readme", "license", "licence", "users", "authors", "changelog")


class ScoreToxicity(Transform):
    """Which lists and which models to use."""

    describes_text: ClassVar[bool] = True
    path_settings: ClassVar[tuple[str, ...]] = ("lists", "model")
    language_settings: ClassVar[tuple[str, ...]] = ("lists",)

    version: ClassVar[int] = 3

    # {fra: path}, or a folder with a file per language (fra.txt, fr.json, fr), each
    # with one entry a line or JSON. They are added to the package's lists. A line may have
    # a weight after a tab; without one the entry counts, whatever the package's weight.
    lists: dict[str, str] | str = Field(default_factory=dict)
    packaged: bool = True
    # The packaged weights, a file that training wrote (.npz), a fastText classifier
    # (.bin, .ftz), or null for words alone. Of several, the first that knows a language
    # scores it: [default, weights/cc-by-sa/toxicity-kor-por.npz].
    model: str | tuple[str, ...] | None = DEFAULT
    # For a fastText classifier: the labels that mean toxic, the languages it knows
    # (empty: all), and whether it reads windows or whole documents.
    labels: tuple[str, ...] = ("__label__toxic",)
    model_languages: tuple[str, ...] = ()
    per: Literal["window", "document"] = "window"

    @field_validator("model_languages")
    @classmethod
    def _canonical(cls, languages: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(map(canonical_language, languages))

    def libraries(self) -> tuple[str, ...]:
        # icu4py and regex bring the dictionaries and tables that words are found with.
        return (PACKAGE, "icu4py", "regex")

    def columns_read(self) -> tuple[str, ...]:
        return ("text", "language")

    def columns_written(self) -> pa.Schema:
        words = [
            ("toxic_word_density", pa.float32()),
            ("toxic_word_distinct", pa.int32()),
        ]
        by_model = [(name, pa.float32()) for name in COLUMNS]
        return pa.schema(words + (by_model if self.named_models() else []))

    def files(self) -> tuple[str, ...]:
        lists = (path for paths in self.paths().values() for path in paths)
        weights = (WEIGHTS_PATH,) if self.packaged else ()
        models = (DEFAULT_PATH if m == DEFAULT else m for m in self.named_models())
        return (*lists, *weights, *models)

    def foreign_files(self) -> tuple[str, ...]:
        return tuple(name for name in self.named_models() if name.endswith(_FASTTEXT))

    def depends_on(self) -> tuple[str, ...]:
        # Languages are those of the files' names.
        return tuple(self.paths())

    def facts(self) -> list[str]:
        return [
            f"list {language}: {len(entries):,} entries ({path})"
            for language, path, entries in _own_lists(self)
        ]

    def named_models(self) -> tuple[str, ...]:
        """The models, in the order in which a language looks for its own."""
        if isinstance(self.model, str):
            return (self.model,)
        return self.model or ()

    def paths(self) -> dict[str, list[str]]:
        """The user's files by ISO 639-3 code. Raises ConfigError, naming what is wrong."""
        if isinstance(self.lists, str):
            named = _files_of(self.lists)
        else:
            named = list(self.lists.items())
        paths: dict[str, list[str]] = {}
        for code, path in named:
            try:
                paths.setdefault(canonical_language(code), []).append(path)
            except ValueError as error:
                raise ConfigError(f"score_toxicity.lists: {path}: {error}") from error
        return paths

    def build(self) -> BatchFunction:
        """Return a transform that appends the columns; see `word_scores`, `model_scores`."""
        from tamis.text.word_column import with_words
        from tamis.text.words import no_words
        from tamis.toxicity.lexicon import lexicon

        table = lexicon(lists_of(self))
        scorer = scorer_of(self)

        def is_known(language: str | None) -> bool:
            by_model = scorer is not None and _is_for(language, scorer.languages)
            return by_model or language in table.languages

        def score_toxicity(batch: pa.RecordBatch) -> pa.RecordBatch:
            text, languages = batch["text"], batch["language"].to_pylist()
            data, _ = utf8_buffers(text)
            if any(map(is_known, languages)):
                batch, words = with_words(batch)
            else:
                words = no_words(len(text))
            is_null = np.asarray(text.is_null())
            columns = word_scores(data, words, languages, is_null=is_null, table=table)
            if scorer is not None:
                found = scorer.score(data, words, languages)
                columns |= model_scores(found, is_null)
            return with_columns(batch, columns)

        return score_toxicity


class Scorer(NamedTuple):
    """A model, or several in order, and its languages (None: all)."""

    languages: frozenset[str] | None
    score: "Score"


def scorer_of(stage: ScoreToxicity) -> Scorer | None:
    """The scorer of the named models. Raises ConfigError where one cannot be read."""
    from tamis.linear.model import Scores, only

    scorers = [_opened(path, stage) for path in stage.named_models()]
    if len(scorers) < 2:
        return scorers[0] if scorers else None

    def by_first_that_knows(
        data: Bytes, words: "Words", languages: list[str | None]
    ) -> "Scores":
        found = scorers[0].score(data, words, languages)
        for scorer in scorers[1:]:
            is_open = np.isnan(found.maximum)
            others = scorer.score(data, only(words, is_open.tolist()), languages)
            found = Scores(
                *(
                    np.where(is_open, other, own)
                    for own, other in zip(found, others, strict=True)
                )
            )
        return found

    known = [scorer.languages for scorer in scorers]
    every = frozenset().union(*(own for own in known if own is not None))
    return Scorer(None if None in known else every, by_first_that_knows)


def lists_of(stage: ScoreToxicity) -> dict[str, dict[str, bool]]:
    """Entries by language, in lower case, and whether they count.

    They are the package's and the user's together; of an entry of both, the user's weight
    holds. Raises ConfigError if a file cannot be read or the package is not installed.
    """
    lists: dict[str, dict[str, bool]] = {}
    if stage.packaged:
        packaged = packaged_lists()
        if not packaged:
            raise ConfigError(
                f"score_toxicity: the package {PACKAGE} is not installed; install it,"
                " or set packaged: false and name lists of your own"
            )
        for language, listed in packaged.items():
            weights = packaged_weights().get(language, {})
            lists[language] = dict.fromkeys(map(str.lower, listed), True) | weights
    for language, _, entries in _own_lists(stage):
        own = {entry.lower(): counts for entry, counts in entries.items()}
        lists.setdefault(language, {}).update(own)
    return lists


def _own_lists(stage: ScoreToxicity) -> Iterator[tuple[str, str, dict[str, bool]]]:
    """Language, path and entries of each of the user's files."""
    for language, paths in stage.paths().items():
        for path in paths:
            refuse_irregular(path)
            try:
                entries = entries_of(Path(path).read_text(encoding="utf-8-sig"))
                if not entries:
                    raise ValueError("it has no entry")
            except (OSError, ValueError) as error:
                raise ConfigError(f"score_toxicity.lists: {path}: {error}") from error
            yield language, path, entries


def word_scores(
    data: Bytes,
    words: "Words",
    languages: list[str | None],
    *,
    is_null: NDArray[np.bool_],
    table: "Lexicon",
) -> dict[str, pa.Array]:
    """The word columns, null for a null text or a language without a list.

    A text without words has density 0, and one of fewer than 600 words the density that
    its hits would have in 600.
    """
    from tamis.toxicity.lexicon import count_hits

    found = count_hits(data, words, languages, table=table)
    has_list = np.array([language in table.languages for language in languages], bool)
    is_unknown = is_null | ~has_list
    density = 1000 * found.hits / np.maximum(np.diff(words.documents), _FEWEST_WORDS)
    return {
        "toxic_word_density": pa.array(density, pa.float32(), mask=is_unknown),
        "toxic_word_distinct": pa.array(found.distinct, pa.int32(), mask=is_unknown),
    }


def model_scores(scores: "Scores", is_null: NDArray[np.bool_]) -> dict[str, pa.Array]:
    """The model's columns, null for a text that is null, without words or not learnt."""
    is_unknown = is_null | np.isnan(scores.maximum)
    return {
        name: pa.array(values, pa.float32(), mask=is_unknown)
        for name, values in zip(COLUMNS, scores, strict=True)
    }


def _opened(path: str, stage: ScoreToxicity) -> Scorer:
    from tamis.linear.fasttext_labels import FastTextLabels
    from tamis.toxicity.model import default_model, load

    if path == DEFAULT:
        return _by_weights(default_model())
    try:
        if path.endswith(_FASTTEXT):
            return _by_labels(FastTextLabels(path), path, stage)
        return _by_weights(load(path))
    except (OSError, ValueError) as error:
        raise ConfigError(f"score_toxicity.model: {path}: {error}") from error


def _by_weights(model: "Model") -> Scorer:
    from tamis.linear.model import document_scores

    def by_weights(
        data: Bytes, words: "Words", languages: list[str | None]
    ) -> "Scores":
        return document_scores(data, words, model, languages)

    return Scorer(frozenset(model.languages), by_weights)


def _by_labels(model: "FastTextLabels", path: str, stage: ScoreToxicity) -> Scorer:
    from tamis.linear.features import windows_of
    from tamis.linear.model import only, scores_of

    unknown = sorted(set(stage.labels) - set(model.labels))
    if unknown or not stage.labels:
        raise ConfigError(
            f"score_toxicity.labels: {path} has no {', '.join(unknown)}, but"
            f" {', '.join(model.labels[:20])}"
        )
    known = frozenset(stage.model_languages) or None

    def by_labels(data: Bytes, words: "Words", languages: list[str | None]) -> "Scores":
        words = only(words, [_is_for(own, known) for own in languages])
        windows = windows_of(words) if stage.per == "window" else _whole(words)
        chances = model.window_chances(data, words, windows, stage.labels)
        return scores_of(chances, windows)

    return Scorer(known, by_labels)


def _is_for(language: str | None, languages: frozenset[str] | None) -> bool:
    return languages is None or language in languages


def _whole(words: "Words") -> "Windows":
    """A window for each document that has words."""
    from tamis.linear.features import Windows

    filled = np.diff(words.documents) > 0
    documents = np.concatenate([[0], np.cumsum(filled)])
    return Windows(
        np.append(words.documents[:-1][filled], words.documents[-1]), documents
    )


def _files_of(folder: str) -> list[tuple[str, str]]:
    """(language, path) of every list in a folder, by the name of the file."""
    if not Path(folder).is_dir():
        raise ConfigError(f"score_toxicity.lists: {folder} is not a folder")
    return [
        (path.stem, str(path))
        for path in sorted(Path(folder).iterdir())
        if path.is_file()
        and path.suffix in _SUFFIXES
        and not path.name.startswith(".")
        and path.stem.lower() not in _NO_LISTS
    ]
