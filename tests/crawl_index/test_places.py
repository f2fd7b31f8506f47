"""Places of records gathered batch by batch are those of a plain sort."""

import tracemalloc
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tamis.crawl_index.places import Found

ARCHIVES = ["a.warc.gz", "b.warc.gz", "архив.warc.gz", "存档.warc.gz"]
Record = tuple[str | None, int, int]


def as_rows(records: list[Record]) -> pa.Table:
    names, offsets, lengths = zip(*records, strict=True) if records else ((), (), ())
    return pa.table(
        {
            "name": pa.array(names, pa.string()),
            "offset": pa.array(offsets, pa.int64()),
            "length": pa.array(lengths, pa.int64()),
        }
    )


def gathered(*batches: list[Record]) -> dict[str, list[list[int]]]:
    found = Found([*ARCHIVES, ARCHIVES[0]])
    for records in batches:
        found.add(as_rows(records))
    places: dict[str, Any] = dict(found.by_archive().places)
    return {name: own.tolist() for name, own in places.items()}


def test_nothing_gathered_is_no_place() -> None:
    assert gathered() == gathered([]) == {}
    assert Found([]).by_archive().records == 0


def test_records_of_other_archives_are_left_out() -> None:
    assert gathered([("c.warc.gz", 0, 5), (None, 0, 5)]) == {}
    assert gathered([("c.warc.gz", 0, 5), ("存档.warc.gz", 7, 9)]) == {
        "存档.warc.gz": [[7, 9]]
    }


def test_of_a_place_named_twice_the_first_counts() -> None:
    first: list[Record] = [("a.warc.gz", 70, 1), ("a.warc.gz", 5, 2)]
    assert gathered(first, [("a.warc.gz", 70, 3), ("b.warc.gz", 70, 4)]) == {
        "a.warc.gz": [[5, 2], [70, 1]],
        "b.warc.gz": [[70, 4]],
    }


@pytest.mark.parametrize("batches", [1, 7, 50])
def test_batches_come_to_what_a_plain_sort_does(batches: int) -> None:
    random = np.random.default_rng(batches)
    records: list[Record] = [
        ([*ARCHIVES, "other.warc.gz"][archive], int(offset), int(offset) % 97)
        for archive, offset in zip(
            random.integers(0, 5, 2000), random.integers(0, 3000, 2000), strict=True
        )
    ]
    expected = {
        name: [list(r[1:]) for r in sorted({r for r in records if r[0] == name})]
        for name in ARCHIVES
    }
    bounds = np.linspace(0, len(records), batches + 1).astype(int)
    found = gathered(*(records[a:b] for a, b in pairwise(bounds)))
    assert found == expected


def test_a_record_takes_few_bytes() -> None:
    """20 gathered and 16 sorted, at most at once; the name would be 53 more."""
    per_batch, batches = 5_000, 40
    name = f"{'x' * 45}.warc.gz"
    found = Found([name])
    tracemalloc.start()
    for batch in range(batches):
        first = batch * per_batch
        found.add(as_rows([(name, first + k, 1) for k in range(per_batch)]))
    kept = tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    places = found.by_archive().places[name]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    records = per_batch * batches
    assert kept < 21 * records
    assert peak < 45 * records  # an archive's own places are sorted beside
    assert places.nbytes == 16 * records
