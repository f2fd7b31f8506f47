"""The memory for one page, allocated once and used for every page."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tamis.html.blocks.judge.dictionary import Dictionary
from tamis.html.blocks.judge.weights import Trees, Weights
from tamis.html.blocks.layout import COMMENT, CONTENT, PAGE
from tamis.html.blocks.read.characters import reference_table

Workspace = NDArray[np.void]

_CACHE_LINE: Final = 64


def new_workspace(weights: Weights | None = None) -> Workspace:
    """An array with one row of PAGE: some 20 MB of address space, touched as needed.

    Without weights it can read and describe pages, but not decide.
    """
    # Trees take nearly twice as long if vectors cross cache lines.
    memory = np.zeros(PAGE.itemsize + _CACHE_LINE, np.uint8)
    start = -memory.ctypes.data % _CACHE_LINE
    workspace = memory[start : start + PAGE.itemsize].view(PAGE)
    keys, first, second = reference_table()
    workspace["reference_keys"][0] = keys
    workspace["reference_first"][0] = first
    workspace["reference_second"][0] = second
    if weights is not None:
        use_dictionary(workspace, weights.words)
        use_trees(workspace, CONTENT, weights.content)
        use_trees(workspace, COMMENT, weights.comment)
    return workspace


def use_dictionary(workspace: Workspace, words: Dictionary) -> None:
    """Replace the words of a workspace."""
    keys, scores, kinds = words
    workspace["dictionary_keys"][0] = keys
    workspace["dictionary_scores"][0] = scores
    workspace["dictionary_kinds"][0] = kinds


def use_trees(workspace: Workspace, model: int, trees: Trees) -> None:
    """Replace a workspace's trees for `model`, CONTENT or COMMENT."""
    forest = trees.forest
    count = len(forest.leaves)
    workspace["questions"][0, model, : len(forest.questions)] = forest.questions
    workspace["first_question"][0, model, : count + 1] = forest.first_question
    workspace["leaves"][0, model, :count] = forest.leaves
    workspace["trees"][0, model] = count
    workspace["biases"][0, model] = trees.bias
