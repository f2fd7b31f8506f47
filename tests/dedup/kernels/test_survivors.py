import numpy as np
from numpy.typing import NDArray

from tamis.dedup.kernels.survivors import cluster_sizes, first_copies, first_of_each


def u64(*values: int) -> NDArray[np.uint64]:
    return np.array(values, np.uint64)


def test_the_first_of_a_component_stands_for_all() -> None:
    assert first_of_each(u64(2, 2, 2, 5, 9, 9)).tolist() == [0, 0, 0, 3, 4, 4]
    assert first_of_each(u64()).tolist() == []


def test_a_copy_points_at_the_first_with_its_text() -> None:
    components = u64(1, 1, 1, 1, 2, 2)
    texts = u64(7, 8, 7, 8, 8, 7)
    assert first_copies(components, texts).tolist() == [0, 1, 0, 1, 4, 5]


def test_documents_without_text_are_no_copies() -> None:
    assert first_copies(u64(1, 1, 1), u64(0, 0, 3)).tolist() == [0, 1, 2]


def test_a_cluster_counts_its_survivor() -> None:
    assert cluster_sizes(np.array([0, 0, 2, 0, 4, 4])).tolist() == [3, 3, 1, 3, 2, 2]
