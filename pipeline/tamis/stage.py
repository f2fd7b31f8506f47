"""The contract of stages: what the planner and the runner need from them, as types.

A stage is a pydantic class; its fields are its settings in stages.yaml.

    Source     read(split, reading)        -> batches of documents
    Transform  build()                     -> a function from batch to batch, made once
                                              per worker: models load there
    Barrier    run(parts, tasks, begun)    -> a layer per part: sees the whole data set

The function of a transform appends columns or fills `drop_reason`. It keeps the rows
and their order, and has no state from batch to batch. Rows with a reason are removed
from the batch before the next stage.

A stage's name in a recipe is its class name in snake case: `FilterQuality` is
`filter_quality`. A subclass of a stage is a stage of its own, and several stages may share
a file.
"""

import inspect
import re
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import (
    Annotated,
    Any,
    ClassVar,
    Literal,
    NamedTuple,
    get_args,
    get_origin,
)

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict, Field, model_validator

from tamis.crawl_index.settings import Select
from tamis.documents.parts import Part, Published
from tamis.errors import SchemaError
from tamis.inputs import InputFile
from tamis.sizes import spelled
from tamis.stage_source import (
    SourceFile,
    class_from,
    remember_source,
    travelling_source,
)
from tamis.text.columns import WORDS
from tamis.warc.reading import Reading
from tamis.warc.splits import Split
from tamis.work.tasks import Tasks

BatchFunction = Callable[[pa.RecordBatch], pa.RecordBatch]
Kind = Literal["source", "transform", "barrier", "save"]

# What a barrier found when it began, as JSON values: it enters the fingerprint.
Begun = Mapping[str, Any]


class Bill(NamedTuple):
    """An estimate of what a stage needs for a number of documents.

    core_hours    of one core
    work_bytes    under work/ while it runs
    layer_bytes   in the output folder, permanently
    memory_bytes  of its largest task; 0 for no more than any pass needs
    index_bytes   added at most to an index outside the run
    other_way     what another setting would cost, in words
    """

    core_hours: float
    work_bytes: int = 0
    layer_bytes: int = 0
    memory_bytes: int = 0
    index_bytes: int = 0
    other_way: str = ""

    def stated(self) -> str:
        return (
            f"about {spelled(self.work_bytes)} under work/, {self.core_hours:.1f} core "
            f"hours, under {spelled(self.memory_bytes)} of memory in any task"
            f"{self.other_way and f' ({self.other_way})'}"
        )


