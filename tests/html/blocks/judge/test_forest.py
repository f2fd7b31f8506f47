"""Trees asked all at once, against trees walked from the root."""

import numpy as np
import pytest
from numba import njit
from numpy.typing import NDArray

from tamis.html.blocks.judge.decide import predict
from tamis.html.blocks.judge.features import NAMES
from tamis.html.blocks.judge.forest import forest_of
from tamis.html.blocks.judge.weights import NODE, Trees, load_weights
from tamis.html.blocks.layout import CHUNK, COMMENT, CONTENT, LEAVES, MAX_TREES
from tamis.html.blocks.workspace import new_workspace, use_trees


@njit(cache=True)
def _predict(workspace: NDArray[np.void], model: int, only_kept: bool) -> None:
    predict(workspace[0], model, only_kept)


def grown(leaves: list[int], rng: np.random.Generator) -> Trees:
    """Trees of that many leaves, of any shape, their features and values drawn."""
    nodes: list[tuple[int, float, int, float]] = []

    def grow(count: int) -> None:
        place = len(nodes)
        value = float(np.float32(rng.normal()))
        if count == 1:
            nodes.append((-1, 0.0, 0, value))
            return
        feature, threshold = int(rng.integers(len(NAMES))), float(rng.integers(-3, 4))
        nodes.append((feature, threshold, 0, value))
        left = int(rng.integers(1, count))
        grow(left)
        nodes[place] = (feature, threshold, len(nodes), value)
        grow(count - left)

    roots = []
    for count in leaves:
        roots.append(len(nodes))
        grow(count)
    array, starts = np.array(nodes, NODE), np.array(roots, np.int32)
    return Trees(array, starts, 0.25, forest_of(array, starts))


def walked(trees: Trees, row: NDArray[np.float32]) -> float:
    score = trees.bias
    for root in trees.roots.tolist():
        node = trees.nodes[root]
        place = root
        while node["feature"] >= 0:
            is_left = row[node["feature"]] <= node["threshold"]
            place = place + 1 if is_left else int(node["right"])
            node = trees.nodes[place]
        score += float(node["value"])
    return 1 / (1 + np.exp(-score))


@pytest.mark.parametrize("blocks", [0, 1, CHUNK, 2 * CHUNK + 5])
def test_questions_lead_to_the_leaf_that_a_walk_ends_in(blocks: int) -> None:
    rng = np.random.default_rng(blocks)
    # On whole numbers, so that many features lie on their threshold.
    rows = rng.integers(-4, 5, (blocks, len(NAMES))).astype(np.float32)
    content = grown([1, 2, 7, LEAVES - 1, LEAVES, LEAVES + 1, 100], rng)
    comment = grown([3], rng)
    workspace = new_workspace()
    use_trees(workspace, CONTENT, content)
    use_trees(workspace, COMMENT, comment)
    page = workspace[0]
    page["state"][0]["blocks"] = blocks
    page["features"][:blocks, : len(NAMES)] = rows
    for model, trees in ((CONTENT, content), (COMMENT, comment)):
        _predict(workspace, model, False)
        expected = [walked(trees, row) for row in rows]
        found = page["probabilities"][model, :blocks]
        np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_only_the_kept_blocks_are_judged_on_demand() -> None:
    rng = np.random.default_rng(0)
    blocks = 3 * CHUNK
    workspace = new_workspace()
    trees = grown([LEAVES, 5], rng)
    use_trees(workspace, COMMENT, trees)
    page = workspace[0]
    page["state"][0]["blocks"] = blocks
    page["features"][:blocks, : len(NAMES)] = rng.integers(-4, 5, (blocks, len(NAMES)))
    is_kept = rng.random(blocks) < 0.4
    page["is_kept"][:blocks] = is_kept
    page["probabilities"][COMMENT, :blocks] = -1
    _predict(workspace, COMMENT, True)
    rows = page["features"][:blocks]
    expected = [
        walked(trees, row) if kept else -1
        for row, kept in zip(rows, is_kept, strict=True)
    ]
    found = page["probabilities"][COMMENT, :blocks]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_a_tree_of_more_leaves_than_a_mask_has_bits_becomes_several() -> None:
    assert len(grown([LEAVES], np.random.default_rng(0)).forest.leaves) == 1
    assert len(grown([LEAVES + 1], np.random.default_rng(0)).forest.leaves) == 2


def test_the_shipped_trees_are_one_mask_each() -> None:
    weights = load_weights()
    for trees in (weights.content, weights.comment):
        assert len(trees.forest.leaves) == len(trees.roots)
        assert trees.forest.first_question[-1] == (trees.nodes["feature"] >= 0).sum()


def test_too_many_trees_are_refused() -> None:
    leaf = np.array([(-1, 0.0, 0, 1.0)], NODE)
    with pytest.raises(ValueError, match="room for"):
        forest_of(leaf, np.zeros(MAX_TREES + 1, np.int32))


def test_a_chain_too_deep_for_any_split_is_refused() -> None:
    depth = LEAVES + 2
    inner = [(0, 0.0, 2 * depth - place, 0.0) for place in range(depth)]
    nodes = np.array(inner + [(-1, 0.0, 0, 1.0)] * (depth + 1), NODE)
    with pytest.raises(ValueError, match="deeper"):
        forest_of(nodes, np.zeros(1, np.int32))
