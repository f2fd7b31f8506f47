"""What text a page shows, cut into blocks; expected values are read off the markup."""

import numpy as np
import pytest

from tamis.html.blocks.workspace import Workspace, new_workspace
from tamis.training.extractor.labels import block_texts


@pytest.fixture(scope="module")
def workspace() -> Workspace:
    return new_workspace()


def blocks(html: str, workspace: Workspace) -> list[str]:
    return block_texts(np.frombuffer(html.encode(), np.uint8), workspace)[0]


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        pytest.param("", [], id="empty page"),
        pytest.param("   \n ", [], id="white space"),
        pytest.param("plain", ["plain"], id="no markup"),
        pytest.param("<p>one<p>two", ["one", "two"], id="paragraph closes paragraph"),
        pytest.param("<p>one<div>two</div>", ["one", "two"], id="div closes paragraph"),
        pytest.param("a <b>b</b>c <i>d</i>", ["a bc d"], id="inline tags join"),
        pytest.param("<b>a<p>b</b>c</p>d", ["a", "bc", "d"], id="misnested inline"),
        pytest.param("<ul><li>a<li>b</ul>c", ["a", "b", "c"], id="list items"),
        pytest.param(
            "<ul><li>a<ul><li>b</ul>c<li>d</ul>", ["a", "b", "c", "d"], id="nested list"
        ),
        pytest.param("<dl><dt>a<dd>b<dt>c</dl>", ["a", "b", "c"], id="definitions"),
        pytest.param(
            "<table><tr><td>a<td>b<tr><th>c</table>d", ["a", "b", "c", "d"], id="cells"
        ),
        pytest.param(
            "<table><td><table><td>a</table>b</table>c",
            ["a", "b", "c"],
            id="tables nest",
        ),
        pytest.param(
            "<div><table><td>a</div>b</table>c", ["ab", "c"], id="a cell holds its divs"
        ),
        pytest.param("a<br>b", ["a\nb"], id="one line break stays in the block"),
        pytest.param("a<br><br/>b", ["a", "b"], id="two line breaks end it"),
        pytest.param("<pre>a<br><br>b", ["a\n\nb"], id="an empty line of code"),
        pytest.param("<h1>a<h2>b", ["a", "b"], id="heading closes heading"),
        pytest.param("<h1>a</h3>b", ["a", "b"], id="any heading's end tag closes it"),
        pytest.param("a</p>b", ["a", "b"], id="a lone </p> is a paragraph"),
        pytest.param("a</div></b></section>b", ["ab"], id="stray end tags"),
        pytest.param("<pre>\n  a\n\tb  \n</pre>", ["  a\n\tb"], id="preformatted"),
        pytest.param("a  \n\t b&nbsp; c", ["a b c"], id="white space collapses"),
    ],
)
def test_blocks_are_cut_where_a_browser_breaks_the_line(
    html: str, expected: list[str], workspace: Workspace
) -> None:
    assert blocks(html, workspace) == expected


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        pytest.param("a<script>x<p>y</script>b", ["ab"], id="script"),
        pytest.param(
            "a<script><!-- <script>x</script> --></script>b", ["ab"], id="nested script"
        ),
        pytest.param("a<style>p>a{}</style>b", ["ab"], id="style"),
        pytest.param("a<!-- <p> x -->b", ["ab"], id="comment"),
        pytest.param("a<!-->b", ["ab"], id="shortest comment"),
        pytest.param("a<!--->b", ["ab"], id="comment of three hyphens"),
        pytest.param("a<!-- x --!>b", ["ab"], id="comment ended with a bang"),
        pytest.param("a<!-- x - -> -- y -->b", ["ab"], id="hyphens in a comment"),
        pytest.param("a<!doctype html>b", ["ab"], id="doctype"),
        pytest.param("a<?xml x?>b</ x>c", ["abc"], id="bogus comments"),
        pytest.param("a<![CDATA[x]]>b", ["ab"], id="CDATA is a comment in HTML"),
        pytest.param(
            "a<svg><![CDATA[<p>x]]></svg>b", ["ab"], id="CDATA is text in svg"
        ),
        pytest.param("a<svg><title>x</title></svg>b", ["ab"], id="svg"),
        pytest.param("a<svg><path d='x'><p>b", ["a", "b"], id="a paragraph ends svg"),
        pytest.param("a<template><p>x</template>b", ["a", "b"], id="template"),
        pytest.param("a<select><option>x</select>b", ["ab"], id="select"),
        pytest.param("a<textarea><p>x</textarea>b", ["ab"], id="textarea"),
        pytest.param("a<iframe><p>x</iframe>b", ["ab"], id="iframe"),
        pytest.param("<title>x</title>a", ["a"], id="title"),
        pytest.param("a<script>x", ["a"], id="script never closed"),
        pytest.param("a<!-- x", ["a"], id="comment never closed"),
        pytest.param("a<b class='x>y</b>", ["a"], id="quote never closed"),
        pytest.param("a<noscript><p>b</noscript>", ["a", "b"], id="noscript is shown"),
    ],
)
def test_what_a_browser_does_not_show_is_no_text(
    html: str, expected: list[str], workspace: Workspace
) -> None:
    assert blocks(html, workspace) == expected


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        pytest.param("&lt;p&gt; &amp;amp; &quot;", '<p> &amp; "', id="markup"),
        pytest.param("&eacute;&Ouml;", "éÖ", id="named"),
        pytest.param("&eacute &copy2", "é ©2", id="without semicolon"),
        pytest.param("&notit; &notin;", "¬it; ∉", id="the longest name wins"),
        pytest.param("&#1103;&#x44F;&#X44f", "яяя", id="numeric"),
        pytest.param("&#150; &#128;", "– €", id="windows-1252"),
        pytest.param("&#0; &#xD800; &#99999999999;", "� � �", id="no character"),
        pytest.param("&NotEqualTilde;", "≂̸", id="two code points"),
        pytest.param("a & b &; &# &#x; &bogus;", "a & b &; &# &#x; &bogus;", id="none"),
        pytest.param("x< y <3 a<", "x< y <3 a<", id="a tag begins with a letter"),
        pytest.param("a\x00b\x07c\x7fd", "a b cd", id="control characters"),
    ],
)
def test_references_and_odd_characters(
    html: str, expected: str, workspace: Workspace
) -> None:
    assert blocks(html, workspace) == [expected]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        pytest.param("The quick brown fox.", 4, id="English"),
        pytest.param("don't", 2, id="apostrophe"),
        pytest.param("Съешь ещё булок", 3, id="Cyrillic"),
        pytest.param("مرحبا بالعالم، كيف", 3, id="Arabic"),
        pytest.param("हिन्दी में", 2, id="Devanagari"),
        pytest.param("我们分成块。", 5, id="Chinese counts characters"),
        pytest.param("東京タワー", 5, id="Japanese counts characters"),
        pytest.param("สวัสดี", 6, id="Thai counts characters"),
        pytest.param("한국어 문장", 2, id="Korean"),
        pytest.param("&#1076;&#1099;&#1084; x", 2, id="references are read"),
        pytest.param("<b>w</b>ord", 1, id="a word goes on across inline tags"),
        pytest.param("... — !", 0, id="punctuation"),
    ],
)
def test_words_are_counted_alike_in_every_script(
    text: str, count: int, workspace: Workspace
) -> None:
    _, words = block_texts(np.frombuffer(text.encode(), np.uint8), workspace)
    assert words.tolist() == [count]


def test_elements_know_their_blocks(workspace: Workspace) -> None:
    html = b"<div id=x><p>a<p>b</div><section>c</section>"
    block_texts(np.frombuffer(html, np.uint8), workspace)
    page = workspace[0]
    ranges = [
        (int(element["block_start"]), int(element["block_stop"]))
        for element in page["elements"][: page["state"][0]["elements"]]
    ]
    assert ranges == [(0, 3), (0, 2), (0, 1), (1, 2), (2, 3)]


def test_links_are_counted(workspace: Workspace) -> None:
    html = b"<p>two words <a href=x>in a link</a> and <a name=y>an anchor</a>"
    block_texts(np.frombuffer(html, np.uint8), workspace)
    block = workspace[0]["blocks"][0]
    assert (block["words"], block["linked_words"]) == (8, 3)


def test_a_link_ends_at_the_next_link_and_at_its_own_end_tag(
    workspace: Workspace,
) -> None:
    html = b"<a href=x>one <a href=y>two</a> three<div><a href=z><p>four</a> five</div>"
    block_texts(np.frombuffer(html, np.uint8), workspace)
    blocks = workspace[0]["blocks"]
    assert blocks["linked_words"][:2].tolist() == [2, 1]
