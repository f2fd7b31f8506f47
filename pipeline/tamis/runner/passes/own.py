"""A pass of one stage behind the last save: reads what is saved, text too, adds columns.

Its layer lies on the part row for row, as that of a filter does; the text is read a few
documents at a time and written nowhere. Of each 256 rows, counted from the part's first, a
stage is given those that are still in: which come together depends neither on the files
that the part lies in nor on who computes.
"""

import time
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tamis.documents.parts import Part
from tamis.errors import SchemaError
from tamis.runner.passes.columns import scattered
from tamis.runner.passes.work import PassWork, columns_read, transforms_of
from tamis.runner.tally import add, stage_tally
from tamis.work.commits import Outputs

_BATCH_ROWS = 256


def run_aligned(outputs: Outputs, work: PassWork, part: Part) -> dict[str, Any]:
    """Write the part's layer: the stage's columns, null for rows that were gone before."""
    if work.saved is None:
        raise SchemaError(f"pass {work.name} writes nothing")
    (config,), (transform,) = work.stages, transforms_of(work)
    available = part.columns(outputs.storage)
    wanted = columns_read(work.stages, available)
    names = {"id", "drop_reason", *wanted} | ({"language", "text_chars"} & available)
    columns = [name for name in work.saved.names if name not in ("id", "drop_stage")]
    found: dict[str, list[pa.Array]] = {name: [] for name in columns}
    ids: list[pa.Array] = []
    opened: list[pa.Array] = []
    tally: dict[str, Any] = {}
    for rows in part.batches(outputs.storage, sorted(names), _BATCH_ROWS):
        ids.append(rows["id"])
        opened.append(pc.is_null(rows["drop_reason"]))
        batch = rows.filter(opened[-1])
        if batch.num_rows == 0:
            continue
        start = time.perf_counter()
        after = transform(batch)
        seconds = time.perf_counter() - start
        is_kept = pc.is_null(after["drop_reason"])
        kept, out = after.filter(is_kept), after.filter(pc.invert(is_kept))
        counts = stage_tally(batch, kept, out, seconds)
        add(tally, {"stages": {config.label: counts}})
        for name in columns:
            found[name].append(after[name])
    is_open = pa.chunked_array(opened, pa.bool_()).combine_chunks()
    layer = {
        name: scattered(is_open, found[name], work.saved.field(name).type)
        for name in columns
    }
    is_dropped = pc.is_valid(layer["drop_reason"])
    nothing = pa.scalar(None, pa.string())
    layer |= {
        "id": pa.chunked_array(ids, pa.uint64()),
        "drop_stage": pc.if_else(is_dropped, config.label, nothing),
    }
    with outputs.parquet(work.name, work.saved, stem=part.name) as writer:
        writer.write_table(pa.table(layer).select(work.saved.names))
    return tally
