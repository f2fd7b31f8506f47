import numpy as np
import pyarrow as pa
import pytest

from tamis.html.limits import REASONS, broken_limits
from tamis.text.buffers import utf8_buffers


def reasons(*pages: str, max_depth: int = 2000) -> list[str | None]:
    data, offsets = utf8_buffers(pa.array(pages, pa.string()))
    return [
        REASONS[broken] for broken in broken_limits(data, offsets, max_depth, 10_000)
    ]


@pytest.mark.parametrize(
    "page",
    [
        pytest.param("", id="empty"),
        pytest.param("<", id="one byte"),
        pytest.param("простой текст", id="no markup"),
        pytest.param("<p>text</p>" * 5000, id="many elements, none deep"),
        pytest.param("<br><img><li><p>" * 5000, id="elements without end tags"),
        pytest.param("<DIV>" * 2000 + "</DIV>" * 2000, id="as deep as allowed"),
        pytest.param("</div>" * 5000 + "<div>" * 1500, id="end tags without a start"),
        pytest.param("x < y " * 5000, id="not tags"),
        pytest.param(
            "<svg><path d='" + "M0 0 " * 50_000 + "'>", id="one long attribute"
        ),
        pytest.param("<script>" + "a b c " * 50_000 + "</script>", id="a long script"),
        pytest.param("漢字" * 50_000, id="long text"),
    ],
)
def test_a_page_that_parsers_can_take(page: str) -> None:
    assert reasons(page) == [None]


def test_nesting_is_counted_on_the_way() -> None:
    deep = "<div>" * 2001 + "</div>" * 2001
    assert reasons(deep, "<p>shallow", "<B>" * 100_000, "<a-b>" * 2001) == [
        "html_too_deep",
        None,
        "html_too_deep",
        "html_too_deep",
    ]
    assert reasons("<div><div><p></div></div>", max_depth=1) == ["html_too_deep"]
    assert reasons("<div><div><p></div></div>", max_depth=2) == [None]


@pytest.mark.parametrize(
    "attributes",
    [
        "".join(f" a{i}='<{i}>'" for i in range(50_000)),
        " a" * 10_001,
        "\n\ta=1" * 50_000,
    ],
    ids=["with values", "without values", "lines"],
)
def test_attributes_of_one_element(attributes: str) -> None:
    page = f"<p>before</p><div{attributes.replace('<', '')}>text</div>"
    assert reasons(page) == ["html_too_many_attributes"]


def test_10_000_attributes_are_allowed() -> None:
    assert reasons("<div" + " a" * 10_000 + ">") == [None]


def test_no_pages() -> None:
    assert (
        broken_limits(np.empty(0, np.uint8), np.zeros(1, np.int64), 1, 1).tolist() == []
    )
