"""A selection, kept in the output folder: a crawl's index is read once, not each run."""

import io
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.commits import fingerprint
from pipeline.remote.failures import without_secrets
from pipeline.remote.opening import Access, about_input
from pipeline.selection.choose import Selection, by_archive, index_files, select_records
from pipeline.selection.settings import Select
from pipeline.storage import Storage


def kept_selection(
    storage: Storage,
    select: Select,
    names: Sequence[str],
    access: Access,
    *,
    is_kept: bool = True,
) -> Selection:
    """As `select_records`; from the folder where index and conditions are the same.

    Without `is_kept` nothing is written.
    """
    paths = index_files(select, access)
    abouts = [about_input(path, access) for path in paths]
    stamps = [
        [without_secrets(path), about.size, about.stamp]
        for path, about in zip(paths, abouts, strict=True)
    ]
    settings = select.model_dump(mode="json", exclude={"max_gap_bytes"})
    name = f"selections/{fingerprint(settings, sorted(names), stamps)}.parquet"
    if storage.exists(name):
        with storage.open(name) as file:
            return Selection(by_archive(pq.read_table(file)))
    selection = select_records(select, names, access)
    if is_kept:
        target = io.BytesIO()
        pq.write_table(_table(selection), target, compression="zstd")
        storage.write(name, target.getvalue())
    return selection


def _table(selection: Selection) -> pa.Table:
    """One row a record: name, offset, length."""
    tables = [
        pa.table(
            {
                "name": pa.repeat(name, len(places)),
                "offset": places[:, 0],
                "length": places[:, 1],
            }
        )
        for name, places in selection.places.items()
    ]
    return pa.concat_tables(tables)
