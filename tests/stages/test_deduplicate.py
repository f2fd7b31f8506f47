"""The barrier on hand-made columns; test_deduplicate_pieces.py cuts work up."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from tamis.documents.parts import Published
from tamis.schema import DUPLICATES
from tamis.stages.deduplicate import Deduplicate, Verify
from tamis.storage import Storage
from tamis.work.executors import InlineExecutor
from tamis.work.tasks import Tasks

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


Decide = Callable[..., dict[int, tuple[Any, ...]]]


@pytest.fixture
def decide(tmp_path: Path, hashed: Any) -> Decide:
    """id -> (cluster, cluster_size, drop_reason) of documents in one part."""

    def decided(
        rows: Sequence[Row], reasons: Sequence[str | None] = (), **settings: Any
    ) -> dict[int, tuple[Any, ...]]:
        storage = Storage(str(tmp_path))
        parts = [hashed.part(storage, "a", rows, reasons=reasons)]
        result = Deduplicate(**{"verify": None, **settings}).run(
            parts, Tasks(storage, InlineExecutor())
        )
        return {
            own["id"]: (own["cluster"], own["cluster_size"], own["drop_reason"])
            for own in hashed.published(storage, result)
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


def test_near_duplicates_are_verified_unless_told_otherwise() -> None:
    assert Deduplicate().verify == Verify(jaccard=0.7, ngram=5)
    assert Deduplicate(verify=None).verify is None
    assert Deduplicate(near=False).verify is None
    again = Deduplicate.model_validate(Deduplicate(near=False).model_dump())
    assert again.verify is None


def test_an_index_has_signatures_if_documents_are_verified() -> None:
    assert Deduplicate(index="x").has_signatures
    assert not Deduplicate(index="x", verify=None).has_signatures
    assert not Deduplicate(index="x", near=False).has_signatures
    assert not Deduplicate(index="x", index_signatures=False).has_signatures
    assert not Deduplicate().has_signatures


def test_the_bill_says_what_the_other_way_costs() -> None:
    assert "(without verify 153 GiB, 1.1 core hours)" in stated(Deduplicate())
    assert "(with verify 3.8 TiB, 23.3 core hours)" in stated(Deduplicate(verify=None))
    assert "(" not in stated(Deduplicate(near=False))


def stated(stage: Deduplicate) -> str:
    bill = stage.bill(10**9, [])
    assert bill is not None
    return bill.stated()


def test_the_tally_adds_up(tmp_path: Path, hashed: Any) -> None:
    storage = Storage(str(tmp_path))
    rows = [row(1, 1), row(2, 1), row(3, 3, 70, 80), row(4, 4, 70, 81), row(5, 5)]
    parts = [hashed.part(storage, "a", rows, reasons=[None] * 4 + ["word_count"])]
    result = Deduplicate(verify=None).run(parts, Tasks(storage, InlineExecutor()))
    assert result.tally == {
        "documents": 4,
        "duplicate_exact": 1,
        "duplicate_near": 1,
        "clusters": {"2": 2},
        "emptied_domains": {"count": 0, "domains": []},
        "alarms": [],
    }


def test_no_documents_at_all(tmp_path: Path, hashed: Any) -> None:
    storage = Storage(str(tmp_path))
    tasks = Tasks(storage, InlineExecutor())
    assert Deduplicate().run([], tasks) == Published(())
    result = Deduplicate(verify=None).run([hashed.part(storage, "a", [])], tasks)
    assert hashed.published(storage, result) == []
