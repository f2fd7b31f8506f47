"""With `verify` a document needs a kept one that it is similar to, an old one too if the
index has signatures; and without these an old one whose band it shares.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pydantic import ValidationError

from tamis.dedup import groups as dedup_job
from tamis.dedup.index import folder as dedup_index
from tamis.dedup.index.folder import generations
from tamis.schema import TIMESTAMP
from tamis.stages.deduplicate import Deduplicate
from tamis.stages.sign import Sign
from tamis.storage import Storage

Row = dict[str, Any]
SIGN = Sign(bands=10, rows=2)
JACCARD = 0.7
ALPHABETS = ["abcdefgh", "бвгджзкл", "بتثجحخدذ"]


def text_of(rng: np.random.Generator, base: int) -> str:
    """One of a few texts of 60 words, of which up to four words are replaced."""
    first = ALPHABETS[base % len(ALPHABETS)]
    suffix = first[base // len(ALPHABETS)]
    words = [a + b + suffix for a in first for b in first][:60]
    for place in rng.integers(0, 60, int(rng.integers(0, 5))).tolist():
        words[place] = "".join(first[n] for n in rng.integers(0, 8, 5).tolist())
    return " ".join(words)


def signed_rows(
    rng: np.random.Generator, crawl: int, count: int
) -> tuple[list[Row], pa.Schema]:
    texts = [text_of(rng, int(rng.integers(0, 9))) for _ in range(count)]
    batch = pa.RecordBatch.from_pydict(
        {
            "id": pa.array(rng.integers(0, 2**63, count), pa.uint64()),
            "text": pa.array(texts),
            "text_chars": pa.array(rng.integers(90, 99, count), pa.int64()),
            "fetched_at": pa.array([0] * count, TIMESTAMP),
            "crawl": pa.array([f"CC-{crawl}"] * count),
            "reason": pa.nulls(count, pa.string()),
        }
    )
    batch = SIGN.build()(batch)
    return batch.to_pylist(), batch.schema


def shingles(text: str) -> set[tuple[str, ...]]:
    words = text.split()
    return {tuple(words[n : n + 5]) for n in range(len(words) - 4)}


class VerifiedRule:
    """By brute force: every document against every older one, and every kept one."""

    def __init__(self, *, is_signed: bool) -> None:
        self.is_signed = is_signed
        self.texts: dict[int, tuple[int, int]] = {}
        self.bands: dict[tuple[str, int], set[tuple[int, int]]] = {}
        self.shingles: dict[int, set[tuple[str, ...]]] = {}
        self.sizes: dict[int, int] = {}
        self.unlike = 0  # matches that signatures have refused
        self.number = 0

    def bands_of(self, own: Row) -> set[tuple[str, int]]:
        return {(k, v) for k, v in own.items() if k.startswith("band_")}

    def is_near(self, left: set[Any], right: set[Any]) -> bool:
        return len(left & right) >= JACCARD * len(left | right)

    def older(self, own: Row) -> list[tuple[int, int]]:
        found = [self.texts[own["text_hash"]]] if own["text_hash"] in self.texts else []
        for band in self.bands_of(own):
            for added, keeper in self.bands.get(band, ()):
                near = self.is_near(shingles(own["text"]), self.shingles[keeper])
                self.unlike += not near
                if near or not self.is_signed:
                    found.append((added, keeper))
        return found

    def run(self, rows: Sequence[Row]) -> list[tuple[int, int, str | None]]:
        """(cluster, size, reason) of each row."""
        self.number += 1
        keepers: dict[int, tuple[int, str | None]] = {}
        kept: list[Row] = []
        order = sorted(rows, key=lambda own: (-own["text_chars"], own["id"]))
        seen: dict[int, int] = {}
        for own in order:
            older = self.older(own)
            near = [
                other["id"]
                for other in kept
                if self.bands_of(own) & self.bands_of(other)
                and self.is_near(shingles(own["text"]), shingles(other["text"]))
            ]
            if older:
                keepers[own["id"]] = (min(older)[1], "duplicate_of_index")
            elif own["text_hash"] in seen:
                first = keepers[seen[own["text_hash"]]][0]
                keepers[own["id"]] = (first, "duplicate_exact")
            elif near:
                keepers[own["id"]] = (near[0], "duplicate_near")
            else:
                keepers[own["id"]] = (own["id"], None)
                kept.append(own)
            seen.setdefault(own["text_hash"], own["id"])
        for keeper, _ in keepers.values():
            self.sizes[keeper] = self.sizes.get(keeper, 0) + 1
        for own in rows:
            entry = (self.number, keepers[own["id"]][0])
            self.texts.setdefault(own["text_hash"], entry)
        for own in kept:
            self.shingles[own["id"]] = shingles(own["text"])
            for band in self.bands_of(own):
                self.bands.setdefault(band, set()).add((self.number, own["id"]))
        told = (keepers[own["id"]] for own in rows)
        return [(keeper, self.sizes[keeper], reason) for keeper, reason in told]


@pytest.mark.parametrize(("is_signed", "size"), [(True, "tiny"), (False, "default")])
def test_survivors_are_those_of_the_rule(
    crawls: Any, monkeypatch: pytest.MonkeyPatch, is_signed: bool, size: str
) -> None:
    if size == "tiny":
        monkeypatch.setattr(dedup_job, "_MIN_GROUP_ROWS", 20)
        monkeypatch.setattr(dedup_job, "_MAX_RANGE_ROWS", 40)
        monkeypatch.setattr(dedup_job, "_PARTITION_BYTES", 4000)
        monkeypatch.setattr(dedup_job, "_MAX_PARTITIONS", 2)
        monkeypatch.setitem(dedup_index._MOST_ROWS, "keeper", 16)
    crawls.sign = SIGN
    rng = np.random.default_rng(11)
    rule = VerifiedRule(is_signed=is_signed)
    dropped = 0
    for number in range(1, 4):
        rows, schema = signed_rows(rng, number, 30)
        found = crawls.run(
            f"crawl-{number}",
            rows,
            schema=schema,
            verify={"jaccard": JACCARD},
            index_signatures=is_signed,
        )
        columns = ("cluster", "cluster_size", "drop_reason")
        told = [tuple(own[c] for c in columns) for own in found]
        assert told == rule.run(rows)
        dropped += sum(own["drop_reason"] == "duplicate_of_index" for own in found)
    assert dropped >= 15
    assert rule.unlike >= 15
    files = [own for g in generations(crawls.index) for own in g.files]
    assert any(own.column == "sketch" for own in files) == is_signed
    if size == "tiny":
        output = Storage(f"{crawls.root}/crawl-3")
        assert output.names("work/dedup/pieces")  # partitions were cut


def test_signatures_need_something_to_verify_and_an_index() -> None:
    for settings in ({"index": "x", "verify": None}, {"verify": {}}, {}):
        with pytest.raises(ValidationError, match="index_signatures are for verify"):
            Deduplicate(index_signatures=True, **settings)
