"""Read the documents of web archives: WARC, WET and ARC.

Writes every column of schema.RECORD

`html` holds the body's bytes with transfer and content coding undone. The text of
a WET record is in `html` too; its `http_content_type` is `text/plain`, which
tells extraction to pass it through.

Archives are read from a disk, over https:// and from s3://. With `select` only the
records that an index names are fetched.
"""

import posixpath
from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated, Any, ClassVar

import numpy as np
import pyarrow as pa
from pydantic import Field

from tamis import schema
from tamis.addresses import is_local, without_secrets
from tamis.crawl_index.settings import Select
from tamis.remote.opening import Access, about_input, open_input
from tamis.remote.retries import retries_made
from tamis.sizes import ByteSize
from tamis.stage import Source
from tamis.warc.admission import Admitted, Refused, admit
from tamis.warc.document import Document, block_limit, crawl_of, document
from tamis.warc.frames import open_archive
from tamis.warc.reading import Reading
from tamis.warc.record import Loss, Record
from tamis.warc.records import read_records
from tamis.warc.selected import groups, read_selected
from tamis.warc.source import Source as ByteSource
from tamis.warc.splits import UNKNOWN_SIZE, Place, Split


class ReadWarc(Source):
    """Sizes are numbers of bytes, or words such as 3MiB."""

    version: ClassVar[int] = 6
    path_settings: ClassVar[tuple[str, ...]] = ("select.index",)
    has_byte_offsets: ClassVar[bool] = True
    not_fingerprinted: ClassVar[tuple[str, ...]] = (
        "split_bytes",
        "batch_documents",
        "batch_bytes",
        "requests_per_second",
        # What was selected enters the fingerprint of each split instead.
        "select",
    )

    # A record whose decoded body is longer is dropped as `html_too_large`.
    max_html_bytes: Annotated[ByteSize, Field(le=1 << 30)] = 3 << 20
    # Bytes of file per task; the runner decides if it is not given.
    split_bytes: ByteSize | None = None
    # For paths that do not name their crawl.
    crawl: str | None = None
    # A batch ends at whichever limit comes first. Its html fits 32-bit offsets.
    batch_documents: int = Field(64, ge=1)
    batch_bytes: Annotated[ByteSize, Field(le=1 << 30)] = 16 << 20
    # Read these records of the input files, and fetch nothing else.
    select: Select | None = None
    # To one host, by all tasks together. Not given: 4 to CommonCrawl's, else unlimited.
    requests_per_second: float | None = Field(None, gt=0)
    # By protocol: {s3: {endpoint_url: ...}}. Credentials belong in the environment, not here.
    storage_options: dict[str, Any] = Field(default_factory=dict, repr=False)

    def libraries(self) -> tuple[str, ...]:
        return ("deflate", "fastwarc", "publicsuffixlist")

    def columns_written(self) -> pa.Schema:
        return schema.RECORD

    def can_split(self, path: str) -> bool:
        return True

    def bytes_per_split(self) -> int | None:
        return self.split_bytes

    def requests_to_one_host(self) -> float | None:
        return self.requests_per_second

    def crawl_name(self) -> str | None:
        return self.crawl

    def selection(self) -> Select | None:
        return self.select

    def read(
        self, split: Split, reading: Reading | None = None
    ) -> Iterator[pa.RecordBatch]:
        """Batches of schema.RECORD: the documents of one split, in file order.

        Fills `reading` as it goes; it is complete when the iterator is exhausted.
        Raises InputError for a file that cannot be read or holds no record.
        """
        reading = Reading() if reading is None else reading
        before = retries_made()
        most = self.batch_bytes + self.max_html_bytes
        rows, html = [], _Html(most)
        for row in _documents(self, split, reading):
            # Copy the bytes while they are in the CPU cache, and free the original at once.
            html.append(row.html)
            rows.append(row._replace(html=None))
            if len(rows) >= self.batch_documents or html.size >= self.batch_bytes:
                yield _batch(rows, html)
                rows, html = [], _Html(most)
        reading.retries = retries_made() - before
        if rows:
            yield _batch(rows, html)


