"""Inputs in an object store, over a real S3 API."""

import os

import pytest

from tamis.errors import InputError
from tamis.inputs import resolve
from tamis.remote import ahead, store
from tamis.remote.failures import AccessRefused
from tamis.remote.opening import Access, about_input, open_input, read_input
from tamis.storage import Storage

CONTENT = os.urandom(50_000)


@pytest.fixture
def access(s3, hasty) -> Access:
    Storage("s3://bucket/in", s3).write("a.warc.gz", CONTENT)
    return Access(s3)


PATH = "s3://bucket/in/a.warc.gz"


def test_a_file_is_read_piece_by_piece(access: Access, monkeypatch) -> None:
    monkeypatch.setattr(ahead, "PIECE_BYTES", 20_000)
    with open_input(PATH, access) as file:
        parts = list(iter(lambda: file.read(1 << 20), b""))
    assert [len(part) for part in parts] == [20_000, 20_000, 10_000]
    assert b"".join(parts) == CONTENT


def test_size_and_stamp_are_known(access: Access) -> None:
    about = about_input(PATH, access)
    assert about.size == 50_000
    assert len(about.stamp.strip('"')) == 32
    assert read_input(PATH, access) == CONTENT


def test_globs_list_the_store(access: Access) -> None:
    (file,) = resolve(["s3://bucket/in/*.warc.gz"], access.options)
    assert (file.path, file.size, file.problem) == (PATH, 50_000, None)


@pytest.mark.parametrize("path", ["s3://bucket/gone.gz", "s3://nobody/gone.gz"])
def test_a_missing_file_is_named(access: Access, path: str) -> None:
    with pytest.raises(InputError, match=f"{path}: no such file"):
        about_input(path, access)
    with (
        open_input(path, access, size=10) as file,
        pytest.raises(InputError, match=f"{path}: no such file"),
    ):
        file.read(1)


def test_a_file_that_shrank_is_not_waited_for(access: Access) -> None:
    with open_input(PATH, access, size=60_000, ranges=[]) as file:
        file.seek(55_000)
        with pytest.raises(InputError, match=r"a\.warc\.gz: the store answers Inv"):
            file.read(10)


def test_an_object_that_changes_while_it_is_read_is_refused(
    access: Access, s3, monkeypatch
) -> None:
    monkeypatch.setattr(ahead, "PIECE_BYTES", 10_000)
    with open_input(PATH, access) as file:
        assert file.read(10_000) == CONTENT[:10_000]
        Storage("s3://bucket/in", s3).write("a.warc.gz", CONTENT[::-1])
        # The piece that was fetched ahead may still be of the first one.
        with pytest.raises(InputError, match="it changed while it was read"):
            b"".join(iter(lambda: file.read(10_000), b""))


def test_an_object_that_changed_since_the_plan_is_refused(access: Access, s3) -> None:
    stamp = about_input(PATH, access).stamp
    with open_input(PATH, access, stamp=stamp) as file:
        assert file.read(5) == CONTENT[:5]
    Storage("s3://bucket/in", s3).write("a.warc.gz", CONTENT[::-1])
    with (
        open_input(PATH, access, size=len(CONTENT), stamp=stamp) as file,
        pytest.raises(InputError, match="it changed while it was read"),
    ):
        file.read(5)


def test_no_store_is_no_file(hasty) -> None:
    options = {"s3": {"endpoint_url": "http://127.0.0.1:9", "key": "k", "secret": "s"}}
    with pytest.raises(InputError, match="given up after 4 attempts"):
        about_input(PATH, Access(options))


@pytest.mark.parametrize(
    ("status", "calls"), [(503, 4), (500, 4), (403, 1), (400, 1)], ids=str
)
def test_stores_that_answer_errors(
    site, hasty, faults, monkeypatch, status: int, calls: int
) -> None:
    """Whatever fsspec and botocore would do by themselves, the attempts are ours."""
    site.files["bucket/a.gz"] = CONTENT
    site.every = faults["answers"](status)
    access = Access({"s3": {"endpoint_url": site.url(""), "key": "k", "secret": "s"}})
    with (
        open_input("s3://bucket/a.gz", access, size=50_000) as file,
        pytest.raises(InputError) as caught,
    ):
        file.read(1)
    assert len(site.gets()) == calls
    assert not isinstance(caught.value, AccessRefused)


def test_common_crawls_bucket_that_blocks_us_ends_the_run(hasty) -> None:
    file = store.StoreFile("s3://commoncrawl/a.gz", {"anon": True}, hasty)
    refused = file._sorted(PermissionError("Access Denied"))
    assert isinstance(refused, AccessRefused)
