"""Trees asked all at once, against trees walked from the root."""

import numpy as np
import pytest
from numba import njit
from numpy.typing import NDArray

from tamis.html.blocks.judge.context import ALL_NAMES
from tamis.html.blocks.judge.decide import predict
from tamis.html.blocks.judge.features import NAMES
from tamis.html.blocks.judge.forest import forest_of
from tamis.html.blocks.judge.weights import NODE, Trees, load_weights
from tamis.html.blocks.kernel import decide, describe
from tamis.html.blocks.layout import (
    CHUNK,
    COMMENT,
    CONTENT,
    LEAVES,
    MAX_TREES,
    NO,
    SECOND,
)
from tamis.html.blocks.tokenizer import tokenize
from tamis.html.blocks.workspace import new_workspace, use_trees


@njit(cache=True)
def _predict(workspace: NDArray[np.void], model: int) -> None:
    predict(workspace[0], model)


def stump(feature: int, threshold: float, left: float, right: float) -> Trees:
    """One question, without a bias."""
    rows = [(feature, threshold, 2, 0.0), (-1, 0.0, 0, left), (-1, 0.0, 0, right)]
    nodes, roots = np.array(rows, NODE), np.zeros(1, np.int32)
    return Trees(nodes, roots, 0.0, forest_of(nodes, roots))


def describe_page(html: str, workspace: NDArray[np.void]) -> None:
    tokenize(np.frombuffer(html.encode(), np.uint8), workspace)
    describe(workspace)


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
        _predict(workspace, model)
        expected = [walked(trees, row) for row in rows]
        found = page["probabilities"][model, :blocks]
        np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_the_second_trees_add_to_the_first_ones_answer() -> None:
    """The trees ask of the log-odds of the first: a block that is likely loses 1."""
    html = "<main><p>" + "</p><p>".join(["one two three four five"] * CHUNK) + "</main>"
    workspace = new_workspace()
    first = NAMES.index("words_before_share")
    use_trees(workspace, CONTENT, stump(first, 0.5, 2.0, -2.0))
    describe_page(html, workspace)
    asked = ALL_NAMES.index("first_odds")
    use_trees(workspace, SECOND, stump(asked, 0.0, 0.0, -1.0))
    decide(workspace, NO, NO)
    count = int(workspace[0]["state"][0]["blocks"])
    share = workspace[0]["features"][:count, first]
    odds = np.where(share > 0.5, -2.0, 1.0)
    found = workspace[0]["probabilities"][CONTENT, :count]
    assert count == CHUNK
    np.testing.assert_allclose(found, 1 / (1 + np.exp(-odds)), rtol=1e-5)


def test_a_tree_of_more_leaves_than_a_mask_has_bits_becomes_several() -> None:
    assert len(grown([LEAVES], np.random.default_rng(0)).forest.leaves) == 1
    assert len(grown([LEAVES + 1], np.random.default_rng(0)).forest.leaves) == 2


def test_the_shipped_trees_are_one_mask_each() -> None:
    weights = load_weights()
    assert weights.second is not None
    for trees in (weights.content, weights.comment, weights.second):
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
