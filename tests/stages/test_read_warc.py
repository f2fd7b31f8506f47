import gzip
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from tamis import schema
from tamis.errors import InputError
from tamis.stages.read_warc import ReadWarc
from tamis.warc.reading import Reading
from tamis.warc.selected import packed
from tamis.warc.splits import Split


def page(
    name: str, body: bytes, *, type: str = "response", content_type: str = "text/html"
) -> bytes:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\n\r\n".encode()
    block = (head if type == "response" else b"") + body
    fields = (
        f"WARC/1.1\r\nWARC-Type: {type}\r\nWARC-Record-ID: <urn:{name}>\r\n"
        f"WARC-Target-URI: https://www.Example.co.uk/{name}\r\n"
        "WARC-Date: 2024-05-18T01:02:03Z\r\n"
        "WARC-Payload-Digest: sha1:ABC\r\n"
        f"Content-Type: {'text/plain' if type == 'conversion' else 'application/http'}\r\n"
        f"Content-Length: {len(block)}\r\n\r\n"
    )
    return gzip.compress(fields.encode() + block + b"\r\n\r\n")


@pytest.fixture
def stored(tmp_path: Path):
    """A split of a whole file that holds these bytes."""

    def store(
        content: bytes, name: str = "a.warc.gz", crawl: str | None = None
    ) -> Split:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return Split(str(path), 0, len(content), len(content), crawl=crawl)

    return store


def rows(config: ReadWarc, split: Split, reading: Reading | None = None) -> list[dict]:
    return [row for batch in config.read(split, reading) for row in batch.to_pylist()]


def test_every_column_of_a_document(stored) -> None:
    first = page("x", b"other", content_type="text/css")
    content = first + page("лёд", "<p>日本語 ไทย</p>".encode())
    split = stored(content, "CC-MAIN-2024-22/a.warc.gz")
    (row,) = rows(ReadWarc(), split)
    assert row.pop("id") > 0
    assert row.pop("fetched_at").isoformat() == "2024-05-18T01:02:03+00:00"
    assert row == {
        "record_id": "<urn:лёд>",
        "url": "https://www.Example.co.uk/лёд",
        "host": "www.example.co.uk",
        "domain": "example.co.uk",
        "crawl": "CC-MAIN-2024-22",
        "warc_path": "a.warc.gz",  # its folder is no part of what is published
        "warc_offset": len(first),
        "warc_length": len(content) - len(first),
        "payload_digest": "sha1:ABC",
        "http_content_type": "text/html",
        "truncated": None,
        "http_rights": None,
        "html": "<p>日本語 ไทย</p>".encode(),
        "drop_reason": None,
    }


def test_batches_have_the_schema_of_records(stored) -> None:
    split = stored(page("a", b"x") + page("b", b"") + page("c", b"yz"))
    for batch in ReadWarc(batch_documents=2).read(split):
        batch.validate(full=True)
        assert batch.schema.equals(schema.RECORD)


def test_batches_end_at_documents_or_bytes(stored) -> None:
    split = stored(b"".join(page(f"{n}", b"x" * 100) for n in range(7)))

    def sizes(**settings: int) -> list[int]:
        return [batch.num_rows for batch in ReadWarc(**settings).read(split)]

    assert sizes() == [7]
    assert sizes(batch_documents=3) == [3, 3, 1]
    assert sizes(batch_bytes=150) == [2, 2, 2, 1]
    assert sizes(batch_bytes="1KiB") == [7]


def test_page_over_the_limit_is_dropped_without_its_html(stored) -> None:
    pages = [b"x" * 100, b"x" * 101, b"x" * 900_000, b""]
    content = b"".join(page(f"{n}", body) for n, body in enumerate(pages))
    found = rows(ReadWarc(max_html_bytes=100), stored(content))
    assert [row["drop_reason"] for row in found] == [
        None,
        "html_too_large",
        "html_too_large",
        "empty_body",
    ]
    assert [row["html"] for row in found] == [b"x" * 100, None, None, None]


def test_text_of_a_wet_file_passes_as_plain_text(stored) -> None:
    text = "Ein Satz. · 一句话。".encode()
    (row,) = rows(ReadWarc(), stored(page("a", text, type="conversion")))
    assert (row["html"], row["http_content_type"]) == (text, "text/plain")


