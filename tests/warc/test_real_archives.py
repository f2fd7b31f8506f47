"""The archives of ../shared/data against warcio, and against every way to cut them."""

import functools
import json
from collections import Counter
from pathlib import Path

import pytest
from warcio.archiveiterator import ArchiveIterator
from xxhash import xxh3_128_digest

from tamis.stages.read_warc import ReadWarc
from tamis.warc.reading import Reading
from tamis.warc.splits import Split, plan_splits, reread

pytestmark = pytest.mark.shared

PAGES = [
    "pages-dev-charsets.warc.gz",
    "pages-dev-daniel.warc.gz",
    "pages-dev-htmldate.warc.gz",
    "pages-dev-recipes.warc.gz",
    "pages-dev-wcxb.warc.gz",
    "pages-dev.warc.gz",
    "cc-sample/whirlwind.warc",
    "cc-sample/whirlwind.warc.gz",
    "odd/jwarc-cc.warc.gz",
    "odd/made-lf-only-headers.warc",
    "odd/resiliparse-warcfile.warc",
    "odd/resiliparse-warcfile.warc.gz",
    "odd/warcio-example-iana.org-chunked.warc",
    "odd/warcio-example-wget-bad-target-uri.warc.gz",
    "odd/warcio-example.warc",
    "odd/warcio-example.warc.gz",
]
# Whole records among those that warcio or fastwarc count, where it is fewer: the
# others are cut off, or (bad.arc) state a length of -1 or "abc".
WHOLE = {
    "made-cut-in-last-member.warc.gz": 3,
    "made-cut-in-response.warc.gz": 2,
    "resiliparse-clipped.warc.gz": 0,
    "warcio-bad.arc": 1,
}
MAX_BYTES = 8 << 20


@functools.cache
def rows_of(path: Path, split_bytes: int | None = None) -> tuple[list[tuple], Counter]:
    """Every document but for its html, a hash of that, and the sums of the tallies."""
    size = path.stat().st_size
    rows: list[tuple] = []
    sums: Counter = Counter()
    start = None
    for range_ in plan_splits(size, split_bytes):
        split = Split(str(path), *range_, size)
        batches, reading = read_split(split)
        if start is not None and (again := reread(split, reading.place, start)):
            batches, reading = read_split(again)
        start = max(start or 0, reading.place.next_start)
        sums.update(records=reading.records, lost=reading.records_lost)
        sums.update(bytes_lost=reading.bytes_lost, **dict(named(reading)))
        for batch in batches:
            for row in batch.to_pylist():
                html = row.pop("html")
                rows.append((*row.values(), html and xxh3_128_digest(html)))
    return rows, sums


def read_split(split: Split):
    reading = Reading()
    config = ReadWarc(max_html_bytes=MAX_BYTES)
    return list(config.read(split, reading)), reading


def named(reading: Reading):
    for kind, count in reading.refused.items():
        yield f"{kind.type} {kind.status} {kind.mime}", count


def as_warcio_reads(path: Path) -> tuple[int, list[tuple]]:
    rows = []
    count = 0
    with path.open("rb") as file:
        records = ArchiveIterator(file)
        for record in records:
            count += 1
            fields = record.rec_headers
            html = None
            if record.rec_type == "response":
                html = record.content_stream().read()
            elif record.rec_type == "conversion":
                html = record.raw_stream.read()
            # Its offset and length are known once its block is read.
            record.raw_stream.read()
            rows.append(
                (
                    records.get_record_offset(),
                    records.get_record_length(),
                    fields.get_header("WARC-Record-ID"),
                    fields.get_header("WARC-Target-URI"),
                    html and xxh3_128_digest(html),
                )
            )
    return count, rows


@pytest.mark.parametrize("name", PAGES)
def test_documents_are_what_warcio_reads(shared_data: Path, name: str) -> None:
    path = shared_data / name
    rows, sums = rows_of(path)
    count, theirs = as_warcio_reads(path)
    assert sums["records"] == count
    assert sums["lost"] == 0
    # id, record_id, url ... warc_offset, warc_length ... html
    ours = {(row[8], row[9], row[1], row[2], row[-1]) for row in rows}
    assert len(ours) == len(rows) > 0
    assert ours <= set(theirs)


@pytest.mark.parametrize("split_bytes", [100, 1000, 4096, 65536])
def test_odd_archives_give_the_same_however_cut(
    shared_data: Path, split_bytes: int
) -> None:
    for path in sorted(shared_data.glob("odd/*arc*")):
        if path.stat().st_size < 400 * split_bytes:
            assert rows_of(path, split_bytes) == rows_of(path), path.name


@pytest.mark.parametrize("name", PAGES[:3])
@pytest.mark.parametrize("split_bytes", [64 * 1024, 1_000_000])
def test_real_archives_give_the_same_however_cut(
    shared_data: Path, name: str, split_bytes: int
) -> None:
    path = shared_data / name
    assert rows_of(path, split_bytes) == rows_of(path)


def test_every_whole_record_of_an_odd_archive_is_read(shared_data: Path) -> None:
    readings = json.loads((shared_data / "odd" / "readings.json").read_text())
    assert len(readings["files"]) >= 33
    for name, by_reader in readings["files"].items():
        expected = max(
            by_reader[reader]["records"] for reader in ("warcio", "fastwarc")
        )
        _, sums = rows_of(shared_data / "odd" / name)
        assert sums["records"] >= WHOLE.get(name, expected), name


@pytest.mark.parametrize(
    ("name", "read", "lost"),
    [
        ("made-cut-in-last-member.warc.gz", 3, 1),
        ("made-cut-in-response.warc.gz", 2, 1),  # the fourth is cut away whole
        ("made-flipped-byte-in-response.warc.gz", 3, 1),
        ("made-garbage-between-members.warc.gz", 4, 0),
        ("made-one-gzip-member.warc.gz", 4, 0),
        ("resiliparse-clipped.warc.gz", 0, 1),  # it has but this record
    ],
)
def test_damage_costs_one_record(
    shared_data: Path, name: str, read: int, lost: int
) -> None:
    _, sums = rows_of(shared_data / "odd" / name)
    assert (sums["records"], sums["lost"]) == (read, lost)


def test_http_oddities_come_out_as_pages(shared_data: Path) -> None:
    path = shared_data / "odd" / "made-http-oddities.warc.gz"
    size = path.stat().st_size
    batches, reading = read_split(Split(str(path), 0, size, size))
    pages = {
        row["url"].rpartition("/")[2]: row
        for batch in batches
        for row in batch.to_pylist()
    }
    sizes = {name: len(row["html"] or b"") for name, row in pages.items()}
    assert sizes == {
        **dict.fromkeys(("gzip", "deflate-zlib", "deflate-raw", "br"), 6000),
        **dict.fromkeys(("chunked", "chunked-claimed-not-chunked"), 6000),
        **dict.fromkeys(("gzip-claimed-not-gzip", "no-content-type"), 6000),
        "header-without-colon": 6000,
        "nul-bytes": 6100,
        "gzip-cut": 3592,  # as far as zlib's command line inflates it
        "truncated-length": 1000,
        "empty-payload": 0,
    }
    assert len({row["html"] for row in pages.values()}) == 5
    assert pages["truncated-length"]["truncated"] == "length"
    assert pages["no-content-type"]["http_content_type"] is None
    assert {name for name, row in pages.items() if row["drop_reason"]} == {
        "empty-payload"
    }
    refused = {(kind.status, kind.mime) for kind in reading.refused}
    assert refused == {
        (404, "text/html"),
        (301, "text/html"),
        (200, "application/pdf"),
    }
