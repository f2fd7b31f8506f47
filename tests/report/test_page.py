"""report.html says what run.json says, and nothing in it can act."""

import json
import re
import shutil
from collections import Counter
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tamis.report.funnel import funnel_rows
from tamis.report.page import render_page
from tamis.report.reading import spread
from tamis.storage import Storage

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
    manifest = json.loads((sample_run / "mix/_manifest.json").read_text("utf-8"))
    for language, counts in manifest["languages"].items():
        assert re.search(rf"\b{language}\b", page.text)
        assert f"{counts['tokens']:,}" in page.text


def test_what_a_language_should_have_and_alarms_are_there(
    sample_run: Path, book: dict[str, Any]
) -> None:
    changed = json.loads(json.dumps(book))
    mix = changed["barriers"]["mix_corpus"]
    mix["alarms"] = ["fra 12% instead of 60% <b>"]
    mix["languages"]["fra"] |= {
        "wanted": {"share": 0.6, "tokens": 6000},
        "got": {"share": 0.12, "tokens": 1200},
        "reason": "max_epochs",
    }
    mix["languages"]["isl"] = {
        **dict.fromkeys(("documents", "rows", "characters", "tokens", "epochs"), 0),
        "wanted": {"share": 0.1, "tokens": 1000},
        "got": {"share": 0.0, "tokens": 0},
        "reason": "no_documents",
    }
    source = render_page(changed, Storage(str(sample_run)))
    found = Page(source)
    assert ("ul", {"class": "warning", "id": "alarms"}) in found.tags
    assert "fra 12% instead of 60% <b>" in found.text
    rows = re.findall(r"<tr data-language.*?</tr>", source, re.DOTALL)
    french, icelandic = (
        next(row for row in rows if f'"{code}"' in row) for code in ("fra", "isl")
    )
    assert re.search(r"60(\.0)? ?%.*12(\.0)? ?%.*max_epochs", french, re.DOTALL)
    assert re.search(r"10(\.0)? ?%.*no_documents", icelandic, re.DOTALL)


def test_what_publishers_said_is_counted_where_it_was_read(
    sample_run: Path, page: Page, book: dict[str, Any]
) -> None:
    assert "Rights" not in page.text  # the recipe of the samples does not ask
    counted = {
        "rights.tdm": {"True": 1_234, "False": 5, "null": 6},
        "rights.noai": {"False": 1_245},
        "rights.license": {"null": 1_200, "cc-by-4.0": 45},
        "rights.license_count": {"0": 1_200, "1": 45},
    }
    told = book | {"columns": book["columns"] | counted}
    text = Page(render_page(told, Storage(str(sample_run)))).text
    assert re.search(r"\btdm\s*1,234\s*5\s*6\b", text)
    assert re.search(r"\bnoai\s*0\s*1,245\s*0\b", text)
    assert re.search(r"cc-by-4\.0 45\b", text)
    assert "none, or several 1,200" in text
    assert "license_count" not in text


def test_what_a_stranger_wrote_is_text(
    sample_run: Path, tmp_path: Path, book: dict[str, Any]
) -> None:
    """Addresses and texts with markup in them: of dropped pages, clusters, domains."""
    run = Path(shutil.copytree(sample_run, tmp_path / "out"))
    hostile = {"url": f"javascript:{HOSTILE}", "text": HOSTILE, "domain": HOSTILE}
    storage = Storage(str(run))
    renamed: dict[str, str] = {}
    for path in run.glob("*/*.parquet"):
        table = pq.read_table(path)
        for name in set(hostile) & set(table.column_names):
            values = pa.array([hostile[name]] * table.num_rows, pa.string())
            place = table.column_names.index(name)
            table = table.set_column(place, name, values)
        with storage.writer(path.parent.name, path.stem, ".parquet") as written:
            pq.write_table(table, written.temporary)
        renamed[str(path.relative_to(run))] = written.name
    for name in ("tables.json", "mix/_manifest.json"):
        text = (run / name).read_text("utf-8")
        for before, after in renamed.items():
            text = text.replace(before, after)
        record = json.loads(text)
        del record["digest"]
        storage.write_record(name, record)
    rendered = render_page(book, storage)
    assert HOSTILE not in rendered
    for section in ("domains", "clusters", "examples"):
        own = rendered.partition(f'id="{section}"')[2].partition("</section>")[0]
        assert "&lt;script&gt;alert(1)" in own, section
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


