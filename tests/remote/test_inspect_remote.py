"""Looking at a run that lies in a store, and at pages whose archive is remote."""

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fixtures.recipes import own_recipe

from tamis.errors import InputError
from tamis.runner.places import Places
from tamis.runner.replay import refetched
from tamis.stages.read_warc import ReadWarc
from tamis.storage import Storage

Command = Callable[..., Any]

PAGE = b"<html><body><p>The ferry leaves at seven.</p></body></html>"


def record() -> bytes:
    block = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n" + PAGE
    head = (
        "WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: http://ferry.example/\r\n"
        "WARC-Record-ID: <urn:uuid:12345678-1234-4678-9234-567812345678>\r\n"
        "WARC-Date: 2026-11-22T00:00:00Z\r\n"
        f"Content-Length: {len(block)}\r\n\r\n"
    )
    return gzip.compress(head.encode() + block + b"\r\n\r\n")


def row_of(path: str, offset: int, length: int) -> dict[str, Any]:
    place = {"warc_path": path, "warc_offset": offset, "warc_length": length}
    return {**place, "id": None, "crawl": None}


@pytest.mark.parametrize("after", ["", "breaks", "throttled"])
def test_a_page_is_fetched_again_by_its_range_with_patience(
    after: str, site: Any, faults: dict[str, Any], hasty: object
) -> None:
    content = bytes(100_000) + record() + bytes(100_000)
    site.files["a.warc.gz"] = content
    if after == "breaks":
        site.faults.append(faults["breaks_after"](10))
    if after == "throttled":
        site.faults.append(faults["answers"](503))
    found = refetched(
        row_of(site.url("a.warc.gz"), 100_000, len(record())), ReadWarc(), Places()
    )
    assert found["html"].to_pylist() == [PAGE]
    assert site.sent < 2 * len(record())
    assert None not in site.gets()


def test_a_page_of_an_archive_that_is_gone_says_so(site: Any) -> None:
    path = site.url("a.warc.gz?token=secret")
    with pytest.raises(InputError, match="no such file") as caught:
        refetched(row_of(path, 0, 10), ReadWarc(), Places())
    assert "secret" not in str(caught.value)


def test_a_page_is_fetched_from_a_store_with_the_recipe_s_options(
    s3: dict[str, Any],
) -> None:
    Storage("s3://bucket/pages", s3).write("a.warc.gz", bytes(10) + record())
    row = row_of("s3://bucket/pages/a.warc.gz", 10, len(record()))
    found = refetched(row, ReadWarc(storage_options=s3), Places())
    assert found["html"].to_pylist() == [PAGE]


def test_a_run_in_a_store_is_looked_at_with_the_options_of_a_recipe(
    s3: dict[str, Any], sample_run: Path, tmp_path: Path, command: Command
) -> None:
    store = Storage("s3://bucket/finished", s3)
    for path in sample_run.rglob("*"):
        if path.is_file() and path.relative_to(sample_run).parts[0] != "commits":
            store.write(str(path.relative_to(sample_run)), path.read_bytes())
    endpoint = s3["s3"]["endpoint_url"]
    recipe = tmp_path / "stages.yaml"
    recipe.write_text(
        own_recipe() + f"\nstorage_options: {{s3: {{endpoint_url: '{endpoint}'}}}}\n",
        encoding="utf-8",
    )
    run = ("s3://bucket/finished", "--recipe", str(recipe))
    ended = command("inspect", *run, "--dropped", "duplicate_near", "-n", "1")
    assert ended.code == 0, ended.stderr
    assert "deduplicate: duplicate_near" in ended.stdout
    store.remove(["report.html"])
    ended = command("report", *run)
    assert ended.code == 0, ended.stderr
    assert b"Clusters of duplicates" in store.open("report.html").read()
