"""A task of a pass: stages in a row, batch by batch.

A batch goes through all stages before the next one is read, so that a task's memory is
that of a few batches. Rows that a stage drops leave the batch at once.
"""

import time
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tamis.documents.parts import SavedRows, with_layer
from tamis.errors import SchemaError
from tamis.interrupts import stop_if_asked
from tamis.runner.dropped.rows import DroppedRows
from tamis.runner.passes.work import (
    Crashes,
    PassWork,
    _applied,
    transforms_of,
)
from tamis.runner.tally import add, column_tally, source_tally, stage_tally
from tamis.stage import StageConfig, drop, function_of
from tamis.stages.read_warc import Reading
from tamis.work.commits import LOADING, READING, Outputs

_ROW_GROUP_BYTES = 32 << 20


_FILE_BATCH_ROWS = 256


def run_split(
    outputs: Outputs,
    work: PassWork,
    source: StageConfig,
    split: Any,
    crashes: Crashes = (),
) -> dict[str, Any]:
    """Read one split of an archive and take its records through the pass."""
    reading = Reading()
    batches = function_of(source)(source, split, reading)
    tally = _drive(outputs, work, batches, crashes, source=source.label)
    return {
        **tally,
        "source": source_tally(reading),
        "split": [split.start, split.stop, split.exact, crashes],
    }


def run_file(
    outputs: Outputs, work: PassWork, source: SavedRows, crashes: Crashes = ()
) -> dict[str, Any]:
    """Take rows of a saved file through the pass; what barriers said of them first."""
    batches = source.batches(outputs.storage, _FILE_BATCH_ROWS)
    layers = [label for label, _ in source.layers]
    return _drive(
        outputs, work, batches, crashes, layers=layers, first_row=source.start
    )


def _drive(
    outputs: Outputs,
    work: PassWork,
    batches: Iterator[pa.RecordBatch],
    crashes: Crashes,
    source: str | None = None,
    layers: Sequence[str | None] = (),
    first_row: int = 0,
) -> dict[str, Any]:
    """Save what survives all stages; publish what does not, with its reasons."""
    if work.saved is None:
        raise SchemaError(f"pass {work.name} saves nothing")
    # After a death it goes one document at a time and says where it is.
    careful = outputs.deaths > 0
    if careful:
        outputs.mark(LOADING)
    dropped = DroppedRows(work.signals, keep_text=work.keep_dropped_text)
    chain = _Chain(work, dropped, crashes, layers)
    row = first_row
    with outputs.parquet(work.name, work.saved) as writer:
        waiting: list[pa.RecordBatch] = []
        if careful:
            outputs.mark(READING)
        for batch, seconds in _timed(batches):
            if source:
                batch = chain.settle(batch, batch, source, seconds)
            for rows in _singles(batch) if careful else [batch]:
                kept = chain.through(rows, (outputs, row) if careful else None)
                row += rows.num_rows
                if kept.num_rows:
                    waiting.append(_as_saved(kept, work.saved))
            if careful:
                outputs.mark(READING)
            if sum(batch.nbytes for batch in waiting) >= _ROW_GROUP_BYTES:
                writer.write_table(pa.Table.from_batches(waiting))
                waiting = []
        if waiting:
            writer.write_table(pa.Table.from_batches(waiting))
    with outputs.parquet(f"commits/{work.name}", dropped.schema) as writer:
        writer.write_table(dropped.table())
    return chain.tally