class Resources(BaseModel):
    """What each task of a pass needs besides its core."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    gpu: Annotated[float, Field(ge=0)] = 0.0


@dataclass(frozen=True)
class Placement:
    """A stage's place in its recipe: the stages around it, the columns it is given.

    `languages` are the recipe's; empty if they are not known.
    """

    above: tuple["Stage", ...]
    below: tuple["Stage", ...]
    columns: Mapping[str, pa.DataType]
    output: str = ""
    languages: tuple[str, ...] = ()


class Stage(BaseModel):
    """Settings of one entry of stages.yaml. Unknown keys are mistakes.

    A subclass with a field `languages`, `seed` or `storage_options` is given the
    recipe's value where the entry does not set it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    # Increased by one whenever the same input and settings give other bytes.
    version: ClassVar[int] = 1
    # Settings that change how the work is done but not what comes out.
    not_fingerprinted: ClassVar[tuple[str, ...]] = ()
    # Written columns whose values run.json counts; `rights.tdm` is a field of a struct.
    tallied: ClassVar[tuple[str, ...]] = ()
    # Those whose values it also counts among the documents that this stage drops.
    tallied_dropped: ClassVar[tuple[str, ...]] = ()
    # Settings that are paths, `select.index` for one within another. A relative one is
    # relative to the recipe. The fingerprint has the content that `files` names instead.
    path_settings: ClassVar[tuple[str, ...]] = ()
    # Settings whose keys are languages: each must be one of the recipe's.
    language_settings: ClassVar[tuple[str, ...]] = ()
    # Folders of the output that belong to this stage: no `save:` can have their names.
    folders: ClassVar[tuple[str, ...]] = ()
    # Whether its columns describe the text, so that no stage below may change the text.
    describes_text: ClassVar[bool] = False

    # Whether a refresh applies it to each release, and not to the run of a crawl: what
    # it asks about changes.
    of_releases: ClassVar[bool] = False

    stage: str = ""
    prefix: str | None = Field(None, alias="as", pattern=r"^[a-z][a-z0-9]*$")

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        remember_source(cls)

    @model_validator(mode="before")
    @classmethod
    def _is_named(cls, settings: Any) -> Any:
        if isinstance(settings, dict) and not settings.get("stage"):
            return {**settings, "stage": cls.stage_name()}
        return settings

    @classmethod
    def stage_name(cls) -> str:
        """The name in a recipe: what the class's own field `stage` says, if it declares
        one (`stage: Literal["shout"]`), else the class name in snake case.
        """
        if "stage" in inspect.get_annotations(cls):
            declared = cls.model_fields["stage"]
            if not declared.is_required():
                return str(declared.default)
            if get_origin(declared.annotation) is Literal:
                return str(get_args(declared.annotation)[0])
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", cls.__name__).lower()

    @property
    def kind(self) -> Kind:
        raise SchemaError(
            f"{type(self).__name__} is no stage: derive from Source, Transform or Barrier"
        )

    @property
    def label(self) -> str:
        """The name of this entry for --set, in the funnel and in error messages."""
        return f"{self.prefix}.{self.stage}" if self.prefix else self.stage

    def columns_read(self) -> tuple[str, ...]:
        """Columns that an earlier stage must have written; `rights.tdm` is a field."""
        return ()

    def columns_written(self) -> pa.Schema:
        """Columns this stage appends, or replaces where the name exists."""
        return pa.schema([])

    def columns_removed(self) -> tuple[str, ...]:
        """Columns that no later stage can see, such as `html` after extraction."""
        return ()

    def libraries(self) -> tuple[str, ...]:
        """Distributions whose version the output depends on, with these settings."""
        return ()

    def kernel_uses(self) -> tuple[str, ...]:
        """Uses of `tamis.kernel_uses` that it needs beyond those of every recipe."""
        return ()

    def files(self) -> tuple[str, ...]:
        """Local files that the output depends on; the fingerprint has their sha256."""
        return ()

    def foreign_files(self) -> tuple[str, ...]:
        """Those of `files` that a library in C++ or Rust reads, and may crash on.

        A run opens them once in a process of its own, before any task (`try_files`).
        """
        return ()

    def try_files(self) -> None:
        """Open the files as a task would. Raises what a task would raise."""

    def depends_on(self) -> tuple[str, ...]:
        """What else the output depends on, such as names within the folders it reads."""
        return ()

    def facts(self) -> list[str]:
        """What `tamis check` shows of the files that it names, one line each.

        Raises ConfigError for a file that says nothing.
        """
        return []

    def dated(self) -> list[str]:
        """What run.json keeps of the files that it names: from when they are."""
        return []

    def held(self) -> dict[str, int]:
        """What run.json keeps of the files that it names: how much each thing has there."""
        return {}

    def mistakes(self, placement: Placement) -> list[str]:
        """Mistakes of this stage at this place of the recipe, one line each.

        A line that begins with a dot names a setting: `.index: is the output`.
        """
        return []

    def bill(self, documents: int, above: Sequence["Stage"]) -> Bill | None:
        """What so many documents will need; null if that is next to nothing."""
        return None

    def columns_needed(self, available: set[str]) -> set[str]:
        """`columns_read` by their names in tables that have the columns `available`.

        A name has this stage's prefix if such a column is available.
        """
        names = {name.partition(".")[0] for name in self.columns_read()}
        prefix = f"{self.prefix}_" if self.prefix else ""
        return {prefix + name if prefix + name in available else name for name in names}

    def __reduce__(self) -> Any:
        # Ray pickles stages. A worker cannot import a user's file by its name.
        source = travelling_source(type(self))
        if source is None:
            return super().__reduce__()
        return _restored, (source, self.model_dump())


class Source(Stage):
    """The first stage of a recipe: reads the documents of its inputs.

    Its columns are at least those of `tamis.schema.PROVENANCE` and `drop_reason`.
    """

    # Whether reading may begin at the `warc_offset` of any document. If not, a page that
    # kills its worker is left out by its id, and its split is read whole.
    has_byte_offsets: ClassVar[bool] = False

    @property
    def kind(self) -> Kind:
        return "source"

    @property
    def names_inputs(self) -> bool:
        """Whether its own settings say what is read, and not the recipe's `input`."""
        return False

    def inputs(self) -> list[InputFile]:
        """What its settings name, if `names_inputs`. Raises ConfigError."""
        return []

    def can_split(self, path: str) -> bool:
        """Whether reading may begin within the file. If not, it is one task."""
        return False

    def bytes_per_document(self) -> int:
        """About how many bytes of its files hold one document: for estimates."""
        # Measured over the 3,087 real pages of pages-dev*.warc.gz (103 MB of gzip) with
        # benchmarks/throughput.py: docs/benchmarks.md. A page of a crawl is smaller.
        return 33_000

    @abstractmethod
    def read(
        self, split: Split, reading: Reading | None = None
    ) -> Iterator[pa.RecordBatch]:
        """Batches of documents of one split, in file order; fills `reading` as it goes."""

    def bytes_per_split(self) -> int | None:
        """Bytes of file per task; null: the runner decides."""
        return None

    def requests_to_one_host(self) -> float | None:
        """Most requests per second, of all tasks together; null: the default."""
        return None

    def selection(self) -> Select | None:
        """Which records to read, as an index of the crawl names them; null: all."""
        return None

    def crawl_name(self) -> str | None:
        """The crawl of files whose paths do not name theirs."""
        return None


