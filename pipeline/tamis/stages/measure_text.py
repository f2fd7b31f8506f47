"""Compute all statistics that the rules of Gopher, C4, FineWeb and FineWeb-2 use.

Reads  text, language
Writes the columns of tamis.text.statistics.measure: counts as int32, ratios as
       float32, two claims as bool. Null where the text is null; the stop word columns
       also where the language has no list.
"""

from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tamis.stage import BatchFunction, Transform, with_columns
from tamis.text.buffers import utf8_buffers
from tamis.text.statistics.columns import COLUMNS

if TYPE_CHECKING:
    from tamis.text.words import Words


class MeasureText(Transform):
    """How to count. filter_quality decides by the numbers."""

    describes_text: ClassVar[bool] = True

    version: ClassVar[int] = 4

    # datatrove: count as its filters do; see tamis.text.statistics.datatrove.
    compat: Literal["datatrove"] | None = None

    def kernel_uses(self) -> tuple[str, ...]:
        return ("datatrove",) if self.compat else ()

    def libraries(self) -> tuple[str, ...]:
        # icu4py and regex bring the dictionaries and tables that words are found with.
        return ("icu4py", "justext", "regex")

    def columns_read(self) -> tuple[str, ...]:
        return ("text",) if self.compat else ("text", "language")

    def columns_written(self) -> pa.Schema:
        return pa.schema([(name, _type(name)) for name in COLUMNS])

    def build(self) -> BatchFunction:
        """Return a transform that appends one column per statistic."""
        from tamis.text.word_column import with_words

        schema = self.columns_written()

        def measure_text(batch: pa.RecordBatch) -> pa.RecordBatch:
            batch, words = with_words(batch)
            columns = statistics(batch, words, schema, compat=self.compat)
            return with_columns(batch, columns)

        return measure_text


def statistics(
    batch: pa.RecordBatch,
    words: "Words",
    schema: pa.Schema,
    *,
    compat: str | None = None,
) -> dict[str, pa.Array]:
    """One Arrow array per column of `schema`, row for row with the batch."""
    from tamis.text.function_words import function_words
    from tamis.text.statistics import datatrove
    from tamis.text.statistics.measure import measure

    text = batch["text"]
    data, offsets = utf8_buffers(text)
    if compat == "datatrove":
        values = datatrove.measure(data, offsets, words)
    else:
        lists = function_words(batch["language"].to_pylist())
        values = measure(data, offsets, words, function_words=lists)
    is_null = np.asarray(text.is_null())
    return {
        name: _array(values[name], is_null, schema.field(name).type) for name in COLUMNS
    }


def _array(
    values: NDArray[np.int64] | NDArray[np.float64],
    is_null: NDArray[np.bool_],
    type_: pa.DataType,
) -> pa.Array:
    # No statistic is negative: a value below 0 is vocabulary.NO_LIST.
    mask = is_null | (values < 0)
    return pa.array(values.astype(type_.to_pandas_dtype()), type_, mask=mask)


def _type(name: str) -> pa.DataType:
    if name.startswith("has_"):
        return pa.bool_()
    is_ratio = name.endswith(("_ratio", "_odds")) or name.startswith("mean_")
    return pa.float32() if is_ratio else pa.int32()
