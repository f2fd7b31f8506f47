"""Verification reads texts: made-up ones, with `sign` before it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tamis.dedup import groups as dedup_job
from tamis.dedup.clusters import candidates as dedup_candidates
from tamis.dedup.clusters import survivors as dedup_survivors
from tamis.documents.parts import Part
from tamis.schema import TIMESTAMP
from tamis.stages.deduplicate import Deduplicate
from tamis.stages.sign import Sign
from tamis.storage import Storage
from tamis.work.commits import Outputs
from tamis.work.executors import InlineExecutor
from tamis.work.tasks import Tasks

Row = dict[str, Any]
DECIDED_BY = dedup_survivors._decided

WORDS = [f"{first}{second}" for first in "abcdefghij" for second in "klmnopqrst"]


def text_of(changed: Sequence[int] = ()) -> str:
    """A hundred words of which some, far apart, are replaced: 5 shingles each."""
    return " ".join(
        f"new{'xyz'[number % 3] * (number + 1)}" if number in changed else word
        for number, word in enumerate(WORDS)
    )


class Signed:
    """Texts, earlier ones longer by what they say, in parts of so many; ids count."""

    def __init__(
        self,
        folder: Path,
        texts: Sequence[str],
        *,
        languages: Sequence[str] | None = None,
        bands: int = 40,
        part_rows: int = 1000,
    ) -> None:
        self.storage = Storage(str(folder))
        count = len(texts)
        batch = pa.RecordBatch.from_pydict(
            {
                "id": pa.array(range(count), pa.uint64()),
                "text": pa.array(texts, pa.string()),
                "language": pa.array(languages or ["fra"] * count, pa.string()),
                "text_chars": pa.array(range(10_000, 10_000 - count, -1), pa.int64()),
                "fetched_at": pa.array([0] * count, TIMESTAMP),
            }
        )
        batch = Sign(bands=bands, rows=2).build()(batch)
        self.parts = []
        for start in range(0, count, part_rows):
            name = f"p{start:04}"
            outputs = Outputs(self.storage, name)
            with outputs.parquet("documents", batch.schema) as writer:
                writer.write_batch(batch.slice(start, part_rows))
            self.parts.append(Part(name, name, tuple(outputs.files)))

    def rows(self, config: Deduplicate) -> list[Row]:
        """What the barrier says of each text."""
        self.tasks = Tasks(self.storage, InlineExecutor())
        result = config.run(self.parts, self.tasks)
        return [row for layer in result.layers for row in self.read(layer.path)]

    def read(self, path: str) -> list[Row]:
        return pq.read_table(self.storage.path(path)).to_pylist()

    def work(self, dataset: str) -> list[list[Row]]:
        """The files of a step, each as its rows."""
        return [self.read(path) for path in self.storage.names(f"work/dedup/{dataset}")]


def test_verified_documents_need_a_kept_one_that_is_truly_similar(
    tmp_path: Path,
) -> None:
    """Of 96 shingles a changed word costs 5: 91/101 and 86/106, and 81/111."""
    texts = [text_of(own) for own in ([], [10], [10, 30], [10, 30, 50], [])]
    signed = Signed(tmp_path, texts)
    outcomes = {}
    for jaccard in (0.72, 0.74, 0.82):
        found = signed.rows(Deduplicate(verify={"jaccard": jaccard}))
        outcomes[jaccard] = [own["cluster"] for own in found]
    assert outcomes[0.72] == [0, 0, 0, 0, 0]
    assert outcomes[0.74] == [0, 0, 0, 3, 0]
    assert outcomes[0.82] == [0, 0, 2, 2, 0]


@pytest.mark.parametrize("limit", [2, 5, 1000])
def test_oversized_components_are_cut_and_nothing_drops_wrongly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    monkeypatch.setattr(dedup_job, "_MIN_GROUP_ROWS", 10)
    changes = [sorted({n % 97, n * 7 % 97, n * 13 % 97}) for n in range(40)]
    texts = [text_of(), *map(text_of, changes), text_of(), text_of([3])]
    signed = Signed(tmp_path, texts, bands=7, part_rows=22)
    found = signed.rows(Deduplicate(verify={"jaccard": 0.7}, max_component=limit))
    assert ("deduplicate-pairs-edges" in signed.tasks.executed) == (limit < 1000)

    def shingles(words: list[str]) -> set[tuple[str, ...]]:
        return {tuple(words[n : n + 5]) for n in range(len(words) - 4)}

    for own in found:
        left = shingles(texts[own["id"]].split())
        right = shingles(texts[own["cluster"]].split())
        assert len(left & right) >= 0.7 * len(left | right)
    assert found[41]["drop_reason"] == "duplicate_exact"
    reasons = {own["drop_reason"] for own in found}
    assert reasons == {None, "duplicate_exact", "duplicate_near"}


@pytest.mark.parametrize("limit", [3, 1000])
def test_cutting_a_component_joins_no_languages(tmp_path: Path, limit: int) -> None:
    """Six texts of 100 words in each language, a word changed: all are near."""
    texts = [text_of([10 * n]) for n in range(6)]
    languages = ["fra"] * 6 + ["srp"] * 6
    signed = Signed(tmp_path, texts * 2, languages=languages)
    found = signed.rows(
        Deduplicate(scope="language", verify={}, max_component=limit),
    )
    assert ("deduplicate-pairs-edges" in signed.tasks.executed) == (limit < 1000)
    for own in found:
        assert languages[own["cluster"]] == languages[own["id"]]
    assert {languages[own["id"]] for own in found if own["kept"]} == {"fra", "srp"}
    assert any(own["drop_reason"] == "duplicate_near" for own in found)


def test_short_texts_are_not_joined_for_having_no_bands(tmp_path: Path) -> None:
    """Five copies each of three texts shorter than a shingle, and a limit of three."""
    signed = Signed(tmp_path, ["accès refusé", "не найдено", "请登录"] * 5)
    found = signed.rows(Deduplicate(verify={}, max_component=3))
    assert "deduplicate-pairs-edges" in signed.tasks.executed
    members = signed.work("members")
    assert len(members) == 2  # of all bands, and of pairs
    for rows in members:
        assert [own["component"] for own in rows] == [0, 1, 2] * 5
    assert [own["cluster"] for own in found] == [0, 1, 2] * 5


@pytest.mark.parametrize(
    ("keep", "survivor", "carrying"),
    [
        pytest.param("-text_chars", 0, [0, 50, 100], id="the longest"),
        pytest.param("text_chars", 100, [49, 99, 100], id="the shortest"),
    ],
)
def test_of_copies_of_a_text_one_in_each_part_carries_shingles(
    tmp_path: Path, keep: str, survivor: int, carrying: list[int]
) -> None:
    """Two parts of 50 copies; a third document shares 91 of 101 shingles with them."""
    signed = Signed(tmp_path, [text_of()] * 100 + [text_of([10])], part_rows=50)
    found = signed.rows(Deduplicate(verify={}, keep=[keep]))
    assert {own["cluster"] for own in found} == {survivor}
    reasons = [own["drop_reason"] for own in found]
    assert reasons.count("duplicate_exact") == 99
    (rows,) = signed.work("candidates")
    assert [own["ordinal"] for own in rows if own["shingles"]] == carrying
    assert sum(len(own["shingles"]) for own in rows) == 3 * 96


def test_a_piece_is_small_however_often_a_text_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """2,000 copies of 96 shingles would be 1.5 MB: all of a component are in one piece."""
    sizes = []

    def decided(table: pa.Table, settings: Any) -> Any:
        sizes.append(table.nbytes)
        return DECIDED_BY(table, settings)

    monkeypatch.setattr(dedup_survivors, "_decided", decided)
    monkeypatch.setattr(dedup_job, "_PARTITION_BYTES", 100_000)
    signed = Signed(tmp_path, [text_of()] * 2000, bands=7)
    found = signed.rows(Deduplicate(verify={}))
    assert len({own["cluster"] for own in found}) == 1
    assert max(sizes) < 2000 * 200


def test_long_texts_are_read_few_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dedup_candidates, "_TEXT_ROWS", 4)
    monkeypatch.setattr(dedup_candidates, "_TEXT_BYTES", 10)
    texts = ["abcd", "ефгхи", "", "xyz", "一二三四五", "q", "", "r" * 11, "st"]
    signed = Signed(tmp_path, texts)
    places = np.array([0, 1, 2, 4, 5, 6, 7, 8])
    found = [
        (places[some].tolist(), own.to_pylist())
        for some, own in dedup_candidates.texts_at(
            signed.storage, signed.parts[0].files, places
        )
    ]
    assert found == [
        ([0], ["abcd"]),  # 4 bytes, and the next 10
        ([1, 2], ["ефгхи", ""]),
        ([4], ["一二三四五"]),  # 15 bytes by itself
        ([5, 6], ["q", ""]),
        ([7], ["r" * 11]),
        ([8], ["st"]),
    ]
