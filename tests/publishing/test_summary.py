"""The public summary: the template's parts in its order, and nothing that nobody said."""

import json
import re
import shutil
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from conftest import ROOT
from fixtures.recipes import OF_A_CORPUS

import tamis
from tamis.publishing.domains import Listed, listed
from tamis.recipe.top import Publisher, Statements

# FACTS 9.1: the order of C(2025) 8311.
PARTS = [
    *("1. General information", "1.1 Provider", "1.2 Model"),
    "1.3 Modalities, size and other characteristics",
    *("2. List of data sources", "2.1 Publicly available datasets"),
    "2.2 Private datasets from third parties",
    "2.3 Data crawled and scraped from online sources",
    *("2.4 User data", "2.5 Synthetic data", "2.6 Other sources"),
    *("3. Data processing aspects", "3.1 Respect of reservations of rights"),
    *("3.2 Removal of illegal content", "3.3 Other information"),
]


def text_of(out: Path) -> str:
    return (out / "summary" / "summary.md").read_text("utf-8")


def headings(text: str) -> list[str]:
    return re.findall(r"^##+ (.*)$", text, re.MULTILINE)


def test_the_parts_are_those_of_the_template_in_its_order(out: Path) -> None:
    tamis.summary(out)
    assert headings(text_of(out)) == PARTS
    page = (out / "summary" / "summary.html").read_text("utf-8")
    assert re.findall(r"<h[23]>(.*?)</h", page) == PARTS


def test_what_nobody_said_is_to_be_provided_and_listed(
    out: Path, command: Callable[..., Any]
) -> None:
    ended = command("summary", str(out))
    assert ended.code == 0
    assert "publisher.name: TO BE PROVIDED" in ended.stderr
    assert "publisher.summary.code_of_practice: TO BE PROVIDED" in ended.stderr
    text = text_of(out)
    assert "| signatory of the code of practice | TO BE PROVIDED |" in text
    assert "| used | TO BE PROVIDED |" in text
    assert "This is support and no legal advice." in text


def test_what_the_provider_says_stands_where_the_template_wants_it(out: Path) -> None:
    said = Statements(code_of_practice="yes", crawler_names="Pénichebot/1.0")
    publisher = Publisher(name="Les Archives", model="Péniche 7B", summary=said)
    missing = tamis.summary(out, publisher=publisher, declared="own")
    text = text_of(out)
    assert "| name | Les Archives |" in text
    assert "| versioned names | Péniche 7B |" in text
    assert "| signatory of the code of practice | yes |" in text
    assert "| crawler names and identifiers | Pénichebot/1.0 |" in text
    assert "| used | yes, as declared by the provider |" in text
    assert "name" not in missing
    assert "summary.crawler_names" not in missing
    assert "summary.crawler_purposes" in missing


def test_a_crawl_is_declared_as_a_public_data_set_or_as_ones_own(out: Path) -> None:
    missing = tamis.summary(out, declared="public")
    text = text_of(out)
    public, own = text.index("### 2.1"), text.index("### 2.3")
    assert public < text.index("The top 10 % are 4") < own
    assert not [name for name in missing if name.startswith("summary.crawler_")]
    tamis.summary(out, declared="own")
    text = text_of(out)
    assert text.index("### 2.3") < text.index("The top 10 % are 4")


@pytest.mark.parametrize(
    ("domains", "tenth", "of_sme"),
    [(0, 0, 0), (1, 1, 1), (10, 1, 1), (11, 2, 1), (20_001, 2_001, 1_000)],
)
def test_the_lists_are_a_tenth_and_for_smes_a_twentieth_or_a_thousand(
    domains: int, tenth: int, of_sme: int
) -> None:
    assert listed(domains, 9) == Listed(domains, tenth, of_sme, 9)


def test_every_domain_is_in_the_table_with_what_it_has(out: Path) -> None:
    tamis.summary(out)
    table = pq.read_table(out / "summary" / "domains.parquet")
    mix = pa.concat_tables(map(pq.read_table, (out / "mix").glob("*.parquet")))
    once = mix.filter(pc.equal(mix["epoch"], 0)).to_pylist()
    wanted: dict[str, list[Any]] = {}
    for row in once:
        own = wanted.setdefault(row["domain"] or row["host"], [0, 0, 0, set()])
        own[0] += 1
        own[1] += len(row["text"].encode())
        own[2] += row["tokens"]
        own[3].add(row["language"])
    found = table.to_pylist()
    assert {row["domain"] for row in found} == set(wanted)
    for row in found:
        numbers = [row["documents"], row["bytes"], row["tokens"]]
        assert [*numbers, set(row["languages"])] == wanted[row["domain"]]
        assert row["first"] == row["last"] == "2025-03"
    sizes = [row["bytes"] for row in found]
    assert sizes == sorted(sizes, reverse=True)
    assert [row["rank"] for row in found] == list(range(1, len(found) + 1))
    assert sum(row["share"] for row in found) == pytest.approx(1)
    assert sum(row["in_top_tenth"] for row in found) == 4
    assert sum(row["in_sme_list"] for row in found) == 2


