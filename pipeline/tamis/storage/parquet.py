"""Parquet as it is written and read everywhere here: with checksums of pages and footer.

Pages carry a CRC, which Arrow writes and verifies if it is asked to. It covers no footer,
though statistics there decide which row groups are read. So the name of a published file
ends with eight hex digits of its footer's digest, and a file whose footer has another one
is not read.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Any

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import xxhash

# For pq.ParquetFile and pq.read_table, and for data sets.
VERIFYING = {"page_checksum_verification": True}
_END = re.compile(r"-([0-9a-f]{16})([0-9a-f]{8})\.parquet$")
_LENGTH_BYTES = 8  # of the footer's length and the magic at the file's end
_TAIL_BYTES = 64 << 10
_CHUNK_MEMORY = 3 << 10  # measured: of a column in a row group, in Arrow's objects


class Torn(ValueError):
    """The table is not as it was written; says why in some words."""


class Table:
    """An open Parquet file of ours. Every method raises Torn for damage that it meets."""

    def __init__(
        self,
        source: IO[bytes],
        name: str,
        *,
        metadata: pq.FileMetaData | None = None,
        pre_buffer: bool = True,
    ) -> None:
        """`metadata` is what an earlier `Table` of this file had."""
        content: Any = source
        self.bytes_held = 0  # of the whole file, if it is small
        with _as_torn():
            if metadata is None:
                tail, is_all = _tail(source)
                written = _END.search(name)
                if written and written[2] != _digest_of(tail):
                    raise Torn("its footer is not the one that was written")
                metadata = pq.read_metadata(pa.BufferReader(tail))
                if is_all:
                    self.bytes_held = len(tail)
                    content = pa.BufferReader(tail)
            self._file = pq.ParquetFile(
                content, metadata=metadata, pre_buffer=pre_buffer, **VERIFYING
            )
        self.metadata = metadata
        self.schema: pa.Schema = self._file.schema_arrow
        self.num_row_groups: int = self._file.num_row_groups

    def read(
        self, columns: Sequence[str] | None = None, groups: Sequence[int] | None = None
    ) -> pa.Table:
        """The columns, or all, of the row groups, or of all."""
        chosen = list(range(self.num_row_groups)) if groups is None else list(groups)
        with _as_torn():
            table: pa.Table = self._file.read_row_groups(chosen, columns=_list(columns))
            # A checksum covers no header of a page, which says how many values it has.
            if table.num_columns and table.num_rows != self._rows(chosen):
                raise Torn("it has another number of rows than its footer says")
            return table

    def iter_batches(
        self,
        rows: int,
        *,
        columns: Sequence[str] | None = None,
        groups: Sequence[int] | None = None,
    ) -> Iterator[pa.RecordBatch]:
        """As `read`, in batches of at most `rows` rows."""
        chosen = list(range(self.num_row_groups)) if groups is None else list(groups)
        names = _list(columns)
        left = self._rows(chosen)
        with _as_torn():
            batches = self._file.iter_batches(rows, row_groups=chosen, columns=names)
        while True:
            with _as_torn():
                batch = next(batches, None)
            if batch is None:
                break
            left -= batch.num_rows
            yield batch
        if left and names != []:
            raise Torn("it has another number of rows than its footer says")

    @property
    def memory(self) -> int:
        """About how many bytes it takes to keep this open, or its footer."""
        chunks: int = self.metadata.num_columns * max(1, self.num_row_groups)
        return self.bytes_held + _CHUNK_MEMORY * chunks

    def rows_within(self, most_bytes: int, most_rows: int) -> int:
        """How many rows to read at once so that they have about `most_bytes`, unpacked."""
        groups = [self.metadata.row_group(n) for n in range(self.num_row_groups)]
        sizes = [group.total_byte_size / max(group.num_rows, 1) for group in groups]
        return max(1, min(most_rows, int(most_bytes / max([1.0, *sizes]))))

    def _rows(self, groups: Sequence[int]) -> int:
        return sum(self.metadata.row_group(number).num_rows for number in groups)


def parquet_writer(target: Any, schema: pa.Schema, **options: Any) -> pq.ParquetWriter:
    """A writer of zstd Parquet with checksums; `options` are Arrow's."""
    settings = {"compression": "zstd", "write_page_checksum": True, **options}
    return pq.ParquetWriter(target, schema, **settings)


def is_named_by_content(name: str) -> bool:
    """Whether a table is a published one, which never changes."""
    return _END.search(name) is not None


EMPTIED = ".emptied"
_EMPTIED = re.compile(r"\.emptied-[0-9a-f]{24}(?=\.parquet$)")


def first_name(name: str) -> str:
    """The name of a table before rows of it were emptied (`tamis forget`).

    What was made of the table still holds, so fingerprints have this name.
    """
    return _EMPTIED.sub("", name)


def digest_in(name: str) -> str:
    """The digest of a published Parquet file's bytes, which its name has."""
    found = _END.search(name)
    assert found is not None
    return f"xxh3_64:{found[1]}"


def verifying_format() -> ds.ParquetFileFormat:
    """Parquet for a data set of Arrow's, pages verified."""
    options = ds.ParquetFragmentScanOptions(**VERIFYING)
    return ds.ParquetFileFormat(default_fragment_scan_options=options)


def footer_digest(source: IO[bytes]) -> str:
    """8 hex digits of the digest of an open file's footer. Raises Torn without one."""
    return _digest_of(_tail(source)[0])


def _tail(source: IO[bytes]) -> tuple[bytes, bool]:
    """The footer, its length and the magic behind it, perhaps some bytes before; whether
    that is the whole file.
    """
    size = source.seek(0, 2)
    if size < 2 * _LENGTH_BYTES:
        raise Torn(f"it has {size} bytes")
    tail = _at(source, max(0, size - _TAIL_BYTES), size)
    needed = _needed(tail)
    if needed > size:
        raise Torn("it does not end as a Parquet file")
    tail = tail if needed <= len(tail) else _at(source, size - needed, size)
    return tail, len(tail) == size


def _at(source: IO[bytes], start: int, stop: int) -> bytes:
    source.seek(start)
    content = source.read(stop - start)
    if len(content) != stop - start:
        raise Torn("it ends before its end")
    return content


def _needed(tail: bytes) -> int:
    """Bytes of the footer with its length and magic. Raises Torn without a magic."""
    if tail[-4:] != b"PAR1":
        raise Torn("it does not end as a Parquet file")
    return int.from_bytes(tail[-_LENGTH_BYTES:-4], "little") + _LENGTH_BYTES


def _digest_of(tail: bytes) -> str:
    return xxhash.xxh3_64_hexdigest(tail[-_needed(tail) :])[:8]


def _list(columns: Sequence[str] | None) -> list[str] | None:
    return None if columns is None else list(columns)


@contextmanager
def _as_torn() -> Iterator[None]:
    """Arrow's errors about the content as Torn; those of a disk or a store stay."""
    try:
        yield
    except (Torn, pa.ArrowMemoryError):
        raise
    except (pa.ArrowException, OSError, ValueError) as error:
        # What a system call says has a number, what a store says a class of its own.
        if isinstance(error, OSError) and (error.errno or type(error) is not OSError):
            raise
        said = str(error).strip() or type(error).__name__
        raise Torn(said.splitlines()[0].rstrip(".")) from error
