"""The text of a page as a language model reads it: by hand, and of hostile pages."""

import pytest
from fixtures.patience import cpu_seconds
from hypothesis import given, settings
from hypothesis import strategies as st

from tamis.language.page_text import page_text


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        pytest.param("", "", id="empty"),
        pytest.param("<p></p>\n", "", id="no text"),
        pytest.param("a", "a", id="one byte"),
        pytest.param("<p>Un été</p><p>à Nîmes", "Un été à Nîmes", id="Latin"),
        pytest.param(
            "<h1>Лето</h1>\n\n в&nbsp;Туле", "Лето в&nbsp;Туле", id="Cyrillic"
        ),
        pytest.param("<b>صيف</b> في <i>بيروت</i>", "صيف في بيروت", id="Arabic"),
        pytest.param("<td>北京</td><td>夏天</td>", "北京 夏天", id="Chinese"),
        pytest.param("<li>गर्मी<li>में", "गर्मी में", id="Devanagari"),
        pytest.param("<div>ฤดูร้อน</div>", "ฤดูร้อน", id="Thai"),
        pytest.param("<SCRIPT src=x>var a = 'b<c';</ScRiPt >d", "d", id="script"),
        pytest.param("<style>p { x: 1 }</style>d<style>", "d", id="style"),
        pytest.param("a<!-- <p>no</p> -- > no -->b", "a b", id="comment"),
        pytest.param("a<!DOCTYPE html><?php no ?>b", "a b", id="declarations"),
        pytest.param("3 < 4 <5 <", "3 < 4 <5 <", id="signs that open nothing"),
        pytest.param("a<p class='x", "a", id="a tag that never ends"),
        pytest.param("a<script>no", "a", id="a script that never ends"),
        pytest.param("a<!--no", "a", id="a comment that never ends"),
        pytest.param("<scripted>a</scripted>", "", id="by its beginning"),
    ],
)
def test_a_page_is_its_text(html: str, expected: str) -> None:
    assert page_text(html.encode()) == expected


@pytest.mark.parametrize("before", [0, 1, 63, 64, 65, 127, 200])
@pytest.mark.parametrize("behind", [0, 1, 63, 64, 65, 127, 200])
def test_what_is_passed_over_may_have_any_length(before: int, behind: int) -> None:
    script = "<script>" + "-" * before + "</script" + " " * behind + ">"
    comment = "<!--" + "<" * behind + "-->"
    assert page_text(f"a{script}b{comment}c<p {'x' * before}>d".encode()) == "a b c d"


@pytest.mark.parametrize(
    ("most", "expected"),
    [
        pytest.param(0, "", id="nothing"),
        pytest.param(3, "Un", id="no space at the end"),
        pytest.param(4, "Un", id="half a letter is none"),
        pytest.param(5, "Un é", id="a letter"),
        pytest.param(99, "Un été", id="all there is"),
    ],
)
def test_reading_may_stop_early(most: int, expected: str) -> None:
    assert page_text("<p>Un<p>été".encode(), most).rstrip() == expected


def test_bytes_that_are_no_utf8_are_passed_over() -> None:
    assert page_text(b"<p>\xff\xfea\xe4\xbd</p>b") == "a b"


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="<>!-/ ascripttyle'é中\n", max_size=60))
def test_text_is_never_longer_than_its_page(html: str) -> None:
    text = page_text(html.encode())
    assert len(text.encode()) <= len(html.encode())
    assert text == text.strip()
    assert "  " not in text


@pytest.mark.parametrize(
    "unit", ["<", "<!--", "<script>", "</script", "<p ", "-", "<style", "a ", "<a>b"]
)
def test_a_megabyte_of_one_unit_is_read_once(unit: str) -> None:
    page_text(b"warm")
    html = (unit * (1_000_000 // len(unit))).encode()
    # Measured: under 5 ms; quadratic: minutes.
    assert cpu_seconds(lambda: page_text(html)) < 0.5
