"""Features that tell a thread from an article with comments, worked out by hand."""

import numpy as np
import pytest
from numpy.typing import NDArray

from tamis.html.blocks.judge.features import NAMES
from tamis.html.blocks.kernel import describe
from tamis.html.blocks.tokenizer import tokenize
from tamis.html.blocks.workspace import Workspace, new_workspace

# Ten words each.
WORDS = {
    "Latin": "one two three four five six seven eight nine ten",
    "Cyrillic": "один два три четыре пять шесть семь восемь девять десять",
    "Arabic": "واحد اثنان ثلاثة أربعة خمسة ستة سبعة ثمانية تسعة عشرة",
    "Chinese": "一二三四五六七八九十",
    "Hindi": "एक दो तीन चार पाँच छह सात आठ नौ दस",
}


@pytest.fixture(scope="module")
def workspace() -> Workspace:
    return new_workspace()


def column(workspace: Workspace, html: str, name: str) -> list[float]:
    """One feature of all blocks."""
    tokenize(np.frombuffer(html.encode(), np.uint8), workspace)
    describe(workspace)
    page = workspace[0]
    rows: NDArray[np.float32] = page["features"][: int(page["state"][0]["blocks"])]
    return [round(float(x), 3) for x in rows[:, NAMES.index(name)]]


def post(text: str, *, kind: str = "post") -> str:
    """Two blocks: ten words and ten words."""
    return f"<div class={kind}><p>{text}</p><p>{text}</p></div>"


@pytest.mark.parametrize("text", WORDS.values(), ids=WORDS)
def test_the_posts_of_a_thread_are_peers_from_its_beginning(
    workspace: Workspace, text: str
) -> None:
    thread = post(text) * 3
    assert column(workspace, thread, "peers") == [3.0] * 6
    assert column(workspace, thread, "peers_page_share") == [1.0] * 6
    assert column(workspace, thread, "peers_words_each") == [20.0] * 6
    assert column(workspace, thread, "peers_first_words") == [0.0] * 6
    assert column(workspace, thread, "group_first_share") == [0.0] * 6


@pytest.mark.parametrize("text", WORDS.values(), ids=WORDS)
def test_comments_are_peers_that_begin_behind_the_article(
    workspace: Workspace, text: str
) -> None:
    html = f"<main>{post(text, kind='story')}</main>{post(text, kind='comment') * 2}"
    assert column(workspace, html, "peers") == [0.0] * 2 + [2.0] * 4
    assert column(workspace, html, "peers_first_words") == [0.0] * 2 + [20.0] * 4
    # Paragraphs of the story and of the comments differ in their parents' names.
    assert column(workspace, html, "group_page_share") == [0.333] * 2 + [0.667] * 4
    assert column(workspace, html, "group_first_words") == [0.0] * 2 + [20.0] * 4


def test_words_are_counted_from_the_main_heading(workspace: Workspace) -> None:
    html = (
        "<title>Old ferries</title><p>one two three</p><h1>Old ferries</h1>"
        + post("four five six") * 2
    )
    # Before the heading lie three words, and the heading itself has two.
    assert column(workspace, html, "peers_first_words") == [0.0] * 2 + [2.0] * 4
    assert column(workspace, html, "group_first_words")[0] == -3.0


def test_groups_know_how_much_of_them_is_the_pages_text(workspace: Workspace) -> None:
    linked = "<div class=menu><p><a href=/>one two three four</a></p></div>"
    text = f"<div class=story><p>{WORDS['Latin'] * 2}</p><p>{WORDS['Latin']}</p></div>"
    html = linked * 2 + text
    # Plain words only: those of links are nobody's text.
    assert column(workspace, html, "group_longest") == [0.0] * 2 + [19.0] * 2
    assert column(workspace, html, "group_run_share") == [0.0] * 2 + [1.0] * 2
    assert column(workspace, html, "group_best_share") == [0.0] * 2 + [1.0] * 2


def test_elements_of_one_block_and_wrappers_have_no_peers(workspace: Workspace) -> None:
    assert column(workspace, "<p>one</p><p>two</p>", "peers") == [0.0] * 2
    wrapped = f"<section>{post('one')}</section><aside>{post('one')}</aside>"
    assert column(workspace, wrapped, "peers") == [0.0] * 4


def test_a_page_leaves_nothing_behind_for_the_next(workspace: Workspace) -> None:
    thread = post(WORDS["Latin"]) * 3
    first = column(workspace, thread, "peers_words_each")
    assert column(workspace, "", "peers") == []
    assert column(workspace, thread, "peers_words_each") == first
