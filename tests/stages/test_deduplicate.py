"""The barrier on hand-made columns; test_deduplicate_verified.py reads texts."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from pipeline.commits import Outputs, fingerprint
from pipeline.documents import Part, Published
from pipeline.executors import InlineExecutor
from pipeline.schema import DUPLICATES, TIMESTAMP
from pipeline.stages import dedup_job, dedup_partitions, dedup_runs
from pipeline.stages.deduplicate import Deduplicate, run
from pipeline.storage import Storage
from pipeline.tasks import Tasks

DOCUMENTS = pa.schema(
    [
        ("id", pa.uint64()),
        ("text_chars", pa.int64()),
        ("fetched_at", TIMESTAMP),
        ("language", pa.string()),
        ("text_hash", pa.uint64()),
        ("band_00", pa.uint64()),
        ("band_01", pa.uint64()),
    ]
)
LAYER = pa.schema([("id", pa.uint64()), ("drop_reason", pa.string())])
Row = dict[str, Any]


def row(id_: int, text: int | None, *bands: int | None, chars: int = 100) -> Row:
    """A document; its text, its bands: numbers that are equal where they are."""
    bands = bands or (1000 + id_, 2000 + id_)
    return {
        "id": id_,
        "text_chars": chars,
        "fetched_at": 0,
        "language": "fra",
        "text_hash": text,
        "band_00": bands[0],
        "band_01": bands[1],
    }


def part(
    storage: Storage,
    name: str,
    rows: Sequence[Row],
    *,
    splits: int = 1,
    reasons: Sequence[str | None] = (),
    schema: pa.Schema = DOCUMENTS,
) -> Part:
    """Save rows as the documents of one input, in `splits` files, with one layer."""
    outputs = Outputs(storage, name)
    table = pa.Table.from_pylist(list(rows), schema)
    bounds = np.linspace(0, len(rows), splits + 1).astype(int).tolist()
    for number, (start, stop) in enumerate(pairwise(bounds)):
        with outputs.parquet("documents", schema, f"{name}-{number}") as writer:
            writer.write_table(table.slice(start, stop - start))
    files = tuple(outputs.files)
    dropped = pa.table(
        [table["id"], pa.array(reasons or [None] * len(rows), pa.string())],
        schema=LAYER,
    )
    with outputs.parquet("decisions", LAYER, name) as writer:
        writer.write_table(dropped)
    print_ = fingerprint([file.path for file in outputs.files])
    return Part(name, print_, files, (outputs.files[-1],))


def published(storage: Storage, result: Published) -> list[Row]:
    rows: list[Row] = []
    for layer in result.layers:
        table = pq.read_table(storage.path(layer.path))
        assert table.schema.equals(DUPLICATES)
        rows += table.to_pylist()
    return rows


Decide = Callable[..., dict[int, tuple[Any, ...]]]


@pytest.fixture
def decide(tmp_path: Path) -> Decide:
    """id -> (cluster, cluster_size, drop_reason) of documents in one part."""

    def decided(
        rows: Sequence[Row], reasons: Sequence[str | None] = (), **settings: Any
    ) -> dict[int, tuple[Any, ...]]:
        storage = Storage(str(tmp_path))
        parts = [part(storage, "a", rows, reasons=reasons)]
        result = run(Deduplicate(**settings), parts, Tasks(storage, InlineExecutor()))
        return {
            own["id"]: (own["cluster"], own["cluster_size"], own["drop_reason"])
            for own in published(storage, result)
        }

    return decided


def test_documents_with_nothing_in_common_stay(decide: Decide) -> None:
    assert decide([row(5, 1), row(6, 2)]) == {5: (5, 1, None), 6: (6, 1, None)}


def test_of_equal_texts_the_longest_stays(decide: Decide) -> None:
    rows = [row(5, 1, chars=10), row(6, 1, chars=12), row(7, 1, chars=11)]
    assert decide(rows) == {
        5: (6, 3, "duplicate_exact"),
        6: (6, 3, None),
        7: (6, 3, "duplicate_exact"),
    }


def test_bands_chain_documents_together(decide: Decide) -> None:
    rows = [row(5, 1, 70, 80), row(6, 2, 70, 81), row(7, 3, 71, 81), row(8, 4, 72, 82)]
    assert decide(rows) == {
        5: (5, 3, None),
        6: (5, 3, "duplicate_near"),
        7: (5, 3, "duplicate_near"),
        8: (8, 1, None),
    }


def test_equal_hashes_of_different_bands_are_no_match(decide: Decide) -> None:
    assert decide([row(5, 1, 70, 80), row(6, 2, 80, 70)])[6] == (6, 1, None)


def test_a_copy_of_a_near_duplicate_is_an_exact_one(decide: Decide) -> None:
    rows = [row(5, 1, 70, 80, chars=9), row(6, 2, 70, 81), row(7, 2, 70, 81)]
    assert [own[2] for own in decide(rows).values()] == [
        "duplicate_near",
        None,
        "duplicate_exact",
    ]
    rows = [row(5, 1, 70, 80, chars=900), *rows[1:]]
    assert [own[2] for own in decide(rows).values()] == [
        None,
        "duplicate_near",
        "duplicate_exact",
    ]


def test_without_text_or_bands_nothing_is_a_duplicate(decide: Decide) -> None:
    rows = [row(5, None, None, None), row(6, None, None, None), row(7, 3, None, None)]
    assert [own[2] for own in decide(rows).values()] == [None, None, None]


def test_short_texts_are_compared_by_their_hash(decide: Decide) -> None:
    rows = [row(5, 3, None, None), row(6, 3, None, None)]
    assert decide(rows)[6] == (5, 2, "duplicate_exact")


def test_the_first_of_equal_ids_stays_and_binds_nothing(decide: Decide) -> None:
    """The second document 5 would tie 6 and 7 together: it is out before that."""
    rows = [row(5, 1), row(6, 2, 70, 80), row(5, 3, 70, 81), row(7, 4, 71, 81)]
    storage_rows = decide(rows)
    assert storage_rows[6] == (6, 1, None)
    assert storage_rows[7] == (7, 1, None)
    assert storage_rows[5] == (
        5,
        1,
        "duplicate_id",
    )  # the last of the two wins the dict


def test_rows_that_were_dropped_before_take_no_part(decide: Decide) -> None:
    rows = [row(5, 1, chars=900), row(6, 1), row(7, 1)]
    found = decide(rows, reasons=["word_count", None, None])
    assert found == {
        5: (None, None, None),
        6: (6, 2, None),
        7: (6, 2, "duplicate_exact"),
    }


@pytest.mark.parametrize(
    ("keep", "survivor"),
    [
        pytest.param(["text_chars"], 6, id="the shortest"),
        pytest.param(["-text_chars"], 7, id="the longest"),
        pytest.param(["fetched_at"], 8, id="the oldest"),
        pytest.param(["-fetched_at"], 5, id="the newest; null never"),
        pytest.param(["language", "-id"], 7, id="a word, then the highest id"),
        pytest.param(["id"], 5, id="the lowest id"),
        pytest.param([], 5, id="nothing said"),
    ],
)
def test_keep_says_who_stays(decide: Decide, keep: list[str], survivor: int) -> None:
    rows = [
        {**row(5, 1, chars=20), "fetched_at": 9, "language": "fra"},
        {**row(6, 1, chars=10), "fetched_at": None, "language": None},
        {**row(7, 1, chars=30), "fetched_at": 5, "language": "deu"},
        {**row(8, 1, chars=20), "fetched_at": 3, "language": "deu"},
    ]
    rows[3]["id"] = 8 if survivor != 7 else 4
    found = decide(rows, keep=keep)
    assert [own for own, (_, _, reason) in found.items() if reason is None] == [
        survivor
    ]


def test_scope_language_keeps_one_of_each_language(decide: Decide) -> None:
    rows = [row(5, 1, 70, 80), row(6, 1, 70, 80), row(7, 1, 70, 80), row(8, 2, 70, 80)]
    for own, language in zip(rows, ["fra", "deu", "fra", None], strict=True):
        own["language"] = language
    found = decide(rows, scope="language")
    assert [own[2] for own in found.values()] == [None, None, "duplicate_exact", None]


def test_exact_and_near_can_be_switched_off(decide: Decide) -> None:
    rows = [row(5, 1, 70, 80), row(6, 2, 70, 80), row(7, 2, None, None)]
    assert [own[2] for own in decide(rows, near=False).values()] == [
        None,
        None,
        "duplicate_exact",
    ]
    assert [own[2] for own in decide(rows, exact=False).values()] == [
        None,
        "duplicate_near",
        None,
    ]


def test_it_says_which_columns_it_reads() -> None:
    config = Deduplicate(keep=["-quality", "id"], scope="language", verify={})
    assert config.columns_read() == (
        "id",
        "text_hash",
        "quality",
        "band_00",
        "language",
        "text",
    )
    assert "band_00" not in Deduplicate(near=False).columns_read()
    assert set(DUPLICATES.names) - {"id"} == set(Deduplicate().columns_written().names)


@pytest.mark.parametrize(
    "settings",
    [
        {"keep": ["Text chars"]},
        {"keep": ["id", "-id"]},
        {"keep": ["text_chars", "id", "text_chars"]},
        {"keep": ["-drop_reason"]},
        {"verify": {}, "near": False},
        {"verify": {"jaccard": 2}},
        {"as": "again"},
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Deduplicate(**settings)


def random_rows(rng: np.random.Generator, count: int) -> list[Row]:
    """Documents with many matches, chains among them, and two equal ids."""
    rows = []
    for id_ in rng.permutation(count).tolist():
        own = row(
            id_, *rng.integers(0, count, 3).tolist(), chars=int(rng.integers(90, 99))
        )
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
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: str
) -> None:
    if size == "tiny":
        monkeypatch.setattr(dedup_job, "_MIN_GROUP_ROWS", 60)
        monkeypatch.setattr(dedup_job, "_MAX_RANGE_ROWS", 50)
        monkeypatch.setattr(dedup_job, "_PARTITION_BYTES", 4000)
        monkeypatch.setattr(dedup_job, "_MAX_PARTITIONS", 2)
        monkeypatch.setattr(dedup_runs, "_TASK_ROWS", 300)
        monkeypatch.setattr(dedup_runs, "_READ_VALUES", 150)
        monkeypatch.setattr(dedup_partitions, "_BUFFER_BYTES", 8000)
    rng = np.random.default_rng(8)
    rows = random_rows(rng, 300)
    reasons = [None if rng.random() < 0.9 else "word_count" for _ in rows]
    bounds = [0, 80, 80, 131, 300]  # the second part is empty
    outcome = []
    for splits in (1, 3):
        storage = Storage(str(tmp_path / f"{splits}"))
        parts = [
            part(storage, f"part-{n}", rows[a:b], splits=splits, reasons=reasons[a:b])
            for n, (a, b) in enumerate(pairwise(bounds))
        ]
        given = parts if splits == 1 else parts[::-1]
        tasks = Tasks(storage, InlineExecutor())
        result = run(Deduplicate(), given, tasks)
        layers = result.layers if splits == 1 else result.layers[::-1]
        outcome.append([layer.path for layer in layers])  # hash of the content within
        many = size == "tiny"
        assert (tasks.executed["deduplicate-gather"] > 1) == many
        assert (tasks.executed["deduplicate-edges"] > 1) == many
        assert (tasks.executed["deduplicate-survivors"] > 1) == many
        assert bool(storage.names("work/dedup/pieces")) == many
    assert outcome[0] == outcome[1]
    found = published(storage, Published(layers))
    assert [own["id"] for own in found] == [own["id"] for own in rows]
    columns = ("cluster", "cluster_size", "kept", "drop_reason")
    assert [tuple(own[c] for c in columns) for own in found] == expected(rows, reasons)


def test_the_tally_adds_up(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path))
    rows = [row(1, 1), row(2, 1), row(3, 3, 70, 80), row(4, 4, 70, 81), row(5, 5)]
    parts = [part(storage, "a", rows, reasons=[None] * 4 + ["word_count"])]
    result = run(Deduplicate(), parts, Tasks(storage, InlineExecutor()))
    assert result.tally == {
        "documents": 4,
        "duplicate_exact": 1,
        "duplicate_near": 1,
        "clusters": {"2": 2},
    }


def test_a_step_that_was_lost_is_done_again_and_no_other(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path))
    parts = [part(storage, "a", random_rows(np.random.default_rng(9), 50))]
    first = run(Deduplicate(), parts, Tasks(storage, InlineExecutor()))

    again = Tasks(storage, InlineExecutor())
    assert run(Deduplicate(), parts, again) == first
    assert again.executed == {}

    storage.remove(storage.names("commits/deduplicate-survivors"))
    storage.remove([layer.path for layer in first.layers])
    resumed = Tasks(storage, InlineExecutor())
    assert run(Deduplicate(), parts, resumed) == first
    assert set(resumed.executed) == {"deduplicate-survivors", "deduplicate-duplicates"}


def test_no_documents_at_all(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path))
    tasks = Tasks(storage, InlineExecutor())
    assert run(Deduplicate(), [], tasks) == Published(())
    result = run(Deduplicate(), [part(storage, "a", [])], tasks)
    assert published(storage, result) == []
