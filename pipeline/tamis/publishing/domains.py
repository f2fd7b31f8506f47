"""domains.parquet: every registered domain of a mix, the largest by bytes of text first.

    domain         string  registered domain; the host where there is none
    documents      int64   each once, however often the mix repeats it
    bytes          int64   of their texts, UTF-8
    tokens         int64
    share          double  of all bytes
    rank           int64   1 is the largest
    first, last    string  months in which pages of it were fetched: `2026-10`
    languages      list<string>  ISO 639-3, sorted
    in_top_tenth   bool    of the tenth of all domains that has the largest content
    in_sme_list    bool    of the twentieth, and of the 1,000 largest

The columns are counted out of core: a corpus may have 10^8 domains.
"""

from collections.abc import Iterator
from math import ceil
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from tamis.report.reading import mix_shards
from tamis.storage import Storage
from tamis.storage.parquet import parquet_writer

DOMAINS = "summary/domains.parquet"
_SME_MOST = 1_000
_BATCH_ROWS = 1 << 14
_READ = ["domain", "host", "text", "tokens", "fetched_at", "language", "epoch"]
_ROW = pa.schema(
    [
        ("domain", pa.string()),
        ("bytes", pa.int64()),
        ("tokens", pa.int64()),
        ("month", pa.string()),
        ("language", pa.string()),
    ]
)
_SCHEMA = pa.schema(
    [
        ("domain", pa.string()),
        ("documents", pa.int64()),
        ("bytes", pa.int64()),
        ("tokens", pa.int64()),
        ("share", pa.float64()),
        ("rank", pa.int64()),
        ("first", pa.string()),
        ("last", pa.string()),
        ("languages", pa.list_(pa.string())),
        ("in_top_tenth", pa.bool_()),
        ("in_sme_list", pa.bool_()),
    ]
)
_QUERY = """
    WITH counted AS (
        SELECT domain, count(*) AS documents, sum(bytes)::BIGINT AS bytes,
               sum(tokens)::BIGINT AS tokens, min(month) AS first, max(month) AS last,
               list_sort(array_agg(DISTINCT language) FILTER (language IS NOT NULL))
                   AS languages
        FROM documents GROUP BY domain
    ), ranked AS (
        SELECT *, row_number() OVER (ORDER BY bytes DESC, domain) AS rank,
               bytes / greatest(sum(bytes) OVER (), 1) AS share
        FROM counted
    )
    SELECT domain, documents, bytes, tokens, share::DOUBLE AS share, rank::BIGINT AS rank,
           first, last, coalesce(languages, []) AS languages
    FROM ranked ORDER BY rank
"""


class Listed(NamedTuple):
    """What the table holds: domains in all, in the tenth, in the list of an SME; bytes."""

    domains: int
    top_tenth: int
    of_sme: int
    bytes: int


def listed(domains: int, bytes_: int) -> Listed:
    """How long the lists of so many domains are: 10 %, and 5 % or 1,000 if that is less."""
    return Listed(
        domains, ceil(domains / 10), min(ceil(domains / 20), _SME_MOST), bytes_
    )


def write_domains(storage: Storage) -> Listed:
    """Write domains.parquet of a run's mix or of a release, and say what is in it."""
    import duckdb  # 0.2 s

    with duckdb.connect(":memory:") as database:
        documents = pa.RecordBatchReader.from_batches(_ROW, _documents(storage))
        database.register("documents", documents)
        table = database.sql(_QUERY).to_arrow_table()
    found = listed(table.num_rows, pc.sum(table["bytes"]).as_py() or 0)
    ranks = table["rank"]
    table = table.append_column("in_top_tenth", pc.less_equal(ranks, found.top_tenth))
    table = table.append_column("in_sme_list", pc.less_equal(ranks, found.of_sme))
    sink = pa.BufferOutputStream()
    with parquet_writer(sink, _SCHEMA) as writer:
        writer.write_table(table.cast(_SCHEMA), row_group_size=1 << 17)
    storage.write(DOMAINS, sink.getvalue().to_pybytes())
    return found


def _documents(storage: Storage) -> Iterator[pa.RecordBatch]:
    """A row of numbers for each document of the mix."""
    for path in mix_shards(storage):
        with storage.table(path) as opened:
            for batch in opened.iter_batches(_BATCH_ROWS, columns=_READ):
                once = batch.filter(pc.equal(batch["epoch"], 0))
                yield pa.record_batch(
                    [
                        pc.coalesce(once["domain"], once["host"], ""),
                        pc.fill_null(pc.binary_length(once["text"]), 0).cast(
                            pa.int64()
                        ),
                        pc.fill_null(once["tokens"], 0),
                        pc.strftime(once["fetched_at"], "%Y-%m"),
                        once["language"],
                    ],
                    schema=_ROW,
                )
