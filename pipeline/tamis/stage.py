"""The one contract every stage meets.

A stage is a pydantic config plus one function in the same module:

    read(config, ...)      a source: records of a split                 (read_warc)
    build(config)          a transform: RecordBatch -> RecordBatch      (most stages)
    run(config, ...)       a barrier: sees the whole data set           (deduplicate)

`build` runs once per worker, so that is where models are loaded; the function it
returns is called once per batch and owns no state that one batch leaves to the
next. A transform appends columns or fills `drop_reason`; it keeps rows and their
order. Rows with a reason leave the batch before the next stage.

A barrier that reads and writes what outlives the run has two more functions: `begin`,
whose outcome enters the fingerprint, and `conclude`, the last act of a run that is
complete (pipeline/tamis/stages/deduplicate.py).
"""

import sys
from collections.abc import Callable
from typing import Any, ClassVar, Literal

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict, Field

from tamis.errors import SchemaError
from tamis.text.word_column import WORDS

Transform = Callable[[pa.RecordBatch], pa.RecordBatch]
Kind = Literal["source", "transform", "barrier", "save"]

_FUNCTION_OF_KIND: dict[str, Kind] = {
    "read": "source",
    "build": "transform",
    "run": "barrier",
}


class StageConfig(BaseModel):
    """Settings of one entry of stages.yaml. Unknown keys are mistakes.

    A subclass that declares a field `languages`, `seed` or `storage_options` is
    given the recipe's where the entry does not set it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    # Raised by one whenever the same input and settings give other bytes.
    version: ClassVar[int] = 1
    # What `depends_on` gives, unless a setting decides.
    libraries: ClassVar[tuple[str, ...]] = ()
    # Fields that change how the work is done but not what comes out.
    not_fingerprinted: ClassVar[tuple[str, ...]] = ()
    # Written columns whose value counts belong in run.json; `rights.tdm` is a field.
    tallied: ClassVar[tuple[str, ...]] = ()

    stage: str
    prefix: str | None = Field(None, alias="as", pattern=r"^[a-z][a-z0-9]*$")

    def columns_read(self) -> tuple[str, ...]:
        """Columns that an earlier stage must have written."""
        return ()

    def fields_read(self) -> dict[str, tuple[str, ...]]:
        """Of struct columns among them: the fields that must be there."""
        return {}

    def columns_sorted(self) -> tuple[str, ...]:
        """Those it reads whose values it puts in order: no lists."""
        return ()

    def columns_written(self) -> pa.Schema:
        """Columns this stage appends (or replaces, where the name exists)."""
        return pa.schema([])

    def columns_removed(self) -> tuple[str, ...]:
        """Columns no later stage can see, such as `html` after extraction."""
        return ()

    def depends_on(self) -> tuple[str, ...]:
        """Distributions whose version the output depends on, as it is set up here."""
        return self.libraries

    def files(self) -> tuple[str, ...]:
        """Local files the settings name; their sha256 enters the fingerprint."""
        return ()

    def needs_whole_run(self) -> bool:
        """Whether `run` is asked and not `build`, where the module has both."""
        return False

    def own_pass_gpus(self) -> float | None:
        """GPUs of each task where the stage is a pass of its own; null: it is fused.

        Such a stage stands behind the last save, reads what is saved, text too, and
        writes columns that lie on it row for row.
        """
        return None

    def models(self) -> tuple[str, ...]:
        """Files whose sha256 run.json keeps: those of the recipe and packaged ones."""
        return self.files()

    @property
    def label(self) -> str:
        """What --set, the funnel and error messages call this entry."""
        return f"{self.prefix}.{self.stage}" if self.prefix else self.stage


def kind(config: StageConfig) -> Kind:
    """Which of the three functions the stage's module defines."""
    if config.stage == "save":
        return "save"
    module = sys.modules[type(config).__module__]
    kinds = [
        kind_
        for function, kind_ in _FUNCTION_OF_KIND.items()
        if hasattr(module, function)
    ]
    if kinds == ["transform", "barrier"]:
        return "barrier" if config.needs_whole_run() else "transform"
    if kinds:
        return kinds[0]
    raise SchemaError(f"{module.__name__} defines none of read, build, run")


def function_of(config: StageConfig) -> Callable[..., Any]:
    """`read`, `build` or `run` of the config's module."""
    module = sys.modules[type(config).__module__]
    names = {kind_: name for name, kind_ in _FUNCTION_OF_KIND.items()}
    function: Callable[..., Any] = getattr(module, names[kind(config)])
    return function


def build_transform(config: StageConfig) -> Transform:
    """The stage's transform, behind its prefix where it has one.

    That of a stage which needs the whole run is what it decides on a document alone.
    """
    transform: Transform = sys.modules[type(config).__module__].build(config)
    return transform if config.prefix is None else _prefixed(transform, config)


def drop(batch: pa.RecordBatch, reasons: pa.StringArray) -> pa.RecordBatch:
    """Return `batch` with `reasons` recorded for rows that have none yet.

    `reasons` has one entry per row; null keeps the row. The first stage to
    drop a document keeps the credit, so the funnel adds up.
    """
    column = batch.schema.get_field_index("drop_reason")
    merged = pc.coalesce(batch.column(column), reasons)
    return batch.set_column(column, "drop_reason", merged)


def with_columns(batch: pa.RecordBatch, columns: dict[str, pa.Array]) -> pa.RecordBatch:
    """Return `batch` with `columns` appended, or replaced where the name exists.

    A new `text` takes the words of the one before it along.
    """
    if "text" in columns and WORDS in batch.schema.names:
        batch = batch.drop_columns([WORDS])
    for name, values in columns.items():
        position = batch.schema.get_field_index(name)
        field = pa.field(name, values.type)
        if position < 0:
            batch = batch.append_column(field, values)
        else:
            batch = batch.set_column(position, field, values)
    return batch


def _prefixed(transform: Transform, config: StageConfig) -> Transform:
    """Show the stage `raw_language` as `language`, and write it back under its prefix."""
    prefix = f"{config.prefix}_"
    names = {*config.columns_read(), *config.columns_written().names}
    written = set(config.columns_written().names)

    def prefixed(batch: pa.RecordBatch) -> pa.RecordBatch:
        present = set(batch.schema.names)
        shown = {
            name: batch[prefix + name] for name in names if prefix + name in present
        }
        result = transform(with_columns(batch, shown))
        batch = batch.set_column(
            batch.schema.get_field_index("drop_reason"),
            "drop_reason",
            result["drop_reason"],
        )
        return with_columns(batch, {prefix + name: result[name] for name in written})

    return prefixed
