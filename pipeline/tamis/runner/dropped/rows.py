"""The rows that a task of a pass drops, kept beside its commit record, with text samples.

Per (stage, reason, language) the 20 documents with the smallest hash of their id
keep the beginning of their text, with personal data masked. The hash does not use the
recipe's seed, since another seed must not cost another extraction. The end of the run
gathers the rows of all tasks and draws again (`tamis.runner.dropped.publish`).
"""

import heapq
from typing import Any

import numpy as np
import pyarrow as pa

from tamis.mix.kernels.order import shuffle_key
from tamis.pii.masking import mask_beginning
from tamis.schema import DROPPED
from tamis.stages.mask_pii import MaskPii
from tamis.tally import language_of
from tamis.work.commits import fingerprint_of
from tamis.work.fingerprints import stage_dependencies

SAMPLES_PER_GROUP = 20
SAMPLE_CHARACTERS = 1000
SAMPLE_KEY = "sample_key"
# A seed that no recipe can have, so that samples and mix are drawn independently.
_SAMPLE_SEED = 2**63

Group = tuple[str, str, str]  # stage, reason, language


def dropped_schema(signals: pa.Schema) -> pa.Schema:
    """The columns of dropped/: provenance, the reason, the signals so far, a text."""
    return pa.schema([*DROPPED, *signals, ("text", pa.string())])


class DroppedRows:
    """Rows that one task dropped, in memory until the task ends."""

    def __init__(self, signals: pa.Schema, *, keep_text: bool) -> None:
        self.schema = dropped_schema(signals).append(pa.field(SAMPLE_KEY, pa.uint64()))
        self._keep_text = keep_text
        self._rows: list[pa.Table] = []
        self._count = 0
        # Per group the largest keys still kept (a heap of negated keys), and texts by row.
        self._heaps: dict[Group, list[tuple[int, int]]] = {}
        self._texts: dict[int, str] = {}

    def take(self, batch: pa.RecordBatch, stage: str) -> None:
        """Keep the rows of `batch`, all of which `stage` dropped."""
        if batch.num_rows == 0:
            return
        table = as_dropped(
            pa.Table.from_batches([batch]),
            batch["drop_reason"],
            stage,
            schema=self.schema,
        )
        keys = sample_keys(batch["id"])
        table = replace(table, SAMPLE_KEY, pa.array(keys))
        if "text" in batch.schema.names:
            self._sample(table, batch["text"], keys)
        self._rows.append(table)
        self._count += batch.num_rows

    def table(self) -> pa.Table:
        """All rows in the order in which they were dropped."""
        table = pa.concat_tables(self._rows or [self.schema.empty_table()])
        texts: list[str | None] = [None] * self._count
        for row, text in self._texts.items():
            texts[row] = text
        return replace(table, "text", pa.array(texts, pa.string()))

    def _sample(
        self, table: pa.Table, text: pa.StringArray, keys: np.ndarray[Any, Any]
    ) -> None:
        groups = zip(
            table["stage"].to_pylist(),
            table["reason"].to_pylist(),
            table["language"].to_pylist(),
            strict=True,
        )
        for row, group in enumerate(groups):
            if not text[row].is_valid:
                continue
            place, key = self._count + row, int(keys[row])
            if self._keep_text:
                self._texts[place] = text[row].as_py()
                continue
            heap = self._heaps.setdefault(group, [])
            if len(heap) == SAMPLES_PER_GROUP and key >= -heap[0][0]:
                continue
            heapq.heappush(heap, (-key, place))
            self._texts[place] = beginning(text[row].as_py())
            if len(heap) > SAMPLES_PER_GROUP:
                _, evicted = heapq.heappop(heap)
                del self._texts[evicted]


def sample_keys(ids: Any) -> np.ndarray[Any, Any]:
    """The hash by which samples are drawn, uint64 per id."""
    return shuffle_key(_SAMPLE_SEED, np.asarray(ids).astype(np.uint64))


def beginning(text: str) -> str:
    """The first characters, masked before the cut so that no half of a value stays."""
    return mask_beginning(text, SAMPLE_CHARACTERS)


def masking_fingerprint() -> str:
    """What a masked beginning depends on: our rules, and the libraries that they use."""
    about = stage_dependencies(MaskPii())
    return fingerprint_of(about["version"], about["libraries"])


def as_dropped(
    rows: pa.Table, reason: Any, stage: Any, *, schema: pa.Schema
) -> pa.Table:
    """`rows` in the columns of `schema`; columns that they lack are null."""
    columns: list[Any] = []
    given = {"reason": reason, "language": language_of(rows)}
    given["stage"] = (
        pa.array([stage] * rows.num_rows, pa.string())
        if isinstance(stage, str)
        else stage
    )
    for field in schema:
        if field.name in given:
            columns.append(given[field.name])
        elif field.name in rows.column_names and field.name != "text":
            columns.append(rows[field.name])
        else:
            columns.append(pa.nulls(rows.num_rows, field.type))
    return pa.table(columns, schema=schema)


def replace(table: pa.Table, name: str, values: Any) -> pa.Table:
    position = table.column_names.index(name)
    return table.set_column(position, table.schema.field(name), values)
