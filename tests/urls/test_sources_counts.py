"""Counts of lists are kept from one `check` to the next, by what is in the lists."""

from pathlib import Path

import pytest

from tamis.errors import ConfigError
from tamis.urls import sources
from tamis.urls.sources import Counts, Source, counts_of, entries_of

Folder = Path


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    monkeypatch.setenv("TAMIS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "urls"


def test_counts_are_those_of_the_entries_and_are_counted_once(
    kept: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "adult.txt"
    path.write_text("a.example\n# nothing\nb.example/page\n||odd^\n")
    lists = [Source("adult", path)]
    ((_, own),) = entries_of(lists)
    expected = Counts(own.entries, own.skipped)
    assert expected == Counts(2, 1)
    assert counts_of(lists) == [(lists[0], expected)]
    assert len(list(kept.glob("*.lines"))) == 1

    def fail(source: Source) -> None:
        raise AssertionError("counted again")

    with monkeypatch.context() as patch:
        patch.setattr(sources, "entries_in", fail)
        assert counts_of(lists) == [(lists[0], expected)]
    path.write_text("a.example\nb.example\nc.example\n")
    assert counts_of(lists) == [(lists[0], Counts(3, 0))]


def test_a_damaged_count_is_counted_again(kept: Folder, tmp_path: Path) -> None:
    path = tmp_path / "adult.txt"
    path.write_text("a.example\n")
    lists = [Source("adult", path)]
    before = counts_of(lists)
    (file,) = kept.glob("*.lines")
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    assert counts_of(lists) == before


def test_a_list_without_entries_is_refused_each_time(
    kept: Folder, tmp_path: Path
) -> None:
    path = tmp_path / "adult.txt"
    path.write_text("# nothing\n")
    for _ in range(2):
        with pytest.raises(ConfigError, match="has no entry"):
            counts_of([Source("adult", path)])
    path.unlink()
    with pytest.raises(ConfigError, match="cannot be read"):
        counts_of([Source("adult", path)])
