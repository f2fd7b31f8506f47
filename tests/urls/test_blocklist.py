import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pytest

from pipeline.errors import StorageError
from pipeline.urls.blocklist import Blocklist, default_folder, prepare
from pipeline.urls.sources import Source


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
    empty = Blocklist(prepare([source(tmp_path, "none", "# only a comment")], tmp_path))
    assert len(empty) == 0
    assert categories(empty) == []
    assert categories(empty, "http://a.org/", None) == [None, None]
    assert len(Blocklist(prepare([], tmp_path))) == 0


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


def test_a_damaged_file_and_an_unwritable_folder_are_named(tmp_path: Path) -> None:
    path = prepare([source(tmp_path, "adult", "a.org")], tmp_path)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(StorageError, match="is damaged"):
        Blocklist(path)
    with pytest.raises(StorageError, match="cannot be prepared"):
        prepare([source(tmp_path, "adult", "b.org")], path / "below-a-file")


def test_the_cache_folder_follows_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("TAMIS_CACHE", raising=False)
    assert default_folder() == tmp_path / "tamis" / "urls"
    monkeypatch.setenv("TAMIS_CACHE", str(tmp_path / "mine"))
    assert default_folder() == tmp_path / "mine" / "urls"
