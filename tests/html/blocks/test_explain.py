import json
import math

import pytest

from tamis.html.blocks.engine import extract
from tamis.html.blocks.explain import as_html, as_text, explain
from tamis.html.blocks.judge.weights import load_weights

PAGE = (
    "<title>t</title><ul class=menu><li><a href=/>Home</a><li><a href=/a>News</a></ul>"
    "<article><h1>The tide</h1>"
    + "<p>The water came in slowly, then all at once, and nobody was ready for it.</p>"
    * 8
    + "</article><div class=footer>© 2020 <a href=/i>Imprint</a> <script>x</script></div>"
)


def test_the_blocks_are_those_that_the_engine_keeps() -> None:
    blocks = explain(PAGE)
    kept = "\n".join(block.text for block in blocks if block.is_kept)
    assert kept == extract([PAGE]).text[0].as_py()
    assert [block.tag for block in blocks][:3] == ["li", "li", "h1"]


SHELL = (
    "<div id=root>Loading the page</div><script type=application/json>"
    + json.dumps(
        {
            "body": [
                f"The tide rose {n} feet before the pier gave way, and "
                "all the boats went out with it to the sea."
                for n in range(9)
            ]
        }
    )
    + "</script>"
)


def test_of_a_page_that_a_script_draws_the_blocks_are_those_of_its_data() -> None:
    blocks = explain(SHELL)
    kept = "\n".join(block.text for block in blocks if block.is_kept)
    assert kept == extract([SHELL]).text[0].as_py()
    assert "The tide rose 8 feet" in kept
    assert as_text(blocks).startswith("The text is from a script's data")
    assert "from a script&#x27;s data" in as_html(blocks, "t")
    assert "script's data" not in as_text(explain(PAGE))


def test_every_block_has_reasons_and_the_largest_comes_first() -> None:
    for block in explain(PAGE):
        credits = [abs(reason.credit) for reason in block.reasons]
        assert len(credits) == 3
        assert credits == sorted(credits, reverse=True)


def test_credits_add_up_to_the_probability() -> None:
    """Bias, the trees' means and all credits give the block's log-odds."""
    trees = load_weights().content
    base = trees.bias + float(trees.nodes["value"][trees.roots].sum())
    block = explain(PAGE, reason_count=1000)[4]
    log_odds = base + sum(reason.credit for reason in block.reasons)
    assert 1 / (1 + math.exp(-log_odds)) == pytest.approx(block.content, abs=1e-4)


def test_what_is_shown_cannot_run() -> None:
    page = as_html(explain("<p>&lt;script&gt;alert(1)&lt;/script&gt; " * 9), "<b>x")
    assert "<script" not in page
    assert "&lt;b&gt;x" in page


def test_an_empty_page_has_nothing_to_explain() -> None:
    assert explain("") == []
    assert as_text([]) == ""
    assert "0 of 0 blocks" in as_html([], "empty")


NOTICE = (
    "<p>We use cookies to personalise ads. By clicking Accept all you consent to our use of "
    "cookies and to that of our partners, as our privacy policy says. Reject all cookies.</p>"
)
STATE = '{"post": {"body": "%s"}}' % (
    "The river rose in the night, and by morning the fields lay under water. " * 5
)


def test_the_blocks_of_a_scripts_data_are_shown_as_such() -> None:
    blocks = explain(f"{NOTICE}<script>window.S = {STATE};</script>")
    assert [block.is_from_data for block in blocks] == [True]
    assert as_text(blocks).startswith("The text is from a script's data")
    assert "The text is from a script" in as_html(blocks, "a page")


def test_a_notice_on_cookies_alone_is_left_out() -> None:
    (block,) = explain(NOTICE)
    assert (block.is_kept, block.is_from_data) == (False, False)
