"""A task of a pass that saves documents: all stages in order, batch by batch.

A batch goes through all stages before the next one is read, so that a task needs the
memory of a few batches. Rows that a stage drops are removed from the batch at once.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tamis.denials.matching import DENIED, LEFT, Denied, Mask, emptied
from tamis.denials.state import denied_at
from tamis.documents.parts import SavedRows, with_layer
from tamis.errors import SchemaError
from tamis.runner.dropped.rows import DroppedRows
from tamis.runner.passes.work import Crashes, PassWork, chain_for
from tamis.stage import Source, Stage, Transform, drop
from tamis.tally import Tally, add, column_tally, source_tally, stage_tally
from tamis.warc.reading import Reading
from tamis.warc.splits import Split
from tamis.work import pulse
from tamis.work.commits import LOADING, READING, Outputs
from tamis.work.transforms import Applied, kept_and_dropped, through

_ROW_GROUP_BYTES = 32 << 20
_FILE_BATCH_ROWS = 256
# Of batches that small inputs are gathered to.
_BATCH_ROWS = 64
_BATCH_BYTES = 16 << 20


def run_split(
    outputs: Outputs,
    work: PassWork,
    source: Source,
    splits: Sequence[Split],
    crashes: Crashes = (),
    only: int | None = None,
) -> Tally:
    """Read one split of an input, or several whole inputs, and take their documents
    through the pass.

    `only` the one of this id, if it is given: the others are not even counted.
    """
    account = _Account.of(work)
    denied = denied_at(work.denied) if work.denied else None
    readings = [Reading() for _ in splits]
    batches = (
        account.of_source(source, batch, seconds, denied)
        for batch, seconds in _together(
            _timed(source.read(split, reading))
            for split, reading in zip(splits, readings, strict=True)
        )
    )
    if only is not None:
        own = pa.scalar(only, pa.uint64())  # half of all ids are no int64
        batches = (batch.filter(pc.equal(batch["id"], own)) for batch in batches)
    starts, length = {}, 0
    for split in splits:
        starts[split.warc_path] = length - split.start
        length += max(1, split.stop - split.start)

    def share(batch: pa.RecordBatch, rows: int) -> float:
        last = batch.slice(batch.num_rows - 1)
        start = starts.get(last["warc_path"][0].as_py(), 0)
        at = (
            last["warc_offset"][0].as_py() or 0
        )  # of a row, not of a byte, in some files
        return min(1.0, max(0.0, float(start + at) / length))

    _drive(outputs, work, batches, account=account, crashes=crashes, share=share)
    found = account.tally
    for split, reading in zip(splits, readings, strict=True):
        own_tally = source_tally(reading)
        add(found, {"source": own_tally})
        if reading.records_lost or reading.bytes_lost:
            found.setdefault("lossy", {})[split.name] = own_tally
    if len(splits) == 1:
        (split,) = splits
        found["split"] = (split.start, split.stop, split.exact, list(crashes))
    return found


def _together(
    sources: Iterable[Iterable[tuple[pa.RecordBatch, float]]],
) -> Iterator[tuple[pa.RecordBatch, float]]:
    """The batches, and the seconds each took to read; small ones of several inputs as one."""
    waiting: list[pa.RecordBatch] = []
    seconds = 0.0
    for batch, took in chain.from_iterable(sources):
        rows = sum(one.num_rows for one in waiting) + batch.num_rows
        size = sum(one.nbytes for one in waiting) + batch.nbytes
        if waiting and (rows > _BATCH_ROWS or size > _BATCH_BYTES):
            yield _one(waiting), seconds
            waiting, seconds = [], 0.0
        waiting.append(batch)
        seconds += took
    if waiting:
        yield _one(waiting), seconds


def _one(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    return batches[0] if len(batches) == 1 else pa.concat_batches(batches)


def run_file(
    outputs: Outputs, work: PassWork, rows: SavedRows, crashes: Crashes = ()
) -> Tally:
    """Take rows of a saved file through their layers, then through the pass."""
    account = _Account.of(work)
    labels = [label for label, _ in rows.layers]
    batches = rows.batches(outputs.storage, _FILE_BATCH_ROWS)
    _drive(
        outputs,
        work,
        batches,
        account=account,
        crashes=crashes,
        layers=labels,
        first_row=rows.start,
        share=lambda batch, row: (row - rows.start) / (rows.stop - rows.start),
        forgotten=denied_at(work.denied) if work.denied else None,
    )
    return account.tally


def _drive(
    outputs: Outputs,
    work: PassWork,
    batches: Iterator[pa.RecordBatch],
    *,
    account: "_Account",
    crashes: Crashes,
    share: Callable[[pa.RecordBatch, int], float],
    layers: Sequence[str | None] = (),
    first_row: int = 0,
    forgotten: Denied | None = None,
) -> None:
    """Save the rows that no stage drops; publish the others, with their reasons.

    `layers` are the stages whose layers the batches contain. `share` says how much is
    done after a batch that ends before a row. `forgotten`: of saved rows, of which
    nothing may be left.
    """
    # After a worker died, take one document at a time and mark where it is.
    careful = outputs.deaths > 0
    if careful:
        outputs.mark(LOADING)
    transforms = chain_for(work)
    row = first_row

    def admit(stage: Transform, batch: pa.RecordBatch) -> pa.RecordBatch:
        batch = account.without_crashed(batch, stage, crashes)
        if careful and batch.num_rows:
            outputs.mark(_place(batch, row, stage))
        return batch

    with (
        # Entered first and so closed last: the save is the first file of the commit.
        outputs.parquet(f"commits/{work.name}", account.dropped.schema) as out,
        outputs.parquet(work.name, work.saved) as writer,
    ):
        waiting: list[pa.RecordBatch] = []
        if careful:
            outputs.mark(READING)
        for batch in batches:
            for rows in _singles(batch) if careful else [batch]:
                kept = rows
                for number, label in enumerate(layers):
                    kept = account.of_layer(kept, number, label)
                if forgotten is not None and transforms:
                    kept = account.without_denied(kept, transforms[0][0], forgotten)
                kept = through(transforms, kept, account.of_stage, admit=admit)
                row += rows.num_rows
                if kept.num_rows:
                    waiting.append(_as_saved(kept, work.saved))
            if batch.num_rows:
                pulse.advance(batch.num_rows, share(batch, row))
            if careful:
                outputs.mark(READING)
            if sum(batch.nbytes for batch in waiting) >= _ROW_GROUP_BYTES:
                writer.write_table(pa.Table.from_batches(waiting))
                waiting = []
            account.dropped.write(out, from_bytes=_ROW_GROUP_BYTES)
        if waiting:
            writer.write_table(pa.Table.from_batches(waiting))
        account.dropped.write(out)


@dataclass
class _Account:
    """What a task counted, and the rows that it dropped."""

    dropped: DroppedRows
    tally: Tally = field(default_factory=Tally)

    @classmethod
    def of(cls, work: PassWork) -> "_Account":
        return cls(DroppedRows(work.signals, keep_text=work.keep_dropped_text))

    def of_stage(self, step: Applied) -> None:
        """One stage's work on one batch."""
        stage = step.stage
        add(self.tally, {"stages": {stage.label: step.tally}})
        self.dropped.take(step.dropped, stage.label)
        prefix = f"{stage.prefix}_" if stage.prefix else ""
        names = [prefix + name for name in stage.tallied]
        add(self.tally, {"columns": column_tally(step.kept, names)})
        if stage.tallied_dropped and step.dropped.num_rows:
            names = [prefix + name for name in stage.tallied_dropped]
            add(self.tally, {"columns_dropped": column_tally(step.dropped, names)})

    def of_source(
        self,
        source: Source,
        batch: pa.RecordBatch,
        seconds: float,
        denied: Denied | None,
    ) -> pa.RecordBatch:
        """Count what the source read and dropped; returns the rest.

        Denied documents are dropped here, and nothing of them is kept but their host.
        """
        after = batch
        if denied is not None:
            is_denied = denied.rows(batch)
            if is_denied.any():
                after = drop(
                    emptied(batch, is_denied, left=(*LEFT, "drop_reason")),
                    _reasons(is_denied),
                )
        return self._settled(batch, after, source.label, seconds=seconds)

    def of_layer(
        self, batch: pa.RecordBatch, number: int, label: str | None
    ) -> pa.RecordBatch:
        """Apply and count what a barrier, or a column pass (no label), decided."""
        before, after, layer = with_layer(batch, number)
        if label is not None:
            return self._settled(before, after, label)
        # The task of the column pass has counted already, and its rows name the stage.
        kept, dropped = kept_and_dropped(after)
        stages = layer["drop_stage"].filter(pc.is_valid(after["drop_reason"]))
        for stage in pc.unique(stages).to_pylist():
            is_of_stage = pc.equal(stages, stage).fill_null(False)
            self.dropped.take(dropped.filter(is_of_stage), stage)
        return kept

    def without_crashed(
        self, batch: pa.RecordBatch, stage: Stage, crashes: Crashes
    ) -> pa.RecordBatch:
        """The rows without those that killed a worker in the stage, which are dropped."""
        doomed = [id_ for id_, where in crashes if where == stage.label]
        if not doomed or batch.num_rows == 0:
            return batch
        is_doomed = pc.is_in(batch["id"], pa.array(doomed, pa.uint64()))
        out = batch.filter(is_doomed)
        reasons = pa.array(["worker_crash"] * out.num_rows, pa.string())
        self._settled(out, drop(out, reasons), stage.label)
        return batch.filter(pc.invert(is_doomed))

    def without_denied(
        self, batch: pa.RecordBatch, stage: Stage, denied: Denied
    ) -> pa.RecordBatch:
        """The rows without those that were forgotten, which the first stage drops."""
        is_denied = denied.by_id(batch["id"])
        if not is_denied.any():
            return batch
        out = batch.filter(pa.array(is_denied))
        self._settled(out, drop(out, _reasons(is_denied[is_denied])), stage.label)
        return batch.filter(pa.array(~is_denied))

    def _settled(
        self,
        before: pa.RecordBatch,
        after: pa.RecordBatch,
        label: str,
        *,
        seconds: float = 0.0,
    ) -> pa.RecordBatch:
        """Count a stage, keep the rows that it dropped, and return the others."""
        kept, dropped = kept_and_dropped(after)
        counts = stage_tally(before, kept, dropped, seconds=seconds)
        add(self.tally, {"stages": {label: counts}})
        self.dropped.take(dropped, label)
        return kept


def _reasons(is_denied: Mask) -> pa.StringArray:
    return pa.array(
        [DENIED if one else None for one in is_denied.tolist()], pa.string()
    )


def _place(batch: pa.RecordBatch, row: int, stage: Stage) -> dict[str, Any]:
    """The mark of a worker before a stage: the one document of the batch."""
    return {
        "row": row,
        "stage": stage.label,
        "id": batch["id"][0].as_py(),
        "url": batch["url"][0].as_py(),
        "warc_path": batch["warc_path"][0].as_py(),
        "offset": batch["warc_offset"][0].as_py(),
    }


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
    """The columns to publish, in their order. Raises SchemaError if one is wrong."""
    for column in schema:
        index = batch.schema.get_field_index(column.name)
        found = batch.schema.types[index] if index >= 0 else None
        if found != column.type:
            raise SchemaError(
                f"column {column.name!r}: declared {column.type}, found {found}"
            )
    return batch.select(schema.names).cast(schema)
