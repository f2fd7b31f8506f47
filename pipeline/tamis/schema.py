"""The pyarrow schemas of the tables that go from stage to stage.

A document starts as a RECORD. Stages append the columns that they declare;
`drop_reason` is filled by the first stage that drops the row.
"""

import pyarrow as pa

TIMESTAMP = pa.timestamp("us", tz="UTC")

# Where a document comes from. Written by read_warc, carried to the mix.
PROVENANCE = pa.schema(
    [
        ("id", pa.uint64()),  # xxh3_64 of the WARC's file name and the offset
        ("record_id", pa.string()),  # WARC-Record-ID: kept, not trusted
        ("url", pa.string()),
        ("host", pa.string()),
        ("domain", pa.string()),  # registered domain; null where there is none
        ("fetched_at", TIMESTAMP),
        ("crawl", pa.string()),
        ("warc_path", pa.string()),
        ("warc_offset", pa.int64()),
        ("warc_length", pa.int64()),
        ("payload_digest", pa.string()),
        ("http_content_type", pa.string()),
        ("truncated", pa.string()),  # WARC-Truncated; null for a whole record
    ]
)

# What read_warc yields. `html` holds raw bytes until decode_html.
RECORD = pa.schema(
    [
        *PROVENANCE,
        ("http_rights", pa.string()),  # `name: value` lines; null where there are none
        ("html", pa.binary()),
        ("drop_reason", pa.string()),
    ]
)

# One row per dropped document; the numeric signals of the recipe follow.
DROPPED = pa.schema(
    [
        *PROVENANCE,
        ("stage", pa.string()),
        ("reason", pa.string()),
        ("language", pa.string()),
    ]
)

# One row for each saved document of an input file, in the same order.
DECISIONS = pa.schema(
    [("id", pa.uint64()), ("drop_reason", pa.string()), ("drop_stage", pa.string())]
)
DUPLICATES = pa.schema(
    [
        ("id", pa.uint64()),
        ("cluster", pa.uint64()),  # id of the cluster's survivor
        ("cluster_size", pa.uint32()),
        ("kept", pa.bool_()),
        ("drop_reason", pa.string()),
    ]
)
