"""Rows of the two formats, one after the other, with their place: what a split owns.

A row that cannot be read is a loss: it is counted, and the ones behind it are read.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tamis.errors import InputError, nearest
from tamis.tabular.fields import (
    Fields,
    carried_as,
    has_field,
    paths_in,
    value_at,
)
from tamis.tabular.lines import Broken, lines_of
from tamis.warc.record import Loss

_MAGIC = b"PAR1"
_BATCH_ROWS = 64
# First lines of files that hold no lines of JSON.
_OTHERS = {
    b"WARC/": "a web archive: read_warc reads it",
    b"filedesc:": "a web archive: read_warc reads it",
    b"[": "a JSON array: write one object a line",
}
_MOST_SEEN = 4 << 20  # bytes in which the first sound line is looked for
_SHOWN = 12  # fields that an error lists


class Row(NamedTuple):
    """A row: its place in the file, and the value of each field that was asked for.

    offset  of a line in bytes (unpacked), of a Parquet row in rows
    size    of a line in bytes; 1 for a Parquet row
    """

    offset: int
    size: int
    values: Mapping[str, Any]


def rows_of(
    file: Any,
    start: int,
    stop: int,
    size: int,
    *,
    fields: Fields,
    carried: Sequence[str],
    most_bytes: int,
    name: str,
) -> Iterator[Row | Loss]:
    """The rows of a split of a file of `size` bytes, by its first bytes: Parquet or lines.

    Raises InputError for a file without the fields that it must have.
    """
    file.seek(0)
    magic = file.read(4)
    paths = {**fields.named(), **{carried_as(path): path for path in carried}}
    required = [*(paths[one] for one in sorted(fields.required())), *carried]
    if magic == _MAGIC:
        return _of_parquet(file, start, stop, size, paths, required, name)
    return _of_lines(file, start, stop, size, paths, required, most_bytes, name)


def _of_lines(
    file: Any,
    start: int,
    stop: int,
    size: int,
    paths: Mapping[str, str],
    required: Sequence[str],
    most_bytes: int,
    name: str,
) -> Iterator[Row | Loss]:
    _check_first(file, required, name)
    try:
        for offset, length, content in lines_of(
            file, start, stop, most_bytes=most_bytes
        ):
            if content is not None and not content.strip():
                continue
            row = None if content is None else _object(content)
            if row is None:
                cause = "no JSON object" if content is not None else "the line is long"
                yield Loss(offset, length, 1, cause, is_seen=True)
                continue
            values = {field: value_at(row, path) for field, path in paths.items()}
            yield Row(offset, length, values)
    except Broken as error:
        yield Loss(error.offset, max(size - error.packed, 1), 1, str(error))


def _check_first(file: Any, required: Sequence[str], name: str) -> None:
    """Raise InputError if the first sound line has not what it must have.

    Every split looks at the beginning of the file, so that all of them decide alike.
    """
    seen = 0
    try:
        for offset, length, content in lines_of(
            file, 0, 1 << 62, most_bytes=_MOST_SEEN
        ):
            seen += length
            if content is not None and content.strip():
                row = _object(content)
                if row is not None:
                    _refuse_without(row, required, name)
                    return
                if offset == 0:
                    _refuse_other(content, name)
            if seen > _MOST_SEEN:
                return
    except Broken:
        return


def _object(content: bytes) -> dict[str, Any] | None:
    """The object of a line; null if it is anything else."""
    try:
        found = json.loads(content)
    # Deep nesting, a number of 5,000 digits, and bytes that are no UTF-8 are no JSON either.
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _refuse_other(content: bytes, name: str) -> None:
    """Raise InputError for a file that begins as another format does."""
    for start, kind in _OTHERS.items():
        if content.lstrip().startswith(start):
            raise InputError(f"{name}: is {kind}")
    if content.strip() == b"{":
        raise InputError(f"{name}: is JSON over several lines: write one object a line")


def _refuse_without(row: Mapping[str, Any], required: Sequence[str], name: str) -> None:
    for path in required:
        if not has_field(row, path):
            raise _missing(path, paths_in(row), name)


def _missing(path: str, there: Sequence[str], name: str) -> InputError:
    shown = ", ".join(there[:_SHOWN]) + (" ..." if len(there) > _SHOWN else "")
    return InputError(
        f"{name}: there is no {path!r}{nearest(path, list(there))}; there are {shown}: "
        f"say in read_documents.fields what is what"
    )


def _of_parquet(
    file: Any,
    start: int,
    stop: int,
    size: int,
    paths: Mapping[str, str],
    required: Sequence[str],
    name: str,
) -> Iterator[Row | Loss]:
    try:
        opened = pq.ParquetFile(
            pa.PythonFile(file, mode="r"), page_checksum_verification=True
        )
        metadata, schema = opened.metadata, opened.schema_arrow
    except (pa.ArrowException, OSError) as error:
        said = " ".join(str(error).split())
        raise InputError(f"{name}: is no sound Parquet file: {said}") from error
    for path in required:
        if _in_schema(schema, path) is None:
            raise _missing(path, _paths_of(schema), name)
    places = {field: _in_schema(schema, path) for field, path in paths.items()}
    found = {field: place for field, place in places.items() if place is not None}
    columns = list(dict.fromkeys(place[0] for place in found.values()))
    first = 0
    for group in range(metadata.num_row_groups):
        rows = metadata.row_group(group).num_rows
        if start <= _start_of(metadata.row_group(group), size) < stop or (
            stop == size == 0
        ):
            yield from _of_group(opened, group, first, columns, found)
        first += rows


def _of_group(
    opened: Any,
    group: int,
    first: int,
    columns: Sequence[str],
    places: Mapping[str, Sequence[str]],
) -> Iterator[Row | Loss]:
    about = opened.metadata.row_group(group)
    row, last = first, first + about.num_rows
    try:
        for batch in opened.iter_batches(
            _BATCH_ROWS, row_groups=[group], columns=list(columns), use_threads=False
        ):
            values = {name: _values(batch, place) for name, place in places.items()}
            for index in range(batch.num_rows):
                own = {name: column[index] for name, column in values.items()}
                yield Row(row, 1, own)
                row += 1
    except (pa.ArrowException, OSError) as error:
        left = last - row
        share = about.total_byte_size * left // max(about.num_rows, 1)
        said = " ".join(str(error).split())
        yield Loss(row, max(share, 1), max(left, 1), said, is_seen=True)


def _values(batch: pa.RecordBatch, place: Sequence[str]) -> list[Any]:
    """The values of a field as Python has them; strings that are no UTF-8 as bytes."""
    column: Any = batch.column(place[0])
    for name in place[1:]:
        column = pc.struct_field(column, name)
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        try:
            found: list[Any] = column.to_pylist()
        except UnicodeDecodeError:
            binary = pa.binary() if pa.types.is_string(kind) else pa.large_binary()
            found = column.cast(binary).to_pylist()
        return found
    if pa.types.is_timestamp(kind) and kind.unit == "ns":
        column = column.cast(pa.timestamp("us", kind.tz), safe=False)
    if pa.types.is_nested(kind):
        return [None] * len(column)
    try:
        values: list[Any] = column.to_pylist()
        return values
    # A date that Python has not, or a time zone that nobody has.
    except (ValueError, OverflowError, KeyError):
        return [None] * len(column)


def _in_schema(schema: pa.Schema, path: str) -> tuple[str, ...] | None:
    """The names from a column down to the field; null if there is none."""
    if schema.get_field_index(path) >= 0:
        return (path,)
    for end in range(path.count("."), 0, -1):
        head = ".".join(path.split(".")[:end])
        if schema.get_field_index(head) >= 0:
            rest = path[len(head) + 1 :]
            kind = schema.field(head).type
            if pa.types.is_struct(kind):
                inner = _in_schema(pa.schema(list(kind)), rest)
                if inner is not None:
                    return (head, *inner)
    return None


def _paths_of(schema: pa.Schema, before: str = "") -> list[str]:
    found: list[str] = []
    for field in schema:
        if pa.types.is_struct(field.type) and before.count(".") < 2:
            found += _paths_of(pa.schema(list(field.type)), f"{before}{field.name}.")
        else:
            found.append(f"{before}{field.name}")
    return found


def _start_of(group: Any, size: int) -> int:
    """The first byte of a row group, within the file whatever its footer says."""
    starts = []
    for number in range(group.num_columns):
        column = group.column(number)
        starts += [column.data_page_offset, column.dictionary_page_offset]
    known = [start for start in starts if start is not None and 0 < start < size]
    return min(known, default=0)
