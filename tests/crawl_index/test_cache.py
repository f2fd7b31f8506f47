"""An index is read once for an output folder, and again when anything changed."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tamis.crawl_index import cache
from tamis.crawl_index.settings import Select
from tamis.remote.opening import Access
from tamis.storage import Storage


def test_a_selection_is_cached_until_something_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = {
        "fetch_status": [200, 200, 200],
        "content_mime_detected": ["text/html"] * 3,
        "warc_filename": ["x/a.warc.gz", "x/b.warc.gz", "x/a.warc.gz"],
        "warc_record_offset": [70, 5, 7],
        "warc_record_length": [10, 20, 30],
    }
    index = tmp_path / "i.parquet"
    pq.write_table(pa.table(table), index)
    storage = Storage(str(tmp_path / "out"))
    reads, notes = [], []
    really = cache.select_records
    monkeypatch.setattr(
        cache, "select_records", lambda *a: reads.append(1) or really(*a)
    )

    def places(**settings):
        names = ["b.warc.gz", "a.warc.gz"]
        writes = settings.pop("writes", True)
        select = Select(index=str(index), **settings)
        found = cache.cached_selection(
            storage,
            select,
            names,
            access=Access(),
            writes=writes,
            note=notes.append,
        )
        return {name: each.tolist() for name, each in found.places.items()}

    expected = {"a.warc.gz": [[7, 30], [70, 10]], "b.warc.gz": [[5, 20]]}
    assert places(writes=False) == expected
    assert storage.names("selections") == []
    assert [places(), places(), places(max_gap_bytes=5)] == [expected] * 3
    assert len(reads) == 2
    assert places(where="warc_record_length > 15") == {
        "a.warc.gz": [[7, 30]],
        "b.warc.gz": [[5, 20]],
    }
    pq.write_table(pa.table(table), index, compression="none")
    assert places() == expected
    assert len(reads) == 4
    assert notes == []
    for name in storage.names("selections"):
        content = bytearray(storage.open(name).read())
        content[len(content) // 2] ^= 1
        storage.write(name, bytes(content))
    assert places() == places() == expected
    assert len(reads) == 5
    (note,) = notes
    assert "/selections/" in note
    assert "is damaged: " in note