class Transform(Stage):
    """A stage that looks at one batch at a time and keeps its rows and their order."""

    @property
    def kind(self) -> Kind:
        return "transform"

    def try_files(self) -> None:
        self.build()

    @abstractmethod
    def build(self) -> BatchFunction:
        """Load what is expensive, and return the function for every batch."""

    def own_pass(self) -> Resources | None:
        """What its tasks need if it is a pass of its own; null: it is fused with others.

        Such a stage is below the last save. It reads saved columns, also the text, and
        writes columns that are aligned with the saved rows.
        """
        return None


class Barrier(Stage):
    """A stage that sees the whole data set: all rows that no earlier stage dropped."""

    @property
    def kind(self) -> Kind:
        return "barrier"

    def look_ahead(self, stages: Sequence[Stage]) -> None:
        """Raise ConfigError if something outside the run, as an index, does not fit it."""

    def begin(
        self,
        parts: Sequence[Part],
        tasks: Tasks,
        stages: Sequence[Stage],
        *,
        is_dry: bool,
    ) -> Begun | None:
        """What this stage reads besides its parts; null for nothing."""
        return None

    @abstractmethod
    def run(
        self, parts: Sequence[Part], tasks: Tasks, begun: Begun | None = None
    ) -> Published:
        """One layer per part, in the order of `parts`; `begun` is what `begin` gave."""

    def conclude(self, parts: Sequence[Part], tasks: Tasks, begun: Begun) -> None:
        """Called at the end of a complete run, if `begin` gave a value."""


def over_strings(value: Any, change: Callable[[str], str]) -> Any:
    """The value of a setting with each of its strings changed; keys stay."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list | tuple):
        return [over_strings(part, change) for part in value]
    if isinstance(value, dict):
        return {key: over_strings(part, change) for key, part in value.items()}
    return value


def _restored(source: SourceFile, settings: dict[str, Any]) -> Stage:
    """The stage, in a worker, from the text of the file that defines it."""
    stage: Stage = class_from(source).model_validate(settings)  # type: ignore[attr-defined]  # a Stage, by __reduce__
    return stage


def batch_function(stage: Transform) -> BatchFunction:
    """The stage's function; with a prefix it reads and writes prefixed columns."""
    function = stage.build()
    return function if stage.prefix is None else _prefixed(function, stage)


def drop(batch: pa.RecordBatch, reasons: pa.StringArray) -> pa.RecordBatch:
    """Return `batch` with `reasons` recorded for rows that have none yet.

    `reasons` has one entry per row; null keeps the row. Only the first stage that drops
    a document counts, so the funnel adds up. Raises SchemaError if the batch has no
    column `drop_reason`.
    """
    merged = pc.coalesce(column_of(batch, "drop_reason"), reasons)
    position = batch.schema.get_field_index("drop_reason")
    return batch.set_column(position, "drop_reason", merged)


def column_of(batch: pa.RecordBatch, name: str) -> pa.Array:
    """A column by its name. Raises SchemaError, which lists those that are there."""
    position = batch.schema.get_field_index(name)
    if position < 0:
        known = ", ".join(batch.schema.names)
        raise SchemaError(f"the batch has no column {name}; it has {known}")
    return batch.column(position)


def with_columns(batch: pa.RecordBatch, columns: dict[str, pa.Array]) -> pa.RecordBatch:
    """Return `batch` with `columns` appended, or replaced where the name exists.

    A new `text` removes the column of words, which belongs to the old text.
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


def _prefixed(function: BatchFunction, stage: Stage) -> BatchFunction:
    """A function that shows `raw_language` to the stage as `language`, and back."""
    prefix = f"{stage.prefix}_"
    written = set(stage.columns_written().names)
    read = {name.partition(".")[0] for name in stage.columns_read()}

    def prefixed(batch: pa.RecordBatch) -> pa.RecordBatch:
        present = set(batch.schema.names)
        shown = {
            name: batch[prefix + name]
            for name in read | written
            if prefix + name in present
        }
        result = function(with_columns(batch, shown))
        dropped = column_of(result, "drop_reason")
        return with_columns(
            batch,
            {
                "drop_reason": dropped,
                **{prefix + name: column_of(result, name) for name in written},
            },
        )

    return prefixed
