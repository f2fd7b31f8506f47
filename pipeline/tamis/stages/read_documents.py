"""Read documents whose text is there already: of finished runs, or extracted elsewhere.

Writes provenance, text, text_chars, drop_reason; what `fields` and `carry` name, or with
       `runs` every column that the documents of these runs have
Drops  no_text, text_too_large

With `runs` the documents that these runs kept are read with all their signals, and nothing
is measured again. `before` names the stage at which they count as kept: a document that a
mix did not draw is one that the run kept.

Without `runs` the recipe's `input` names files of Parquet rows or of JSON lines, the latter
plain, or packed by gzip or zstd. A file is what its first bytes say. A line or a row group
that cannot be read is lost, and counted. Texts stay as they are, but for halves of
surrogate pairs. `id` becomes `record_id`. The document's own id is made of the file's name and
the row's place, so that two files that number their rows from one do not collide; with
`ids: own` it is the field's number of 64 bits, as Tamis wrote it.
"""

import json
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Annotated, Any, ClassVar, Literal, Self

import pyarrow as pa
import pyarrow.compute as pc
import xxhash
from pydantic import Field, PrivateAttr, field_validator, model_validator

from tamis import schema
from tamis.addresses import without_secrets
from tamis.documents.of_run import TABLES, InputTables, inputs_of
from tamis.documents.parts import Part
from tamis.errors import ConfigError, StorageError, nearest
from tamis.inputs import InputFile
from tamis.remote.opening import Access, about_input, open_input
from tamis.remote.retries import retries_made
from tamis.sizes import ByteSize
from tamis.stage import Placement, Source
from tamis.storage import Storage
from tamis.tabular.fields import (
    CARRIED,
    Fields,
    as_id,
    as_language,
    as_moment,
    as_short,
    as_text,
    carried,
    carried_as,
    column_name,
)
from tamis.tabular.rows import Row, rows_of
from tamis.tally import SUMMARY
from tamis.warc.document import domain_of, host_of
from tamis.warc.reading import Reading
from tamis.warc.record import Loss
from tamis.warc.splits import UNKNOWN_SIZE, Split
from tamis.work.commits import File

_PACKED = (".gz", ".zst", ".zstd")
# A line has other fields beside its text, and JSON spells characters with six bytes.
_LINE_TIMES_TEXT = 8
_BYTES_PER_DOCUMENT = 3_000
# Of a run's columns; what a barrier decided is no signal.
_NO_SIGNALS = ("drop_reason", "drop_stage", "text_cuts", "copies")
_NO_TEXT, _TOO_LARGE = "no_text", "text_too_large"
_OWN = pa.schema(
    [*schema.PROVENANCE, ("text", pa.string()), ("text_chars", pa.int32())]
)
_REASON = pa.field("drop_reason", pa.string())


