"""What stands around a block, by the first trees' answers, worked out by hand."""

import math

import numpy as np
import pytest
from numba import njit
from numpy.typing import NDArray

from tamis.html.blocks.judge.context import ALL_NAMES, CONTEXT_NAMES, describe_context
from tamis.html.blocks.kernel import describe
from tamis.html.blocks.layout import COMMENT, CONTENT
from tamis.html.blocks.tokenizer import tokenize
from tamis.html.blocks.workspace import Workspace, new_workspace

# Five words each.
WORDS = {
    "Latin": "one two three four five",
    "Cyrillic": "один два три четыре пять",
    "Arabic": "واحد اثنان ثلاثة أربعة خمسة",
    "Chinese": "一二三四五",
    "Thai": "ก ข ค ง จ",
    "Hindi": "एक दो तीन चार पाँच",
}


@njit(cache=True)
def _describe_context(workspace: NDArray[np.void], cutoff: float) -> None:
    describe_context(workspace[0], cutoff)


@pytest.fixture(scope="module")
def workspace() -> Workspace:
    return new_workspace()


def columns(
    workspace: Workspace, html: str, content: list[float], comment: float = 0.5
) -> dict[str, list[float]]:
    """The context of all blocks, if those more likely than not are kept."""
    tokenize(np.frombuffer(html.encode(), np.uint8), workspace)
    describe(workspace)
    page = workspace[0]
    assert int(page["state"][0]["blocks"]) == len(content)
    page["probabilities"][CONTENT, : len(content)] = content
    page["probabilities"][COMMENT, : len(content)] = comment
    _describe_context(workspace, 0.0)
    rows = page["features"][: len(content)]
    return {
        name: [round(float(x), 3) for x in rows[:, ALL_NAMES.index(name)]]
        for name in CONTEXT_NAMES
    }


@pytest.mark.parametrize("text", WORDS.values(), ids=WORDS)
def test_teasers_behind_the_text_are_a_run_of_their_own(
    workspace: Workspace, text: str
) -> None:
    teaser = f"<li><p>{text}</p></li>"
    html = f"<main><p>{text}</p><p>{text}</p></main><ul>{teaser * 3}</ul>"
    found = columns(workspace, html, [0.9, 0.7, 0.2, 0.2, 0.5])
    assert found["run_words"] == [10.0, 10.0, 10.0, 10.0, 5.0]
    assert found["run_blocks"] == [2.0, 2.0, 2.0, 2.0, 1.0]
    assert found["last_kept_run_words"] == [-1.0, 10.0, 10.0, 10.0, 10.0]
    assert found["next_kept_run_words"] == [10.0, 5.0, 5.0, 5.0, -1.0]
    assert found["words_since_kept"] == [-1.0, 0.0, 0.0, 5.0, 10.0]
    assert found["words_until_kept"] == [0.0, 10.0, 5.0, 0.0, -1.0]
    assert found["words_since_long_kept"] == [-1.0] * 5
    assert found["kept_before_share"] == [0.0, 0.333, 0.667, 0.667, 0.667]
    assert found["kept_after_share"] == [0.667, 0.333, 0.333, 0.333, 0.0]
    assert found["main_run_distance"] == [0.0, 0.0, 1.0, 2.0, 3.0]
    assert found["list_chance"] == [-1.0, -1.0, 0.3, 0.3, 0.3]
    assert found["list_kept_share"] == [-1.0, -1.0, 0.333, 0.333, 0.333]
    assert found["group_chance"] == [0.7, 0.9, 0.35, 0.35, 0.2]
    assert found["group_best_chance"] == [0.9, 0.9, 0.5, 0.5, 0.5]
    assert found["blocks_of_group"] == [2.0, 2.0, 3.0, 3.0, 3.0]
    assert found["group_kept_share"] == [1.0, 1.0, 0.333, 0.333, 0.333]
    assert found["copies_best_chance"] == found["copies_first_chance"] == [0.9] * 5
    assert found["chance_at-2"] == [-1.0, -1.0, 0.9, 0.7, 0.2]
    assert found["chance_at+2"] == [0.2, 0.2, 0.5, -1.0, -1.0]
    assert found["chance_at-1"] == [-1.0, 0.9, 0.7, 0.2, 0.2]
    assert found["chance_at+1"] == [0.7, 0.2, 0.2, 0.5, -1.0]
    assert found["words"] == [5.0] * 5
    assert found["main_run_kept_share"] == [0.667] * 5
    assert found["page_kept_share"] == [0.6] * 5
    assert found["page_kept_chance"] == [0.7] * 5
    assert found["page_chance"] == [0.5] * 5
    assert found["page_kept_blocks_share"] == [0.6] * 5
    assert found["page_kept_linked_share"] == [0.0] * 5
    assert found["comments_before_share"] == [0.0, 0.2, 0.4, 0.6, 0.8]
    assert found["page_comments_share"] == [0.5] * 5


