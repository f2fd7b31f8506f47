"""Signing and deduplicating real documents of which every similar pair is known."""

import gzip
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tamis.documents.parts import Part
from tamis.schema import TIMESTAMP
from tamis.stages.deduplicate import Deduplicate
from tamis.stages.sign import Sign
from tamis.storage import Storage
from tamis.work.commits import Outputs
from tamis.work.executors import InlineExecutor
from tamis.work.tasks import Tasks

Pairs = list[tuple[int, int, float]]


def rows_of(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


@pytest.fixture(scope="module")
def signed(
    shared_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Storage, Part, Pairs, list[str]]:
    rows = rows_of(shared_data / "duplicates-dev.jsonl.gz")
    numbers = {row["id"]: number for number, row in enumerate(rows)}
    pairs = rows_of(shared_data / "duplicates-dev-pairs.jsonl.gz")
    batch = pa.RecordBatch.from_pydict(
        {
            "id": pa.array(range(len(rows)), pa.uint64()),
            "text": pa.array([row["text"] for row in rows]),
            "text_chars": pa.array([len(row["text"]) for row in rows], pa.int64()),
            "fetched_at": pa.array([0] * len(rows), TIMESTAMP),
        }
    )
    batch = Sign().build()(batch)
    storage = Storage(str(tmp_path_factory.mktemp("truth")))
    outputs = Outputs(storage, "dev")
    with outputs.parquet("documents", batch.schema) as writer:
        writer.write_batch(batch)
    part = Part("dev", "dev", tuple(outputs.files))
    known = [(numbers[p["a"]], numbers[p["b"]], p["jaccard"]) for p in pairs]
    return storage, part, known, [row["text"] for row in rows]


def kept_and_clusters(
    storage: Storage, part: Part, config: Deduplicate
) -> tuple[set[int], list[int]]:
    result = config.run([part], Tasks(storage, InlineExecutor()))
    table = pq.read_table(storage.path(result.layers[0].path))
    kept = table.filter(table["kept"])["id"].to_pylist()
    return set(kept), table["cluster"].to_pylist()


def removal_recall(pairs: Pairs, kept: set[int], jaccard: float) -> float:
    """Share of the pairs this similar of which not both documents stayed."""
    similar = [(a, b) for a, b, j in pairs if j >= jaccard]
    return 1 - sum(a in kept and b in kept for a, b in similar) / len(similar)


@pytest.mark.shared
def test_components_lose_next_to_no_similar_pair(
    signed: tuple[Storage, Part, Pairs, list[str]],
) -> None:
    storage, part, pairs, _ = signed
    kept, _ = kept_and_clusters(storage, part, Deduplicate(verify=None))
    assert removal_recall(pairs, kept, 0.8) >= 0.995


@pytest.mark.shared
def test_verified_drops_all_have_a_kept_partner(
    signed: tuple[Storage, Part, Pairs, list[str]],
) -> None:
    """The truth counts words as they stand; ours are folded, hence 0.6 and not 0.7."""
    storage, part, pairs, _ = signed
    kept, clusters = kept_and_clusters(storage, part, Deduplicate(verify={}))
    assert removal_recall(pairs, kept, 0.8) >= 0.985

    similarity = defaultdict(float, {(a, b): j for a, b, j in pairs})
    similarity.update({(b, a): j for a, b, j in pairs})
    dropped = [number for number in range(part.rows) if number not in kept]
    assert all(clusters[number] in kept for number in dropped)
    assert all(similarity[number, clusters[number]] >= 0.6 for number in dropped)


@pytest.mark.shared
def test_verified_no_group_of_true_duplicates_is_lost(
    signed: tuple[Storage, Part, Pairs, list[str]],
) -> None:
    storage, part, pairs, _ = signed
    kept, _ = kept_and_clusters(storage, part, Deduplicate(verify={}))
    neighbours = defaultdict(set)
    for a, b, jaccard in pairs:
        if jaccard >= 0.8:
            neighbours[a].add(b)
            neighbours[b].add(a)
    seen: set[int] = set()
    for start in neighbours:
        group, queue = set(), [start]
        while queue:
            number = queue.pop()
            if number not in group:
                group.add(number)
                queue.extend(neighbours[number])
        assert group & kept
        seen |= group
    assert len(seen) > 2000


@pytest.mark.shared
def test_exact_duplicates_differ_in_case_and_punctuation_alone(
    signed: tuple[Storage, Part, Pairs, list[str]],
) -> None:
    storage, part, _, texts = signed
    kept, clusters = kept_and_clusters(storage, part, Deduplicate(near=False))

    def letters(text: str) -> str:
        return "".join(char for char in text.casefold() if char.isalnum())

    dropped = [number for number in range(part.rows) if number not in kept]
    same = [letters(texts[n]) == letters(texts[clusters[n]]) for n in dropped]
    assert len(dropped) >= 340  # each of the 340 originals has an exact copy
    assert sum(same) >= 0.99 * len(same)  # accents make up the rest
