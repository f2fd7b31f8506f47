"""Rows of an index, from Parquet or CDXJ, with the columnar index's column names.

Only the columns needed are read. Row groups of Parquet are not fetched if their
statistics rule out all wanted domains and top-level domains: the index of a crawl is
sorted by host.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.dataset as ds

from tamis.addresses import without_secrets, without_secrets_in
from tamis.crawl_index.database import answer, connect
from tamis.crawl_index.settings import Select
from tamis.errors import ConfigError, InputError
from tamis.remote.opening import Access, open_input
from tamis.storage.parquet import verifying_format
from tamis.warc.document import domain_of, host_of

PLACE = ("warc_filename", "warc_record_offset", "warc_record_length")
_CDXJ = {
    "url": "url",
    "fetch_status": "status",
    "content_mime_type": "mime",
    "content_mime_detected": "mime-detected",
    "content_languages": "languages",
    "content_charset": "charset",
    "content_digest": "digest",
    "content_truncated": "truncated",
    "warc_filename": "filename",
    "warc_record_offset": "offset",
    "warc_record_length": "length",
}
_OF_HOST = ("url_host_name", "url_host_tld", "url_host_registered_domain")
_BLOCK_BYTES = 16 << 20


def is_parquet(path: str) -> bool:
    return path.partition("?")[0].endswith(".parquet")


def columns_needed(select: Select, available: Sequence[str]) -> list[str]:
    """Columns to read. Raises ConfigError if a condition needs one that is missing."""
    asked = {*PLACE, "fetch_status"}
    asked |= {"content_languages"} if select.languages else set()
    asked |= {"content_mime_detected"} if select.mime else set()
    asked |= {"url_host_registered_domain"} if select.domains else set()
    asked |= {"url_host_tld"} if select.tlds else set()
    missing = sorted(asked - set(available))
    if missing:
        raise ConfigError(f"select: the index has no column {', '.join(missing)}")
    words = set(re.findall(r"\w+", (select.where or "").lower()))
    return [name for name in available if name in asked or name.lower() in words]


def parquet_rows(path: str, select: Select, access: Access) -> Iterator[pa.RecordBatch]:
    """Rows that statistics and the plain conditions do not rule out."""
    with open_input(path, access, ranges=[]) as file:
        try:
            parquet = verifying_format().make_fragment(pa.PythonFile(file, "r"))
            available = parquet.physical_schema.names
            scanner = parquet.scanner(
                columns=columns_needed(select, available),
                filter=_plain_conditions(select),
                use_threads=False,  # one file object, one reader
                batch_readahead=1,
            )
            yield from scanner.to_batches()
        except (pa.ArrowException, OSError) as error:
            raise _unreadable(path, error) from None


def _unreadable(path: str, error: Exception) -> InputError:
    why = without_secrets_in(error, path)
    return InputError(f"index {without_secrets(path)}: {why}")


def _plain_conditions(select: Select) -> pc.Expression | None:
    found: pc.Expression | None = None
    for column, values in (
        ("url_host_registered_domain", select.domains),
        ("url_host_tld", select.tlds),
        ("content_mime_detected", select.mime),
    ):
        if values:
            one = ds.field(column).isin(list(values))
            found = one if found is None else found & one
    return found


def cdxj_rows(path: str, select: Select, access: Access) -> Iterator[pa.RecordBatch]:
    """`SURT TIMESTAMP {json}` lines, as pywb and CommonCrawl write them."""
    columns = columns_needed(select, [*_CDXJ, *_OF_HOST])
    database = connect()
    for lines in _lines(path, access):
        yield _parsed(database, lines, columns)


def _lines(path: str, access: Access) -> Iterator[pa.Array]:
    with open_input(path, access) as file:
        stream = pa.PythonFile(file, "r")
        if path.partition("?")[0].endswith(".gz"):
            stream = pa.CompressedInputStream(stream, "gzip")
        try:
            reader = pyarrow.csv.open_csv(
                stream,
                pyarrow.csv.ReadOptions(
                    column_names=["line"], block_size=_BLOCK_BYTES, use_threads=False
                ),
                pyarrow.csv.ParseOptions(
                    delimiter="\x1f", quote_char=False, escape_char=False
                ),
                pyarrow.csv.ConvertOptions(column_types={"line": pa.string()}),
            )
            for batch in reader:
                yield batch["line"]
        except (pa.ArrowException, OSError) as error:
            if "Empty CSV file" not in str(error):
                raise _unreadable(path, error) from None


def _parsed(database: Any, lines: pa.Array, columns: Sequence[str]) -> pa.RecordBatch:
    """Rows of the lines that are CDXJ; others, such as the header, are left out."""
    values = ", ".join(
        f"{_value(key)} AS {name}"
        for name, key in _CDXJ.items()
        if name in columns or name == "url"
    )
    query = f"""
        SELECT {values}
        FROM (SELECT substr(line, strpos(line, '{{')) AS entry FROM rows)
        WHERE json_valid(entry)
    """
    batch = pa.record_batch({"line": lines})
    table = answer(database, query, batch).combine_chunks()
    if set(columns) & set(_OF_HOST):
        hosts = [host_of(url) for url in table["url"].to_pylist()]
        labels = [None if h is None else h.rpartition(".")[2] for h in hosts]
        domains = [domain_of(host) for host in hosts]
        for name, column in zip(_OF_HOST, (hosts, labels, domains), strict=True):
            table = table.append_column(name, pa.array(column, pa.string()))
    found = table.select(list(columns)).combine_chunks()
    empty = pa.RecordBatch.from_pylist([], schema=found.schema)
    return next(iter(found.to_batches()), empty)


def _value(key: str) -> str:
    """SQL for a CDXJ value, a string or a number; a number for a numeric column."""
    text = f"json_extract_string(entry, '$.\"{key}\"')"
    is_number = key in ("status", "offset", "length")
    return f"TRY_CAST({text} AS BIGINT)" if is_number else text
