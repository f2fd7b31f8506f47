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
import pyarrow.parquet as pq

from tamis.mix.kernels.order import shuffle_key
from tamis.pii.masking import mask_beginning
from tamis.pii.regions import regions_of_rows
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
    """Rows that one task dropped, waiting to be written.

    All their texts if `keep_text`; else the beginnings of those that were among the 20
    smallest of their group when they came. The end of the run draws among these.
    """

    def __init__(self, signals: pa.Schema, *, keep_text: bool) -> None:
        self.schema = dropped_schema(signals).append(pa.field(SAMPLE_KEY, pa.uint64()))
        self._keep_text = keep_text
        self._waiting: list[pa.Table] = []
        self._bytes = 0
        # Per group the smallest keys so far, as a heap of negated ones.
        self._smallest: dict[Group, list[int]] = {}

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
            texts = (
                batch["text"]
                if self._keep_text
                else self._beginnings(table, batch["text"], keys)
            )
            table = replace(table, "text", texts)
        self._waiting.append(table)
        self._bytes += table.nbytes

    def write(self, writer: pq.ParquetWriter, *, from_bytes: int = 0) -> None:
        """Write the rows that wait, in their order, if they have so many bytes."""
        if self._waiting and self._bytes >= from_bytes:
            writer.write_table(pa.concat_tables(self._waiting))
            self._waiting, self._bytes = [], 0

    def _beginnings(
        self, table: pa.Table, texts: pa.StringArray, keys: np.ndarray[Any, Any]
    ) -> pa.Array:
        """Beginnings of the texts that are samples so far; null for the others."""
        groups = zip(
            table["stage"].to_pylist(),
            table["reason"].to_pylist(),
            table["language"].to_pylist(),
            strict=True,
        )
        found: list[str | None] = [None] * len(texts)
        regions = regions_of_rows(table)
        for row, group in enumerate(groups):
            if texts[row].is_valid and self._is_sample(group, int(keys[row])):
                found[row] = beginning(texts[row].as_py(), regions[row])
        return pa.array(found, pa.string())

    def _is_sample(self, group: Group, key: int) -> bool:
        smallest = self._smallest.setdefault(group, [])
        if len(smallest) < SAMPLES_PER_GROUP:
            heapq.heappush(smallest, -key)
            return True
        # The largest of them goes, which may be this one.
        return heapq.heappushpop(smallest, -key) != -key


def sample_keys(ids: Any) -> np.ndarray[Any, Any]:
    """The hash by which samples are drawn, uint64 per id."""
    return shuffle_key(_SAMPLE_SEED, np.asarray(ids).astype(np.uint64))


def beginning(text: str, regions: tuple[str, ...]) -> str:
    """The first characters, masked before the cut so that no half of a value stays."""
    return mask_beginning(text, SAMPLE_CHARACTERS, regions)


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
