"""Score each document by a model of quality: the project's own, fastText's or KenLM's.

Reads  text, language; with the packaged model some columns of measure_text
Writes quality_score       in [0, 1], if a model of another kind than KenLM's is named
       quality_perplexity, if a KenLM model is named: see `tamis.quality.perplexity`
       quality_bucket      head, middle or tail: the packaged model's score at .7 and .4,
                           by `cutoffs` of the perplexity

Null where no model knows the document's language, and for a document without words.

Models, by their file:
    default      the packaged one: how like edited prose the document is, as a percentile
                 of its language; see `tamis.quality.prose`
    prose.npz    the same from pages of one's own, also NAME.prose.npz
    .npz         what `tamis train quality` wrote of good documents and others: the mean
                 over windows of about 400 characters; null for languages that it has not
                 learnt
    .bin, .ftz   fastText: the probability of the good labels. DCLM's layout
                 (__label__hq against __label__cc, the document as one line) and
                 dactory's (__label__rand against the rest, line by line, weighted by
                 bytes) are known; for any other, name `labels`
    .arpa, .arpa.bin, .klm   KenLM, one for each language (needs the extra `kenlm`)

`filter_quality` drops by the column, as by any other.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import Field, field_validator, model_validator

from tamis.errors import ConfigError
from tamis.language.codes import by_language
from tamis.quality.names import DEFAULT, DEFAULT_PATH, MEASURED, PROSE
from tamis.stage import BatchFunction, Transform, with_columns
from tamis.text.buffers import utf8_buffers

if TYPE_CHECKING:
    from tamis.linear.fasttext_labels import FastTextLabels
    from tamis.linear.model import Model
    from tamis.quality.prose import Prose

# Scores of some rows of a batch; NaN for a row without a score.
Score = Callable[[pa.RecordBatch, list[int]], Any]

_KENLM = (".arpa", ".arpa.gz", ".arpa.bin", ".klm")
_FASTTEXT = (".bin", ".ftz")
_GOOD, _RANDOM = "__label__hq", "__label__rand"
_EVERY_LANGUAGE = ""


class ScoreQuality(Transform):
    """Which model scores which language."""

    describes_text: ClassVar[bool] = True
    path_settings: ClassVar[tuple[str, ...]] = ("model", "sentencepiece")
    language_settings: ClassVar[tuple[str, ...]] = ("model", "sentencepiece", "cutoffs")

    version: ClassVar[int] = 2

    # One for every language, or {fra: path, eng: path}: others score null.
    model: str | dict[str, str] = DEFAULT
    # fastText labels whose probability is the score. Empty: those of the known layout.
    labels: tuple[str, ...] = ()
    # Whether fastText reads line by line. Null: as the known layout does.
    by_line: bool | None = None
    # KenLM: the SentencePiece model of each language, and the perplexities at which its
    # head and its middle end.
    sentencepiece: dict[str, str] = Field(default_factory=dict)
    cutoffs: dict[str, tuple[float, float]] = Field(default_factory=dict)

    @field_validator("model", "sentencepiece", "cutoffs")
    @classmethod
    def _canonical_keys(cls, value: str | dict[str, Any]) -> str | dict[str, Any]:
        if isinstance(value, str):
            return value
        return by_language(value)

    @field_validator("cutoffs")
    @classmethod
    def _ascend(
        cls, cutoffs: dict[str, tuple[float, float]]
    ) -> dict[str, tuple[float, float]]:
        for language, (head, middle) in cutoffs.items():
            if head > middle:
                raise ValueError(
                    f"{language}: the head's cutoff {head} is above the middle's {middle}"
                )
        return cutoffs

    @model_validator(mode="after")
    def _is_of_a_model(self) -> Self:
        own = {code for code, path in self.paths().items() if path.endswith(_KENLM)}
        for setting in ("sentencepiece", "cutoffs"):
            unknown = sorted(set(getattr(self, setting)) - own)
            if unknown:
                raise ValueError(f"{setting}: no KenLM model for {', '.join(unknown)}")
        return self

    def libraries(self) -> tuple[str, ...]:
        return ("icu4py", "kenlm", "regex", "sentencepiece")

    def columns_read(self) -> tuple[str, ...]:
        return ("text", "language", *(MEASURED if self._has(PROSE) else ()))

    def columns_written(self) -> pa.Schema:
        fields = []
        if not all(path.endswith(_KENLM) for path in self.paths().values()):
            fields.append(("quality_score", pa.float32()))
        if self._has(*_KENLM):
            fields.append(("quality_perplexity", pa.float32()))
        if self._has(PROSE, *_KENLM):
            fields.append(("quality_bucket", pa.string()))
        return pa.schema(fields)

    def _has(self, *endings: str) -> bool:
        return any(path.endswith(endings) for path in self.paths().values())

    def files(self) -> tuple[str, ...]:
        return (*self.paths().values(), *self.sentencepiece.values())

    def foreign_files(self) -> tuple[str, ...]:
        own = (p for p in self.paths().values() if p.endswith((*_KENLM, *_FASTTEXT)))
        return (*own, *self.sentencepiece.values())

    def paths(self) -> dict[str, str]:
        """Files by language; one that is for every language has the key ""."""
        own = self.model
        named = {_EVERY_LANGUAGE: own} if isinstance(own, str) else own
        return {
            language: DEFAULT_PATH if path == DEFAULT else path
            for language, path in named.items()
        }

    def build(self) -> BatchFunction:
        """Return a transform that appends the columns; see `scores`."""
        from tamis.text.word_column import with_words

        scorers = [
            scorer_of(language or None, path, self)
            for language, path in self.paths().items()
        ]
        names = self.columns_written().names

        def score_quality(batch: pa.RecordBatch) -> pa.RecordBatch:
            if any(own.reads_words and len(rows_of(batch, own)) for own in scorers):
                batch, _ = with_words(batch)
            columns = {
                name: scores(batch, [own for own in scorers if own.column == name])
                for name in names
                if name != "quality_bucket"
            }
            if "quality_bucket" in names:
                columns["quality_bucket"] = buckets(batch, columns, scorers, self)
            return with_columns(batch, columns)

        return score_quality


class Scorer(NamedTuple):
    """A model, its language (None: all), and the column it fills."""

    language: str | None
    column: str
    score: Score
    reads_words: bool = False
    is_percentile: bool = False  # at .7 and .4 its buckets begin


def scores(batch: pa.RecordBatch, scorers: list[Scorer]) -> pa.Array:
    """Scores by each language's model; null for a null text and without a model."""
    found = np.full(batch.num_rows, np.nan)
    for scorer in scorers:
        rows = rows_of(batch, scorer)
        if len(rows):
            found[rows] = scorer.score(batch, rows.tolist())
    return pa.array(found, pa.float32(), mask=np.isnan(found))


