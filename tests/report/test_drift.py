"""Documents that came and went are counted by language and reason."""

import tracemalloc
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from tamis.corpus.release import _moved
from tamis.documents.of_run import TABLES
from tamis.report.drift import Change, documents_changed, left_of
from tamis.storage import Storage
from tamis.storage.parquet import parquet_writer
from tamis.storage.records import sealed

LANGUAGES = ["fra", "eng", None, ""]
REASONS = ["duplicate", "too_short", "language"]


def documents(ids: np.ndarray, crawls: list[str | None]) -> pa.Table:
    return pa.table(
        {
            "id": pa.array(ids, pa.uint64()),
            "language": [LANGUAGES[n % 4] for n in ids.tolist()],
            "crawl": [crawls[n % len(crawls)] for n in ids.tolist()],
        }
    )


def dropped_in(folder: Path, ids: np.ndarray) -> Storage:
    """A run that dropped the documents of these ids, in two tables."""
    storage = Storage(str(folder))
    tables = {}
    for number, some in enumerate(np.array_split(ids, 2)):
        table = pa.table(
            {
                "id": pa.array(some, pa.uint64()),
                "reason": [REASONS[n % 3] for n in some.tolist()],
            }
        )
        with (
            storage.writer("dropped", f"part-{number}", ".parquet") as written,
            parquet_writer(str(written.temporary), table.schema) as writer,
        ):
            writer.write_table(table, row_group_size=1000)
        lists = dict.fromkeys(("saved", "rows", "bytes", "layers", "inputs"), ())
        tables[f"part-{number}"] = {
            **lists,
            "dropped": written.name,
            "duplicates": None,
        }
    storage.write(TABLES, sealed({"inputs": tables}))
    return storage


def expected(before: pa.Table, after: pa.Table, reasons: dict[int, str]) -> set[Change]:
    """The same, one document at a time."""
    rows = [{row["id"]: row for row in t.to_pylist()} for t in (before, after)]
    known = {row["crawl"] for row in rows[0].values()}
    came, went = Counter(), Counter()
    for id_ in rows[1].keys() - rows[0].keys():
        row = rows[1][id_]
        why = "drawn now" if row["crawl"] in known else f"new: {row['crawl']}"
        came[f"{row['language'] or 'unknown'}, {why}"] += 4
    for id_ in rows[0].keys() - rows[1].keys():
        why = reasons.get(id_, "not there")
        went[f"{rows[0][id_]['language'] or 'unknown'}, {why}"] += 4
    return {
        Change(
            "new_documents",
            "",
            0.0,
            len(rows[1].keys() - rows[0].keys()) / max(len(rows[1]), 1),
        ),
        *(Change("entered", name, None, n) for name, n in came.items()),
        *(Change("left", name, n, None) for name, n in went.items()),
    }


@pytest.mark.parametrize("crawls", [["a", "b"], ["a", None]])
@pytest.mark.parametrize("seed", range(3))
def test_each_document_counts_once_with_its_reason(
    tmp_path: Path, seed: int, crawls: list[str | None]
) -> None:
    dice = np.random.default_rng(seed)
    pool = np.unique(dice.integers(0, 2**64, 5000, np.uint64))
    before = documents(dice.choice(pool, 3000, replace=False), crawls[:1])
    after = documents(dice.choice(pool, 3000, replace=False), crawls)
    gone = np.asarray(left_of(before, after)["id"]).astype(np.uint64)
    others = dice.integers(0, 2**64, 4000, np.uint64)
    run = dropped_in(tmp_path, np.concatenate([others, gone[: len(gone) // 2]]))
    reasons = {n: REASONS[n % 3] for n in gone[: len(gone) // 2].tolist()}
    found = _moved(before, after, [run], 4)
    assert set(found) == expected(before, after, reasons)
    assert found == documents_changed(before, after, reasons, 4)
    sizes = [change.before for change in found if change.of == "left"]
    assert sizes == sorted(sizes, reverse=True)


def test_nothing_that_moved_is_no_error() -> None:
    some = documents(np.arange(10, dtype=np.uint64), ["a"])
    nothing = some.slice(0, 0)
    for before, after in ((nothing, some), (some, nothing), (some, some)):
        assert set(_moved(before, after, [], 4)) == expected(before, after, {})


def test_many_dropped_documents_do_not_stay_in_memory(tmp_path: Path) -> None:
    count = 300_000
    ids = np.arange(count, dtype=np.uint64) * np.uint64(7919)
    before, run = documents(ids, ["a"]), dropped_in(tmp_path, ids)
    tracemalloc.start()
    (_, *left) = _moved(before, before.slice(0, 0), [run], 1)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert sum(change.before or 0 for change in left) == count
    assert (
        peak < 80 * count
    )  # a dict of ids and reasons, and lists, took 215 bytes each