class ReadDocuments(Source):
    """Which runs, or which fields of the rows of `input`. Sizes are bytes, or words.

    `carry` has fields that are carried along by their names and types: string, int64,
    float64 or bool; of a list every field is a string.
    """

    version: ClassVar[int] = 1
    path_settings: ClassVar[tuple[str, ...]] = ("runs",)
    not_fingerprinted: ClassVar[tuple[str, ...]] = (
        "split_bytes",
        "batch_documents",
        "batch_bytes",
        "requests_per_second",
    )

    runs: tuple[str, ...] = ()
    documents: Literal["kept", "all"] = "kept"
    before: str = "mix_corpus"
    fields: Fields = Fields()
    carry: dict[str, Literal["string", "int64", "float64", "bool"]] = Field({})
    max_text_bytes: Annotated[ByteSize, Field(ge=1, le=64 << 20)] = 3 << 20
    ids: Literal["made", "own"] = "made"
    # For rows that name no source.
    source: str | None = None
    split_bytes: ByteSize | None = None
    batch_documents: int = Field(64, ge=1)
    batch_bytes: Annotated[ByteSize, Field(le=1 << 30)] = 16 << 20
    requests_per_second: float | None = Field(None, gt=0)
    storage_options: dict[str, Any] = Field(default_factory=dict, repr=False)

    # Asked of the runs once, and taken along to workers.
    _columns: pa.Schema | None = PrivateAttr(None)
    # Not taken along: of many inputs they are large, and a split says what it reads.
    _known: dict[str, tuple[Any, list[InputTables]]] = PrivateAttr(default_factory=dict)

    def __getstate__(self) -> dict[Any, Any]:
        state = super().__getstate__()
        private = {**(state["__pydantic_private__"] or {}), "_known": {}}
        return {**state, "__pydantic_private__": private}

    @field_validator("runs", mode="before")
    @classmethod
    def _is_a_list(cls, runs: Any) -> Any:
        return [runs] if isinstance(runs, str) else runs

    @field_validator("carry", mode="before")
    @classmethod
    def _has_types(cls, carry: Any) -> Any:
        return dict.fromkeys(carry, "string") if isinstance(carry, list) else carry

    @model_validator(mode="after")
    def _is_one_of_both(self) -> Self:
        files = {
            "fields",
            "carry",
            "ids",
            "source",
            "split_bytes",
        } & self.model_fields_set
        if self.runs and files:
            raise ValueError(
                f"{min(files)} is for files of others; runs have their own columns"
            )
        if not self.runs and {"documents", "before"} & self.model_fields_set:
            raise ValueError("documents and before are for runs: name them in `runs`")
        if len(set(self.runs)) < len(self.runs):
            raise ValueError("runs: one of them is named twice")
        written = [column_name(path) for path in self.carry]
        known = {*_OWN.names, "drop_reason", "title", "language", "language_score"}
        for name in written:
            if name in known or written.count(name) > 1 or not name[0].isalpha():
                raise ValueError(
                    f"carry: {name!r} is a column already, or no name of one"
                )
        return self

    @property
    def names_inputs(self) -> bool:
        return bool(self.runs)

    def libraries(self) -> tuple[str, ...]:
        return ("publicsuffixlist",)

    def columns_written(self) -> pa.Schema:
        if not self.runs:
            return self._of_files()
        if self._columns is None:
            try:
                columns = _columns_of_runs(self)
            except (ConfigError, StorageError):
                return pa.schema([*_OWN, _REASON])  # `mistakes` says why
            self._columns = columns
        return self._columns

    def mistakes(self, placement: Placement) -> list[str]:
        if not self.runs:
            return list(self._written_again(placement))
        try:
            _columns_of_runs(self)
            labels = _labels_of_runs(self)
        except (ConfigError, StorageError) as error:
            return [f".runs: {error}"]
        if "before" in self.model_fields_set and self.before not in labels:
            known = ", ".join(sorted(labels)) or "none"
            hint = nearest(self.before, labels)
            return [
                f".before: no run has a layer of {self.before!r}{hint}; there are {known}"
            ]
        return []

    def _written_again(self, placement: Placement) -> Iterator[str]:
        """Columns of the files that a stage below would replace."""
        own = {column_name(path): f".carry.{path}" for path in self.carry}
        for name in ("language", "title"):
            if getattr(self.fields, name):
                own[name] = f".fields.{name}"
        for stage in placement.below:
            prefix = f"{stage.prefix}_" if stage.prefix else ""
            for name in stage.columns_written().names:
                if prefix + name in own:
                    setting = own.pop(prefix + name)
                    yield f"{setting}: {stage.label} writes it again: leave out one of them"

    def facts(self) -> list[str]:
        found = []
        for run in self.runs:
            tables = self._tables(run)
            rows = sum(sum(own.rows) for own in tables)
            found.append(
                f"{without_secrets(run)}: {rows:,} documents saved, "
                f"{len(tables):,} parts"
            )
        return found

    def inputs(self) -> list[InputFile]:
        found: dict[str, InputFile] = {}
        for run in self.runs:
            storage = Storage(run, self.storage_options)
            for tables in self._tables(run):
                part = _part(tables, self.before)
                if not part.rows:
                    continue
                file = _as_input(storage, part)
                other = found.setdefault(part.name, file)
                if other is not file:
                    raise ConfigError(
                        f"read_documents.runs: {without_secrets(other.path)} and "
                        f"{without_secrets(file.path)} are documents of one archive: "
                        f"leave one of the runs out"
                    )
        return list(found.values())

    def can_split(self, path: str) -> bool:
        return not self.runs and not path.endswith(_PACKED)

    def bytes_per_split(self) -> int | None:
        return self.split_bytes

    def bytes_per_document(self) -> int:
        return _BYTES_PER_DOCUMENT

    def requests_to_one_host(self) -> float | None:
        return self.requests_per_second

    def read(
        self, split: Split, reading: Reading | None = None
    ) -> Iterator[pa.RecordBatch]:
        """Batches of documents of one split. Raises InputError for a file that cannot be
        read, or has not the fields that it must have.
        """
        reading = Reading() if reading is None else reading
        before = retries_made()
        # Which rows a split has is certain: nothing is compared with its neighbours.
        reading.place.first_start, reading.place.next_start = split.start, split.stop
        batches = self._of_run(split) if self.runs else self._of_file(split, reading)
        for batch in batches:
            if self.runs:
                reading.records += batch.num_rows
                reading.admitted += batch.num_rows
            yield batch
        reading.retries = retries_made() - before

    def _tables(self, run: str) -> list[InputTables]:
        """The documents of a run; parsed once, unless it runs again meanwhile."""
        storage = Storage(run, self.storage_options)
        tags = storage.tag("run.json"), storage.tag(TABLES)
        known = self._known.get(run)
        if known is None or known[0] != tags:
            known = self._known[run] = tags, _tables(storage)
        return known[1]

    def _of_files(self) -> pa.Schema:
        more = [pa.field("title", pa.string())] if self.fields.title else []
        if self.fields.language:
            more.append(pa.field("language", pa.string()))
            more.append(pa.field("language_score", pa.float32()))
        along = [
            pa.field(column_name(path), CARRIED[kind])
            for path, kind in self.carry.items()
        ]
        return pa.schema([*_OWN, *more, *along, _REASON])

    def _of_file(self, split: Split, reading: Reading) -> Iterator[pa.RecordBatch]:
        access = Access(self.storage_options, self.requests_per_second, split.tasks)
        name = without_secrets(split.path)
        size, stop = split.size, split.stop
        if size == UNKNOWN_SIZE:
            size = about_input(split.path, access).size
            stop = min(stop, size)
        with open_input(
            split.path, access, size=size, stamp=split.etag, ranges=[(0, size)]
        ) as file:
            rows = rows_of(
                file,
                split.start,
                stop,
                size,
                fields=self.fields,
                carried=tuple(self.carry),
                most_bytes=self.max_text_bytes * _LINE_TIMES_TEXT,
                name=name,
            )
            make = partial(
                self._batch, split=split, reading=reading, schema=self._of_files()
            )
            waiting: list[Row] = []
            waiting_bytes = 0
            for row in rows:
                if isinstance(row, Loss):
                    reading.lose(row)
                    continue
                reading.records += 1
                reading.admitted += 1
                waiting.append(row)
                waiting_bytes += _size(row.values.get("text"))
                is_full = waiting_bytes >= self.batch_bytes
                if is_full or len(waiting) >= self.batch_documents:
                    yield make(waiting)
                    waiting, waiting_bytes = [], 0
            if waiting:
                yield make(waiting)

    def _batch(
        self, rows: list[Row], *, split: Split, reading: Reading, schema: pa.Schema
    ) -> pa.RecordBatch:
        found: dict[str, list[Any]] = {name: [] for name in _OWN.names}
        reasons: list[str | None] = []
        for row in rows:
            values = row.values
            text = as_text(values.get("text"))
            reason = _reason(text, self.max_text_bytes)
            url = as_short(values.get("url"))
            host = host_of(url)
            moment = as_moment(values.get("fetched_at"))
            reading.dates_unread += bool(self.fields.fetched_at) and moment is None
            place = f"{split.name}:{row.offset}".encode("utf-8", "surrogateescape")
            own_id = as_id(values.get("id")) if self.ids == "own" else None
            about: Mapping[str, Any] = {
                "id": xxhash.xxh3_64_intdigest(place) if own_id is None else own_id,
                "record_id": as_short(values.get("id")),
                "url": url,
                "host": host,
                "domain": domain_of(host),
                "fetched_at": moment,
                "crawl": as_short(values.get("source")) or self.source or split.crawl,
                "warc_path": split.warc_path or without_secrets(split.path),
                "warc_offset": row.offset,
                "warc_length": row.size,
                "text": text if reason is None else None,
                "text_chars": len(text) if text and reason is None else None,
            }
            for name, column in found.items():
                column.append(about.get(name))
            reasons.append(reason)
        columns: dict[str, Any] = {**found, "drop_reason": reasons}
        if self.fields.title:
            columns["title"] = [as_short(row.values.get("title")) for row in rows]
        if self.fields.language:
            languages = [as_language(row.values.get("language")) for row in rows]
            columns["language"] = languages
            columns["language_score"] = [
                None if one is None else 1.0 for one in languages
            ]
        for path, kind in self.carry.items():
            values_ = [row.values.get(carried_as(path)) for row in rows]
            columns[column_name(path)] = carried(values_, CARRIED[kind])
        arrays = [pa.array(columns[field.name], field.type) for field in schema]
        return pa.RecordBatch.from_arrays(arrays, schema=schema)

    def _of_run(self, split: Split) -> Iterator[pa.RecordBatch]:
        about = json.loads(split.about)
        storage = Storage(about["run"], self.storage_options)
        part = Part(
            split.name,
            "",
            tuple(File("", *file) for file in about["files"]),
            tuple(File("", *file) for file in about["layers"]),
        )
        columns = self.columns_written()
        there = part.columns(storage) | {"drop_reason"}
        names = [name for name in columns.names if name in there]
        for batch in part.batches(storage, names, self.batch_documents):
            if part.has_forgotten:
                batch = batch.filter(pc.is_valid(batch["warc_path"]))
            if self.documents == "kept":
                batch = batch.filter(pc.is_null(batch["drop_reason"]))
            if batch.num_rows == 0:
                continue
            nothing = pa.nulls(batch.num_rows)
            found = [
                batch[field.name] if field.name in there else nothing
                for field in columns
            ]
            found[columns.get_field_index("drop_reason")] = nothing
            arrays = [
                array.cast(field.type)
                for array, field in zip(found, columns, strict=True)
            ]
            yield pa.RecordBatch.from_arrays(arrays, schema=columns)


