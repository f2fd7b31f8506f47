"""A column pass: a layer of decisions on a part, made from its columns alone."""

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tamis.documents.parts import Part
from tamis.runner.passes.work import (
    PassWork,
    _applied,
    columns_read,
    transforms_of,
)
from tamis.runner.tally import add, stage_tally
from tamis.schema import DECISIONS
from tamis.stage import StageConfig, Transform
from tamis.work.commits import Outputs

_COLUMN_BATCH_ROWS = 1 << 16


def run_columns(outputs: Outputs, work: PassWork, part: Part) -> dict[str, Any]:
    """Decide on a part's documents by columns alone; writes one row per document."""
    available = part.columns(outputs.storage)
    names = {"id", "drop_reason", *columns_read(work.stages, available)}
    names |= {"language", "text_chars"} & available
    table = part.read(outputs.storage, sorted(names))
    is_open = pc.is_null(table["drop_reason"])
    transforms = transforms_of(work)
    reasons: list[pa.Array] = []
    stages: list[pa.Array] = []
    tally: dict[str, Any] = {}
    for batch in table.filter(is_open).to_batches(_COLUMN_BATCH_ROWS):
        reason, stage = _decide(batch, work.stages, transforms, tally)
        reasons.append(reason)
        stages.append(stage)
    layer = pa.table(
        {
            "id": table["id"],
            "drop_reason": scattered(is_open, reasons, pa.string()),
            "drop_stage": scattered(is_open, stages, pa.string()),
        },
        schema=DECISIONS,
    )
    with outputs.parquet(work.name, DECISIONS, stem=part.name) as writer:
        writer.write_table(layer)
    return tally


def _decide(
    batch: pa.RecordBatch,
    configs: Sequence[StageConfig],
    transforms: Sequence[Transform],
    tally: dict[str, Any],
) -> tuple[pa.Array, pa.Array]:
    """Reason and stage of each row of a batch of columns."""
    stage_of = pa.nulls(batch.num_rows, pa.string())
    for config, transform in zip(configs, transforms, strict=True):
        was_open = pc.is_null(batch["drop_reason"])
        start = time.perf_counter()
        after = _applied(config, transform, batch)
        seconds = time.perf_counter() - start
        is_new = pc.and_(was_open, pc.is_valid(after["drop_reason"]))
        is_kept = pc.is_null(after["drop_reason"])
        counts = stage_tally(
            batch.filter(was_open), after.filter(is_kept), after.filter(is_new), seconds
        )
        add(tally, {"stages": {config.label: counts}})
        stage_of = pc.if_else(is_new, config.label, stage_of)
        batch = after
    return batch["drop_reason"], stage_of


def scattered(
    is_open: pa.ChunkedArray, values: list[pa.Array], type_: pa.DataType
) -> pa.Array:
    """`values` at the open rows, null elsewhere."""
    indices = np.full(len(is_open), -1, np.int64)
    mask = np.asarray(is_open, dtype=bool)
    indices[mask] = np.arange(int(mask.sum()))
    flat = pa.chunked_array(values, type_).combine_chunks()
    return flat.take(pa.array(indices, mask=~mask))
