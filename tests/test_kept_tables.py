"""Tables that the cache keeps are those that would be computed, and are made once."""

import json
from pathlib import Path

import pytest

from tamis.text import unicode
from tamis.toxicity import lists


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache that has nothing yet, for tables that this process has not read."""
    monkeypatch.setenv("TAMIS_CACHE", str(tmp_path / "cache"))
    kept = (unicode.code_points, lists.packaged_lists)
    for function in kept:
        function.cache_clear()
    return tmp_path / "cache"


def test_unicode_tables(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    computed = unicode._computed()
    for _ in range(2):  # made, then read
        unicode.code_points.cache_clear()
        found = unicode.code_points()
        for name in found._fields:
            own = getattr(found, name)
            assert own.dtype == computed[name].dtype
            assert own.tolist() == computed[name].tolist()
            assert own.flags.writeable  # another type would compile kernels again
        monkeypatch.setattr(unicode, "_computed", lambda: pytest.fail("made again"))
    assert len(list(cache.glob("code-points-*"))) == 1


def test_word_lists(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    computed = json.loads(bytes(lists._read()["json"]))
    assert len(computed) > 20
    for _ in range(2):
        lists.packaged_lists.cache_clear()
        found = lists.packaged_lists()
        assert found == {code: tuple(words) for code, words in computed.items()}
        monkeypatch.setattr(lists, "_read", lambda: pytest.fail("made again"))
