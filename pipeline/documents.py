"""Saved documents as later passes and barriers see them: parts and aligned layers.

A part holds the documents of one input file in offset order, however the file was
split, so that nothing computed from parts depends on splits. Passes of filters and
barriers do not rewrite documents: each adds a layer, a file aligned row for row.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.storage import Storage
from pipeline.tasks import File, fingerprint


@dataclass(frozen=True)
class Part:
    """The saved documents of one input file. Every layer has `id` and `drop_reason`."""

    name: str
    fingerprint: str
    files: tuple[File, ...]
    layers: tuple[File, ...] = ()

    @property
    def rows(self) -> int:
        return sum(file.rows for file in self.files)

    def read(self, storage: Storage, columns: Sequence[str]) -> pa.Table:
        """`columns` of every document in order, dropped ones too.

        `drop_reason` is that of the first layer that gave one; any other column
        comes from the newest layer that has it, else from the documents.
        """
        tables = [_read_columns(storage, file, columns) for file in self.files]
        table = pa.concat_tables(tables)
        reason = pa.chunked_array([pa.nulls(table.num_rows, pa.string())])
        for layer in self.layers:
            added = _read_columns(storage, layer, [*columns, "drop_reason"])
            reason = pc.coalesce(reason, added["drop_reason"])
            for name in set(added.column_names) - {"id", "drop_reason"}:
                table = _with_column(table, name, added[name])
        table = _with_column(table, "drop_reason", reason)
        return table.select(columns)

    def columns(self, storage: Storage) -> set[str]:
        """Names that `read` knows: the documents' and the layers'."""
        names: set[str] = set()
        for file in (self.files[0], *self.layers):
            with storage.open(file.path) as source:
                names.update(pq.ParquetFile(source).schema_arrow.names)
        return names

    def with_layer(self, layer: File, fingerprint_: str) -> "Part":
        """This part with one more aligned file on top."""
        name = fingerprint(self.fingerprint, fingerprint_)
        return Part(self.name, name, self.files, (*self.layers, layer))


@dataclass(frozen=True)
class Published:
    """What a barrier gives back: one layer per part, and the files it published.

    `files` are all tables that stay when the run is over, the layers not among them;
    what lies under work/ need not be named. `books` are JSON files, by name, that the
    run writes at its end: what they list is complete then.
    """

    layers: tuple[File, ...]
    files: tuple[File, ...] = ()
    books: dict[str, Any] = field(default_factory=dict)
    tally: dict[str, Any] = field(default_factory=dict)


def _read_columns(storage: Storage, file: File, columns: Sequence[str]) -> pa.Table:
    """`id` and those of `columns` that the file has."""
    with storage.open(file.path) as source:
        parquet = pq.ParquetFile(source)
        wanted = {"id", *columns}
        return parquet.read(
            columns=[name for name in parquet.schema_arrow.names if name in wanted]
        )


def _with_column(table: pa.Table, name: str, values: Any) -> pa.Table:
    if name in table.column_names:
        return table.set_column(table.column_names.index(name), name, values)
    return table.append_column(name, values)