class _Chain:
    """The transforms of a pass in a row, with what they counted and dropped.

    `layers` are the stages whose layers the batches bring along.
    """

    def __init__(
        self,
        work: PassWork,
        dropped: DroppedRows,
        crashes: Crashes,
        layers: Sequence[str | None],
    ) -> None:
        self.tally: dict[str, Any] = {}
        self._stages = list(zip(work.stages, transforms_of(work), strict=True))
        self._dropped = dropped
        self._crashes = crashes
        self._layers = layers

    def through(
        self, batch: pa.RecordBatch, marker: tuple[Outputs, int] | None
    ) -> pa.RecordBatch:
        """The rows that no stage drops, with the columns of all stages."""
        for number, label in enumerate(self._layers):
            batch = self._lay(batch, number, label)
        for config, transform in self._stages:
            stop_if_asked()
            batch = self._without_crashed(batch, config.label)
            if batch.num_rows == 0:
                break
            if marker:
                outputs, row = marker
                place = {"row": row, "stage": config.label}
                for name, column in (("id", "id"), ("offset", "warc_offset")):
                    place[name] = batch[column][0].as_py()
                outputs.mark(place)
            start = time.perf_counter()
            after = _applied(config, transform, batch)
            seconds = time.perf_counter() - start
            if after.num_rows != batch.num_rows:
                raise SchemaError(
                    f"stage {config.label}: {batch.num_rows} rows went in, "
                    f"{after.num_rows} came out"
                )
            # A page is no use behind its extraction, and every filter would copy it.
            after = after.drop_columns(list(config.columns_removed()))
            batch = self.settle(batch, after, config.label, seconds)
            prefix = f"{config.prefix}_" if config.prefix else ""
            tallied = [prefix + name for name in config.tallied]
            add(self.tally, {"columns": column_tally(batch, tallied)})
        return batch

    def _without_crashed(self, batch: pa.RecordBatch, stage: str) -> pa.RecordBatch:
        """The rows that `stage` may be given; those that killed a worker in it drop."""
        doomed = [id_ for id_, where in self._crashes if where == stage]
        if not doomed or batch.num_rows == 0:
            return batch
        is_doomed = pc.is_in(batch["id"], pa.array(doomed, pa.uint64()))
        out = batch.filter(is_doomed)
        reasons = pa.array(["worker_crash"] * out.num_rows, pa.string())
        self.settle(out, drop(out, reasons), stage, 0.0)
        return batch.filter(pc.invert(is_doomed))

    def _lay(
        self, batch: pa.RecordBatch, number: int, label: str | None
    ) -> pa.RecordBatch:
        """What a barrier, or a column pass (no label), said of the rows, as its work."""
        before, after, layer = with_layer(batch, number)
        if label is not None:
            return self.settle(before, after, label, 0.0)
        # Its task has counted already, and its rows name the stage.
        has_reason = pc.is_valid(after["drop_reason"])
        for stage in pc.unique(layer["drop_stage"].filter(has_reason)).to_pylist():
            is_of_stage = pc.equal(layer["drop_stage"], stage)
            self._dropped.take(after.filter(is_of_stage.fill_null(False)), stage)
        return after.filter(pc.invert(has_reason))

    def settle(
        self, before: pa.RecordBatch, after: pa.RecordBatch, stage: str, seconds: float
    ) -> pa.RecordBatch:
        """Count the stage, take out the rows with a reason, and return the others."""
        has_reason = pc.is_valid(after["drop_reason"])
        out = after.filter(has_reason)
        # Nothing was dropped: the same buffers, not a copy of them.
        kept = after.filter(pc.invert(has_reason)) if out.num_rows else after
        counts = stage_tally(before, kept, out, seconds)
        add(self.tally, {"stages": {stage: counts}})
        self._dropped.take(out, stage)
        return kept


def _timed(
    batches: Iterator[pa.RecordBatch],
) -> Iterator[tuple[pa.RecordBatch, float]]:
    """Each batch with the seconds it took to read."""
    while True:
        start = time.perf_counter()
        batch = next(batches, None)
        if batch is None:
            return
        yield batch, time.perf_counter() - start


def _singles(batch: pa.RecordBatch) -> list[pa.RecordBatch]:
    return [batch.slice(row, 1) for row in range(batch.num_rows)]


def _as_saved(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """The columns to publish, in their order. Raises SchemaError where one is wrong."""
    for field in schema:
        found = (
            batch.schema.field(field.name).type
            if field.name in batch.schema.names
            else None
        )
        if found != field.type:
            raise SchemaError(
                f"column {field.name!r}: declared {field.type}, found {found}"
            )
    return batch.select(schema.names).cast(schema)
