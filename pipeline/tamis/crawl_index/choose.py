"""The places of the records to fetch, from an index and conditions."""

import posixpath
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from tamis.crawl_index.database import answer, connect
from tamis.crawl_index.index import cdxj_rows, is_parquet, parquet_rows
from tamis.crawl_index.places import Found, Selection
from tamis.crawl_index.settings import Select
from tamis.errors import ConfigError, InputError
from tamis.inputs import expand
from tamis.remote.opening import Access
from tamis.warc.names import CRAWL_FOLDER, UNIQUE

# `tamis.warc.names.published_name`, else the base name.
_NAME = rf"""
    CASE WHEN regexp_full_match(regexp_extract(warc_filename, '[^/]*$'), '{UNIQUE}')
           OR NOT regexp_matches(warc_filename, '{CRAWL_FOLDER}')
         THEN regexp_extract(warc_filename, '[^/]*$')
         ELSE regexp_extract(warc_filename, '{CRAWL_FOLDER}', 1) END"""


def select_records(select: Select, names: Sequence[str], access: Access) -> Selection:
    """The records in archives called `names` for which all conditions hold.

    Raises ConfigError for a condition that this index cannot answer, and InputError if
    the index cannot be read or names no record at all.
    """
    found = Found(names)
    for path in index_files(select, access):
        database = connect()
        rows = parquet_rows if is_parquet(path) else cdxj_rows
        for batch in rows(path, select, access):
            found.add(_chosen(database, batch, select))
    selection = found.by_archive()
    if not selection.records:
        raise InputError("select: the index names no record of these archives for it")
    return selection


def index_files(select: Select, access: Access) -> list[str]:
    """Index files that the settings name; of a crawl's list, only those of pages."""
    paths = [path for pattern in select.indexes for path in expand(pattern, access)]
    names = [posixpath.basename(path) for path in paths]
    return [
        path
        for path, name in zip(paths, names, strict=True)
        if name not in ("cluster.idx", "metadata.yaml")
        and ("/subset=" not in path or "/subset=warc/" in path)
    ]


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
        SELECT {_NAME} AS name,
               warc_record_offset::BIGINT AS "offset",
               warc_record_length::BIGINT AS length
        FROM rows WHERE {" AND ".join(conditions)}
    """
    import duckdb

    try:
        return answer(database, query, batch, values=values)
    except duckdb.Error as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(f"select.where: {select.where!r}: {reason}") from error
