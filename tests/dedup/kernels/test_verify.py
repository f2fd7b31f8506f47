import numpy as np
import pytest
from numpy.typing import NDArray

from tamis.dedup.kernels.verify import jaccard, verified_survivors


def u64(*values: int) -> NDArray[np.uint64]:
    return np.array(values, np.uint64)


def survivors(
    sets: list[list[int]],
    bands: list[list[int]],
    *,
    threshold: float = 0.5,
    components: list[int] | None = None,
    copies: list[int] | None = None,
) -> list[int]:
    rows = len(sets)
    width = len(bands[0]) if bands else 1
    offsets = np.cumsum([0, *(len(own) for own in sets)], dtype=np.int64)
    return verified_survivors(
        np.array(components or [0] * rows, np.uint64),
        np.array(copies or list(range(rows)), np.int64),
        np.array(bands, np.uint64).reshape(rows, width),
        np.array([value for own in sets for value in own], np.uint64),
        offsets,
        threshold,
    ).tolist()


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        ([], [], 1.0),
        ([], [1], 0.0),
        ([1, 2, 3], [2, 3, 4], 0.5),
        ([1, 2], [1, 2], 1.0),
        ([1], [2], 0.0),
    ],
)
def test_jaccard(left: list[int], right: list[int], expected: float) -> None:
    assert jaccard(u64(*left), u64(*right)) == expected


def test_the_far_end_of_a_chain_stays() -> None:
    sets = [[1, 2, 3, 4], [2, 3, 4, 5], [4, 5, 6, 7]]
    assert survivors(sets, [[1], [1], [1]]) == [0, 0, 2]


def test_the_threshold_is_inclusive() -> None:
    sets = [[1, 2, 3], [2, 3, 4]]  # similarity 2/4
    assert survivors(sets, [[1], [1]], threshold=0.5) == [0, 0]
    assert survivors(sets, [[1], [1]], threshold=0.51) == [0, 1]


def test_documents_that_share_no_band_are_not_compared() -> None:
    sets = [[1, 2], [1, 2], [1, 2]]
    assert survivors(sets, [[1, 5], [2, 6], [3, 6]]) == [0, 1, 1]


def test_only_a_kept_document_makes_another_drop() -> None:
    """b is near a, c is near b: b drops, so nothing kept is near c."""
    sets = [[1, 2, 3, 4], [3, 4, 5], [4, 5, 6]]
    assert survivors(sets, [[1], [1], [1]], threshold=0.4) == [0, 0, 2]


def test_of_several_the_first_stands_for_it() -> None:
    sets = [[1, 2, 3, 4], [3, 4, 5, 6], [1, 2, 3, 4, 5, 6]]
    assert survivors(sets, [[1], [1], [1]], threshold=0.6) == [0, 1, 0]


def test_a_copy_shares_the_fate_of_its_original() -> None:
    sets = [[1, 2], [5, 6], [1, 2], [], []]
    copies = [0, 1, 2, 1, 2]
    assert survivors(sets, [[1]] * 5, copies=copies) == [0, 1, 0, 1, 0]


def test_components_are_apart_though_they_share_a_bucket() -> None:
    sets = [[1, 2], [1, 2], [1, 2]]
    assert survivors(sets, [[1], [1], [1]], components=[0, 1, 1]) == [0, 1, 1]


def test_against_all_pairs_by_hand() -> None:
    rng = np.random.default_rng(7)
    sets = [sorted(set(rng.integers(0, 9, 8).tolist())) for _ in range(60)]
    bands = rng.integers(0, 6, (60, 3)).tolist()
    components = sorted(rng.integers(0, 4, 60).tolist())
    expected: list[int] = []
    for row in range(60):
        near = [
            kept
            for kept in range(row)
            if expected[kept] == kept
            and components[kept] == components[row]
            and any(a == b for a, b in zip(bands[kept], bands[row], strict=True))
            and len({*sets[kept]} & {*sets[row]})
            >= 0.6 * len({*sets[kept], *sets[row]})
        ]
        expected.append(near[0] if near else row)
    offset_bands = [
        [value + 10 * band for band, value in enumerate(own)] for own in bands
    ]
    found = survivors(sets, offset_bands, threshold=0.6, components=components)
    assert found == expected
    assert 10 < sum(row != kept for row, kept in enumerate(expected)) < 60


def test_nothing_to_verify() -> None:
    assert survivors([], []) == []


def test_sets_of_one_shingle_are_near_and_empty_ones_are_not() -> None:
    assert survivors([[7], [7], [8]], [[1], [1], [1]]) == [0, 0, 2]
    assert survivors([[], [], [7]], [[1], [1], [1]]) == [0, 1, 2]
