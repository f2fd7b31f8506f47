from datetime import UTC, datetime

import pytest
from xxhash import xxh3_64_intdigest as xxh3_64

from tamis import schema
from tamis.warc.document import (
    Document,
    crawl_of,
    document_id,
    domain_of,
    host_of,
    timestamp,
)
from tamis.warc.headers import Header
from tamis.warc.record import Record


def at(offset: int, inner: int = 0) -> Record:
    return Record(offset, inner, 1, Header("response", {}, 1, 1), b"")


def test_fields_are_the_columns_of_a_record() -> None:
    assert list(Document._fields) == schema.RECORD.names


def test_id_is_frozen() -> None:
    """Another value would be another corpus."""
    assert document_id("a.warc.gz", at(0)) == 20253440136504014
    assert document_id("a.warc.gz", at(1, inner=2)) == xxh3_64(b"a.warc.gz:1:2")


def test_id_is_of_name_and_place() -> None:
    ids = {
        document_id("b.warc.gz", at(7)),
        document_id("a.warc.gz", at(7)),
        document_id("a.warc.gz", at(8)),
        document_id("a.warc.gz", at(7, inner=1)),
    }
    assert len(ids) == 4


@pytest.mark.parametrize(
    ("path", "crawl"),
    [
        (
            "s3://commoncrawl/crawl-data/CC-MAIN-2024-22/segments/1/warc/x",
            "CC-MAIN-2024-22",
        ),
        ("CC-MAIN-20240518183301-20240518213301-00000.warc.gz", None),
        ("samples/CC-MAIN-2024-512.warc.gz", None),
        ("", None),
    ],
)
def test_crawl_of(path: str, crawl: str | None) -> None:
    assert crawl_of(path) == crawl


@pytest.mark.parametrize(
    ("url", "host", "domain"),
    [
        ("http://www.Example.co.UK:8080/a?b", "www.example.co.uk", "example.co.uk"),
        ("https://user:pw@sub.example.com./x", "sub.example.com", "example.com"),
        (
            "http://xn--e1afmkfd.xn--p1ai/",
            "xn--e1afmkfd.xn--p1ai",
            "xn--e1afmkfd.xn--p1ai",
        ),
        ("http://пример.рф/страница", "пример.рф", "пример.рф"),
        ("http://例え.jp/", "例え.jp", "例え.jp"),
        ("http://192.0.2.7/", "192.0.2.7", None),
        ("http://[2001:DB8::1]:80/", "2001:db8::1", None),
        ("http://localhost/", "localhost", None),
        ("http://co.uk/", "co.uk", None),
        ("http://a.b@evil.example\\@good.example/", "evil.example", "evil.example"),
        ("urn:uuid:1", None, None),
        ("http:///path", None, None),
        ("", None, None),
        (None, None, None),
    ],
)
def test_host_and_domain(url: str | None, host: str | None, domain: str | None) -> None:
    assert host_of(url) == host
    assert domain_of(host) == domain


@pytest.mark.parametrize(
    ("date", "expected"),
    [
        ("2024-05-18T01:02:03Z", datetime(2024, 5, 18, 1, 2, 3, tzinfo=UTC)),
        ("2024-05-18T01:02:03.5Z", datetime(2024, 5, 18, 1, 2, 3, 500_000, tzinfo=UTC)),
        ("2024-05-18T03:02:03+02:00", datetime(2024, 5, 18, 1, 2, 3, tzinfo=UTC)),
        ("2024-05-18", datetime(2024, 5, 18, tzinfo=UTC)),
        ("19961104142103", datetime(1996, 11, 4, 14, 21, 3, tzinfo=UTC)),
        ("20140401000000000", datetime(2014, 4, 1, tzinfo=UTC)),
        ("99999999999999", None),
        ("yesterday", None),
        ("", None),
        (None, None),
    ],
)
def test_timestamp(date: str | None, expected: datetime | None) -> None:
    assert timestamp(date) == expected


@pytest.mark.parametrize(
    ("date", "expected"),
    [
        ("2024", "2024-01-01"),
        ("2024-05", "2024-05-01"),
        ("2024-05-18", "2024-05-18"),
        ("2024-13", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("9999-12-31T23:59:59-14:00", None),
        ("1989-12-31T23:59:59Z", None),
        ("1990-01-01T00:00:00Z", "1990-01-01"),
        ("2100-01-01T00:00:00Z", None),
    ],
)
def test_dates_of_the_web_are_read_and_no_others(
    date: str, expected: str | None
) -> None:
    found = timestamp(date)
    assert (found and found.date().isoformat()) == expected
