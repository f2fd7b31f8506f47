"""The engine as extract_text calls it, with the shipped weights."""

import numpy as np
import pyarrow as pa
import pytest
from fixtures.patience import cpu_seconds

from tamis.html.blocks.engine import extract, extract_buffers
from tamis.html.blocks.layout import CUT_AT_BLOCKS, FLATTENED, MAX_BLOCKS

SENTENCES = {
    "Latin": "The harbour was quiet in the early morning, and the boats lay still. ",
    "Cyrillic": "Гавань была тиха ранним утром, и лодки стояли неподвижно у берега. ",
    "Arabic": "كان الميناء هادئا في الصباح الباكر، وكانت القوارب ساكنة قرب الشاطئ. ",
    "Chinese": "清晨的港口很安静，小船停在岸边一动不动，渔夫们还在睡觉。",
    "Hindi": "सुबह का बंदरगाह शांत था, और नावें किनारे के पास स्थिर खड़ी थीं। ",
    "Thai": "ท่าเรือเงียบสงบในเช้าตรู่ และเรือจอดนิ่งอยู่ใกล้ฝั่ง ",
}


def page(sentence: str) -> str:
    menu = "".join(f"<li><a href=/{i}>Menu {i}</a></li>" for i in range(12))
    body = f"<p>{sentence * 3}</p>" * 6
    return (
        "<html><head><title>Harbour &amp; sea</title></head><body>"
        f"<nav class=menu><ul>{menu}</ul></nav>"
        f"<article class=article-body><h1>Harbour</h1>{body}</article>"
        "<footer class=footer><a href=/a>About</a> <a href=/b>Imprint</a></footer>"
    )


@pytest.mark.parametrize("script", SENTENCES)
def test_prose_is_kept_and_navigation_is_not(script: str) -> None:
    sentence = SENTENCES[script].strip()
    extraction = extract([page(SENTENCES[script])])
    text = extraction.text[0].as_py()
    assert text.count(sentence) == 18
    assert "Menu 3" not in text
    assert "Imprint" not in text
    assert extraction.title[0].as_py() == "Harbour & sea"
    assert extraction.flags[0] == 0


def test_no_pages_and_empty_pages() -> None:
    assert extract([]).text.to_pylist() == []
    extraction = extract(pa.array(["", None, "<p></p>"], pa.string()), markdown=True)
    assert extraction.text.to_pylist() == ["", "", ""]
    assert extraction.title.to_pylist() == ["", "", ""]
    assert extraction.markdown is not None
    assert extraction.markdown.to_pylist() == ["", "", ""]


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(b"\xed\xa0\x80", id="surrogate"),
        pytest.param(b"\xc0\xaf", id="slash in two bytes"),
        pytest.param(b"\xe0\x80\x80", id="zero in three bytes"),
        pytest.param(b"\xf0\x82\x82\xac", id="euro in four bytes"),
        pytest.param(b"\xf4\x90\x80\x80", id="beyond Unicode"),
        pytest.param(b"\xe4\xb8", id="cut"),
        pytest.param(b"\xff" * 9_000, id="three times as long afterwards"),
    ],
)
def test_each_byte_of_what_is_no_utf_8_is_replaced(broken: bytes) -> None:
    html = b"<title>a %b</title><p>%b end" % (broken, broken)
    extraction = extract(pa.array([html], pa.large_binary()), markdown=True)
    assert extraction.markdown is not None
    found = [extraction.text[0].as_py(), extraction.markdown[0].as_py()]
    replaced = "\ufffd" * len(broken)
    assert found == [f"{replaced} end"] * 2
    assert extraction.title[0].as_py() == f"a {replaced}"[:2_000]


def test_batches_make_no_difference() -> None:
    pages = [page(sentence) for sentence in SENTENCES.values()]
    alone = [extract([one]).text[0].as_py() for one in pages]
    assert extract(pages).text.to_pylist() == alone
    assert extract(pa.array(["", *pages]).slice(1)).text.to_pylist() == alone


def test_bytes_that_are_no_utf_8_are_read() -> None:
    text = extract([page("caf\xe9 " * 9).encode("latin-1")]).text[0].as_py()
    assert "caf�" in text


