"""Pages that a script would have drawn."""

import json

import numpy as np

from pipeline.html.blocks.engine import extract
from pipeline.html.blocks.layout import FROM_STATE
from pipeline.html.blocks.shells import MAX_JSON_BYTES, state_html

PROSE = (
    "The river rose in the night and by morning the lower fields lay under water. "
    "Nobody in the village had seen it so high since the spring of the great thaw, "
    "and those who remembered that spring did not like to speak of it. The ferryman "
    "tied his boat to the church door and waited, with his lamp lit, for the bells."
)


def shell(data: object, kind: str = "application/ld+json", body: str = "") -> str:
    return (
        f'<html><body><div id="root">{body}</div>'
        f'<script type="{kind}">{json.dumps(data)}</script></body></html>'
    )


def found(page: str, words: int = 0) -> bytes | None:
    return state_html(np.frombuffer(page.encode(), np.uint8), words)


def test_the_article_body_of_a_shell_is_its_text() -> None:
    page = shell({"@type": "NewsArticle", "headline": "x", "articleBody": PROSE})
    extraction = extract([page])
    assert extraction.text.to_pylist() == [PROSE]
    assert extraction.flags[0] & FROM_STATE


def test_the_state_of_a_framework_is_read_too() -> None:
    state = {
        "props": {"pageProps": {"post": {"content": f"<p>{PROSE}</p><p>End.</p>"}}}
    }
    page = shell(state, "application/json")
    assert PROSE in extract([page]).text[0].as_py()


def test_a_page_that_has_its_text_in_markup_is_left_alone() -> None:
    page = shell({"articleBody": PROSE}, body=f"<p>{PROSE}</p>" * 3)
    assert not extract([page]).flags[0] & FROM_STATE


def test_data_without_prose_gives_nothing() -> None:
    assert found(shell({"articleBody": "Too short."})) is None
    assert found(shell({"name": PROSE})) is None
    assert found(shell([])) is None
    assert found("") is None


def test_data_that_is_no_json_gives_nothing() -> None:
    assert found('<script type="application/ld+json">{"articleBody": </script>') is None
    deep = "[" * 200_000
    assert found(f'<script type="application/json">{deep}</script>') is None


def test_limits_hold() -> None:
    assert found(shell({"articleBody": PROSE + " x" * MAX_JSON_BYTES})) is None
    assert found('<script type="application/json">' * 50_000) is None