def _documents(stage: ReadWarc, split: Split, reading: Reading) -> Iterator[Document]:
    path = split.warc_path or _warc_path(split.path)
    crawl = crawl_of(split.path) or split.crawl or stage.crawl
    for step in _records(stage, split, reading.place):
        record = step.record if isinstance(step, Loss) else step
        admission = None if record is None else admit(record)
        is_document = isinstance(admission, Admitted)
        if isinstance(step, Loss):
            reading.lose(step)
            reading.named += is_document
        else:
            reading.records += 1
            reading.admitted += is_document
            if isinstance(admission, Refused):
                reading.refuse(admission)
        if isinstance(admission, Admitted):
            row = document(
                admission,
                name=split.name,
                path=path,
                crawl=crawl,
                max_html_bytes=stage.max_html_bytes,
                is_damaged=isinstance(step, Loss),
            )
            reading.dates_unread += row.fetched_at is None
            yield row


def _warc_path(path: str) -> str:
    shown = without_secrets(path)
    return posixpath.basename(shown) if is_local(path) else shown


def _records(stage: ReadWarc, split: Split, place: Place) -> Iterator[Record | Loss]:
    """The records of the split, or only the selected ones."""
    access = Access(stage.storage_options, stage.requests_per_second, split.tasks)
    limit = block_limit(stage.max_html_bytes)
    name = without_secrets(split.path)
    if split.selected is None:
        if split.size == UNKNOWN_SIZE:
            size = about_input(split.path, access).size
            split = replace(split, size=size, stop=min(split.stop, size))
        ranges = [(split.start, split.stop)]
        with open_input(
            split.path, access, size=split.size, stamp=split.etag, ranges=ranges
        ) as file:
            source = ByteSource(file, split.size, name, ahead_to=split.stop)
            archive = open_archive(source)
            yield from read_records(archive, split, place, max_block_bytes=limit)
        return
    # Selected places are exact: no comparison with the neighbour split is needed.
    place.first_start, place.next_start = split.start, split.stop
    gap = stage.select.max_gap_bytes if stage.select else 0
    wanted = groups(split.selected, gap)
    if not wanted:
        return
    ranges = [(group.start, group.stop) for group in wanted]
    known = None if split.size == UNKNOWN_SIZE else split.size
    with open_input(
        split.path, access, size=known, stamp=split.etag, ranges=ranges
    ) as file:
        yield from read_selected(file, wanted, name, max_block_bytes=limit)


def _batch(rows: list[Document], html: "_Html") -> pa.RecordBatch:
    columns = [
        html.array() if column.name == "html" else pa.array(values, column.type)
        for values, column in zip(zip(*rows, strict=True), schema.RECORD, strict=True)
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema.RECORD)


class _Html:
    """A growing binary column: pa.array would make three copies of all the bytes.

    Address space for `most` bytes is reserved at once, and only the filled part uses
    memory. A buffer that grows would be copied each time.
    """

    def __init__(self, most: int) -> None:
        self._content = np.empty(most, np.uint8)
        self._ends = [0]
        self._is_valid: list[bool] = []

    @property
    def size(self) -> int:
        return self._ends[-1]

    def append(self, html: bytes | memoryview | None) -> None:
        end = self.size
        if html:
            end += len(html)
            self._content[self.size : end] = np.frombuffer(html, np.uint8)
        self._ends.append(end)
        self._is_valid.append(html is not None)

    def array(self) -> pa.Array:
        """All values so far; the last use of this object."""
        validity = pa.array(self._is_valid).buffers()[1]
        offsets = pa.py_buffer(np.array(self._ends, np.int32))
        buffers = [validity, offsets, pa.py_buffer(self._content[: self.size])]
        return pa.Array.from_buffers(pa.binary(), len(self._is_valid), buffers)
