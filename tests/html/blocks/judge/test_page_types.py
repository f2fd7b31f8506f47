"""What kind of page it is: the evidence, the regression, and files that hold none."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tamis.html.blocks.engine import build
from tamis.html.blocks.judge.page_types import (
    MAX_MARKS,
    NUMBERS,
    evidence,
    likeliest_type,
    page_types_of,
)
from tamis.html.blocks.judge.weights import load_weights
from tamis.html.blocks.kernel import describe
from tamis.html.blocks.read.tags import fnv1a
from tamis.html.blocks.tokenizer import tokenize
from tamis.html.blocks.workspace import new_workspace

SECTION: dict[str, Any] = {
    "types": ["article", "product"],
    "bias": [0.0, 0.0],
    "signs": {"price": [0.0, 1.0], "@product": [0.0, 2.0], "og:article": [4.0, 0.0]},
    "steps": [["blocks", 2.0, [0.0, 0.5]]],
}


def scored(html: str, section: dict[str, Any] = SECTION) -> tuple[str, float]:
    types = page_types_of(section)
    workspace = new_workspace()
    data = np.frombuffer(html.encode(), np.uint8)
    tokenize(data, workspace)
    describe(workspace)
    kind, score = likeliest_type(data, workspace, types.model)
    return types.names[kind], score


def logistic(log_odds: float) -> float:
    return float(1 / (1 + np.exp(-log_odds)))


@pytest.mark.parametrize(
    ("html", "kind", "log_odds"),
    [
        pytest.param("<p>A word", "article", 0, id="nothing is known: the first"),
        pytest.param("<p class=price>1", "product", 1, id="a name"),
        pytest.param(
            "<p class=price>1 <b id=salePrice>2</b>", "product", 1, id="counts once"
        ),
        pytest.param("<p>a<p>b", "article", 0, id="two blocks are not above two"),
        pytest.param("<p>a<p>b<p>c", "product", 0.5, id="three blocks are"),
        pytest.param(
            '<script type="application/ld+json">{"@type": ["Product"]}</script><p>a',
            "product",
            2,
            id="ld+json",
        ),
        pytest.param(
            "<META Content='Article' property=og:type><p class=price>1",
            "article",
            3,
            id="og:type, whatever its case and order",
        ),
        pytest.param(
            "<body><meta property=og:type content=article><p class=price>1",
            "product",
            1,
            id="the head ends at the body",
        ),
        pytest.param("", "article", 0, id="an empty page"),
        pytest.param("<meta property=og:type content=", "article", 0, id="cut"),
        pytest.param('{"@type":"', "article", 0, id="cut data"),
    ],
)
def test_the_score_is_the_regression_s(html: str, kind: str, log_odds: float) -> None:
    assert scored(html) == (kind, pytest.approx(logistic(log_odds)))


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("https://shop.example/", [0, 0, 0, 0]),
        ("https://shop.example", [0, 0, 0, 0]),
        ("https://shop.example/a/red-mill-2?x=1/2/3", [2, 10, 2, 1]),
        ("/12/mill", [2, 4, 0, 2]),
        ("", [0, 0, 0, 0]),
        (None, [-1, 0, 0, 0]),
    ],
)
def test_the_page_s_own_address_is_counted(
    address: str | None, expected: list[int]
) -> None:
    link = "" if address is None else f'<link rel="canonical" href="{address}">'
    row, marks = evidence_of(f"{link}<p>A mill")
    first = NUMBERS.index("path_segments")
    assert row[first : first + 4].tolist() == expected
    assert marks == []


def test_marks_are_hashed_with_what_stands_in_front() -> None:
    html = (
        "<meta name=generator content='Discourse 3.1'><meta property=og:type content=x>"
        '<script>{"@type":"QAPage"} @media print {} @types</script>'
    )
    _, marks = evidence_of(html)
    assert marks == [fnv1a(mark) for mark in (b"by:discourse", b"og:x", b"@qapage")]


def test_a_page_of_nothing_but_marks_has_so_many_and_no_more() -> None:
    _, marks = evidence_of('"@type":"A"' * 5_000)
    assert len(marks) == MAX_MARKS


def evidence_of(html: str) -> tuple[np.ndarray[Any, Any], list[int]]:
    workspace = new_workspace()
    data = np.frombuffer(html.encode(), np.uint8)
    tokenize(data, workspace)
    describe(workspace)
    row, marks = evidence(data, workspace)
    return row, marks.tolist()


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"types": ["one"]}, id="one type"),
        pytest.param({"bias": [0.0]}, id="a bias too few"),
        pytest.param({"signs": {"a": [1.0, float("nan")]}}, id="no number"),
        pytest.param({"steps": [["colour", 1.0, [0.0, 0.0]]]}, id="unknown number"),
        pytest.param({"steps": [["blocks", 1.0]]}, id="no weights"),
        pytest.param({"signs": {str(n): [0, 0] for n in range(9_000)}}, id="too many"),
    ],
)
def test_a_malformed_section_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises((ValueError, TypeError, LookupError)):
        page_types_of(SECTION | changes)


def test_the_engine_tells_a_type_and_its_probability() -> None:
    known = load_weights().page_types
    assert known is not None
    (page,) = build()(pa.array(["<div class=post><p>The mill grinds flour.</div>"]))
    assert page.page_type in known.names
    assert page.page_type_score is not None
    assert 1 / len(known.names) <= page.page_type_score <= 1
