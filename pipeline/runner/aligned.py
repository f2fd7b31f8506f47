"""A pass of one stage behind the last save: reads what is saved, text too, adds columns.

Its layer lies on the part row for row, as that of a filter does; the text is read a few
documents at a time and written nowhere. A stage is given the rows that are still in, 256
at a time counted from the part's first: which rows come together depends neither on the
files that the part lies in nor on who computes.
"""

import time
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.commits import Outputs
from pipeline.documents import Part
from pipeline.errors import SchemaError
from pipeline.runner.passes import PassWork, columns_read, scattered, transforms_of
from pipeline.runner.tally import add, stage_tally
from pipeline.storage import Storage

_BATCH_ROWS = 256
_TEXT = "text"


def run_aligned(outputs: Outputs, work: PassWork, part: Part) -> dict[str, Any]:
    """Write the part's layer: the stage's columns, null for rows that were gone before."""
    if work.saved is None:
        raise SchemaError(f"pass {work.name} writes nothing")
    (config,), (transform,) = work.stages, transforms_of(work)
    available = part.columns(outputs.storage)
    wanted = columns_read(work.stages, available)
    names = {"id", "drop_reason", *wanted} | ({"language", "text_chars"} & available)
    table = part.read(outputs.storage, sorted(names - {_TEXT}))
    is_open = pc.is_null(table["drop_reason"]).combine_chunks()
    columns = [name for name in work.saved.names if name not in ("id", "drop_stage")]
    found: dict[str, list[pa.Array]] = {name: [] for name in columns}
    tally: dict[str, Any] = {}
    batches = table.filter(is_open).combine_chunks()
    texts = _open_texts(outputs.storage, part, is_open) if _TEXT in wanted else None
    for first in range(0, batches.num_rows, _BATCH_ROWS):
        (batch,) = batches.slice(first, _BATCH_ROWS).to_batches()
        if texts is not None:
            batch = batch.append_column(_TEXT, next(texts))
        start = time.perf_counter()
        after = transform(batch)
        seconds = time.perf_counter() - start
        is_kept = pc.is_null(after["drop_reason"])
        kept, out = after.filter(is_kept), after.filter(pc.invert(is_kept))
        counts = stage_tally(batch, kept, out, seconds)
        add(tally, {"stages": {config.label: counts}})
        for name in columns:
            found[name].append(after[name])
    layer = {
        name: scattered(is_open, found[name], work.saved.field(name).type)
        for name in columns
    }
    is_dropped = pc.is_valid(layer["drop_reason"])
    nothing = pa.scalar(None, pa.string())
    layer |= {
        "id": table["id"],
        "drop_stage": pc.if_else(is_dropped, config.label, nothing),
    }
    with outputs.parquet(work.name, work.saved, stem=part.name) as writer:
        writer.write_table(pa.table(layer).select(work.saved.names))
    return tally


def _open_texts(storage: Storage, part: Part, is_open: Any) -> Iterator[pa.Array]:
    """Texts of the rows that are still in, as many at a time as a batch has."""
    row = 0
    waiting = pa.array([], pa.string())
    for file in part.files:
        with storage.open(file.path) as opened:
            saved = pq.ParquetFile(opened)
            for batch in saved.iter_batches(_BATCH_ROWS, columns=[_TEXT]):
                own = batch[_TEXT].filter(is_open.slice(row, batch.num_rows))
                row += batch.num_rows
                waiting = pa.concat_arrays([waiting, own])
                if len(waiting) >= _BATCH_ROWS:
                    yield waiting[:_BATCH_ROWS]
                    waiting = waiting[_BATCH_ROWS:]
    if len(waiting):
        yield waiting
