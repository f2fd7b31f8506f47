"""What `verify` promises, on made clusters, and what it does not.

Whatever is dropped has a kept document that is as similar as `jaccard` at least. So a
group that hangs together at `jaccard` never goes as a whole.
"""

from collections import Counter
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tamis.dedup import groups as dedup_groups
from tamis.documents.parts import Part
from tamis.schema import TIMESTAMP
from tamis.stages.deduplicate import Deduplicate
from tamis.stages.sign import Sign
from tamis.storage import Storage
from tamis.work.commits import Outputs
from tamis.work.executors import InlineExecutor
from tamis.work.tasks import Tasks

Words = list[str]
ALPHABETS = {
    "eng": "abcdefghiklmnoprstuvw",
    "rus": "абвгдежзиклмнопрстуф",
    "cmn": "的一是不了人我在有他这为之大来以个中上们",
}


def fresh(rng: np.random.Generator, language: str, count: int) -> Words:
    letters = list(ALPHABETS[language])
    return ["".join(rng.choice(letters, 6)) for _ in range(count)]


def edited(rng: np.random.Generator, words: Words, language: str) -> Words:
    """Some words replaced, or a stretch cut off, or one put before or behind."""
    words = list(words)
    kind = rng.choice(["replace", "cut", "extend", "front", "same"])
    size = int(len(words) * rng.uniform(0, 0.3))
    if kind == "replace":
        for place in rng.integers(0, len(words), size // 5 + 1):
            words[place] = fresh(rng, language, 1)[0]
    elif kind == "cut":
        words = words[: max(len(words) - size, 1)]
    elif kind == "extend":
        words += fresh(rng, language, size)
    elif kind == "front":
        words = fresh(rng, language, size) + words
    return words


def made_clusters(rng: np.random.Generator, documents: int) -> list[tuple[str, Words]]:
    """Chains, stars and strangers, from one word to some hundreds, in three languages."""
    found: list[tuple[str, Words]] = []
    while len(found) < documents:
        language = str(rng.choice(list(ALPHABETS)))
        root = fresh(rng, language, int(rng.choice([1, 4, 5, 6, 12, 40, 150, 400])))
        found.append((language, root))
        last = root
        is_chain = rng.random() < 0.6
        for _ in range(min(int(rng.pareto(1.0) * 3), 25)):
            last = edited(rng, last if is_chain else root, language)
            # The same text in another language counts as another document.
            other = str(rng.choice(list(ALPHABETS))) if rng.random() < 0.1 else language
            found.append((other, last))
            if len(found) == documents:
                break
    return [found[place] for place in rng.permutation(documents)]


def text_of(language: str, words: Words) -> str:
    return ("" if words[0][0] in ALPHABETS["cmn"] else " ").join(words)


def shingles(words: Words) -> frozenset[str]:
    """Five words, or five letters of Chinese, as the docs say."""
    units = list("".join(words)) if words[0][0] in ALPHABETS["cmn"] else words
    return frozenset("\n".join(units[n : n + 5]) for n in range(len(units) - 4))


def similarity(left: Words, right: Words) -> float:
    if left == right:
        return 1.0
    one, other = shingles(left), shingles(right)
    return len(one & other) / max(len(one | other), 1)


def decided(
    folder: Path, documents: Sequence[tuple[str, Words]], **settings: Any
) -> list[int]:
    """The keeper of each document; parts of 37."""
    storage = Storage(str(folder))
    count = len(documents)
    texts = [text_of(*one) for one in documents]
    batch = pa.RecordBatch.from_pydict(
        {
            "id": pa.array(range(count), pa.uint64()),
            "text": pa.array(texts),
            "language": pa.array([language for language, _ in documents]),
            # Three lengths and one time: the order of preference has many ties.
            "text_chars": pa.array([len(text) % 3 for text in texts], pa.int64()),
            "fetched_at": pa.array([0] * count, TIMESTAMP),
        }
    )
    batch = Sign(preset="fineweb").build()(batch)
    parts = []
    for start in range(0, count, 37):
        outputs = Outputs(storage, f"p{start:04}")
        with outputs.parquet("documents", batch.schema) as writer:
            writer.write_batch(batch.slice(start, 37))
        parts.append(Part(outputs.key, outputs.key, tuple(outputs.files)))
    result = Deduplicate(**settings).run(parts, Tasks(storage, InlineExecutor()))
    rows = [
        row
        for layer in result.layers
        for row in pq.read_table(storage.path(layer.path)).to_pylist()
    ]
    assert all(row["kept"] == (row["cluster"] == row["id"]) for row in rows)
    return [row["cluster"] for row in rows]


def groups_at(
    documents: Sequence[tuple[str, Words]], jaccard: float, by_language: bool
) -> list[set[int]]:
    """Documents that hang together by pairs of this similarity, two or more."""
    parents = list(range(len(documents)))

    def root(place: int) -> int:
        while parents[place] != place:
            place = parents[place]
        return place

    sets = [shingles(words) for _, words in documents]
    for a, b in combinations(range(len(documents)), 2):
        if by_language and documents[a][0] != documents[b][0]:
            continue
        shared = len(sets[a] & sets[b])
        is_near = shared and shared >= jaccard * len(sets[a] | sets[b])
        if is_near or documents[a][1] == documents[b][1]:
            parents[root(b)] = root(a)
    found: dict[int, set[int]] = {}
    for place in range(len(documents)):
        found.setdefault(root(place), set()).add(place)
    return [group for group in found.values() if len(group) > 1]


@pytest.mark.parametrize("seed", range(6))
def test_no_group_that_hangs_together_at_jaccard_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    documents = made_clusters(rng, 220)
    jaccard = float(rng.choice([0.5, 0.7, 0.8, 0.95, 1.0]))
    scope = "language" if seed % 2 else "run"
    monkeypatch.setattr(dedup_groups, "_MIN_GROUP_ROWS", 90)
    keepers = decided(
        tmp_path,
        documents,
        verify={"jaccard": jaccard},
        scope=scope,
        max_component=int(rng.choice([2, 5, 20_000])),
    )
    kept = {place for place, keeper in enumerate(keepers) if keeper == place}
    dropped = [place for place in range(len(documents)) if place not in kept]
    assert len(dropped) > 30
    for place in dropped:
        own, other = documents[place], documents[keepers[place]]
        assert keepers[place] in kept
        assert similarity(own[1], other[1]) >= jaccard - 1e-9
        assert scope == "run" or own[0] == other[0]
    groups = groups_at(documents, jaccard, scope == "language")
    assert len(groups) > 5
    assert Counter(bool(group & kept) for group in groups) == {True: len(groups)}


def test_a_group_at_more_than_jaccard_may_be_kept_by_another_document(
    tmp_path: Path,
) -> None:
    """Two documents of .9 go for a longer one of .75 to both, which alone stays."""
    rng = np.random.default_rng(1)
    base, other = fresh(rng, "eng", 200), fresh(rng, "eng", 2)
    longer = base + fresh(rng, "eng", 50)
    first, second = [*base], [*base[:100], other[0], *base[101:-8]]
    documents = [("eng", words) for words in (longer, first, second)]
    assert similarity(first, second) > 0.9
    assert 0.7 < similarity(longer, second) < similarity(longer, first) < 0.8
    keep = ["id"]
    assert (
        decided(tmp_path / "a", documents, verify={"jaccard": 0.7}, keep=keep)
        == [0] * 3
    )
    apart = decided(tmp_path / "b", documents, verify={"jaccard": 0.85}, keep=keep)
    assert apart == [0, 1, 1]
