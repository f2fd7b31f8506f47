"""The cut by expected word F1, against trying every cut."""

import numpy as np
import pytest
from numba import njit
from numpy.typing import NDArray

from pipeline.html.blocks.decide import keep_blocks
from pipeline.html.blocks.layout import COMMENT, CONTENT
from pipeline.html.blocks.workspace import Workspace, new_workspace


@njit(cache=True)
def _keep(workspace: NDArray[np.void], keeps_comments: bool) -> int:
    return keep_blocks(workspace[0], keeps_comments)


@pytest.fixture(scope="module")
def workspace() -> Workspace:
    return new_workspace()


def kept(
    workspace: Workspace,
    words: list[int],
    content: list[float],
    comment: list[float] | None = None,
    *,
    keeps_comments: bool = False,
) -> list[int]:
    page = workspace[0]
    count = len(words)
    page["state"][0]["blocks"] = count
    page["blocks"]["words"][:count] = words
    page["probabilities"][CONTENT, :count] = content
    page["probabilities"][COMMENT, :count] = comment or [0.0] * count
    _keep(workspace, keeps_comments)
    return [int(k) for k in page["is_kept"][:count]]


def expected_f1(words: list[int], content: list[float], chosen: list[bool]) -> float:
    found = sum(w * p for w, p, c in zip(words, content, chosen, strict=True) if c)
    size = sum(w for w, c in zip(words, chosen, strict=True) if c)
    total = sum(w * p for w, p in zip(words, content, strict=True))
    return 2 * found / (size + total)


def test_the_cut_is_as_good_as_the_best_of_all_cuts(workspace: Workspace) -> None:
    rng = np.random.default_rng(1)
    for _ in range(200):
        count = int(rng.integers(1, 30))
        words = rng.integers(1, 80, count).tolist()
        content = (rng.integers(0, 256, count) / 256 + 0.001).tolist()
        ours = expected_f1(
            words, content, [k == 1 for k in kept(workspace, words, content)]
        )
        best = max(
            expected_f1(words, content, [p >= cut for p in content]) for cut in content
        )
        assert ours == pytest.approx(best, abs=1e-6)


def test_sure_blocks_are_kept_and_doubtful_ones_by_what_they_add(
    workspace: Workspace,
) -> None:
    # Keeping the second adds 10 * .45 of 104.5 + ...: 2*.. worked out by hand:
    # first alone 2*95/(100+99.5) = .952; both 2*99.5/(110+99.5) = .950.
    assert kept(workspace, [100, 10], [0.95, 0.45]) == [1, 0]
    # At .5: first alone 190/200 = .950; both 2*100/(110+100) = .952.
    assert kept(workspace, [100, 10], [0.95, 0.5]) == [1, 1]


def test_a_page_with_words_is_never_empty(workspace: Workspace) -> None:
    assert kept(workspace, [5, 5], [0.01, 0.02]) != [0, 0]


def test_a_page_without_words_keeps_nothing(workspace: Workspace) -> None:
    assert kept(workspace, [], []) == []
    assert kept(workspace, [0], [0.9]) == [0]


def test_comments_follow_their_own_switch(workspace: Workspace) -> None:
    words, content, comment = [90, 30, 30], [0.9, 0.6, 0.1], [0.0, 0.9, 0.8]
    assert kept(workspace, words, content, comment) == [1, 0, 0]
    assert kept(workspace, words, content, comment, keeps_comments=True) == [1, 1, 1]


def test_a_thread_that_is_the_content_is_kept(workspace: Workspace) -> None:
    words, content, comment = [20, 30, 30], [0.9, 0.6, 0.6], [0.0, 0.9, 0.8]
    assert kept(workspace, words, content, comment) == [1, 1, 1]
