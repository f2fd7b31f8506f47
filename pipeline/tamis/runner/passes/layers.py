"""A task of a pass below the last save: a layer on a part, row for row.

A column pass reads columns and no text, and its layer holds decisions. An own pass has
one stage; it reads saved columns, also the text, and its layer holds what the stage
writes. Batches are cut from the part's first row on, and dropped rows are removed after
that, so that the documents of a batch depend neither on files nor on workers.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tamis.denials.state import denied_at
from tamis.documents.parts import Part
from tamis.runner.passes.work import PassWork, chain_for
from tamis.schema import DECISIONS
from tamis.tally import Tally, add
from tamis.work import pulse
from tamis.work.commits import Outputs
from tamis.work.transforms import Applied, through

_COLUMN_ROWS = 1 << 16
_TEXT_ROWS = 256
_ROW = "_row"


def run_layer(outputs: Outputs, work: PassWork, part: Part) -> Tally:
    """Write the part's layer: reason and stage of dropped rows, and new columns.

    The columns are those of `work.saved`, null for rows that were dropped before.
    """
    available = part.columns(outputs.storage)
    names = {"id", "drop_reason", *({"language", "text_chars"} & available)}
    for stage in work.stages:
        names |= stage.columns_needed(available)
    written = [name for name in work.saved.names if name not in DECISIONS.names]
    layer = _Layer(part.rows, written)
    chain = chain_for(work)
    # Rows that were forgotten have no text: a stage that reads texts is not given them.
    forgotten = denied_at(work.denied) if work.denied and "text" in names else None
    ids: list[pa.Array] = []
    first = 0
    rows = _TEXT_ROWS if written or "text" in names else _COLUMN_ROWS
    for batch in part.batches(outputs.storage, sorted(names), rows):
        ids.append(batch["id"])
        numbers = np.arange(first, first + batch.num_rows)
        first += batch.num_rows
        numbered = batch.append_column(_ROW, pa.array(numbers))
        is_given = np.asarray(pc.is_null(batch["drop_reason"]))
        if forgotten is not None:
            is_given = is_given & ~forgotten.by_id(batch["id"])
        through(chain, numbered.filter(pa.array(is_given)), layer.see)
        pulse.advance(batch.num_rows, first / part.rows)
    columns = {
        "id": pa.chunked_array(ids, pa.uint64()).combine_chunks(),
        "drop_reason": pa.array(layer.reasons, pa.string()),
        "drop_stage": pa.array(layer.stages, pa.string()),
        **{name: layer.column(name, work.saved.field(name).type) for name in written},
    }
    table = pa.table([columns[name] for name in work.saved.names], schema=work.saved)
    with outputs.parquet(work.name, work.saved, stem=part.name) as writer:
        writer.write_table(table)
    return layer.tally


class _Layer:
    """The results of the stages of a pass for the rows of a part."""

    def __init__(self, rows: int, written: Sequence[str]) -> None:
        self.tally: Tally = {}
        self.reasons: NDArray[np.object_] = np.full(rows, None, object)
        self.stages: NDArray[np.object_] = np.full(rows, None, object)
        self._rows: list[NDArray[np.int64]] = []
        self._found: dict[str, list[pa.Array]] = {name: [] for name in written}

    def see(self, step: Applied) -> None:
        add(self.tally, {"stages": {step.stage.label: step.tally}})
        out = step.dropped[_ROW].to_numpy()
        self.reasons[out] = step.dropped["drop_reason"].to_pylist()
        self.stages[out] = step.stage.label
        if self._found:
            self._rows.append(step.after[_ROW].to_numpy())
        for name, values in self._found.items():
            values.append(step.after[name])

    def column(self, name: str, type_: pa.DataType) -> pa.Array:
        """The values found, at their rows; null elsewhere."""
        total = len(self.reasons)
        place = np.full(total, -1, np.int64)
        rows = np.concatenate([np.empty(0, np.int64), *self._rows])
        place[rows] = np.arange(len(rows))
        flat: Any = pa.chunked_array(self._found[name], type_).combine_chunks()
        return flat.take(pa.array(place, mask=place < 0))
