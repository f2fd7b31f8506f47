"""Archives read from a web server and a store, as from the disk, or in part."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from tamis.cli.fetch_record import command
from tamis.crawl_index.choose import select_records
from tamis.remote import ahead
from tamis.remote.opening import Access
from tamis.stages.read_warc import ReadWarc
from tamis.storage import Storage
from tamis.warc.reading import Reading
from tamis.warc.selected import packed
from tamis.warc.splits import UNKNOWN_SIZE, Split, plan_splits

NAMES = ["samples-00000.warc.gz", "samples-00001.warc.gz"]
Row = dict[str, Any]


def rows(config: ReadWarc, split: Split, reading: Reading | None = None) -> list[Row]:
    return [row for batch in config.read(split, reading) for row in batch.to_pylist()]


def whole(path: str, size: int) -> Split:
    return Split(path, 0, size, size)


def without_path(found: list[Row]) -> list[Row]:
    return [{**row, "warc_path": None} for row in found]


@pytest.fixture(scope="module")
def local(samples: Path) -> dict[str, list[Row]]:
    return {
        name: rows(
            ReadWarc(), whole(str(samples / name), (samples / name).stat().st_size)
        )
        for name in NAMES
    }


@pytest.fixture
def served(site, hasty, samples: Path):
    for name in NAMES:
        site.files[name] = (samples / name).read_bytes()
    return site


def test_a_bad_server_costs_no_record(served, faults, local, monkeypatch) -> None:
    monkeypatch.setattr(ahead, "PIECE_BYTES", 100_000)
    for count in (0, 30_000, 99_999):
        served.faults += [
            faults["breaks_after"](count),
            faults["answers"](503),
            None,
            faults["breaks_after"](count, is_rude=True),
        ]
    name = NAMES[0]
    size = len(served.files[name])
    found = rows(ReadWarc(), whole(served.url(name), size))
    assert without_path(found) == without_path(local[name])
    assert not served.faults


def test_splits_of_a_remote_file_fetch_little_twice(served, local) -> None:
    name = NAMES[1]
    size = len(served.files[name])
    found: list[Row] = []
    for start, stop in plan_splits(size, 150_000):
        found += rows(ReadWarc(), Split(served.url(name), start, stop, size))
    assert without_path(found) == without_path(local[name])
    # Each of the four reads the head of the file, 64 KiB, and a record over its end.
    assert len([asked for asked in served.gets() if asked == "bytes=0-65535"]) == 3
    assert served.sent < size + 3 * 65_536 + 4 * 2 * 65_536


def test_a_file_of_unknown_size_is_asked_for_it_when_it_is_read(served, local) -> None:
    name = NAMES[0]
    reading = Reading()
    found = rows(ReadWarc(), whole(served.url(name), UNKNOWN_SIZE), reading)
    assert without_path(found) == without_path(local[name])
    assert reading.place.next_start == len(served.files[name])
    assert [method for method, _, _ in served.asked][:1] == ["HEAD"]


def test_archives_of_a_store_are_read(s3, samples: Path, local) -> None:
    name = NAMES[0]
    content = (samples / name).read_bytes()
    Storage("s3://bucket/read", s3).write(name, content)
    config = ReadWarc(storage_options=s3)
    found = rows(config, whole(f"s3://bucket/read/{name}", len(content)))
    assert without_path(found) == without_path(local[name])


def test_secrets_of_an_address_are_not_published(served) -> None:
    name = NAMES[0]
    url = served.url(name).replace("://", "://me:hunter2@") + "?sig=s3cret"
    split = whole(url, len(served.files[name]))
    assert {row["warc_path"] for row in rows(ReadWarc(), split)} == {served.url(name)}


@pytest.mark.parametrize("place", ["http", "s3"])
def test_a_record_is_fetched_by_its_bytes_alone(
    place: str, request, samples: Path, local, monkeypatch
) -> None:
    name = NAMES[0]
    row = local[name][10]
    if place == "http":
        site = request.getfixturevalue("served")
        path = site.url(name)
    else:
        s3 = request.getfixturevalue("s3")
        monkeypatch.setenv("AWS_ENDPOINT_URL", s3["s3"]["endpoint_url"])
        Storage("s3://bucket/one", s3).write(name, (samples / name).read_bytes())
        path = f"s3://bucket/one/{name}"
    place_of = [str(row["warc_offset"]), str(row["warc_length"])]
    done = CliRunner().invoke(command, [path, *place_of], catch_exceptions=False)
    assert done.stdout_bytes == row["html"]
    if place == "http":
        last = row["warc_offset"] + row["warc_length"] - 1
        assert site.gets() == [f"bytes={row['warc_offset']}-{last}"]


@pytest.fixture
def index(local, samples: Path, tmp_path: Path) -> str:
    """An index of the samples, with the languages that their manifest states."""
    with (samples / "manifest.tsv").open(encoding="utf-8") as manifest:
        stated = {
            line["record_id"]: line["language"]
            for line in csv.DictReader(manifest, delimiter="\t")
        }
    pages = [(name, row) for name in NAMES for row in local[name]]
    table = pa.table(
        {
            "content_languages": [stated[row["record_id"]] or None for _, row in pages],
            "content_mime_detected": ["text/html"] * len(pages),
            "fetch_status": pa.array([200] * len(pages), pa.int16()),
            "warc_filename": [f"crawl-data/X/{name}" for name, _ in pages],
            "warc_record_offset": [row["warc_offset"] for _, row in pages],
            "warc_record_length": [row["warc_length"] for _, row in pages],
        }
    )
    pq.write_table(table, tmp_path / "index.parquet")
    return str(tmp_path / "index.parquet")


@pytest.mark.parametrize("language", ["fra", "jpn", "eng"])
@pytest.mark.parametrize("split_bytes", [None, 100_000])
def test_a_selection_fetches_its_records_and_little_more(
    served, local, index: str, language: str, split_bytes: int | None
) -> None:
    config = ReadWarc.model_validate(
        {"select": {"index": index, "languages": [language]}}
    )
    assert config.select is not None
    selection = select_records(config.select, NAMES, Access())
    asked: list[tuple[int, int]] = []
    for name in NAMES:
        wanted = {offset for offset, _ in selection.places[name].tolist()}
        expected = [row for row in local[name] if row["warc_offset"] in wanted]
        size = len(served.files[name])
        found: list[Row] = []
        for start, stop in plan_splits(size, split_bytes):
            selected = selection.within(name, start, stop)
            split = Split(served.url(name), start, stop, size, selected=selected)
            reading = Reading()
            found += rows(config, split, reading)
            assert (reading.place.first_start, reading.place.next_start) == (
                start,
                stop,
            )
            assert reading.records_lost == 0
        assert without_path(found) == without_path(expected)
        asked += selection.places[name].tolist()
    size = sum(length for _, length in asked)
    assert selection.records == len(asked) > 5
    assert served.sent <= 1.3 * size
    assert not [method for method, _, _ in served.asked if method == "HEAD"]


def test_a_split_without_selected_records_asks_for_nothing(served) -> None:
    name = NAMES[0]
    size = len(served.files[name])
    split = Split(served.url(name), 0, size, size, selected=b"")
    assert rows(ReadWarc(), split) == []
    assert served.asked == []


def test_a_place_where_no_record_is_counts_as_lost(served, local, index) -> None:
    name = NAMES[0]
    size = len(served.files[name])
    config = ReadWarc.model_validate({"select": {"index": index}})
    good = local[name][3]
    places = [[7, 100], [good["warc_offset"], good["warc_length"]]]

    selected = packed(np.array(places, np.int64))
    reading = Reading()
    split = Split(served.url(name), 0, size, size, selected=selected)
    assert [row["id"] for row in rows(config, split, reading)] == [good["id"]]
    assert (reading.records_lost, reading.bytes_lost) == (1, 100)
    assert reading.losses[0].offset == 7
