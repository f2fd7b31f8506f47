import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pytest

from tamis import cache
from tamis.errors import ConfigError, StorageError
from tamis.urls.blocklist import Blocklist, default_folder, prepare, prepared
from tamis.urls.sources import Source


def source(folder: Path, category: str, *entries: str) -> Source:
    path = folder / category
    path.write_text("\n".join(entries) + "\n", encoding="utf-8")
    return Source(category, path)


def categories(blocklist: Blocklist, *urls: str | None) -> list[str | None]:
    return blocklist.categories_of(pa.array(urls, pa.string()))


def test_each_address_gets_the_category_of_its_nearest_entry(tmp_path: Path) -> None:
    lists = [
        source(tmp_path, "adult", "a.org", "page.org/x"),
        source(tmp_path, "malware", "b.a.org", "a.org", "page.org/x/y"),
    ]
    blocklist = Blocklist(prepare(lists, tmp_path / "cache"))
    assert len(blocklist) == 5  # two hosts, two pages, and that page.org has some
    assert categories(
        blocklist,
        "http://a.org/",
        "http://c.b.a.org/",
        None,
        "http://page.org/",
        "http://page.org/x/z",
        "http://page.org/x/y/z?q",
        "http://a.org/again",
        "",
    ) == ["adult", "malware", None, None, "adult", "malware", "adult", None]


def test_no_urls_and_no_entries_are_no_hits(tmp_path: Path) -> None:
    empty = Blocklist(prepare([], tmp_path))
    assert len(empty) == 0
    assert categories(empty) == []
    assert categories(empty, "http://a.org/", None) == [None, None]


@pytest.mark.parametrize("content", ["", "# only a comment", "\n\n", "no host\n"])
def test_a_list_without_entries_is_a_mistake(tmp_path: Path, content: str) -> None:
    """It would block nothing, and nobody would hear of it."""
    with pytest.raises(ConfigError, match="has no entry"):
        prepare([source(tmp_path, "none", content)], tmp_path)


def test_odd_spellings_are_looked_up_as_the_plain_ones(tmp_path: Path) -> None:
    entries = (
        "bücher.example",
        "a.org",
        "[2001:db8::1]",
        "page.org/привет",
        "192.0.2.1",
    )
    blocklist = Blocklist(prepare([source(tmp_path, "adult", *entries)], tmp_path))
    listed = [
        *("HTTP://WWW.A.ORG/X", "https://me:word@b.a.org:8080/", "http://a.org./"),
        *(
            "//a.org",
            "a.org:80/x",
            "http://%61.org/",
            "http:\\\\a.org\\x",
            "ftp://a.org",
        ),
        *(
            "http://bücher.example",
            "http://shop.XN--BCHER-KVA.example/",
            "http://a。org",
        ),
        *("http://[2001:DB8::1]:80/", "http://me@[2001:db8::1]", "http://192.0.2.1:1/"),
        *(
            "http://page.org/ПРИВЕТ/x",
            "http://www.page.org/%D0%9F%D1%80%D0%B8%D0%B2%D0%B5%D1%82",
        ),
    ]
    left = [
        *(
            "http://aa.org",
            "http://org",
            "http://a.org.example/",
            "http://[2001:db8::2]/",
        ),
        *(
            "http:///",
            "http://",
            "http://@/a.org",
            "http://user:a.org@b.org/",
            "?a.org",
        ),
        *(
            "http://page.org/%D0%B6",
            "http://page.org/привет%21/x?y",
            "http://page.org/a b",
        ),
        *(
            "http://b.org#a.org",
            "http://x.page.org/привет",
            "http://page.org/приве",
            None,
        ),
    ]
    assert categories(blocklist, *listed) == ["adult"] * len(listed)
    assert categories(blocklist, *left) == [None] * len(left)
    assert categories(blocklist, *left, *listed)[len(left) :] == ["adult"] * len(listed)


def test_a_list_is_prepared_once_for_the_same_bytes(tmp_path: Path) -> None:
    lists = [source(tmp_path, "adult", "a.org")]
    path = prepare(lists, tmp_path / "cache")
    before = path.stat().st_mtime_ns
    os.utime(lists[0].path, (0, 0))
    assert prepare(lists, tmp_path / "cache") == path
    assert path.stat().st_mtime_ns == before
    lists[0].path.write_text("b.org\n")
    assert prepare(lists, tmp_path / "cache") != path
    renamed = [Source("other", lists[0].path)]
    assert Blocklist(prepare(renamed, tmp_path / "cache")).categories == ("other",)


def test_workers_may_prepare_the_same_list_at_once(tmp_path: Path) -> None:
    lists = [source(tmp_path, "adult", *(f"host{i}.org" for i in range(3_000)))]
    with ThreadPoolExecutor(4) as workers:
        paths = [workers.submit(prepare, lists, tmp_path / "cache") for _ in range(4)]
        opened = [Blocklist(path.result()) for path in paths]
    assert {len(blocklist) for blocklist in opened} == {3_000}
    assert categories(opened[0], "http://host2999.org/") == ["adult"]
    assert [path.suffix for path in (tmp_path / "cache").iterdir()] == [".urls"]


def test_a_damaged_file_is_prepared_again_and_said_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lists = [source(tmp_path, "adult", "a.org")]
    path = prepare(lists, tmp_path)
    whole = path.read_bytes()
    header, _, tables = whole.partition(b"\n")
    flipped = [bytearray(whole) for _ in range(2)]
    flipped[0][-1] ^= 1  # the category
    flipped[1][-20] ^= 128  # the hash, or its index
    for content in [
        b"",
        whole[:-1],
        whole + b"\0",
        b"[]\n" + tables,
        b"[" * 100_000,
        b"\xff" + whole,
        header.replace(b'"starts": 3', b'"starts": 2') + b"\n" + tables,
        *map(bytes, flipped),
    ]:
        path.write_bytes(content)
        with pytest.raises(StorageError, match=r"is damaged: "):
            Blocklist(path)
        assert categories(prepared(lists, tmp_path), "http://a.org/") == ["adult"]
        assert path.read_bytes() == whole
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith(f"tamis: prepared list {path} is damaged: ")
        assert line.endswith("; prepared again")


def test_where_the_folder_cannot_be_written_a_temporary_one_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "t"))
    (tmp_path / "t").mkdir()
    path = prepare([source(tmp_path, "adult", "a.org")], tmp_path)
    other = prepare([source(tmp_path, "adult", "b.org")], path / "below-a-file")
    assert other.parent == tmp_path / "t" / f"tamis-cache-{os.getuid()}" / "urls"
    (line,) = capsys.readouterr().err.splitlines()
    assert "below-a-file: " in line
    assert line.endswith(f"; kept in {other.parent}")


def test_where_no_folder_can_be_written_both_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = prepare([source(tmp_path, "adult", "a.org")], tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(path / "below-a-file"))
    monkeypatch.setattr(cache, "_ROOMY", ())
    with pytest.raises(StorageError, match="cannot be prepared"):
        prepare([source(tmp_path, "adult", "b.org")], path / "below-a-file")


def test_the_cache_folder_follows_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAMIS_CACHE", str(tmp_path / "mine"))
    assert default_folder() == tmp_path / "mine" / "urls"
    monkeypatch.delenv("TAMIS_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(cache, "is_writable", lambda path: tmp_path in path.parents)
    assert default_folder() == tmp_path / "tamis" / "urls"