def _reason(text: str | None, most_bytes: int) -> str | None:
    if text is None or not text.strip():
        return _NO_TEXT
    is_short = 4 * len(text) <= most_bytes
    return None if is_short or len(text.encode()) <= most_bytes else _TOO_LARGE


def _size(text: Any) -> int:
    return len(text) if isinstance(text, str | bytes) else 0


def _tables(storage: Storage) -> list[InputTables]:
    """The documents of a run. Raises ConfigError for one that has not come to its end."""
    if not storage.exists("run.json"):
        raise ConfigError(f"{storage.shown}: no run has ended here")
    if not storage.read_record("run.json", SUMMARY)["complete"]:
        raise ConfigError(
            f"{storage.shown}: this run could not read all its inputs: repair them and "
            f"run it again"
        )
    return inputs_of(storage)


def _part(tables: InputTables, before: str) -> Part:
    """The documents of an input as they were before a stage, if the run had it."""
    labels = [label for label, _ in tables.layers]
    return tables.part(before if before in labels else None)


def _as_input(storage: Storage, part: Part) -> InputFile:
    about = {
        "run": storage.root,
        "files": [[file.path, file.rows, file.bytes] for file in part.files],
        "layers": [[file.path, file.rows, file.bytes] for file in part.layers],
    }
    size = sum(file.bytes for file in part.files)
    return InputFile(
        f"{storage.root}/{part.name}",
        part.name,
        size,
        stamp=part.fingerprint,
        about=json.dumps(about),
    )


