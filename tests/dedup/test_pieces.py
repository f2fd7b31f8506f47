"""However deduplicate cuts its work, and whatever it loses of it, it decides the same."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tamis.dedup import groups as dedup_job
from tamis.dedup import partitions as dedup_partitions
from tamis.dedup import sorted_runs
from tamis.dedup.clusters import gather
from tamis.documents.parts import Published
from tamis.stages.deduplicate import Deduplicate
from tamis.storage import Storage
from tamis.work.executors import InlineExecutor
from tamis.work.tasks import Tasks

Row = dict[str, Any]


def random_rows(rng: np.random.Generator, count: int) -> list[Row]:
    """Documents with many matches, chains among them, and two equal ids."""
    rows = []
    for id_ in rng.permutation(count).tolist():
        text, *bands = rng.integers(0, count, 3).tolist()
        own = {
            "id": id_,
            "text_chars": int(rng.integers(90, 99)),
            "fetched_at": 0,
            "language": "fra",
            "text_hash": text,
            "band_00": bands[0],
            "band_01": bands[1],
        }
        if rng.random() < 0.1:
            own["band_00"] = own["band_01"] = None
        # Spread over all 64 bits, as hashes are.
        for column in ("text_hash", "band_00", "band_01"):
            if own[column] is not None:
                own[column] = (
                    own[column] * 0x9E3779B97F4A7C15 + ord(column[-1])
                ) % 2**64
        rows.append(own)
    rows[-1]["id"] = rows[0]["id"]
    return rows


def expected(rows: list[Row], reasons: Sequence[str | None]) -> list[tuple[Any, ...]]:
    """By brute force: every pair, then repeated spreading of the smallest label."""
    ids: set[int] = set()
    outcome: list[Any] = [None] * len(rows)
    live = []
    for number, own in enumerate(rows):
        if reasons[number]:
            outcome[number] = (None, None, None, None)
        elif own["id"] in ids:
            outcome[number] = (own["id"], 1, False, "duplicate_id")
        else:
            ids.add(own["id"])
            live.append(number)
    label = {number: number for number in live}
    columns = ("text_hash", "band_00", "band_01")
    pairs = [
        (one, other)
        for one in live
        for other in live
        if one < other
        and any(
            rows[one][c] is not None and rows[one][c] == rows[other][c] for c in columns
        )
    ]
    changed = True
    while changed:
        changed = False
        for one, other in pairs:
            low = min(label[one], label[other])
            changed |= label[one] != low or label[other] != low
            label[one] = label[other] = low
    for first in set(label.values()):
        members = [number for number in live if label[number] == first]
        members.sort(key=lambda n: (-rows[n]["text_chars"], rows[n]["id"]))
        texts: set[int] = set()
        for number in members:
            is_copy = rows[number]["text_hash"] in texts
            texts.add(rows[number]["text_hash"])
            reason = "duplicate_exact" if is_copy else "duplicate_near"
            is_kept = number == members[0]
            survivor = rows[members[0]]["id"]
            outcome[number] = (
                survivor,
                len(members),
                is_kept,
                None if is_kept else reason,
            )
    return outcome


@pytest.mark.parametrize("size", ["default", "tiny"])
def test_pieces_splits_and_the_order_of_inputs_change_nothing(
    tmp_path: Path, hashed: Any, monkeypatch: pytest.MonkeyPatch, size: str
) -> None:
    if size == "tiny":
        monkeypatch.setattr(dedup_job, "_MIN_GROUP_ROWS", 60)
        monkeypatch.setattr(dedup_job, "_MAX_RANGE_ROWS", 50)
        monkeypatch.setattr(dedup_job, "_PARTITION_BYTES", 4000)
        monkeypatch.setattr(dedup_job, "_MAX_PARTITIONS", 2)
        monkeypatch.setattr(sorted_runs, "_TASK_ROWS", 300)
        monkeypatch.setattr(gather, "_READ_VALUES", 150)
        monkeypatch.setattr(dedup_partitions, "_BUFFER_BYTES", 8000)
    rng = np.random.default_rng(8)
    rows = random_rows(rng, 300)
    reasons = [None if rng.random() < 0.9 else "word_count" for _ in rows]
    bounds = [0, 80, 80, 131, 300]  # the second part is empty
    outcome = []
    for splits in (1, 3):
        storage = Storage(str(tmp_path / f"{splits}"))
        parts = [
            hashed.part(
                storage, f"part-{n}", rows[a:b], splits=splits, reasons=reasons[a:b]
            )
            for n, (a, b) in enumerate(pairwise(bounds))
        ]
        given = parts if splits == 1 else parts[::-1]
        tasks = Tasks(storage, InlineExecutor())
        result = Deduplicate(verify=None).run(given, tasks)
        layers = result.layers if splits == 1 else result.layers[::-1]
        outcome.append([layer.path for layer in layers])  # hash of the content within
        many = size == "tiny"
        assert (tasks.executed["deduplicate-gather"] > 1) == many
        assert (tasks.executed["deduplicate-edges"] > 1) == many
        assert (tasks.executed["deduplicate-survivors"] > 1) == many
        assert bool(storage.names("work/dedup/pieces")) == many
    assert outcome[0] == outcome[1]
    found = hashed.published(storage, Published(layers))
    assert [own["id"] for own in found] == [own["id"] for own in rows]
    columns = ("cluster", "cluster_size", "kept", "drop_reason")
    assert [tuple(own[c] for c in columns) for own in found] == expected(rows, reasons)


def test_a_step_that_was_lost_is_done_again_and_no_other(
    tmp_path: Path, hashed: Any
) -> None:
    storage = Storage(str(tmp_path))
    parts = [hashed.part(storage, "a", random_rows(np.random.default_rng(9), 50))]
    first = Deduplicate(verify=None).run(parts, Tasks(storage, InlineExecutor()))

    again = Tasks(storage, InlineExecutor())
    assert Deduplicate(verify=None).run(parts, again) == first
    assert again.executed == {}

    storage.remove(storage.names("commits/deduplicate-survivors"))
    storage.remove([layer.path for layer in first.layers])
    resumed = Tasks(storage, InlineExecutor())
    assert Deduplicate(verify=None).run(parts, resumed) == first
    assert set(resumed.executed) == {"deduplicate-survivors", "deduplicate-duplicates"}
