"""Drop, or mark, documents that hold questions of benchmarks.

Reads  text
Writes contaminated_by, contaminated_instance, contamination
Drops  contaminated

`contamination` is the share of the words of one instance of a benchmark that lie in n-grams
of the document: of the instance of which it has most. `contaminated_by` names the benchmark,
`contaminated_instance` its number there. All three are null, or 0, where no n-gram is shared.
A document over `max_share` is dropped, unless `action: tag`.

It counts whole instances: question, answer and passage together. An instance of fewer words
than `ngram` cannot be found. Mask_pii above it changes words; put it below extract_text.
"""

from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np
import pyarrow as pa
from pydantic import BeforeValidator, Field

from tamis.stage import BatchFunction, Transform, drop, with_columns
from tamis.text.buffers import utf8_buffers

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tamis.decontamination.overlap import Index


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


class Decontaminate(Transform):
    """Benchmark files (JSON Lines), and how much of an instance is too much.

    The defaults are those of Tulu 3: 8-grams, more than half of an instance's words.
    """

    path_settings: ClassVar[tuple[str, ...]] = ("benchmarks",)
    tallied: ClassVar[tuple[str, ...]] = ("contaminated_by",)

    benchmarks: Annotated[
        tuple[str, ...], BeforeValidator(_as_list), Field(min_length=1)
    ]
    ngram: int = Field(8, ge=4, le=50)
    max_share: float = Field(0.5, ge=0, le=1)
    action: Literal["drop", "tag"] = "drop"

    def libraries(self) -> tuple[str, ...]:
        return ("icu4py", "regex")

    def columns_read(self) -> tuple[str, ...]:
        return ("text",)

    def columns_written(self) -> pa.Schema:
        return pa.schema(
            [
                ("contaminated_by", pa.string()),
                ("contaminated_instance", pa.int64()),
                ("contamination", pa.float32()),
            ]
        )

    def files(self) -> tuple[str, ...]:
        return self.benchmarks

    def facts(self) -> list[str]:
        from tamis.decontamination.benchmarks import instances_of

        counts: dict[str, int] = {}
        for one in instances_of(self.benchmarks):
            counts[one.benchmark] = counts.get(one.benchmark, 0) + 1
        return [f"{name}: {count:,} instances" for name, count in counts.items()]

    def build(self) -> BatchFunction:
        """Return a transform that appends the columns."""
        from tamis.decontamination.overlap import overlaps
        from tamis.text.word_column import with_words

        names, numbers, index = _opened(self.benchmarks, self.ngram)

        def decontaminate(batch: pa.RecordBatch) -> pa.RecordBatch:
            batch, words = with_words(batch)
            data, _ = utf8_buffers(batch["text"])
            found = overlaps(data, words, index)
            is_none = found.instance < 0
            rows = np.where(is_none, 0, found.instance)
            columns = {
                "contaminated_by": pa.array(names[rows], pa.string(), mask=is_none),
                "contaminated_instance": pa.array(
                    numbers[rows], pa.int64(), mask=is_none
                ),
                "contamination": pa.array(found.share, pa.float32()),
            }
            batch = with_columns(batch, columns)
            if self.action == "tag":
                return batch
            is_over = found.share > np.float32(self.max_share)
            reasons = np.full(batch.num_rows, "contaminated", object)
            return drop(batch, pa.array(reasons, pa.string(), mask=~is_over))

        return decontaminate


@lru_cache(maxsize=2)
def _opened(
    paths: tuple[str, ...], ngram: int
) -> "tuple[NDArray[np.object_], NDArray[np.int64], Index]":
    """Names and numbers of the instances, and their index; once per worker."""
    from tamis.decontamination.benchmarks import instances_of
    from tamis.decontamination.overlap import index_of

    found = instances_of(paths)
    names = np.array([one.benchmark for one in found], object)
    numbers = np.array([one.number for one in found], np.int64)
    return names, numbers, index_of([one.text for one in found], ngram)
