"""Which rows a request means."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tamis.denials.matching import Denied, emptied
from tamis.denials.requests import Kind, Request
from tamis.warc.document import host_of

URLS = [
    "https://example.org/",
    "http://WWW.example.org:80/a",
    "https://blog.example.org/a/b",
    "https://notexample.org/a",
    "https://bücher.example/straße",
    "https://xn--bcher-kva.example/Stra%C3%9Fe/2",
    "https://пример.example/привет",
    "https://مثال.example/नमस्ते",
    "https://例え.example/本?q=1",
    None,
]


def asked(kind: Kind, value: str) -> Denied:
    request = Request(kind=kind, value=value, date="2026-11-30", reason="mail")
    return Denied([request], np.empty(0, np.uint64))


def batch(urls: list[str | None]) -> Any:
    return pa.record_batch(
        {
            "id": pa.array(range(len(urls)), pa.uint64()),
            "url": pa.array(urls, pa.string()),
            "host": pa.array([host_of(url) for url in urls], pa.string()),
        }
    )


@pytest.mark.parametrize(
    ("kind", "value", "rows"),
    [
        ("domain", "example.org", [0, 1, 2]),
        ("domain", "blog.example.org", [2]),
        ("host", "example.org", [0, 1]),
        ("url", "example.org", [0]),
        ("url", "example.org/a", [1]),
        ("prefix", "example.org", [0, 1]),
        ("prefix", "blog.example.org/a", [2]),
        ("prefix", "blog.example.org/b", []),
        ("domain", "xn--bcher-kva.example", [4, 5]),
        ("prefix", "xn--bcher-kva.example/straße", [4, 5]),
        ("url", "xn--bcher-kva.example/straße", [4]),
        ("host", "xn--e1afmkfd.example", [6]),
        ("url", "xn--mgbh0fb.example/नमस्ते", [7]),
        ("url", "xn--r8jz45g.example/本?q=1", [8]),
        ("url", "xn--r8jz45g.example/本", []),
        ("id", "9", [9]),
    ],
)
def test_rows_are_met_by_domain_host_address_and_id(
    kind: Kind, value: str, rows: list[int]
) -> None:
    denied = asked(kind, value)
    found = denied.rows(batch(URLS))
    assert np.flatnonzero(found).tolist() == rows
    # However the rows are cut, and in a table of several chunks.
    alone = [denied.rows(batch(URLS).slice(row, 1))[0] for row in range(len(URLS))]
    assert alone == found.tolist()
    table = pa.Table.from_batches([batch(URLS).slice(0, 3), batch(URLS).slice(3)])
    assert denied.rows(table).tolist() == found.tolist()
    if kind != "id":
        assert [denied.covers(url or "") for url in URLS] == found.tolist()


@pytest.mark.parametrize(
    ("kind", "value", "url", "is_met"),
    [
        # EUC-JP: escapes that are no UTF-8 tell pages apart.
        ("url", "wiki.example/%a5%a6", "https://wiki.example/%A5%A6", True),
        ("url", "wiki.example/%a5%a6", "https://wiki.example/%B4%C1", False),
        ("prefix", "example.org/a/", "https://example.org/a", True),
        ("prefix", "example.org/a/", "https://example.org/a/b", True),
        ("prefix", "example.org/a/", "https://example.org/about", False),
        ("prefix", "example.org/a", "https://example.org/about", True),
        ("prefix", "example.org", "https://example.organic.com/", False),
    ],
)
def test_no_strangers_page_is_met(
    kind: Kind, value: str, url: str, is_met: bool
) -> None:
    denied = asked(kind, value)
    assert denied.rows(batch([url])).tolist() == [is_met]
    assert denied.covers(url) is is_met


def test_nothing_is_met_by_no_request_and_in_no_rows() -> None:
    nothing = Denied([], np.empty(0, np.uint64))
    assert not nothing.rows(batch(URLS)).any()
    assert asked("domain", "example.org").rows(batch([])).tolist() == []


def test_ids_met_before_are_met_without_an_address() -> None:
    denied = Denied([], np.array([3, 2**64 - 1], np.uint64))
    ids = pa.table({"id": pa.array([2**64 - 1, 1, 3], pa.uint64())})
    assert denied.rows(ids).tolist() == [True, False, True]


def test_id_host_and_hashes_are_left() -> None:
    rows = pa.table(
        {
            "id": pa.array([1, 2], pa.uint64()),
            "host": ["a.example", "b.example"],
            "text": ["Привет", "नमस्ते"],
            "text_chars": [6, 6],
            "text_hash": pa.array([7, 8], pa.uint64()),
            "spans": pa.array([[1, 2], [3]], pa.list_(pa.int32())),
        }
    )
    left = emptied(rows, np.array([True, False]))
    assert left.schema == rows.schema
    assert left.to_pylist() == [
        {**rows.to_pylist()[0], "text": None, "text_chars": None, "spans": None},
        rows.to_pylist()[1],
    ]
