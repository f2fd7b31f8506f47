import contextlib
import gzip
import html
import json
import re
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

import pyarrow as pa
import pytest
from fastwarc.warc import ArchiveIterator, WarcRecordType

from tamis.stages.decode_html import DecodeHtml


def batch(
    *pages: bytes | None, content_type: str | None = None, host: str | None = None
) -> pa.RecordBatch:
    rows = len(pages)
    columns = {
        "html": pa.array(pages, pa.binary()),
        "http_content_type": pa.array([content_type] * rows, pa.string()),
        "host": pa.array([host] * rows, pa.string()),
        "drop_reason": pa.nulls(rows, pa.string()),
    }
    return pa.RecordBatch.from_pydict(columns)


def decoded(source: pa.RecordBatch, **settings: float) -> dict[str, list[object]]:
    result = DecodeHtml(**settings).build()(source)
    for field in DecodeHtml().columns_written():
        assert result.schema.field(field.name).type == field.type
    result.validate(full=True)
    columns: dict[str, list[object]] = result.to_pydict()
    return columns


def test_each_page_is_decoded_for_itself() -> None:
    russian = "Съешь ещё этих мягких французских булок. " * 5
    result = decoded(
        batch(
            b"<p>plain",
            "été 世界 سلام ไทย".encode(),
            russian.encode("windows-1251"),
            "\ufeffhi".encode(),
            b"",
            "中文".encode("utf-16"),
            b"last",
        )
    )
    assert result["html"] == [
        "<p>plain",
        "été 世界 سلام ไทย",
        russian,
        "hi",
        "",
        "中文",
        "last",
    ]
    utf8, windows, utf16 = "utf-8", "windows-1251", "utf-16le"
    assert result["charset"] == [utf8, utf8, windows, utf8, utf8, utf16, utf8]
    assert result["charset_source"] == [
        "utf8",
        "utf8",
        "detector",
        "bom",
        "utf8",
        "bom",
        "utf8",
    ]
    assert result["undecodable"] == [0] * 7
    assert result["drop_reason"] == [None] * 7


def test_no_pages() -> None:
    assert decoded(batch())["html"] == []


def test_a_null_page_stays_null() -> None:
    result = decoded(batch(b"a", None, "é".encode("latin-1")))
    assert result["html"] == ["a", None, "é"]
    assert result["charset"] == ["utf-8", None, "windows-1252"]
    assert result["undecodable"] == [0, None, 0]


def test_the_result_does_not_depend_on_the_batch() -> None:
    pages = [
        b"a",
        "ü".encode("latin-1"),
        "世".encode(),
        b"\xff\xfea\0",
        b"",
        b"\xef\xbf\xbd",
    ]
    whole = batch(*pages)
    together = DecodeHtml().build()(whole).to_pylist()
    apart = [
        DecodeHtml().build()(whole.slice(row, 1)).to_pylist()[0]
        for row in range(len(pages))
    ]
    assert together == apart


def test_pages_that_are_utf_8_are_not_copied() -> None:
    source = batch(b"a" * 100, "é".encode() * 100)
    result = DecodeHtml().build()(source)
    assert result["html"].buffers()[2].address == source["html"].buffers()[2].address


@pytest.mark.parametrize(
    ("lost", "reason"),
    [(0, None), (10, None), (11, "undecodable"), (1000, "undecodable")],
)
def test_over_one_percent_of_lost_characters_is_too_much(
    lost: int, reason: str | None
) -> None:
    page = ("\ufffd" * lost + "и" * (1000 - lost)).encode()
    result = decoded(batch(page))
    assert (result["undecodable"], result["drop_reason"]) == ([lost], [reason])


def test_the_limit_is_a_setting() -> None:
    page = ("\ufffd" * 11 + "и" * 989).encode()
    assert decoded(batch(page), max_undecodable_ratio=0.011)["drop_reason"] == [None]


def test_neighbours_of_a_replacement_character_are_not_counted() -> None:
    # EF BF BD among EF BF BC, EF BF BE and an EF at the end of the page before.
    result = decoded(batch("\uf000".encode(), "\ufffc\ufffd\uffee\uffbd".encode()))
    assert result["undecodable"] == [0, 1]


MADE_BY = re.compile(
    r"<meta[^>]*charset[^>]*>|charset\s*=\s*[\"']?[\w-]+", re.IGNORECASE
)


def words(page: str) -> str:
    """A page without what re-encoding changed: declarations and references."""
    return " ".join(html.unescape(MADE_BY.sub("", page.lstrip("\ufeff"))).split())


@pytest.mark.shared
def test_re_encoded_pages_are_decoded_to_the_original(shared_data: Path) -> None:
    """Declared: 149 of 152, undeclared: 37 of 38.

    The four others are read as browsers read them; Python's codecs, which made them,
    map a wave dash and a middle dot otherwise.
    """
    with gzip.open(shared_data / "gold-dev.jsonl.gz", "rt") as lines:
        gold = {row["url"]: row for row in map(json.loads, lines)}
    made = {url: row for url, row in gold.items() if row.get("made")}
    wanted = {row["transcoded_from"]: row for row in made.values()}
    originals = {
        url: page.decode(gold[url].get("charset") or "utf-8", "replace")
        for name in {gold[url]["warc"] for url in wanted}
        for url, _, page in records(shared_data / name)
        if url in wanted
    }
    right: Counter[str] = Counter()
    for url, content_type, page in records(shared_data / "pages-dev-charsets.warc.gz"):
        source = batch(page, content_type=content_type, host=urlsplit(url).hostname)
        text = decoded(source)["html"][0]
        original = originals[made[url]["transcoded_from"]]
        right[made[url]["charset_mode"]] += words(str(text)) == words(original)
    undeclared = right.pop("undeclared")
    assert undeclared / 38 >= 0.96
    assert right.total() / 152 >= 0.98


def records(path: Path) -> list[tuple[str, str | None, bytes]]:
    """URL, Content-Type and body of every response, read by fastwarc."""
    with path.open("rb") as stream:
        return [
            (
                record.headers["WARC-Target-URI"],
                record.http_headers.get("Content-Type"),
                record.reader.read(),
            )
            for record in ArchiveIterator(stream, record_types=WarcRecordType.response)
        ]


@pytest.mark.shared
def test_real_pages_in_utf_8_are_decoded_to_themselves(shared_data: Path) -> None:
    """All of them: 814 pages in Greek, English, Polish, Russian and Chinese."""
    right = total = 0
    for url, content_type, page in records(shared_data / "pages-dev-daniel.warc.gz"):
        with contextlib.suppress(UnicodeDecodeError):
            expected = page.decode("utf-8").removeprefix("\ufeff")
            source = batch(page, content_type=content_type, host=urlsplit(url).hostname)
            right += decoded(source)["html"][0] == expected
            total += 1
    assert total > 800
    assert right / total >= 0.999
