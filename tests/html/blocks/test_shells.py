"""Pages that a script would have drawn."""

import json

import numpy as np
import pytest
from fixtures.patience import cpu_seconds

from tamis.html.blocks.engine import extract
from tamis.html.blocks.layout import FROM_STATE
from tamis.html.blocks.shells import MAX_JSON_BYTES, MAX_VALUES, state_html

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


@pytest.mark.parametrize(
    "sentence",
    [
        pytest.param("Река поднялась ночью, и к утру луга стояли под водой. ", id="ru"),
        pytest.param(
            "ارتفع النهر في الليل وفي الصباح كانت الحقول تحت الماء. ", id="ar"
        ),
        pytest.param("河水在夜里上涨，到早晨低处的田地已经淹没在水下了。", id="zh"),
        pytest.param("แม่น้ำเอ่อล้นในตอนกลางคืนและทุ่งนาจมอยู่ใต้น้ำในตอนเช้า", id="th"),
        pytest.param("रात में नदी चढ़ आई और सुबह तक निचले खेत पानी में डूब गए। ", id="hi"),
    ],
)
def test_prose_of_every_script_is_found(sentence: str) -> None:
    prose = (sentence * 9).strip()
    assert extract([shell({"articleBody": prose})]).text.to_pylist() == [prose]


@pytest.mark.parametrize(
    "data",
    [
        pytest.param("[" + "[]," * 900_000 + "0]", id="empty lists"),
        pytest.param("[" + "1," * 1_400_000 + "1]", id="numbers"),
        pytest.param("[" + '{"a":1},' * 300_000 + "0]", id="objects"),
        pytest.param('{"body": "' + "word " * 600_000 + '"}', id="one text"),
    ],
)
def test_data_takes_no_time_that_a_page_may_not_take(data: str) -> None:
    page = f'<script type="application/json">{data}</script>'
    scripts = np.frombuffer(page.encode(), np.uint8)
    # 0.03 s on a quiet core; several times that where other work shares the caches.
    assert cpu_seconds(lambda: state_html(scripts, 0)) < 0.2


def test_values_are_counted_over_all_scripts() -> None:
    filler = json.dumps([0] * (MAX_VALUES // 2))
    scripts = f'<script type="application/json">{filler}</script>'
    assert found(scripts + shell({"articleBody": PROSE})) is not None
    assert found(scripts * 2 + shell({"articleBody": PROSE})) is not None
    full = json.dumps([0] * (MAX_VALUES - 2))
    scripts = f'<script type="application/json">{full}</script>'
    assert found(scripts + shell({"articleBody": PROSE})) is None


def test_strings_are_counted_over_all_scripts() -> None:
    labels = shell({"text": ["река"] * 8_000})
    assert found(labels + shell({"articleBody": PROSE})) is not None
    assert found(labels * 2 + shell({"articleBody": PROSE})) is None


def test_limits_hold() -> None:
    assert found(shell({"articleBody": PROSE + " x" * MAX_JSON_BYTES})) is None
    assert found('<script type="application/json">' * 50_000) is None
