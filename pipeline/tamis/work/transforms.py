"""Apply transforms to a batch, one after the other.

The passes of a run, `tamis.apply`, `tamis explain` and the bounds of a top share all
use one function, `through`. It checks what a stage returns, names the stage in an
error, reacts to Ctrl-C, and removes the rows that a stage drops from the batch.
"""

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from tamis.errors import SchemaError, TamisError
from tamis.interrupts import stop_if_asked
from tamis.panics import panics_are_errors
from tamis.stage import BatchFunction, Transform, batch_function, column_of
from tamis.tally import StageTally, stage_tally
from tamis.work.tasks import STAGE_NOTE

Chain = tuple[tuple[Transform, BatchFunction], ...]

# Removes rows before a stage is given them.
Admit = Callable[[Transform, pa.RecordBatch], pa.RecordBatch]


class Applied(NamedTuple):
    """One stage's work on a batch.

    before   the rows that it was given
    after    the same rows in the same order, with what it wrote
    kept     those of `after` without a reason, the batch of the next stage
    dropped  those with one
    """

    stage: Transform
    before: pa.RecordBatch
    after: pa.RecordBatch
    kept: pa.RecordBatch
    dropped: pa.RecordBatch
    seconds: float

    @property
    def tally(self) -> StageTally:
        return stage_tally(self.before, self.kept, self.dropped, seconds=self.seconds)


def chain_of(stages: Sequence[Transform]) -> Chain:
    """The stages with their functions; models load here.

    Raises SchemaError, which names the stage, if a file cannot be read.
    """
    chain = []
    for stage in stages:
        try:
            with panics_are_errors():
                chain.append((stage, batch_function(stage)))
        except TamisError:
            raise
        except OSError as error:
            raise SchemaError(f"stage {stage.label}: {error}") from error
    return tuple(chain)


def through(
    chain: Chain,
    batch: pa.RecordBatch,
    see: Callable[[Applied], None],
    *,
    admit: Admit | None = None,
) -> pa.RecordBatch:
    """The rows that no stage drops, with the columns of all stages.

    `see` is called with the work of each stage, as long as rows are left. An exception
    of a stage gets the stage's name as a note. Raises SchemaError for a stage that
    changes the number of rows or removes `drop_reason`.
    """
    for stage, function in chain:
        stop_if_asked()
        if admit is not None:
            batch = admit(stage, batch)
        if batch.num_rows == 0:
            break
        start = time.perf_counter()
        after = _checked(stage, function, batch)
        seconds = time.perf_counter() - start
        # A page is not needed after its extraction, and every filter would copy it.
        present = set(after.schema.names)
        after = after.drop_columns([n for n in stage.columns_removed() if n in present])
        kept, dropped = kept_and_dropped(after)
        see(Applied(stage, batch, after, kept, dropped, seconds))
        batch = kept
    return batch


def kept_and_dropped(batch: pa.RecordBatch) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    """The rows without a reason, and those with one."""
    has_reason = pc.is_valid(column_of(batch, "drop_reason"))
    dropped = batch.filter(has_reason)
    # Nothing dropped: return the same buffers instead of a copy.
    kept = batch.filter(pc.invert(has_reason)) if dropped.num_rows else batch
    return kept, dropped


def _checked(
    stage: Transform, function: BatchFunction, batch: pa.RecordBatch
) -> pa.RecordBatch:
    try:
        with panics_are_errors():
            after = function(batch)
        if not isinstance(after, pa.RecordBatch):
            raise SchemaError(f"returned {type(after).__name__}, not a RecordBatch")
        if after.num_rows != batch.num_rows:
            raise SchemaError(
                f"{batch.num_rows} rows went in, {after.num_rows} came out"
            )
        column_of(after, "drop_reason")
    except SchemaError as error:
        raise SchemaError(f"stage {stage.label}: {error}") from error
    except Exception as error:
        error.add_note(f"{STAGE_NOTE}{stage.label}")
        raise
    return after
