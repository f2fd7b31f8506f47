"""report.html says what run.json says, and nothing in it can act."""

import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.report.funnel import funnel_rows
from pipeline.report.page import render_page
from pipeline.report.reading import spread
from pipeline.storage import Storage

HOSTILE = "<script>alert(1)</script>"


class Page(HTMLParser):
    """Tags with their attributes, and all visible text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def book(sample_run: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((sample_run / "run.json").read_text("utf-8"))
    return loaded


@pytest.fixture(scope="module")
def page(sample_run: Path) -> Page:
    return Page((sample_run / "report.html").read_text("utf-8"))


def test_the_page_asks_nothing_of_anyone(page: Page) -> None:
    for tag, attributes in page.tags:
        assert tag not in ("img", "iframe", "object", "embed", "base", "form")
        assert tag != "link" or str(attributes["href"]).startswith("data:")
        assert not {"src", "srcset", "background"} & set(attributes), tag
    policies = [a["content"] for t, a in page.tags if a.get("http-equiv")]
    assert any("default-src 'none'" in str(policy) for policy in policies)


def test_only_web_addresses_are_links(page: Page) -> None:
    links = [a.get("href") or "" for tag, a in page.tags if tag == "a"]
    assert links
    assert all(link.startswith(("#", "http://", "https://")) for link in links)
    outside = [
        a for t, a in page.tags if t == "a" and not str(a.get("href")).startswith("#")
    ]
    assert all("noreferrer" in str(a.get("rel")) for a in outside)


def test_every_number_of_the_funnel_is_there(page: Page, book: dict[str, Any]) -> None:
    for row in funnel_rows(book):
        assert row.stage in page.text
        assert f"{row.documents_in:,}" in page.text
        for reason, count in row.dropped.items():
            assert re.search(rf"{reason}\s+{count:,}", page.text), reason


def test_every_language_of_the_mix_is_there(sample_run: Path, page: Page) -> None:
    manifest = json.loads((sample_run / "mix/manifest.json").read_text("utf-8"))
    for language, counts in manifest["languages"].items():
        assert re.search(rf"\b{language}\b", page.text)
        assert f"{counts['tokens']:,}" in page.text


def test_what_a_stranger_wrote_is_text(
    sample_run: Path, tmp_path: Path, book: dict[str, Any]
) -> None:
    """Addresses, languages and texts of dropped pages with markup in them."""
    run = tmp_path / "out"
    (run / "dropped").mkdir(parents=True)
    (original, *_) = sorted((sample_run / "dropped").glob("*.parquet"))
    table = pq.read_table(original)
    count = table.num_rows
    for name, value in (
        ("url", f"javascript:{HOSTILE}"),
        ("text", HOSTILE),
        ("domain", f'"{HOSTILE}'),
    ):
        position = table.column_names.index(name)
        table = table.set_column(position, name, pa.array([value] * count, pa.string()))
    pq.write_table(table, run / "dropped" / original.name)
    rendered = render_page(book, Storage(str(run)))
    assert HOSTILE not in rendered
    assert "&lt;script&gt;alert(1)" in rendered
    assert not [
        a for _, a in Page(rendered).tags if "javascript:" in str(a.get("href"))
    ]


def test_a_run_that_stopped_half_way_has_a_report(
    tmp_path: Path, tamis: Any, command: Callable[..., Any]
) -> None:
    """One of two inputs is missing: no mix, and a page that says so."""
    samples = Path(__file__).resolve().parents[2] / "samples"
    missing = tmp_path / "gone.warc.gz"
    ended = command(
        *tamis.arguments(f"input=[{samples}/samples-00000.warc.gz, {missing}]")
    )
    assert ended.code == 1
    page = Page((tamis.output / "report.html").read_text("utf-8"))
    assert "gone.warc.gz" in page.text


@pytest.mark.parametrize(
    ("count", "limit", "expected"),
    [(0, 3, []), (2, 3, [0, 1]), (3, 3, [0, 1, 2]), (10, 3, [0, 3, 6])],
)
def test_inputs_are_taken_at_even_distances(
    count: int, limit: int, expected: list[int]
) -> None:
    assert spread(range(count), limit) == expected
