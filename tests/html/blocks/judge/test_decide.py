"""The cut by expected word F1, against trying every cut."""

import numpy as np
import pytest
from numba import njit
from numpy.typing import NDArray

from tamis.html.blocks.judge.decide import PAGE_ERROR, keep_content, settle_comments
from tamis.html.blocks.layout import COMMENT, CONTENT
from tamis.html.blocks.workspace import Workspace, new_workspace


@njit(cache=True)
def _keep(workspace: NDArray[np.void], keeps_comments: bool) -> int:
    keep_content(workspace[0])
    return settle_comments(workspace[0], keeps_comments)


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


def chance(log_odds: NDArray[np.float64] | float) -> NDArray[np.float64]:
    return np.asarray(1 / (1 + np.exp(-np.asarray(log_odds))))


def expected_f1(
    words: list[int], log_odds: NDArray[np.float64], chosen: list[bool]
) -> float:
    """Over the page's error too, by numpy's Gauss-Hermite points."""
    size, kept = np.array(words), np.array(chosen)
    points, weights = np.polynomial.hermite_e.hermegauss(3)
    value = 0.0
    for point, weight in zip(points, weights / weights.sum(), strict=True):
        wanted = size * chance(log_odds + PAGE_ERROR * point)
        value += weight * 2 * wanted[kept].sum() / (size[kept].sum() + wanted.sum())
    return value


def test_the_cut_is_as_good_as_the_best_of_all_cuts(workspace: Workspace) -> None:
    rng = np.random.default_rng(1)
    for _ in range(200):
        count = int(rng.integers(1, 30))
        words = rng.integers(1, 80, count).tolist()
        log_odds = rng.integers(-80, 80, count) / 16 + 1 / 32  # bins have this centre
        content = chance(log_odds)
        ours = kept(workspace, words, content.tolist())
        best = max(
            expected_f1(words, log_odds, (content >= cut).tolist()) for cut in content
        )
        assert expected_f1(words, log_odds, [k == 1 for k in ours]) == pytest.approx(
            best, abs=1e-6
        )


def test_the_cut_is_near_the_best_where_pages_are_drawn(workspace: Workspace) -> None:
    """Pages drawn as the docstring of `decide` says that they come about."""
    rng = np.random.default_rng(2)
    words, log_odds = [90, 60, 40, 20, 10], np.array([3.0, 1.5, 0.0, -1.5, -3.0])
    error = rng.normal(0, PAGE_ERROR, (20_000, 1))
    is_wanted = rng.random((20_000, 5)) < chance(log_odds + error)
    size = np.array(words)

    def mean_f1(first: int) -> float:
        found = (is_wanted * size)[:, :first].sum(axis=1)
        total = size[:first].sum() + (is_wanted * size).sum(axis=1)
        return float((2 * found / total).mean())

    ours = kept(workspace, words, chance(log_odds).tolist())
    assert ours == sorted(ours, reverse=True)
    best = max(mean_f1(first) for first in range(1, 6))
    assert mean_f1(sum(ours)) >= best - 0.01
    assert mean_f1(1) < best - 0.05  # the worst choices are far off
    assert mean_f1(5) < best - 0.01


def test_sure_blocks_are_kept_and_doubtful_ones_by_what_they_add(
    workspace: Workspace,
) -> None:
    # Far from 0 the page's error changes little. Both sure: 2*110/(110+110) = 1,
    # the first alone 2*100/(100+110) = .95; a block that is surely not wanted
    # costs: 2*100/(110+100) = .95 against 1.
    assert kept(workspace, [100, 10], [0.9999, 0.9999]) == [1, 1]
    assert kept(workspace, [100, 10], [0.9999, 0.0001]) == [1, 0]


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
