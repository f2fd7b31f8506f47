"""Trees as questions that are asked of many blocks at once.

Walking down a tree costs a wrong guess of the processor at every other node. Here no
tree is walked: the leaves of a tree, from left to right, are bits of a mask, and every
inner node is a question. Where the answer is yes, the feature is above the threshold,
the leaves below the left child are ruled out. When all questions have been asked, in any
order, the lowest bit still set is the leaf that a walk ends in: QuickScorer (Lucchese
et al., SIGIR 2015, section 3). The same questions are asked of all blocks, so a vector
register holds 4 to 16 of them (V-QuickScorer, SIGIR 2016). On 3,087 pages of 220 blocks
75 trees took 72 µs a page, walked block by block 228, level by level 127 (2026-11-22).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tamis.html.blocks.layout import LEAVES, MAX_QUESTIONS, MAX_TREES, QUESTION

_ALL: Final = (1 << LEAVES) - 1


@dataclass(frozen=True, eq=False)
class Forest:
    """One ensemble: questions of tree t are first_question[t]:first_question[t + 1]."""

    questions: NDArray[np.void]  # QUESTION
    first_question: NDArray[np.int32]  # (trees + 1,)
    leaves: NDArray[np.float32]  # (trees, LEAVES), from left to right


class _Inner(NamedTuple):
    feature: int
    threshold: float
    left: "_Tree"
    right: "_Tree"
    leaves: int


_Tree = _Inner | float  # a leaf is its value


def forest_of(nodes: NDArray[np.void], roots: NDArray[np.int32]) -> Forest:
    """The ensemble that weights.json holds in preorder (tamis.html.blocks.judge.weights).

    A tree of more than LEAVES leaves becomes several whose answers add up to its own.
    Raises ValueError where nodes are not in preorder, or there are too many of them.
    """
    questions: list[tuple[int, float, int]] = []
    first_question, leaves = [0], []
    listed = nodes.tolist()
    for root in roots.tolist():
        tree, _ = _tree_at(listed, root)
        for part in _parts(tree, LEAVES):
            values: list[float] = []
            _ask(part, questions, values)
            first_question.append(len(questions))
            leaves.append(values + [0.0] * (LEAVES - len(values)))
    if len(questions) > MAX_QUESTIONS or len(leaves) > MAX_TREES:
        raise ValueError(
            f"{len(leaves)} trees of {len(questions)} nodes are more than the "
            f"{MAX_TREES} of {MAX_QUESTIONS} there is room for"
        )
    return Forest(
        np.array(questions, QUESTION),
        np.array(first_question, np.int32),
        np.array(leaves, np.float32).reshape(-1, LEAVES),
    )


def _tree_at(
    nodes: list[tuple[int, float, int, float]], place: int
) -> tuple[_Tree, int]:
    """The tree whose root is there, and the place behind it."""
    if not 0 <= place < len(nodes):
        raise ValueError("a root or a child lies outside of the nodes")
    feature, threshold, right_place, value = nodes[place]
    if feature < 0:
        return value, place + 1
    left, behind = _tree_at(nodes, place + 1)
    if right_place != behind:
        raise ValueError("a node's right child does not follow its left one's nodes")
    right, behind = _tree_at(nodes, right_place)
    return _Inner(
        feature, threshold, left, right, _leaves(left) + _leaves(right)
    ), behind


def _leaves(tree: _Tree) -> int:
    return tree.leaves if isinstance(tree, _Inner) else 1


def _parts(tree: _Tree, room: int) -> Iterator[_Tree]:
    """Trees of at most `room` leaves whose sum it is: all but one of them answer 0."""
    if not isinstance(tree, _Inner) or tree.leaves <= room:
        yield tree
        return
    if room < 2:
        raise ValueError(f"a tree is deeper than {LEAVES} nodes")
    for left in _parts(tree.left, room - 1):
        yield tree._replace(left=left, right=0.0, leaves=_leaves(left) + 1)
    for right in _parts(tree.right, room - 1):
        yield tree._replace(left=0.0, right=right, leaves=_leaves(right) + 1)


def _ask(
    tree: _Tree, questions: list[tuple[int, float, int]], values: list[float]
) -> None:
    """Append the tree's questions and, from left to right, its leaves."""
    if not isinstance(tree, _Inner):
        values.append(tree)
        return
    first = len(values)
    _ask(tree.left, questions, values)
    ruled_out = (1 << len(values)) - (1 << first)
    questions.append((tree.feature, tree.threshold, _ALL ^ ruled_out))
    _ask(tree.right, questions, values)