def rows_of(batch: pa.RecordBatch, scorer: Scorer) -> NDArray[np.int64]:
    """The rows with a text in the scorer's language."""
    languages = batch["language"].to_pylist()
    is_own = [scorer.language in (None, language) for language in languages]
    return np.flatnonzero(np.array(is_own, bool) & np.asarray(batch["text"].is_valid()))


def buckets(
    batch: pa.RecordBatch,
    columns: dict[str, pa.Array],
    scorers: list[Scorer],
    stage: ScoreQuality,
) -> pa.Array:
    """Head, middle or tail of each document; null where a model gives none."""
    from tamis.quality import perplexity, prose

    found = np.full(batch.num_rows, None, object)
    for scorer in scorers:
        rows = rows_of(batch, scorer)
        values = columns[scorer.column].to_numpy(zero_copy_only=False)[rows]
        if scorer.is_percentile:
            found[rows] = prose.buckets(values)
        elif scorer.column == "quality_perplexity":
            cutoffs = stage.cutoffs.get(scorer.language or "")
            found[rows] = [perplexity.bucket_of(value, cutoffs) for value in values]
    return pa.array(found, pa.string())


def scorer_of(language: str | None, path: str, stage: ScoreQuality) -> Scorer:
    """The scorer of a model's file. Raises ConfigError, naming the file."""
    from tamis.linear.fasttext_labels import FastTextLabels
    from tamis.quality.model import load
    from tamis.quality.prose import opened

    try:
        if path.endswith(_KENLM):
            return _by_perplexity(language, path, stage)
        if path.endswith(PROSE):
            score = _by_percentiles(opened(path))
            # measure_text is above: the words are in the batch, or found once here.
            return Scorer(language, "quality_score", score, is_percentile=True)
        if path.endswith(_FASTTEXT):
            score = _by_labels(FastTextLabels(path), path, stage)
        else:
            score = _by_windows(load(path))
            return Scorer(language, "quality_score", score, reads_words=True)
    except (OSError, RuntimeError, ValueError) as error:
        raise ConfigError(f"score_quality.model: {path}: {error}") from error
    return Scorer(language, "quality_score", score)