def test_crawl_is_the_paths_then_the_splits_then_the_recipes(stored) -> None:
    content = page("a", b"x")
    config = ReadWarc(crawl="mine")

    def crawl(name: str, crawl: str | None = None) -> str | None:
        return rows(config, stored(content, name, crawl))[0]["crawl"]

    assert crawl("a.warc.gz") == "mine"
    assert crawl("a.warc.gz", "CC-MAIN-2020-05") == "CC-MAIN-2020-05"
    assert crawl("CC-MAIN-2024-51/a.warc.gz", "CC-MAIN-2020-05") == "CC-MAIN-2024-51"
    assert rows(ReadWarc(), stored(content))[0]["crawl"] is None


def test_reading_adds_up(stored) -> None:
    css = page("b", b"y", content_type="text/css")
    cut = page("d", b"z" * 500)[:-30]
    reading = Reading()
    content = page("a", b"x") + css + css + page("c", b"x") + cut
    found = rows(ReadWarc(), stored(content), reading)
    assert [row["drop_reason"] for row in found] == [None, None, "damaged_record"]
    assert (reading.admitted, reading.named, reading.records) == (2, 1, 4)
    assert sum(reading.refused.values()) == 2
    (kind,) = reading.refused
    assert (kind.type, kind.status, kind.mime) == ("response", 200, "text/css")
    assert (reading.records_lost, reading.bytes_lost) == (1, len(cut))
    assert reading.losses[0].offset == len(content) - len(cut)
    assert (reading.place.first_start, reading.place.next_start) == (0, len(content))


def _flipped(content: bytes) -> bytes:
    """A byte of the member's checksum is another."""
    return content[:-8] + bytes([content[-8] ^ 1]) + content[-7:]


@pytest.mark.parametrize(
    "damaged",
    [
        pytest.param(page("b", b"z" * 500)[:-30], id="cut"),
        pytest.param(_flipped(page("b", b"z" * 500)), id="flipped"),
    ],
)
@pytest.mark.parametrize("selected", [False, True], ids=["all", "selected"])
def test_a_damaged_record_whose_header_can_be_read_is_a_row(
    stored, damaged: bytes, selected: bool
) -> None:
    first, last = page("a", b"x"), page("c", b"x")
    split = stored(first + damaged + last)
    if selected:
        places = np.array([[len(first), len(damaged)]])
        split = replace(split, selected=packed(places))
    reading = Reading()
    found = rows(ReadWarc(), split, reading)
    (row,) = [row for row in found if row["drop_reason"]]
    assert row["drop_reason"] == "damaged_record"
    assert (row["url"], row["html"]) == ("https://www.Example.co.uk/b", None)
    assert row["warc_offset"] == len(first)
    assert (reading.named, reading.records_lost) == (1, 1)
    assert [row["url"][-1] for row in found] == (["b"] if selected else ["a", "b", "c"])


def test_a_damaged_record_that_is_no_page_is_only_counted(stored) -> None:
    css = page("b", random.Random(1).randbytes(5000), content_type="text/css")
    reading = Reading()
    found = rows(ReadWarc(), stored(page("a", b"x") + css[:-300]), reading)
    assert len(found) == 1
    assert (reading.named, reading.records_lost) == (0, 1)


def test_kinds_that_are_counted_apart_are_limited(stored, monkeypatch) -> None:
    monkeypatch.setattr("tamis.warc.reading._MAX_KINDS", 3)
    content = b"".join(page("a", b"x", content_type=f"x/{n}") for n in range(9))
    reading = Reading()
    rows(ReadWarc(), stored(content), reading)
    assert sorted(reading.refused.values()) == [1, 1, 1, 6]


def test_empty_file_gives_no_batch(stored) -> None:
    assert list(ReadWarc().read(stored(b""))) == []


def test_missing_file_is_an_error_that_names_it(tmp_path: Path) -> None:
    path = str(tmp_path / "gone.warc.gz")
    with pytest.raises(InputError, match=r"gone\.warc\.gz"):
        rows(ReadWarc(), Split(path, 0, 10, 10))


def test_file_shorter_than_it_was_is_an_error_that_names_it(stored) -> None:
    split = stored(page("a", b"x"))
    with pytest.raises(InputError, match=r"a\.warc\.gz: ends at byte"):
        rows(ReadWarc(), Split(split.path, 0, 10_000, 10_000))


def test_settings_are_checked() -> None:
    assert ReadWarc(max_html_bytes="3MiB").max_html_bytes == 3 << 20
    assert ReadWarc.model_validate({"split_bytes": "64 kB"}).split_bytes == 64_000
    for wrong in (
        {"max_html_bytes": "3 apples"},
        {"max_html_bytes": 0},
        {"unknown": 1},
    ):
        with pytest.raises(ValidationError):
            ReadWarc.model_validate(wrong)
