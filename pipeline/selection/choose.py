"""From an index and conditions to the places of the records to fetch."""

import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.errors import ConfigError, InputError
from pipeline.inputs import expand
from pipeline.remote.opening import Access
from pipeline.selection.database import answer, connect
from pipeline.selection.index import cdxj_rows, is_parquet, parquet_rows
from pipeline.selection.settings import Select
from pipeline.warc.selected import packed


@dataclass(frozen=True)
class Selection:
    """Places by the archive's base name: (records, 2) offset and length, by offset."""

    places: Mapping[str, NDArray[np.int64]]

    def within(self, name: str, start: int, stop: int) -> bytes:
        """The places of an archive whose records start in [start, stop), packed."""
        found = self.places.get(name, np.empty((0, 2), np.int64))
        first, last = np.searchsorted(found[:, 0], [start, stop])
        return packed(found[first:last])

    @property
    def records(self) -> int:
        return sum(map(len, self.places.values()))


def select_records(select: Select, names: Sequence[str], access: Access) -> Selection:
    """What the index says of the archives called `names`, as far as it is wanted.

    Raises ConfigError for a condition that cannot be asked of this index, and
    InputError where the index cannot be read or names no record at all.
    """
    found: list[pa.Table] = []
    wanted = set(names)
    for path in index_files(select, access):
        database = connect()
        rows = parquet_rows if is_parquet(path) else cdxj_rows
        for batch in rows(path, select, access):
            chosen = _chosen(database, batch, select)
            if chosen.num_rows:
                found.append(_of_archives(chosen, wanted))
    table = pa.concat_tables(found) if found else _NOTHING
    if table.num_rows == 0:
        raise InputError("select: the index names no record of these archives for it")
    return Selection(by_archive(table))


def index_files(select: Select, access: Access) -> list[str]:
    """Index files that the settings name; of a crawl's list only what lists pages."""
    paths = [path for pattern in select.indexes for path in expand(pattern, access)]
    names = [posixpath.basename(path) for path in paths]
    return [
        path
        for path, name in zip(paths, names, strict=True)
        if name not in ("cluster.idx", "metadata.yaml")
        and ("/subset=" not in path or "/subset=warc/" in path)
    ]


def by_archive(table: pa.Table) -> dict[str, NDArray[np.int64]]:
    """Each archive's places once each, whichever index files name them."""
    table = table.sort_by([("name", "ascending"), ("offset", "ascending")])
    names = table["name"].combine_chunks().dictionary_encode()
    codes = np.asarray(names.indices)
    places = np.column_stack([table["offset"], table["length"]]).astype(np.int64)
    bounds = np.flatnonzero(np.diff(codes, prepend=-1, append=-1))
    return {
        names.dictionary[int(codes[first])].as_py(): _once(places[first:last])
        for first, last in pairwise(bounds)
    }


_NOTHING = pa.table(
    {
        "name": pa.array([], pa.string()),
        "offset": pa.array([], pa.int64()),
        "length": pa.array([], pa.int64()),
    }
)


def _chosen(database: Any, batch: pa.RecordBatch, select: Select) -> pa.Table:
    """Name, offset and length of the rows for which every condition holds."""
    conditions = ["fetch_status = 200", "warc_record_length > 0"]
    values: list[Any] = []
    for expression, allowed in (
        ("split_part(content_languages, ',', 1)", select.languages),
        ("content_mime_detected", select.mime),
        ("url_host_registered_domain", select.domains),
        ("url_host_tld", select.tlds),
    ):
        if allowed:
            conditions.append(f"{expression} = ANY(?)")
            values.append(list(allowed))
    if select.where is not None:
        conditions.append(f"(\n{select.where}\n)")
    query = f"""
        SELECT regexp_extract(warc_filename, '[^/]*$') AS name,
               warc_record_offset::BIGINT AS "offset",
               warc_record_length::BIGINT AS length
        FROM rows WHERE {" AND ".join(conditions)}
    """
    import duckdb

    try:
        return answer(database, query, batch, values)
    except duckdb.Error as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(f"select.where: {select.where!r}: {reason}") from error


def _of_archives(chosen: pa.Table, wanted: set[str]) -> pa.Table:
    names = chosen["name"].unique().to_pylist()
    known = pa.array([name for name in names if name in wanted], pa.string())
    return chosen.filter(pc.is_in(chosen["name"], known))


def _once(places: NDArray[np.int64]) -> NDArray[np.int64]:
    """Of places with the same offset, which are sorted, the first."""
    is_first = np.diff(places[:, 0], prepend=-1) > 0
    return places[is_first]
