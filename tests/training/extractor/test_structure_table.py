"""benchmarks/extractor_quality.py: which gold blocks a text has."""

from pathlib import Path

import numpy as np
import pytest

from tamis.training.extractor.pages import Page

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"
HTML = """<h1>Hafen</h1><ul><li>รอบ เช้า</li><li>menu item</li></ul>
<table><tr><th>день</th><th>рейс</th></tr><tr><td>最初</td><td>نهار</td></tr></table>"""


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> object:
    pytest.importorskip("lxml")
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return pytest.importorskip("extractor_quality")


@pytest.mark.parametrize(
    ("text", "whole", "part"),
    [
        pytest.param("день | рейс\n最初 | نهار", "1.000", "0.000", id="whole"),
        pytest.param("день | рейс\n最初", "0.500", "0.500", id="in part"),
        pytest.param("", "0.000", "0.000", id="empty text"),
    ],
)
def test_rows_count_as_whole_only_with_all_their_cells(
    module: object, monkeypatch: pytest.MonkeyPatch, text: str, whole: str, part: str
) -> None:
    monkeypatch.setattr(module, "_LEAST_BLOCKS", 1)
    gold = "Hafen รอบ เช้า день рейс 最初 نهار"
    html = np.frombuffer(HTML.encode(), np.uint8)
    page = Page("u", html, "s", "x", "listing", "ru", gold, True)
    lines = module.structure_table([page], {"ours": {"u": text}}).splitlines()  # type: ignore[attr-defined]
    head, row = lines[0].split(" | "), lines[2].split(" | ")
    assert row[0] == "| all, ours"
    assert row[head.index("rows whole")] == whole
    assert row[-1].rstrip(" |") == part
    assert [line.split(",")[0] for line in lines[3:5]] == [
        "| lang ru",
        "| type listing",
    ]
    assert lines[-1].split(" | ")[1:3] == ["2", "2"]


def test_pages_without_gold_blocks_give_no_shares(module: object) -> None:
    page = Page("u", np.zeros(0, np.uint8), "s", "x", "", "", "", True)
    table = module.structure_table([page], {"ours": {"u": ""}})  # type: ignore[attr-defined]
    assert set(table.splitlines()[2].removeprefix("| all, ours |")) <= set(" |")