def test_clusters_are_there_by_size_and_the_largest_by_their_first_lines(
    sample_run: Path, page: Page, book: dict[str, Any]
) -> None:
    duplicates = pa.concat_tables(
        pq.read_table(path) for path in sorted(sample_run.glob("duplicates/*.parquet"))
    ).to_pylist()
    sizes = Counter(row["cluster_size"] for row in duplicates if row["kept"])
    del sizes[1]
    assert sizes == Counter(
        {
            int(n): count
            for n, count in book["barriers"]["deduplicate"]["clusters"].items()
        }
    )
    text = page.text.partition("Clusters of duplicates")[2]
    for size in range(2, 5):  # larger ones share a row
        count = sizes[size]
        cells = f"\n{size}{count}{size * count}{(size - 1) * count}\n"
        assert cells in text
    documents = sum(size * count for size, count in sizes.items())
    assert f"{documents} of the 262 documents" in text  # 293 less what went before
    largest = max(sizes)
    (survivor, *_) = [
        row["id"]
        for row in duplicates
        if row["kept"] and row["cluster_size"] == largest
    ]
    assert f"{largest} documents" in text
    assert f"--cluster {survivor}" in text


@pytest.mark.parametrize(
    ("of_index", "clusters", "said", "unsaid"),
    [
        pytest.param(
            262,
            {},
            "262 of the 262 documents that were compared are duplicates of documents",
            "No document had a duplicate",
            id="all of them",
        ),
        pytest.param(
            1,
            {"2": 3},
            "1 of the 262 documents that were compared is a duplicate of documents",
            "No document had a duplicate",
            id="one of them",
        ),
        pytest.param(0, {}, "No document had a duplicate", "earlier runs", id="none"),
    ],
)
def test_what_the_index_had_already_is_told(
    sample_run: Path,
    book: dict[str, Any],
    of_index: int,
    clusters: dict[str, int],
    said: str,
    unsaid: str,
) -> None:
    counts = {
        **book["barriers"]["deduplicate"],
        "documents": 262,
        "duplicate_of_index": of_index,
        "clusters": clusters,
    }
    found = {**book, "barriers": {**book["barriers"], "deduplicate": counts}}
    text = Page(render_page(found, Storage(str(sample_run)))).text
    assert said in text
    assert unsaid not in text


def test_rows_of_another_run_are_not_shown(
    sample_run: Path, tmp_path: Path, book: dict[str, Any]
) -> None:
    """A run that was stopped leaves files that no list of a finished one names."""
    run = Path(shutil.copytree(sample_run, tmp_path / "out"))
    before = render_page(book, Storage(str(run)))
    for folder in ("dropped", "duplicates", "mix"):
        path = min((run / folder).glob("*.parquet"))
        stem = path.stem.rpartition("-")[0]
        pq.write_table(
            pq.read_table(path)[:1], path.with_name(f"{stem}-{'f' * 16}.parquet")
        )
    assert render_page(book, Storage(str(run))) == before


@pytest.mark.parametrize(
    ("count", "limit", "expected"),
    [(0, 3, []), (2, 3, [0, 1]), (3, 3, [0, 1, 2]), (10, 3, [0, 3, 6])],
)
def test_inputs_are_taken_at_even_distances(
    count: int, limit: int, expected: list[int]
) -> None:
    assert spread(range(count), limit) == expected
