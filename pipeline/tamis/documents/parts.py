"""Saved documents as later passes and barriers see them: parts and aligned layers.

A part holds the documents of one input file, or of some small ones, in offset order,
however the file was split, so that nothing computed from parts depends on splits. Passes of filters and
barriers do not rewrite documents: each adds a layer, a file aligned row for row. A
layer that shortens texts says what to remove from them (`tamis.text.cuts`).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tamis.documents.rows import rows_of
from tamis.storage import Storage
from tamis.storage.parquet import first_name
from tamis.text.columns import CUTS
from tamis.work.commits import File, fingerprint_of

_BATCH_ROWS = 1024
_OF_LAYER = "layer {}"


@dataclass(frozen=True)
class Part:
    """The saved documents of one input file, or of some small ones.

    Every layer has `id` and `drop_reason`. `inputs` are the names of the files, if
    it is not one that has the part's.
    """

    name: str
    fingerprint: str
    files: tuple[File, ...]
    layers: tuple[File, ...] = ()
    inputs: tuple[str, ...] = ()

    @property
    def rows(self) -> int:
        return sum(file.rows for file in self.files)

    @property
    def has_forgotten(self) -> bool:
        """Whether rows of it were emptied by `tamis forget`: `warc_path` is null there."""
        return any(first_name(file.path) != file.path for file in self.files)

    @property
    def input_names(self) -> tuple[str, ...]:
        return self.inputs or (self.name,)

    def read(self, storage: Storage, columns: Sequence[str]) -> pa.Table:
        """`columns` of every document in order, also of dropped ones.

        `drop_reason` is from the first layer that has one; any other column is from the
        newest layer that has it, else from the documents.
        """
        tables = [_read_columns(storage, file, columns) for file in self.files]
        table = pa.concat_tables(tables)
        reason = pa.chunked_array([pa.nulls(table.num_rows, pa.string())])
        for layer in self.layers:
            added = _read_columns(storage, layer, _of_layer(columns))
            reason = pc.coalesce(reason, added["drop_reason"])
            if CUTS in added.column_names:
                table = _with_cuts(table, added[CUTS], _cut)
            for name in set(added.column_names) - {"id", "drop_reason", CUTS}:
                table = _with_column(table, name, added[name])
        table = _with_column(table, "drop_reason", reason)
        return table.select(columns)

    def batches(
        self, storage: Storage, columns: Sequence[str], rows: int = _BATCH_ROWS
    ) -> Iterator[pa.RecordBatch]:
        """The same as `read`, in batches of `rows`: for columns too large for memory."""
        every = [
            rows_of(storage, self.files, columns, start=0, stop=self.rows, size=rows),
            *(
                rows_of(
                    storage,
                    [layer],
                    _of_layer(columns),
                    start=0,
                    stop=self.rows,
                    size=rows,
                )
                for layer in self.layers
            ),
        ]
        for batch, *layers in zip(*every, strict=True):
            batch = batch.append_column(
                "drop_reason", pa.nulls(batch.num_rows, pa.string())
            )
            for layer in layers:
                batch = with_layer_applied(batch, layer)
            yield batch.select(columns)

    def columns(self, storage: Storage) -> set[str]:
        """Names of all columns that `read` can give: the documents' and the layers'."""
        names: set[str] = set()
        for file in (self.files[0], *self.layers):
            with storage.table(file.path) as parquet:
                names.update(parquet.schema.names)
        return names

    def with_layer(self, layer: File, fingerprint: str) -> "Part":
        """This part with one more layer."""
        name = fingerprint_of(self.fingerprint, fingerprint)
        return replace(self, fingerprint=name, layers=(*self.layers, layer))


@dataclass(frozen=True)
class Published:
    """What a barrier returns: one layer per part, and the files it published.

    `files` are all tables that stay after the run, without the layers and without files
    under work/. `manifests` are JSON files, by name, that the run writes at its end,
    when all that they list is complete.
    """

    layers: tuple[File, ...]
    files: tuple[File, ...] = ()
    manifests: dict[str, Any] = field(default_factory=dict)
    tally: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class SavedRows:
    """Rows [start, stop) of one saved file of a part, with the part's layers.

    `layers` has each layer with the stage that made it, null if its rows name the
    stage. `first` is the row of the layers at which the file begins.
    """

    file: File
    start: int
    stop: int
    layers: tuple[tuple[str | None, File], ...] = ()
    first: int = 0

    def batches(self, storage: Storage, rows: int) -> Iterator[pa.RecordBatch]:
        """The saved columns, an empty `drop_reason`, and a struct for each layer."""
        start, stop = self.first + self.start, self.first + self.stop
        every = [
            rows_of(
                storage, [self.file], None, start=self.start, stop=self.stop, size=rows
            ),
            *(
                rows_of(storage, [layer], None, start=start, stop=stop, size=rows)
                for _, layer in self.layers
            ),
        ]
        for batch, *layers in zip(*every, strict=True):
            batch = batch.append_column(
                "drop_reason", pa.nulls(batch.num_rows, pa.string())
            )
            for number, layer in enumerate(layers):
                batch = batch.append_column(
                    _OF_LAYER.format(number), layer.to_struct_array()
                )
            yield batch


def with_layer(
    batch: pa.RecordBatch, number: int
) -> tuple[pa.RecordBatch, pa.RecordBatch, pa.RecordBatch]:
    """A batch of SavedRows without its layer of that number and with it, and the layer."""
    name = _OF_LAYER.format(number)
    layer = pa.RecordBatch.from_struct_array(batch[name])
    before = batch.drop_columns([name])
    return before, with_layer_applied(before, layer), layer


def with_layer_applied(batch: pa.RecordBatch, layer: pa.RecordBatch) -> pa.RecordBatch:
    """`batch` with its layer applied: columns, cuts, first reasons."""
    from tamis.text.cuts import cut_texts

    for name in layer.schema.names:
        if name == "drop_reason":
            values = pc.coalesce(batch[name], layer[name])
            batch = _with_column(batch, name, values)
        elif name == CUTS:
            batch = _with_cuts(batch, layer[name], cut_texts)
        elif name not in ("id", "drop_stage"):
            batch = _with_column(batch, name, layer[name])
    return batch


def _of_layer(columns: Sequence[str]) -> list[str]:
    is_cut = "text" in columns or "markdown" in columns
    return [*columns, "drop_reason", *([CUTS] if is_cut else [])]


def _with_cuts(rows: Any, cuts: Any, cut: Callable[[Any, Any], Any]) -> Any:
    """Rows with shorter texts, without Markdown: the cuts are for the text only."""
    if "text" in rows.schema.names:
        rows = _with_column(rows, "text", cut(rows["text"], cuts))
    if "markdown" in rows.schema.names:
        is_cut = pc.greater(pc.fill_null(pc.list_value_length(cuts), 0), 0)
        whole = pc.if_else(is_cut, pa.scalar(None, pa.string()), rows["markdown"])
        rows = _with_column(rows, "markdown", whole)
    return rows


def _cut(texts: pa.ChunkedArray, cuts: pa.ChunkedArray) -> pa.ChunkedArray:
    """Texts without what the layer removes, in the same chunks."""
    from tamis.text.cuts import cut_texts

    chunks, start = [], 0
    for chunk in texts.chunks:
        own = cuts.slice(start, len(chunk)).combine_chunks()
        chunks.append(cut_texts(chunk, own))
        start += len(chunk)
    return pa.chunked_array(chunks, texts.type)


def _read_columns(storage: Storage, file: File, columns: Sequence[str]) -> pa.Table:
    """`id` and the columns in `columns` that the file has."""
    wanted = {"id", *columns}
    with storage.table(file.path) as parquet:
        return parquet.read([name for name in parquet.schema.names if name in wanted])


def _with_column(table: Any, name: str, values: Any) -> Any:
    if name in table.schema.names:
        return table.set_column(table.schema.names.index(name), name, values)
    return table.append_column(name, values)