def _columns_of_runs(stage: ReadDocuments) -> pa.Schema:
    """The columns of all runs: text and provenance first, then signals.

    Raises ConfigError for a run that has not ended, for one that has no texts, and for
    two that have a column of different types.
    """
    found: dict[str, tuple[pa.DataType, str]] = {}
    for run in stage.runs:
        storage = Storage(run, stage.storage_options)
        own = _columns_of(storage, stage._tables(run), stage.before)
        for name, kind in own.items():
            other, where = found.setdefault(name, (kind, storage.shown))
            if other != kind:
                raise ConfigError(
                    f"{storage.shown} has {name!r} as {kind}, and {where} as {other}: the "
                    f"recipes of these runs do not fit together"
                )
        missing = [name for name in _OWN.names if own and name not in own]
        if missing:
            hint = nearest(missing[0], list(own))
            raise ConfigError(f"{storage.shown} saved no {missing[0]!r}{hint}")
    fields = {name: pa.field(name, kind) for name, (kind, _) in found.items()}
    first = [fields.pop(name, _OWN.field(name)) for name in _OWN.names]
    return pa.schema([*first, *fields.values(), _REASON])


def _labels_of_runs(stage: ReadDocuments) -> set[str]:
    """The stages whose decisions on saved documents a run can do without."""
    return {
        label
        for run in stage.runs
        for own in stage._tables(run)[:1]
        for label, _ in own.layers
        if label
    }


def _columns_of(
    storage: Storage, tables: list[InputTables], before: str
) -> dict[str, pa.DataType]:
    """The columns of a run's documents, by its first part that has any."""
    found: dict[str, pa.DataType] = {}
    part = next((p for t in tables if (p := _part(t, before)).rows), None)
    for file in (*part.files[:1], *part.layers) if part else ():
        with storage.table(file.path) as opened:
            for field in opened.schema:
                found[field.name] = field.type
    return {name: kind for name, kind in found.items() if name not in _NO_SIGNALS}