def layout_of(labels: tuple[str, ...]) -> tuple[tuple[str, ...], bool] | None:
    """Good labels, and whether lines are read one by one; None for no known layout."""
    if _GOOD in labels:
        return (_GOOD,), False
    if _RANDOM in labels:
        return tuple(label for label in labels if label != _RANDOM), True
    return None


def _by_windows(model: "Model") -> Score:
    from tamis.linear.model import document_scores
    from tamis.text.word_column import words_of

    def by_windows(batch: pa.RecordBatch, rows: list[int]) -> Any:
        data, _ = utf8_buffers(batch["text"])
        own: list[str | None] = [None] * batch.num_rows
        for row in rows:
            own[row] = batch["language"][row].as_py()
        return document_scores(data, words_of(batch), model, own).mean[rows]

    return by_windows


def _by_percentiles(model: "Prose") -> Score:
    from tamis.quality.prose import scores as percentiles
    from tamis.quality.prose_features import features
    from tamis.text.word_column import words_of

    def by_percentiles(batch: pa.RecordBatch, rows: list[int]) -> Any:
        if len(rows) < batch.num_rows:
            batch = batch.take(pa.array(rows))
        words = words_of(batch)
        measured = {name: batch[name] for name in MEASURED}
        found = features(*utf8_buffers(batch["text"]), words, measured)
        return percentiles(found, batch["language"].to_pylist(), model)

    return by_percentiles


def _by_labels(model: "FastTextLabels", path: str, stage: ScoreQuality) -> Score:
    layout = layout_of(model.labels)
    if not stage.labels and layout is None:
        raise ConfigError(
            f"score_quality.labels: say which labels of {Path(path).name} are good,"
            f" it has {', '.join(model.labels[:20])}"
        )
    unknown = set(stage.labels) - set(model.labels)
    if unknown:
        raise ConfigError(
            f"score_quality.labels: {Path(path).name} has no {', '.join(sorted(unknown))}"
        )
    labels, lines = layout or ((), False)
    labels = stage.labels or labels
    by_line = lines if stage.by_line is None else stage.by_line

    def by_labels(batch: pa.RecordBatch, rows: list[int]) -> Any:
        texts = (batch["text"][row].as_py() for row in rows)
        return [model.chance(text, labels, by_line=by_line) for text in texts]

    return by_labels


def _by_perplexity(language: str | None, path: str, stage: ScoreQuality) -> Scorer:
    from tamis.quality.perplexity import LanguageModel

    if language is None:
        raise ConfigError(
            f"score_quality.model: {path} is of one language: write {{fra: {path}}}"
        )
    model = LanguageModel(path, stage.sentencepiece.get(language))

    def by_perplexity(batch: pa.RecordBatch, rows: list[int]) -> Any:
        return [model.perplexity(batch["text"][row].as_py()) for row in rows]

    return Scorer(language, "quality_perplexity", by_perplexity)
