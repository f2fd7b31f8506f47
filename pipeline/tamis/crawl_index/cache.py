"""A selection, cached in the output folder: a crawl's index is read only once."""

import io
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from tamis.addresses import without_secrets
from tamis.crawl_index.choose import index_files, select_records
from tamis.crawl_index.places import Found, Selection
from tamis.crawl_index.settings import Select
from tamis.remote.opening import Access, about_input
from tamis.storage import Storage
from tamis.work.commits import fingerprint_of

_RECORD = pa.schema(
    [("name", pa.string()), ("offset", pa.int64()), ("length", pa.int64())]
)
_ROWS = 1 << 18  # rows whose names are in memory at once


def cached_selection(
    storage: Storage,
    select: Select,
    names: Sequence[str],
    *,
    access: Access,
    writes: bool = True,
) -> Selection:
    """As `select_records`; from the cache if index and conditions are the same.

    Without `writes` the cache is only read.
    """
    paths = index_files(select, access)
    abouts = [about_input(path, access) for path in paths]
    stamps = [
        [without_secrets(path), about.size, about.stamp]
        for path, about in zip(paths, abouts, strict=True)
    ]
    settings = select.model_dump(mode="json", exclude={"max_gap_bytes"})
    name = f"selections/{fingerprint_of(settings, sorted(names), stamps)}.parquet"
    if storage.exists(name):
        with storage.open(name) as file:
            found = Found(names)
            for batch in pq.ParquetFile(file).iter_batches(_ROWS):
                found.add(batch)
            return found.by_archive()
    selection = select_records(select, names, access)
    if writes:
        storage.write(name, _content(selection))
    return selection


def _content(selection: Selection) -> bytes:
    """A Parquet file with one row per record: name, offset, length."""
    target = io.BytesIO()
    with pq.ParquetWriter(target, _RECORD, compression="zstd") as writer:
        waiting: list[pa.Table] = []
        rows = 0
        for name, places in selection.places.items():
            columns = [pa.repeat(name, len(places)), places[:, 0], places[:, 1]]
            waiting.append(pa.table(columns, schema=_RECORD))
            rows += len(places)
            if rows >= _ROWS:
                writer.write_table(pa.concat_tables(waiting))
                waiting, rows = [], 0
        if waiting:
            writer.write_table(pa.concat_tables(waiting))
    return target.getvalue()
