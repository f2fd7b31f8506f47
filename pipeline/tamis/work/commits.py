"""Commit records, which list the files that a task publishes.

A task writes files and then, at its end, one small JSON record under commits/ that
lists exactly what it publishes. If the record exists, the task is finished. Its name
has the fingerprint of everything that the outcome depends on, so a later run skips the
task or, if a setting changed, does not find the record.

    commits/GROUP/KEY-FINGERPRINT.json
    {"digest", "key", "fingerprint", "files": [{"dataset", "path", "rows", "bytes"}],
     "tally", "replaced_by"}

A record that is not as it was written counts as none (`tamis.storage.records`). Where
records are, and how the driver gathers them: `tamis.work.ledger`.

Later passes and barriers read a `Part` (`tamis.documents.parts`), made of the files of
such records.

Records are created exclusively: if two workers finish the same task (for example one
left by a killed driver), the first record counts and the second worker uses it.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Annotated, Any

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field, TypeAdapter, with_config

from tamis.errors import DamagedFile
from tamis.storage import Storage
from tamis.storage.parquet import parquet_writer

Counts = dict[str, int]
"""What a task counted, by name."""

# Marks of a worker that has no document: if it dies, no document caused it.
STARTED = {"at": "started"}
LOADING = {"at": "loading"}
READING = {"at": "reading"}


Count = Annotated[int, Field(ge=0)]


@with_config(extra="forbid")
@dataclass(frozen=True)
class File:
    """A published file: its data set, its name in the storage, rows and size."""

    dataset: str
    path: str
    rows: Count
    bytes: Count


@with_config(extra="forbid")
@dataclass(frozen=True)
class Commit:
    """What a finished task published. `replaced_by`: tasks that replace it, if any.

    `fetched`: bytes that came from stores and web servers, of a task that has just ended;
    records do not have it.
    """

    key: str
    fingerprint: str
    files: tuple[File, ...] = ()
    tally: Mapping[str, Any] = field(default_factory=dict)
    replaced_by: tuple[str, ...] = ()
    fetched: Count = 0

    def of(self, dataset: str) -> tuple[File, ...]:
        return tuple(file for file in self.files if file.dataset == dataset)


_MARK = TypeAdapter(dict[str, Any])


class Outputs:
    """What a task publishes. The commit record lists the files in the order written.

    `deaths` is the number of workers that died with this task. After one it may `mark`
    where it is, so that the next death shows which document to try alone.
    """

    def __init__(
        self, storage: Storage, key: str, fingerprint: str = "", deaths: int = 0
    ) -> None:
        self.storage = storage
        self.key = key
        self.deaths = deaths
        self.files: list[File] = []
        self.fingerprint = fingerprint
        self._mark_name = mark_name(key, fingerprint)

    def mark(self, place: Any) -> None:
        """Store `place`, a JSON value, in case the worker dies now."""
        self.storage.write_record(self._mark_name, place)

    def unmark(self) -> None:
        """Remove the mark: the worker lives."""
        self.storage.remove([self._mark_name])

    @contextmanager
    def parquet(
        self, dataset: str, schema: pa.Schema, stem: str = "", **options: Any
    ) -> Iterator[pq.ParquetWriter]:
        """A zstd Parquet file of `dataset`; `stem` defaults to the task's key."""
        with self.storage.writer(dataset, stem or self.key, ".parquet") as written:
            # Hashes are all different: a dictionary of them costs a quarter more bytes
            # and ten times the time to read one column.
            repeating = [f.name for f in schema if pa.types.is_string(f.type)]
            settings = {"use_dictionary": repeating, **options}
            with parquet_writer(str(written.temporary), schema, **settings) as writer:
                yield writer
            rows = pq.read_metadata(str(written.temporary)).num_rows
        self.files.append(File(dataset, written.name, rows, written.bytes))

    @contextmanager
    def binary(self, dataset: str, suffix: str, rows: int = 0) -> Iterator[str]:
        """Any other file: yields a local path to fill."""
        with self.storage.writer(dataset, self.key, suffix) as written:
            yield str(written.temporary)
        self.files.append(File(dataset, written.name, rows, written.bytes))


class Rehearsal(Outputs):
    """The outputs of a task that is only tried: it marks where it is, and writes nothing."""

    @contextmanager
    def parquet(
        self, dataset: str, schema: pa.Schema, stem: str = "", **options: Any
    ) -> Iterator[pq.ParquetWriter]:
        with pq.ParquetWriter(pa.BufferOutputStream(), schema) as writer:
            yield writer


def last_mark(storage: Storage, key: str, fingerprint: str) -> Any:
    """What a worker marked last; null if nothing, or nothing that can be read."""
    name = mark_name(key, fingerprint)
    try:
        return storage.read_record(name, _MARK) if storage.exists(name) else None
    except DamagedFile:
        return None


def fingerprint_of(*parts: Any) -> str:
    """16 hex digits that differ when any part does. Parts are JSON values."""
    content = json.dumps(parts, sort_keys=True, separators=(",", ":")).encode()
    return hashlib.sha256(content).hexdigest()[:16]


def record_name(group: str, key: str, fingerprint: str) -> str:
    """Path of a task's commit record."""
    return f"commits/{group}/{key}-{fingerprint}.json"


def mark_name(key: str, fingerprint: str) -> str:
    """Path of the mark of a worker that may die."""
    return f"work/marks/{key}-{fingerprint}.json"