@pytest.mark.parametrize("text", WORDS.values(), ids=WORDS)
def test_a_section_goes_from_its_heading_to_the_next(
    workspace: Workspace, text: str
) -> None:
    html = f"<p>{text}</p><h2>{text}</h2><p>{text}</p><h2>{text}</h2><p>{text}</p>"
    found = columns(workspace, html, [0.1, 0.9, 0.8, 0.3, 0.2])
    assert found["heading_chance"] == [-1.0, -1.0, 0.9, 0.9, 0.3]
    assert found["section_chance"] == [0.1, 0.8, 0.8, 0.2, 0.2]
    assert found["next_section_chance"] == [0.85, 0.25, 0.25, -1.0, -1.0]


def test_peers_and_holders_are_those_of_the_features(workspace: Workspace) -> None:
    post = "<div class=post><p>one two</p><p>three four</p></div>"
    html = f"<section>{post * 2}</section><p>five six</p>"
    found = columns(workspace, html, [0.9, 0.7, 0.3, 0.1, 0.2])
    assert found["peers_chance"] == [0.5] * 4 + [-1.0]
    assert found["peers_kept_share"] == [1.0] * 4 + [-1.0]
    assert found["holder1_kept_share"][:4] == [1.0, 1.0, 0.0, 0.0]
    assert found["holder1_words"][:4] == [4.0] * 4
    assert found["holder2_words"][:4] == [8.0] * 4
    assert found["holder2_chance"][:4] == [0.5] * 4
    assert found["share_of_holder3"] == [0.2] * 5
    assert found["window8_chance"] == [0.325, 0.375, 0.475, 0.525, 0.5]


def test_a_whole_is_the_innermost_around_a_block(workspace: Workspace) -> None:
    html = (
        "<table><tr><td>a<td>b<tr><td>c<td>d</table>"
        "<blockquote><p>e</p><p>f</p></blockquote>"
    )
    found = columns(workspace, html, [0.9, 0.7, 0.1, 0.3, 0.4, 0.2])
    assert found["row_chance"] == [0.8, 0.8, 0.2, 0.2, -1.0, -1.0]
    assert found["table_chance"] == [0.5] * 4 + [-1.0] * 2
    assert found["quotation_chance"] == [-1.0] * 4 + [0.3] * 2
    assert found["list_chance"] == found["list_kept_share"] == [-1.0] * 6


def test_long_kept_blocks_are_told_from_short_ones(workspace: Workspace) -> None:
    long = " ".join("word" for _ in range(12))
    html = f"<p>a b</p><p>{long}</p><p>c d e</p><p>f</p>"
    found = columns(workspace, html, [0.1, 0.9, 0.2, 0.8])
    assert found["words_until_long_kept"] == [0.0, -1.0, -1.0, -1.0]
    assert found["words_since_long_kept"] == [-1.0, -1.0, 0.0, 3.0]
    assert found["words_since_kept"] == [-1.0, -1.0, 0.0, 3.0]
    assert found["main_run_distance"] == [-1.0, 0.0, 1.0, 2.0]


def test_odds_are_told_from_the_cutoff_and_never_infinite(workspace: Workspace) -> None:
    found = columns(workspace, "<p>a</p><p>b?</p>", [1.0, 0.0], comment=1.0)
    most = round(math.log((1 - 1e-6) / 1e-6), 3)
    assert found["first_odds"] == pytest.approx([most, -most], abs=0.002)
    assert found["first_odds_over_cutoff"] == found["first_odds"]
    assert found["comment_odds"] == pytest.approx([most] * 2, abs=0.002)
    assert found["stop_share"] == [0.0, 1.0]


def test_a_page_that_keeps_nothing_and_one_without_blocks(workspace: Workspace) -> None:
    found = columns(workspace, "<p>a</p><p>b</p>", [0.1, 0.2])
    assert found["page_kept_share"] == [0.0, 0.0]
    assert found["main_run_kept_share"] == [0.0, 0.0]
    assert found["run_words"] == [2.0, 2.0]
    assert columns(workspace, "", [])["words"] == []
