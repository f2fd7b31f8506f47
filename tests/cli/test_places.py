"""A page is found again by its `warc_path`, wherever its archive lies now."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from warcio.archiveiterator import ArchiveIterator

import tamis
from tamis.errors import InputError
from tamis.runner.places import Places

Command = Callable[..., Any]

RECIPE = """
languages: [eng]
executor: inline
stages:
  - read_warc: {}
  - filter_url: {}
  - decode_html: {}
  - extract_text: {engine: blocks}
  - save: documents
"""


@pytest.fixture(scope="module")
def moved(
    tmp_path_factory: pytest.TempPathFactory,
    response_record: Callable[..., bytes],
    command: Command,
) -> Path:
    """A run over `before/2024/a.warc.gz`, which has moved to `after/2024/`."""
    folder = tmp_path_factory.mktemp("moved")
    page = b"<p>The ferry leaves the harbour at seven and comes back in the fog.</p>"
    block = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n" + page
    (folder / "before/2024").mkdir(parents=True)
    (folder / "before/2024/a.warc.gz").write_bytes(
        response_record("http://porn.example/", "2024-01-01", block)
    )
    recipe = f"input: {folder}/before/*/*.warc.gz\noutput: {folder}/out\n{RECIPE}"
    (folder / "stages.yaml").write_text(recipe, "utf-8")
    ended = command("run", str(folder / "stages.yaml"), "--quiet")
    assert ended.code == 0, ended.stderr
    (folder / "before").rename(folder / "after")
    (folder / "after/a.warc.gz").write_bytes(b"another one of the same name")
    return folder


@pytest.fixture(scope="module")
def row(moved: Path) -> dict[str, Any]:
    (file,) = (moved / "out/dropped").glob("*.parquet")
    (found,) = pq.read_table(file).to_pylist()
    return found


def test_published_files_name_the_archive_and_run_json_its_place(
    moved: Path, row: dict[str, Any]
) -> None:
    assert row["warc_path"].startswith("a.warc.gz-")
    book = json.loads((moved / "out/run.json").read_text("utf-8"))
    (entry,) = book["inputs"]
    assert entry["name"] == entry["warc_path"] == row["warc_path"]
    assert entry["path"] == f"{moved}/before/2024/a.warc.gz"
    for file in (moved / "out/dropped").iterdir():
        assert str(moved).encode() not in file.read_bytes()


def test_a_page_is_fetched_by_the_run_or_by_its_folder(
    moved: Path, row: dict[str, Any], command: Command
) -> None:
    place = (row["warc_path"], str(row["warc_offset"]), str(row["warc_length"]))
    gone = command("fetch-record", *place, "--run", str(moved / "out"))
    assert gone.code == 1
    assert "before/2024/a.warc.gz: no such file" in gone.stderr
    where = (row["warc_path"], row["warc_offset"], row["warc_length"])
    for options in (
        {"run": moved / "out", "root": moved / "after"},
        {"root": moved / "after/2024"},
        {"root": f"file://{moved}/after/2024"},
    ):
        assert b"The ferry leaves" in tamis.fetch_record(*where, **options)
    shutil.copytree(moved / "after", moved / "before")
    try:
        assert b"The ferry" in tamis.fetch_record(*where, run=moved / "out")
    finally:
        shutil.rmtree(moved / "before")


def test_what_is_no_input_of_the_run_is_not_opened(
    moved: Path, command: Command
) -> None:
    ended = command("fetch-record", "b.warc.gz", "0", "9", "--run", str(moved / "out"))
    assert (ended.code, ended.stdout) == (1, "")
    assert "b.warc.gz: not an input of this run" in ended.stderr
    ended = command("fetch-record", "b.warc.gz", "0", "9", "--root", str(moved))
    assert f"{moved}: b.warc.gz is not in this folder" in ended.stderr


def test_inspect_reads_texts_and_records_below_the_root(
    moved: Path, tmp_path: Path, command: Command
) -> None:
    warc = tmp_path / "some.warc.gz"
    arguments = ("inspect", str(moved / "out"), "--stage", "filter_url")
    shown = command(*arguments)
    assert "(no text: " in shown.stdout
    shown = command(*arguments, "--root", str(moved / "after"), "--warc", str(warc))
    assert shown.code == 0, shown.stderr
    assert "The ferry leaves" in shown.stdout
    with warc.open("rb") as file:
        (record,) = (one.content_stream().read() for one in ArchiveIterator(file))
    assert b"The ferry leaves" in record


def test_an_address_with_a_secret_is_taken_from_the_recipe() -> None:
    address = "https://me:pw@h/a.warc.gz?sig=1"
    entry = {"name": "a.warc.gz", "warc_path": "https://h/a.warc.gz"}
    summary = {"inputs": [{**entry, "path": "https://h/a.warc.gz"}]}
    places = Places(summary, addresses=["/data/*.gz", address])
    assert places.place_of("https://h/a.warc.gz") == address
    assert places.name_of("https://h/a.warc.gz") == "a.warc.gz"
    assert Places(summary).place_of("https://h/a.warc.gz") == "https://h/a.warc.gz"


def test_a_root_may_be_an_address() -> None:
    places = Places(root="s3://bucket/crawl/")
    assert places.place_of("a.warc.gz") == "s3://bucket/crawl/a.warc.gz"
    assert places.place_of("https://h/d/a.gz") == "s3://bucket/crawl/a.gz"
    with pytest.raises(InputError, match="not an input of this run"):
        Places({"inputs": []}).place_of("../../etc/passwd")
