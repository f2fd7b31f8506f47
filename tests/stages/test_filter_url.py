import gzip
import json
from pathlib import Path

import pyarrow as pa
import pytest

from tamis.stages.filter_url import FilterUrl


def batch(urls: list[str | None]) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays(
        [pa.array(urls, pa.string()), pa.nulls(len(urls), pa.string())],
        ["url", "drop_reason"],
    )


@pytest.fixture
def lists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TAMIS_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "ut1"
    for category, name, entries in (
        ("adult", "domains", "adult.example\n"),
        ("adult", "urls", "mixed.example/bad\n"),
        ("Mixed-Adult", "domains", "porn.example\n"),
        ("press", "domains", "paper.example\n"),
    ):
        (folder / category).mkdir(parents=True, exist_ok=True)
        (folder / category / name).write_text(entries)
    (tmp_path / "spam hosts.txt").write_text("spam.example\n")
    return tmp_path


def test_the_reason_names_the_list_or_the_rule(lists: Path) -> None:
    config = FilterUrl(
        lists=(str(lists / "ut1"), str(lists / "spam hosts.txt")),
    )
    filtered = config.build()(
        batch(
            [
                "https://www.ADULT.example:443/",
                "http://mixed.example/good",
                "http://mixed.example/bad/page",
                None,
                "http://porn.example/",  # a list before a word
                "http://a.spam.example/",
                "http://paper.example/",
                "http://example.org/porn",
                "http://essex.ac.uk/analytics",
                "http://bücher.example/b%C3%BCsty/b%75sty",
                "http://example.org/naked-sex",
            ]
        )
    )
    assert filtered["drop_reason"].to_pylist() == [
        "blocklist_adult",
        None,
        "blocklist_adult",
        None,
        "blocklist_mixed_adult",
        "blocklist_spam_hosts",
        None,
        "url_word_strict",
        None,
        "url_word_hard",
        "url_word_soft",
    ]


def test_without_lists_only_words_count() -> None:
    filtered = FilterUrl().build()(
        batch(["http://porn.example/", "http://a.org/", None])
    )
    assert filtered["drop_reason"].to_pylist() == ["url_word_strict", None, None]


def test_words_can_be_turned_off_and_replaced(tmp_path: Path) -> None:
    table = tmp_path / "words.tsv"
    table.write_text("strict\tкупить\n", encoding="utf-8")
    urls = batch(["http://porn.example/", "http://xn--h1adpnc1d.xn--p1ai/"])
    off = FilterUrl(words=False).build()(urls)
    assert off["drop_reason"].to_pylist() == [None, None]
    own = FilterUrl(words=False, word_lists=(str(table),)).build()(urls)
    assert own["drop_reason"].to_pylist() == [None, "url_word_strict"]


def test_an_earlier_reason_stays_and_no_rows_are_no_work(lists: Path) -> None:
    config = FilterUrl(lists=(str(lists / "ut1"),))
    transform = config.build()
    earlier = pa.RecordBatch.from_arrays(
        [pa.array(["http://adult.example/"]), pa.array(["too_large"])],
        ["url", "drop_reason"],
    )
    assert transform(earlier)["drop_reason"].to_pylist() == ["too_large"]
    assert transform(batch([])).schema.equals(batch([]).schema)


def test_rows_do_not_depend_on_their_batch(lists: Path) -> None:
    transform = FilterUrl(lists=(str(lists / "ut1"),)).build()
    urls = ["http://adult.example/", "http://a.org/porn", None, "http://b.org/", ""] * 3
    whole = batch(urls)
    parts = [
        transform(whole.slice(row, 1))["drop_reason"].to_pylist()[0]
        for row in range(len(urls))
    ]
    assert transform(whole)["drop_reason"].to_pylist() == parts


def test_every_list_enters_the_fingerprint(lists: Path) -> None:
    config = FilterUrl(
        lists=(str(lists / "ut1"),), categories=("press",), word_lists=("w.tsv",)
    )
    assert config.files() == (str(lists / "ut1" / "press" / "domains"), "w.tsv")
    assert FilterUrl().files() == ()


@pytest.mark.shared
def test_no_real_page_falls_to_our_words(shared_data: Path) -> None:
    """3,277 pages of newspapers, shops, blogs and recipes, none of them adult."""
    with gzip.open(shared_data / "gold-dev.jsonl.gz", "rt", encoding="utf-8") as lines:
        urls = [json.loads(line)["url"] for line in lines]
    assert FilterUrl().build()(batch(urls))["drop_reason"].null_count == len(urls)
