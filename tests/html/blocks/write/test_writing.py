"""Kept blocks as plain text and as Markdown; every block is kept here."""

import numpy as np
import pytest

from tamis.html.blocks.kernel import markdown_text, plain_text
from tamis.html.blocks.tokenizer import tokenize
from tamis.html.blocks.workspace import Workspace, new_workspace


@pytest.fixture(scope="module")
def workspace() -> Workspace:
    return new_workspace()


def written(html: str, workspace: Workspace, *, is_markdown: bool) -> str:
    data = np.frombuffer(html.encode(), np.uint8)
    tokenize(data, workspace)
    workspace[0]["is_kept"][: workspace[0]["state"][0]["blocks"]] = 1
    write = markdown_text if is_markdown else plain_text
    return write(data, workspace).tobytes().decode()


TABLE = "<table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>2</td></tr></table>"


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        pytest.param("", "", id="empty"),
        pytest.param("<h1>Ёлка</h1><p>дым<br>лёд", "Ёлка\nдым\nлёд", id="Cyrillic"),
        pytest.param("<p>你好。<p>再见。", "你好。\n再见。", id="Chinese"),
        pytest.param("<ul><li>a<li>b</ul>", "a\nb", id="list"),
        pytest.param(TABLE, "a | b\n1 | 2", id="table rows are lines"),
        pytest.param(
            "<table><tr><td><p>a<p>b<td>c</table>", "a\nb\nc", id="layout table"
        ),
        pytest.param(
            "<table><tr><td><td><p>улица</p><td><div><p>дом</p></div><td></table>",
            " | улица | дом | ",
            id="a paragraph that is all of a cell",
        ),
        pytest.param(
            "<table><tr><td>Name<br>of 0<td>value 0<br>more 0</table>",
            "Name of 0 | value 0 more 0",
            id="a row is one line, whatever breaks in its cells",
        ),
        pytest.param(
            "<table><tr><td>улица<br>дом</table>", "улица\nдом", id="a cell alone"
        ),
        pytest.param(
            "<table><tr><td>1<td><pre>a\n b</pre></table>",
            "1\na\n b",
            id="code is no cell",
        ),
        pytest.param("<pre>if x:\n    y\n</pre>z", "if x:\n    y\nz", id="code"),
        pytest.param("<pre>   <span> x</span>", "    x", id="blanks before a tag"),
        pytest.param("<pre>\n\n  x\n y", "  x\n y", id="blanks before the first line"),
        pytest.param("<pre>  </pre>x", "x", id="code of blanks"),
    ],
)
def test_plain_text(html: str, expected: str, workspace: Workspace) -> None:
    assert written(html, workspace, is_markdown=False) == expected


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        pytest.param("", "", id="empty"),
        pytest.param("<h2>a</h2><p>b", "## a\n\nb", id="heading"),
        pytest.param("<h1>a<br>b</h1>", "# a b", id="heading of two lines"),
        pytest.param("<p>a<br>b", "a\\\nb", id="line break"),
        pytest.param("<ul><li>a<li>b</ul>c", "- a\n- b\n\nc", id="list"),
        pytest.param(
            "<ul><li>a<ul><li>b</ul><li>c</ul>", "- a\n\n  - b\n\n- c", id="nested list"
        ),
        pytest.param("<ul><li><p>a<p>b</ul>", "- a\n\n  b", id="two paragraphs"),
        pytest.param(
            "<ul><li>a<table><tr><td>1<td>2</table>b<li>c</ul>",
            "- a\n\n  | 1 | 2 |\n  |---|---|\n\n  b\n- c",
            id="an item goes on behind a table",
        ),
        pytest.param(
            "<ul><li>a<ul><li>b</ul>c</ul>",
            "- a\n\n  - b\n\n  c",
            id="an item goes on behind a list",
        ),
        pytest.param(
            "<table><tr><th><p>a</p><th><p>b</p><tr><td><p>1</p><td></table>",
            "| a | b |\n|---|---|\n| 1 |  |",
            id="a table whose cells are paragraphs",
        ),
        pytest.param(r"<p>x \(a_1*b*c\)", "x $a_1*b*c$", id="formula in the text"),
        pytest.param(
            "<table>до рядов<tr><td>x y<td>z</table>",
            "до рядов\n\n| x y | z |\n|---|---|",
            id="text of a table before its rows",
        ),
        pytest.param("<ol><li>一<li>二</ol>", "1. 一\n2. 二", id="numbered list"),
        pytest.param(
            "<ol>" + "<li>x" * 9 + "<li><p>a<p>b<ul><li>c</ul></ol>",
            "".join(f"{n}. x\n" for n in range(1, 10)) + "10. a\n\n    b\n\n    - c",
            id="text of a numbered item stands below its text",
        ),
        pytest.param("<blockquote><p>a<p>b</blockquote>", "> a\n>\n> b", id="quote"),
        pytest.param(
            "<blockquote>a</blockquote><blockquote>b</blockquote>",
            "> a\n\n> b",
            id="two quotes",
        ),
        pytest.param(
            "<ul><li>a<blockquote><p>b<p>c</blockquote>d</ul>",
            "- a\n\n  > b\n  >\n  > c\n\n  d",
            id="a quote in a list",
        ),
        pytest.param(
            "<blockquote>a<ol><li>b<li>c</ol></blockquote>",
            "> a\n>\n> 1. b\n> 2. c",
            id="a list in a quote",
        ),
        pytest.param(
            "<ul><li><ul><li>a<li>b</ul></ul>",
            "- a\n- b",
            id="an item without text of its own indents nothing",
        ),
        pytest.param(
            "<ul><li>a</li><ul><li>b</ul><li>c</ul>",
            "- a\n\n  - b\n\n- c",
            id="a list between items belongs to the item before it",
        ),
        pytest.param(
            "<ul><li>a</ul><ul><li>b</ul><ol><li>c</ol><ol><li>d</ol>",
            "- a\n\n* b\n\n1. c\n\n1) d",
            id="lists that follow each other have different marks",
        ),
        pytest.param(
            "<ol start=7><li>a<li value=12>b<li>c</ol>",
            "7. a\n12. b\n13. c",
            id="numbers of the page",
        ),
        pytest.param(
            "<ol reversed><li>a<li>b<li>c</ol>", "3. a\n2. b\n1. c", id="counting down"
        ),
        pytest.param(
            "<ol start=-3><li>a</ol><p>x<ol start=9999999999><li>b</ol>",
            "1. a\n\nx\n\n1. b",
            id="numbers that Markdown does not have",
        ),
        pytest.param(
            "<pre>def f():\n    return 1\n</pre>",
            "```\ndef f():\n    return 1\n```",
            id="code keeps its indentation",
        ),
        pytest.param(
            "<pre>```\na</pre>", "````\n```\na\n````", id="code with backticks"
        ),
        pytest.param(TABLE, "| a | b |\n|---|---|\n| 1 | 2 |", id="table"),
        pytest.param(
            "<table><tr><td>a<td><td>c<tr><td>1<td>2<td>3</table>",
            "| a |  | c |\n|---|---|---|\n| 1 | 2 | 3 |",
            id="an empty cell keeps its place",
        ),
        pytest.param(
            "<table><tr><td>a|b<td>ไทย</table>",
            "| a\\|b | ไทย |\n|---|---|",
            id="a bar in a cell",
        ),
        pytest.param(
            "<table><tr><td><td>b<tr><td>1<td>2<td>3</table>",
            "|  | b |  |\n|---|---|---|\n| 1 | 2 | 3 |",
            id="the first row has all columns",
        ),
        pytest.param(
            "<table><tr><th>a<th>b<tr><td>1<td><p>2<p>3<tr><td>4<td>5</table>",
            "| a | b |\n|---|---|\n| 1 | 2 3 |\n| 4 | 5 |",
            id="a cell of two paragraphs stays in its table",
        ),
        pytest.param(
            "<table><tr><td>a<td>b<tr><td>c<td><ul><li>d<li>e</ul><tr><td>f<td>g</table>",
            "a | b\n\nc\n\n- d\n- e\n\nf | g",
            id="a table with a list in it is none",
        ),
        pytest.param(
            "<pre><div>a = 1</div><div>  b</div></pre><pre>c</pre>",
            "```\na = 1\n  b\n```\n\n```\nc\n```",
            id="lines that are elements are one piece of code",
        ),
    ],
)
def test_markdown(html: str, expected: str, workspace: Workspace) -> None:
    assert written(html, workspace, is_markdown=True) == expected


