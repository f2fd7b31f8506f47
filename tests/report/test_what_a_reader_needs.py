"""The report is small however large the run is, and says what a reader has to know first."""

import copy
import json
import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import tamis.report.page as report_page
from tamis.documents.of_run import inputs_of
from tamis.report.bounds import bounds_of
from tamis.report.clusters import clusters
from tamis.report.domains import LISTED, domains_of
from tamis.report.histograms import Histogram, distributions
from tamis.report.page import render_page
from tamis.stages.filter_quality import FilterQuality, bounds_for
from tamis.stages.filter_toxicity import FilterToxicity
from tamis.storage import Storage

MOST_BYTES = 2_000_000


@pytest.fixture(scope="module")
def book(sample_run: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((sample_run / "run.json").read_text("utf-8"))
    return loaded


@pytest.fixture(scope="module")
def page(sample_run: Path) -> str:
    return (sample_run / "report.html").read_text("utf-8")


@pytest.mark.parametrize("length", [12, 250])
def test_of_50_languages_and_a_million_domains_it_has_under_two_megabytes(
    sample_run: Path,
    book: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    length: int,
) -> None:
    languages = [f"x{a}{b}" for a in "abcdefg" for b in "abcdefgh"][:50]
    names = [f"{number:06}.{'é&' * (length // 2)}"[:length] for number in range(10**6)]
    documents = Counter(dict(zip(names, range(10**6, 0, -1), strict=True)))
    made = domains_of(Counter(documents), Counter(documents), 16, 2000)
    monkeypatch.setattr(report_page, "domains", lambda storage: made)
    large = json.loads(json.dumps(book))
    about = {"documents": 123_456_789, "characters": 123_456_789_012}
    for counts in large["stages"].values():
        counts["dropped"] |= {
            f"reason_{number}": dict.fromkeys(languages, about) for number in range(20)
        }
    (of_mix,) = (t for t in large["barriers"].values() if "languages" in t)
    one = next(iter(of_mix["languages"].values()))
    of_mix["languages"] = dict.fromkeys(languages, one)
    large["columns"]["language"] = dict.fromkeys(languages, 10**9)
    text = render_page(large, Storage(str(sample_run)))
    assert len(text.encode()) < MOST_BYTES
    assert "1,000,000 registered domains" in text
    listed = text.partition('id="domains-listed"')[2].partition("</table>")[0]
    rows = listed.count("<tr><td>")
    assert rows == LISTED if length == 12 else 900 < rows < LISTED
    assert f"The {rows:,} largest by documents" in text
    assert "domains.parquet" in text
    assert "smaller ones, in run.json" in text


def test_a_run_of_few_domains_lists_them_once(page: str) -> None:
    assert "data-domains" in page
    assert page.count("<details") == page.count("</details>")


def test_bounds_are_drawn_where_the_filters_have_them(
    book: dict[str, Any], page: str
) -> None:
    found = bounds_of(book)
    (settings,) = (
        entry["filter_quality"]
        for entry in book["recipe"]["stages"]
        if "filter_quality" in entry
    )
    stage = FilterQuality.model_validate(settings)
    (of_mix,) = (t for t in book["barriers"].values() if "languages" in t)
    kept = [code for code, about in of_mix["languages"].items() if about["documents"]]
    wanted: dict[str, set[Any]] = {}
    for language in kept:
        for column, bound in bounds_for(stage, {}, language, script=None).items():
            wanted.setdefault(column, set()).add(tuple(bound))
    assert len(wanted) > 5
    assert {column: set(found[column]) for column in wanted} == wanted
    assert found["toxic_word_density"] == [(None, 10.0)]
    figures = {
        name: own
        for own in re.findall(r"<figure>.*?</figure>", page, re.DOTALL)
        if (name := re.search(r"<figcaption>(\S+)", own).group(1))  # type: ignore[union-attr]  # every figure has a caption
    }
    drawn = {name for name, own in figures.items() if 'class="bound"' in own}
    assert drawn == set(found) & set(figures)
    assert "at most 10" in figures["toxic_word_density"]


def test_a_bound_is_drawn_between_the_edges_that_it_is_between() -> None:
    edges = (0.0, 1.0, 2.0, 5.0)
    bounds = ((0.5, None), (0.5, 3.5), (None, 99.0))
    drawn = Histogram("x", edges, (1, 0, 0), (0, 0, 1), bounds)
    assert drawn.marks == [(0.5, "least", 0.5), (2.5, "most", 3.5), (3.0, "most", 99.0)]


def test_what_the_mix_did_not_draw_has_not_failed(
    sample_run: Path, book: dict[str, Any]
) -> None:
    storage = Storage(str(sample_run))
    inputs = inputs_of(storage)
    rows = [
        row
        for path in inputs
        for row in pq.read_table(storage.path(path.dropped)).to_pylist()
    ]
    stages = Counter(row["stage"] for row in rows)
    before = distributions(book, storage, inputs)  # type: ignore[arg-type]  # as read from JSON
    drawn = stages["mix_corpus"]
    assert before.dropped == len(rows) - drawn
    # The same rows, had the mix dropped what filter_quality did.
    as_mix = {**book, "barriers": {"filter_quality": {"languages": {}}}}
    after = distributions(as_mix, storage, inputs)  # type: ignore[arg-type]  # as read from JSON
    assert after.dropped == len(rows) - stages["filter_quality"]
    assert stages["filter_quality"] > 0
    assert after.kept - before.kept == stages["filter_quality"] - drawn


def test_a_ratio_that_lies_at_0_has_steps_that_grow(
    sample_run: Path, book: dict[str, Any]
) -> None:
    storage = Storage(str(sample_run))
    found = distributions(book, storage, inputs_of(storage))  # type: ignore[arg-type]  # as read from JSON
    unit = [h for h in (*found.first, *found.rest) if h.edges[-1] == 1.0]
    small = {h.name for h in unit if h.edges[1] == 0.001}
    assert {"duplicate_line_ratio"} <= small < {h.name for h in unit}
    for drawn in unit:
        whole = np.array(drawn.kept) + np.array(drawn.dropped)
        below = whole[np.array(drawn.edges[1:]) <= 0.0501].sum()
        assert (2 * below > whole.sum()) == (drawn.name in small), drawn.name


def test_both_texts_of_a_cluster_are_there(
    sample_run: Path, book: dict[str, Any], page: str
) -> None:
    storage = Storage(str(sample_run))
    found = clusters(book, storage, inputs_of(storage))  # type: ignore[arg-type]  # as read from JSON
    assert found is not None
    rows = pa.concat_tables(
        pq.read_table(path) for path in sorted(sample_run.glob("duplicates/*.parquet"))
    ).to_pylist()
    assert len(found.largest) > 3
    for cluster in found.largest:
        own = [r["id"] for r in rows if r["cluster"] == cluster.id and not r["kept"]]
        assert cluster.other is not None
        assert cluster.other.id == min(own)
        assert cluster.other.lines
    assert page.count("dropped for it:") == len(found.largest)


class Tables(HTMLParser):
    """The ids of tables that nothing scrolls."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.divs: list[bool] = []
        self.seen = 0
        self.fixed: list[str | None] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "div":
            self.divs.append(("class", "scroll") in attrs)
        if tag == "table":
            self.seen += 1
            if not any(self.divs):
                self.fixed.append(dict(attrs).get("id"))

    def handle_endtag(self, tag: str) -> None:
        if tag == "div":
            self.divs.pop()


def test_every_table_scrolls_on_a_phone(page: str) -> None:
    tables = Tables(page)
    assert tables.seen > 8
    assert tables.fixed == []
    assert tables.divs == []
    assert ".scroll { overflow-x: auto" in page
    assert 'name="viewport" content="width=device-width' in page


def test_losses_and_alarms_are_in_front_of_all_figures(
    sample_run: Path, book: dict[str, Any]
) -> None:
    changed = json.loads(json.dumps(book))
    changed["lost"] |= {"records": 7, "bytes": 99, "share": 0.2}
    for tally in changed["barriers"].values():
        if "languages" in tally:
            tally["alarms"] = ["fra 12% instead of 60%"]
    text = render_page(changed, Storage(str(sample_run)))
    places = [text.index(f'id="{name}"') for name in ("lost", "alarms", "figures")]
    assert places == sorted(places)
    assert places[-1] < text.index("<nav")
    assert "7 records for certain" in text


def test_bounds_of_a_file_and_of_scores_are_drawn_too(
    book: dict[str, Any], tmp_path: Path
) -> None:
    file = tmp_path / "thresholds.yaml"
    file.write_text("eng: {word_count: [61, null]}\n", "utf-8")
    settings = FilterQuality(preset="gopher", thresholds=str(file)).model_dump()
    scores = {"min_score": {"eng": 0.7, "default": 0.4}, "prefix": None}
    changed = copy.deepcopy(book)
    changed["recipe"]["stages"] = [
        {"filter_quality": settings},
        {"filter_language": scores},
        {"filter_toxicity": FilterToxicity().model_dump()},
    ]
    (of_mix,) = (t for t in changed["barriers"].values() if "languages" in t)
    one = next(iter(of_mix["languages"].values())) | {"documents": 3}
    of_mix["languages"] = {"eng": one, "fra": one}
    found = bounds_of(changed)
    assert found["word_count"] == [(61, None), (50, 100_000)]
    assert found["language_score"] == [(0.7, None), (0.4, None)]
    assert found["toxicity_max"] == [(None, 0.9), (None, 0.7)]
    file.unlink()
    assert "word_count" not in bounds_of(changed)
    assert found["language_score"] == bounds_of(changed)["language_score"]
