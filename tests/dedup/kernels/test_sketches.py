from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tamis.dedup.index.folder import SKETCHES
from tamis.dedup.kernels.sketches import SLOTS, similarities, similarity, sketches
from tamis.dedup.sorted_runs import delta_coded


def sketch(hashes: np.ndarray) -> np.ndarray:
    ordered = np.sort(hashes)
    values, starts = sketches(ordered, np.array([0, len(ordered)], np.int64))
    assert starts.tolist() == [0, min(len(hashes), SLOTS)]
    return values


def two_sets(rng: np.random.Generator, shared: int, own: int) -> list[np.ndarray]:
    """Random hashes, of which `shared` are in both sets and `own` in one each."""
    every = rng.integers(0, 2**64, shared + 2 * own, dtype=np.uint64)
    return [
        every[: shared + own],
        np.concatenate([every[:shared], every[shared + own :]]),
    ]


@pytest.mark.parametrize(
    ("shared", "own", "expected"),
    [
        pytest.param(0, 0, 0.0, id="both empty"),
        pytest.param(0, 9, 0.0, id="nothing in common"),
        pytest.param(7, 0, 1.0, id="the same"),
        pytest.param(150, 50, 0.6, id="small sets: exact"),
    ],
)
def test_similarity_of_small_sets_is_exact(
    shared: int, own: int, expected: float
) -> None:
    left, right = two_sets(np.random.default_rng(1), shared, own)
    assert similarity(sketch(left), sketch(right)) == expected


def test_one_empty_sketch_is_like_no_other() -> None:
    full = sketch(np.arange(5, dtype=np.uint64) << np.uint64(40))
    assert similarity(full[:0], full) == similarity(full, full[:0]) == 0.0


@pytest.mark.parametrize(("small", "large"), [(100, 10_000), (2_000, 3_000)])
def test_sets_of_different_sizes(small: int, large: int) -> None:
    """A subset: the similarity is the ratio of the sizes."""
    rng = np.random.default_rng(2)
    every = rng.integers(0, 2**64, large, dtype=np.uint64)
    found = similarity(sketch(every[:small]), sketch(every))
    assert found == pytest.approx(small / large, abs=0.06)


def test_the_error_is_below_that_of_the_docstring() -> None:
    """Below the last hash of a sketch of 8,500 lie 256 / 0.85 of the union's: the error
    is sqrt(0.7 * 0.3 / 301) = 0.0264.
    """
    rng = np.random.default_rng(3)
    found = np.array(
        [
            similarity(*(sketch(own) for own in two_sets(rng, 7000, 1500)))
            for _ in range(400)
        ]
    )
    assert found.mean() == pytest.approx(0.7, abs=0.005)
    assert found.std() == pytest.approx(0.0264, abs=0.0025)


def test_many_pairs_are_those_that_were_asked_for() -> None:
    values = np.array([1, 2, 3, 4, 3, 4], np.uint32)
    starts = np.array([0, 2, 2, 6], np.int64)
    rows, places = np.array([0, 0, 1], np.int64), np.array([0, 2, 0], np.int64)
    found = similarities(rows, values, starts, places, values, starts)
    assert found.tolist() == [1.0, 0.0, 0.0]


def test_a_sketch_takes_less_than_a_kilobyte_on_disk(tmp_path: Path) -> None:
    """600 shingles: 256 gaps of about 23 bits, their largest of a block 29."""
    rng = np.random.default_rng(4)
    documents, each = 500, 600
    hashes = np.sort(rng.integers(0, 2**64, (documents, each), dtype=np.uint64))
    values, starts = sketches(hashes.ravel(), np.arange(documents + 1) * each)
    table = pa.table(
        [
            np.sort(rng.integers(0, 2**64, documents, dtype=np.uint64)),
            pa.ListArray.from_arrays(starts.astype(np.int32), values),
            np.ones(documents, np.uint32),
        ],
        schema=SKETCHES,
    )
    pq.write_table(table, tmp_path / "a.parquet", **delta_coded(SKETCHES))
    size = (tmp_path / "a.parquet").stat().st_size / documents
    assert 700 < size < 1000
    assert pq.read_table(tmp_path / "a.parquet").equals(table)


def test_the_last_value_of_a_full_sketch_is_still_compared() -> None:
    """Of 0 ... SLOTS - 1 and of that last one alone they share one in SLOTS; a value
    behind it is unknown to the full one and counts for neither.
    """
    full = np.arange(SLOTS, dtype=np.uint32)
    last = np.array([SLOTS - 1], np.uint32)
    behind = np.array([SLOTS - 1, SLOTS], np.uint32)
    for other in (last, behind):
        assert similarity(full, other) == similarity(other, full) == 1 / SLOTS