def test_a_page_over_a_cap_gives_its_first_blocks() -> None:
    html = "".join(f"<p>{n}: {SENTENCES['Latin']}" for n in range(2 * MAX_BLOCKS))
    extraction = extract([html])
    assert extraction.flags[0] & CUT_AT_BLOCKS
    assert extraction.text[0].as_py().startswith("0: The harbour")


def test_a_page_nested_too_deep_keeps_its_text() -> None:
    extraction = extract(["<div>" * 1000 + f"<p>{SENTENCES['Latin'] * 4}"])
    assert extraction.flags[0] & FLATTENED
    assert SENTENCES["Latin"].strip() in extraction.text[0].as_py()


HARD = {
    "nested divs": "<div>" * 100_000 + "x y z",
    "nested divs, closed": "<div>" * 100_000 + "x" + "</div>" * 100_000,
    "sections never closed by inline ends": "<section>" * 300 + "</b>" * 300_000,
    "unclosed b": "<b>x " * 100_000,
    "nested tables": "<table><tr><td>" * 50_000,
    "attributes": "<p " + " ".join(f"a{i}=b" for i in range(50_000)) + ">x",
    "classes": "<p class='" + " ".join(f"c{i}" for i in range(50_000)) + "'>x",
    "angle brackets": "<" * 1_000_000,
    "unclosed comments": "<!--" * 250_000,
    "unclosed scripts": "<script>" * 120_000,
    "script that opens comments": "<script>" + "<!--<script" * 90_000,
    "open quote": "<a href='" * 100_000,
    "entities": "&amp;&nbsp;&#x44f;" * 250_000,
    "flat paragraphs": "<p>two words here" * 500_000,
    "list of links": "<li><a href=x>one link</a>" * 300_000,
    "flat text": "some words in a row, " * 400_000,
    "NUL": "<p>\x00" * 100_000,
    "svg in svg": "<svg><p>" * 100_000,
    "templates": "<template>" * 100_000 + "</div>" * 100_000,
    "title words": "<title>" + "word " * 100_000 + "</title>" + "<p>word " * 100_000,
    "breaks": "x<br>" * 500_000,
    "a long tag name": "<" + "a" * 3_000_000 + ">x",
    "end tags in the depth": "<div>" * 250 + "</span></i></p></li></td>" * 120_000,
    "items in the depth": "<ul>" * 250 + "<li>x" * 600_000,
    "cells": "<table><tr>" + "<td>a<td>" * 330_000,
    "ends of headings in the depth": "<div>" + "<i>" * 253 + "</h1>" * 629_000,
    "ends of headings around a heading": "<h1><template>"
    + "<i>" * 253
    + "</h1>" * 629_000,
    "paragraphs beyond the depth": "<p><button>" + "<i>" * 260 + "<p>" * 1_048_000,
    "links beyond the depth": "<a><div>" + "<i>" * 260 + "<a>" * 1_048_000,
    "items beyond the depth": "<li><table><td>" + "<i>" * 260 + "<li>" * 786_000,
    "cells beyond the depth": "<table><tr><td>" + "<i>" * 260 + "<td>" * 786_000,
    "inline ends in the depth": "<b><template>" + "<i>" * 253 + "</b>" * 786_000,
    "a state of many strings": '<div></div><script type="application/json">{"text":["'
    + '","'.join(["дом у реки и лес"] * 49_000)
    + '"]}</script>',
}


def test_a_page_that_takes_long_to_close_is_flattened_and_read_on() -> None:
    prose = f"<p>{SENTENCES['Latin'] * 4}</p>"
    extraction = extract([prose + HARD["inline ends in the depth"]])
    assert extraction.flags[0] & FLATTENED
    assert SENTENCES["Latin"].strip() in extraction.text[0].as_py()


@pytest.mark.parametrize("script", SENTENCES)
def test_a_title_has_at_most_2_000_characters(script: str) -> None:
    title = SENTENCES[script].replace(" ", "_") * 100
    extraction = extract([f"<title>{title}</title><p>{SENTENCES[script]}"])
    assert extraction.title[0].as_py() == title[:2_000]


@pytest.mark.parametrize("name", HARD)
def test_no_page_takes_long(name: str) -> None:
    data = np.frombuffer(HARD[name].encode(), np.uint8)
    ends = np.array([0, len(data)], np.int64)
    # 0.1 s on a quiet core; more where other work shares the caches.
    assert cpu_seconds(lambda: extract_buffers(data, ends)) < 0.25