def test_languages_are_named_and_those_of_the_eu_marked(out: Path) -> None:
    tamis.summary(out)
    text = text_of(out)
    assert re.search(r"^\| French \(fra\) \| yes \|", text, re.MULTILINE)
    assert re.search(r"^\| Thai \(tha\) \|  \|", text, re.MULTILINE)
    assert "less than 1 billion tokens" in text


class _Tags(HTMLParser):
    """Every tag with its attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_the_page_loads_nothing_and_escapes_what_it_is_given(out: Path) -> None:
    publisher = Publisher(name="<script>alert(1)</script> | [x](y)")
    tamis.summary(out, publisher=publisher)
    page = _Tags()
    page.feed((out / "summary" / "summary.html").read_text("utf-8"))
    assert "script" not in {tag for tag, _ in page.tags}
    assert not [about for _, about in page.tags if {"src", "href"} & set(about)]
    assert "| name | &lt;script>alert(1)&lt;/script> \\| \\[x](y) |" in text_of(out)


def test_reservations_that_were_honoured_are_counted_with_the_date_of_the_table(
    tmp_path: Path, command: Callable[..., Any]
) -> None:
    from tamis.rights.robots import parse
    from tamis.rights.robots_runs import Answer, merge_runs, write_runs

    answers = [
        Answer(
            host, "2026-10-03T01:00:00Z", parse("User-agent: *\nDisallow: /", ["ccbot"])
        )
        for host in ("www.uferblatt.example", "forum.uferblatt.example")
    ]
    table = tmp_path / "robots.arrow"
    merge_runs(write_runs(answers, tmp_path), table, agents=["ccbot"])
    archive = ROOT / "samples" / "samples-00000.warc.gz"
    recipe = OF_A_CORPUS.replace(
        "  - mix_corpus", "  - filter_robots: {table: robots.arrow}\n  - mix_corpus"
    )
    recipe = recipe.replace("  - extract_text", "  - read_rights: {}\n  - extract_text")
    (tmp_path / "stages.yaml").write_text(
        f"input: {archive}\noutput: out/\n{recipe}", "utf-8"
    )
    assert command("run", "stages.yaml", "--quiet", folder=tmp_path).code == 0
    out = tmp_path / "out"
    summary = json.loads((out / "run.json").read_text("utf-8"))
    reasons = summary["stages"]["filter_robots"]["dropped"]["rights_robots_refused"]
    count = sum(amount["documents"] for amount in reasons.values())
    assert count > 0
    tamis.summary(out)
    text = text_of(out)
    assert f"| robots.txt: refused to an agent asked about | {count} |" in text
    assert "robots.txt of 2026-10-03 to 2026-10-03, for ccbot" in text


def test_a_release_has_a_summary_of_all_its_runs(
    corpus: Path, command: Callable[..., Any]
) -> None:
    release = next((corpus / "releases").iterdir())
    assert command("summary", str(release)).code == 0
    text = text_of(release)
    assert headings(text) == PARTS
    assert "crawl-0 (" in text
    assert "crawl-1 (" in text
    assert re.search(r"^\| read_warc \| 293 \| 291 \|", text, re.MULTILINE)


def test_what_is_forgotten_leaves_the_summary_too(out: Path, tmp_path: Path) -> None:
    tamis.summary(out)
    before = pq.read_table(out / "summary" / "domains.parquet")
    assert "uferblatt.example" in before["domain"].to_pylist()
    requests = tmp_path / "requests.csv"
    line = "uferblatt.example,2026-11-30,asked by mail"
    requests.write_text(f"domain,date,reason\n{line}\n", "utf-8")
    tamis.forget(out, requests)
    table = pq.read_table(out / "summary" / "domains.parquet")
    assert "uferblatt.example" not in table["domain"].to_pylist()


def test_a_folder_without_a_mix_is_one_line(
    corpus: Path, command: Callable[..., Any]
) -> None:
    ended = command("summary", str(corpus / "runs" / "crawl-0"))
    assert ended.code == 2
    assert "there is no mix/_manifest.json" in ended.stderr
    shutil.rmtree(corpus)