def test_markdown_has_room_for_deep_numbered_lists(workspace: Workspace) -> None:
    many = ("<ol>" + "<li>" * 9_999 + "x") * 2 + "<ol>" + "<li>" * 9_999
    many += "<p>x" + "<br>x" * 999
    lines = written(many, workspace, is_markdown=True).splitlines()
    assert lines[:4] == ["9999. x", "", " " * 6 + "9999. x", ""]
    assert lines[4] == " " * 12 + "9999. x\\"
    assert lines[5:] == [" " * 18 + "x\\"] * 998 + [" " * 18 + "x"]


def test_markdown_has_room_for_deep_lists_and_code(workspace: Workspace) -> None:
    deep = "<ul><li>" * 30 + "<blockquote>" * 20 + "<pre>" + "\n1" * 500
    lines = written(deep, workspace, is_markdown=True).splitlines()
    assert len(lines) == 502
    assert lines[0] == "- " + "> " * 7 + "```"
    assert all(line.startswith("  " + "> " * 7) for line in lines[1:])


def test_writing_twice_gives_the_same(workspace: Workspace) -> None:
    html = "<ol><li>a<table><tr><td>1</table>b</ol>"
    first = written(html, workspace, is_markdown=True)
    data = np.frombuffer(html.encode(), np.uint8)
    assert markdown_text(data, workspace).tobytes().decode() == first
