"""Remove lines that are not prose, and drop documents that were mostly such lines.

Reads  text, text_chars; language, unless `compat: datatrove`
Writes text, text_chars, clean_lines_RULE_count for each rule of
       tamis.text.cleaning.clean, clean_lines_word_ratio (the share of the words that
       were removed), drop_reason cleaned_too_much

It runs before measure_text, which measures what is left.
"""

from typing import ClassVar, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pydantic import Field, model_validator

from tamis.stage import BatchFunction, Transform, drop, with_columns
from tamis.text.buffers import utf8_buffers
from tamis.text.cleaning.rules import C4, REFINEDWEB, RULES

Preset = Literal["c4", "refinedweb"]
Rule = Literal[
    "long_word",
    "citation",
    "unpunctuated",
    "short",
    "javascript",
    "policy",
    "uppercase",
    "number",
    "counter",
    "single_word",
    "button",
]
_RULES_OF: dict[Preset, tuple[str, ...]] = {"c4": C4, "refinedweb": REFINEDWEB}
_REFINEDWEB_MOST = 0.05


class CleanLines(Transform):
    """Which rules apply, and how much of its text a document may lose."""

    version: ClassVar[int] = 3

    preset: Preset | tuple[Preset, ...] = "refinedweb"
    # Rules of the preset to leave out: FineWeb uses C4's without `unpunctuated`.
    without: tuple[Rule, ...] = ()
    # A document that lost a larger share of its words is dropped. Not set: 0.05 for
    # refinedweb, as in its paper; no limit for a preset with C4's rules, as in its
    # paper, since they remove every heading.
    max_removed_ratio: float | None = Field(None, ge=0, le=1)
    # datatrove: change the text as datatrove's C4QualityFilter does, in every language.
    compat: Literal["datatrove"] | None = None

    @model_validator(mode="after")
    def _is_c4_where_compatible(self) -> "CleanLines":
        if self.compat and self.presets != ("c4",):
            raise ValueError("compat: datatrove goes with preset: c4 alone")
        return self

    @property
    def presets(self) -> tuple[Preset, ...]:
        return (self.preset,) if isinstance(self.preset, str) else self.preset

    @property
    def rules(self) -> tuple[str, ...]:
        """The rules that apply, in the order in which they are tried."""
        wanted = {rule for preset in self.presets for rule in _RULES_OF[preset]}
        return tuple(r for r in RULES if r in wanted and r not in self.without)

    @property
    def most_removed(self) -> float:
        """The largest share of its words that a document may lose, 1 for no limit."""
        if self.max_removed_ratio is not None:
            return self.max_removed_ratio
        return 1.0 if "c4" in self.presets else _REFINEDWEB_MOST

    def kernel_uses(self) -> tuple[str, ...]:
        return ("lines",)

    def libraries(self) -> tuple[str, ...]:
        return ("regex",)

    def columns_read(self) -> tuple[str, ...]:
        return ("text", "text_chars") + (() if self.compat else ("language",))

    def columns_written(self) -> pa.Schema:
        return pa.schema(
            [
                ("text", pa.string()),
                ("text_chars", pa.int32()),
                *((f"clean_lines_{rule}_count", pa.int32()) for rule in self.rules),
                ("clean_lines_word_ratio", pa.float32()),
            ]
        )

    def build(self) -> BatchFunction:
        """Return a transform that shortens `text`, counts, and fills `drop_reason`."""

        def clean_lines(batch: pa.RecordBatch) -> pa.RecordBatch:
            columns = cleaned(batch, self)
            if "markdown" in batch.schema.names:
                # Where lines were removed, there is no Markdown without these lines.
                is_same = pc.equal(batch["text"], columns["text"])
                nothing = pa.scalar(None, pa.string())
                columns["markdown"] = pc.if_else(is_same, batch["markdown"], nothing)
            batch = with_columns(batch, columns)
            return drop(batch, reasons(batch["clean_lines_word_ratio"], self))

        return clean_lines


def reasons(word_ratio: pa.Array, stage: CleanLines) -> pa.StringArray:
    """cleaned_too_much where a document lost too many words; null keeps the row."""
    is_over = pc.greater(word_ratio, pa.scalar(stage.most_removed, pa.float32()))
    nothing = pa.scalar(None, pa.string())
    return pc.if_else(pc.fill_null(is_over, False), "cleaned_too_much", nothing)


def cleaned(batch: pa.RecordBatch, stage: CleanLines) -> dict[str, pa.Array]:
    """The columns written, row for row with the batch; null where the text is null."""
    from tamis.text.cleaning import clean
    from tamis.text.cleaning.clean import REMOVED_WORDS, WORDS
    from tamis.text.cleaning.phrases import list_of, phrases
    from tamis.text.unicode import code_points

    text = batch["text"]
    data, offsets = utf8_buffers(text)
    no_language: list[str | None] = [None] * len(text)
    languages = no_language if stage.compat else batch["language"].to_pylist()
    new_data, new_offsets, counts = clean.clean_lines(
        data,
        offsets,
        code_points(),
        phrases(),
        list_of(languages),
        np.array([rule in stage.rules for rule in RULES]),
        stage.compat == "datatrove",
    )
    is_null = np.asarray(text.is_null())
    new_text = _strings(new_data, new_offsets, is_null, type_=text.type)
    columns = {
        "text": new_text,
        "text_chars": pc.utf8_length(new_text).cast(batch["text_chars"].type),
    }
    for rule in stage.rules:
        values = counts[:, RULES.index(rule)]
        columns[f"clean_lines_{rule}_count"] = pa.array(
            values, pa.int32(), mask=is_null
        )
    ratios = counts[:, REMOVED_WORDS] / np.maximum(1, counts[:, WORDS])
    columns["clean_lines_word_ratio"] = pa.array(
        ratios.astype(np.float32), pa.float32(), mask=is_null
    )
    return columns


def _strings(
    data: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    is_null: NDArray[np.bool_],
    *,
    type_: pa.DataType,
) -> pa.Array:
    width = np.int64 if pa.types.is_large_string(type_) else np.int32
    validity = pa.array(~is_null).buffers()[1] if is_null.any() else None
    return pa.Array.from_buffers(
        type_,
        len(is_null),
        [validity, pa.py_buffer(offsets.astype(width)), pa.py_buffer(data)],
    )
