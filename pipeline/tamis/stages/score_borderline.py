"""Score with an expensive model the documents that a cheap one is not sure of.

Reads  text, language, the column that `between` is about
Writes borderline_score  probability of `labels`, the largest of the windows that were
                         scored; null for documents that were not

The model is an ONNX text classifier, thousands of times as expensive as the linear one.
So it scores only documents whose cheap score is between two bounds, and of these only
the windows that the linear model finds likeliest. A document with a window at which the
model or its tokenizer fails is dropped as `model_failed`.

Without `resources` the stage is a transform like any other, on one core. With
`resources: {gpu: 1}` it is below the last `save:` and is a pass of its own, whose tasks
are placed on machines with a GPU; they read what is saved and write a column. The same
window has the same score in both; only `device: cuda` computes other scores than `cpu`.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import (
    Field,
    PositiveInt,
    field_validator,
    model_validator,
)

from tamis.errors import ConfigError
from tamis.language.codes import canonical_language
from tamis.stage import BatchFunction, Resources, Transform, drop, with_columns
from tamis.text.buffers import utf8_buffers
from tamis.toxicity.model import DEFAULT, DEFAULT_PATH
from tamis.toxicity.onnx_labels import FILES, WEIGHTS, Device

if TYPE_CHECKING:
    from tamis.linear.model import Model
    from tamis.toxicity.onnx_labels import OnnxLabels

_COLUMN = "borderline_score"


class ScoreBorderline(Transform):
    """Which documents are scored, and by which model."""

    describes_text: ClassVar[bool] = True
    path_settings: ClassVar[tuple[str, ...]] = ("model", "windows_by")

    not_fingerprinted: ClassVar[tuple[str, ...]] = ("resources",)

    # A folder with model.onnx, tokenizer.json and config.json.
    model: str
    # Labels of config.json whose probability is the score.
    labels: Annotated[tuple[str, ...], Field(min_length=1)]
    # Documents with a value in between, bounds included, are scored.
    column: str = "toxicity_max"
    between: tuple[float, float] = (0.3, 0.9)
    # ISO 639-3, what the model can read. Empty: every document with a value is scored.
    model_languages: tuple[str, ...] = ()
    # The linear toxicity model that chooses the windows: the packaged one, a .npz, or
    # null for windows spread evenly.
    windows_by: str | None = DEFAULT
    max_windows: PositiveInt = 4
    max_tokens: Annotated[int, Field(ge=8)] = 512
    device: Device = "cpu"
    resources: Resources | None = None
    # Windows scored together: a GPU is badly used with one at a time.
    batch_windows: PositiveInt = 1

    @field_validator("model_languages")
    @classmethod
    def _canonical(cls, languages: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(map(canonical_language, languages))

    @model_validator(mode="after")
    def _is_reproducible(self) -> Self:
        if self.batch_windows > 1 and self.resources is None:
            raise ValueError(
                "batch_windows: the last digits of a window's score may depend on its"
                " neighbours, and these are always the same only in a pass of its own"
                " (resources)"
            )
        if self.between[0] > self.between[1]:
            raise ValueError("between: the first bound is more than the second")
        return self

    def libraries(self) -> tuple[str, ...]:
        return ("onnxruntime", "onnxruntime-gpu", "tokenizers", "icu4py", "regex")

    def columns_read(self) -> tuple[str, ...]:
        return ("text", "language", self.column)

    def columns_written(self) -> pa.Schema:
        return pa.schema([(_COLUMN, pa.float32())])

    def own_pass(self) -> Resources | None:
        return self.resources

    def files(self) -> tuple[str, ...]:
        weights = (name for name in WEIGHTS if (Path(self.model) / name).exists())
        own = (str(Path(self.model) / name) for name in (*FILES, *weights))
        if self.windows_by is None:
            return tuple(own)
        return (*own, DEFAULT_PATH if self.windows_by == DEFAULT else self.windows_by)

    def foreign_files(self) -> tuple[str, ...]:
        return (self.model,)

    def build(self) -> BatchFunction:
        """Return a transform that appends the column; see `is_borderline`, `window_texts`."""
        model = _opened(self)
        judge = _judge(self)

        def score_borderline(batch: pa.RecordBatch) -> pa.RecordBatch:
            rows = np.flatnonzero(is_borderline(batch, self))
            scores = np.full(batch.num_rows, np.nan)
            doubtful = batch.take(pa.array(rows, pa.int64()))
            texts, counts = window_texts(doubtful, judge, self.max_windows)
            chances = model.chances(texts, self.labels, at_once=self.batch_windows)
            starts = np.cumsum(counts) - counts
            failed = np.zeros(batch.num_rows, bool)
            if len(chances):
                has_words = counts > 0
                largest = np.maximum.reduceat(chances, starts[has_words])
                scores[rows[has_words]] = largest
                failed[rows[has_words]] = np.isnan(largest)
            column = pa.array(scores, pa.float32(), mask=np.isnan(scores))
            batch = with_columns(batch, {_COLUMN: column})
            if not failed.any():
                return batch
            return drop(batch, pa.array(["model_failed"] * len(failed), mask=~failed))

        return score_borderline


def is_borderline(batch: pa.RecordBatch, stage: ScoreBorderline) -> NDArray[np.bool_]:
    """Which documents have a text, a value within the bounds, and a known language."""
    values = batch[stage.column].cast(pa.float64()).to_numpy(zero_copy_only=False)
    least, most = stage.between
    if pa.types.is_float32(batch[stage.column].type):
        # Compare 0.3 as the column's type stores it.
        least, most = float(np.float32(least)), float(np.float32(most))
    found = (values >= least) & (values <= most) & np.asarray(batch["text"].is_valid())
    if stage.model_languages:
        known = frozenset(stage.model_languages)
        found &= np.array([code in known for code in batch["language"].to_pylist()])
    return np.asarray(found, bool)


def window_texts(
    batch: pa.RecordBatch, judge: "Model | None", most: int
) -> tuple[list[str], NDArray[np.int64]]:
    """Windows to score, document after document, and how many each has.

    The likeliest by `judge`, or evenly spread if that is None. A document without words
    has no window.
    """
    from tamis.linear.choice import likeliest, spread
    from tamis.linear.features import windows_of
    from tamis.linear.model import window_chances
    from tamis.text.word_column import words_of

    data, _ = utf8_buffers(batch["text"])
    words = words_of(batch)
    windows = windows_of(words)
    if judge is None:
        chosen = spread(windows, most)
    else:
        chances = window_chances(data, words, windows, judge)
        chosen = likeliest(windows, chances, most)
    firsts, lasts = windows.words[chosen], windows.words[chosen + 1]
    starts, ends = words.starts[firsts], words.ends[lasts - 1]
    found = _decoded(data, starts.tolist(), ends.tolist())
    documents = np.searchsorted(windows.documents, chosen, "right") - 1
    return found, np.bincount(documents, minlength=batch.num_rows).astype(np.int64)


def _decoded(
    data: NDArray[np.uint8], starts: Sequence[int], ends: Sequence[int]
) -> list[str]:
    return [
        data[start:end].tobytes().decode("utf-8", "replace")
        for start, end in zip(starts, ends, strict=True)
    ]


def _opened(stage: ScoreBorderline) -> "OnnxLabels":
    from tamis.toxicity.onnx_labels import OnnxLabels

    place = "score_borderline.model"
    try:
        model = OnnxLabels(
            stage.model, device=stage.device, max_tokens=stage.max_tokens
        )
    except (OSError, ValueError) as error:
        raise ConfigError(f"{place}: {stage.model}: {error}") from error
    unknown = sorted(set(stage.labels) - set(model.labels))
    if unknown:
        raise ConfigError(
            f"score_borderline.labels: {stage.model} has no {', '.join(unknown)},"
            f" but {', '.join(model.labels[:20])}"
        )
    return model


def _judge(stage: ScoreBorderline) -> "Model | None":
    from tamis.toxicity.model import default_model, load

    if stage.windows_by is None:
        return None
    if stage.windows_by == DEFAULT:
        return default_model()
    try:
        return load(stage.windows_by)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"score_borderline.windows_by: {stage.windows_by}: {error}"
        ) from error
