"""A selection, cached in the output folder: a crawl's index is read only once."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pyarrow as pa

from tamis.addresses import without_secrets
from tamis.crawl_index.choose import index_files, select_records
from tamis.crawl_index.places import Found, Selection
from tamis.crawl_index.settings import Select
from tamis.errors import DamagedFile
from tamis.remote.opening import Access, about_input
from tamis.storage import Storage
from tamis.storage.parquet import parquet_writer
from tamis.work.commits import fingerprint_of

_RECORD = pa.schema(
    [("name", pa.string()), ("offset", pa.int64()), ("length", pa.int64())]
)
_CACHE = "selections"
_ROWS = 1 << 18  # rows whose names are in memory at once


def cached_selection(
    storage: Storage,
    select: Select,
    names: Sequence[str],
    *,
    access: Access,
    note: Callable[[str], None],
    writes: bool = True,
) -> Selection:
    """As `select_records`; from the cache if index and conditions are the same.

    Without `writes` the cache is only read. A damaged file of it is noted, and made
    again.
    """
    paths = index_files(select, access)
    abouts = [about_input(path, access) for path in paths]
    stamps = [
        [without_secrets(path), about.size, about.stamp]
        for path, about in zip(paths, abouts, strict=True)
    ]
    settings = select.model_dump(mode="json", exclude={"max_gap_bytes"})
    stem = fingerprint_of(settings, sorted(names), stamps)
    for name in storage.names(_CACHE):
        if name.startswith(f"{_CACHE}/{stem}-"):
            try:
                return _kept(storage, name, names)
            except DamagedFile as error:
                note(f"{error.what}: made again")
    selection = select_records(select, names, access)
    if writes:
        with storage.writer(_CACHE, stem, ".parquet") as written:
            _write(selection, written.temporary)
    return selection


def _kept(storage: Storage, name: str, names: Sequence[str]) -> Selection:
    found = Found(names)
    with storage.table(name) as table:
        for batch in table.iter_batches(_ROWS):
            found.add(batch)
    return found.by_archive()


def _write(selection: Selection, target: Path) -> None:
    """A Parquet file with one row per record: name, offset, length."""
    with parquet_writer(str(target), _RECORD) as writer:
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
