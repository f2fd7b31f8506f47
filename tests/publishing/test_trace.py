"""A document is followed through everything that a run or a corpus has of it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import tamis

KEPT = "https://www.revue-du-canal.example/2019/11/aviron-brume.html"
EARLY = "https://free-porn-videos.example/watch/1234"
JUDGED = "https://www.green-lane-notes.example/spam-lines/spam-watches.html"
COPY = "https://copy.daftar-al-bustan.example/2015/09/qitar.html"


def test_a_kept_page_has_its_numbers_and_its_rows_of_the_mix(sample_run: Path) -> None:
    (one,) = tamis.trace(sample_run, KEPT)
    documents = tamis.Run(sample_run).documents().read_all().to_pylist()
    row = next(row for row in documents if row["url"] == KEPT)
    assert one.id == row["id"]
    assert one.reason is None
    assert one.record["warc_offset"] == row["warc_offset"]
    steps = {step.stage: step.columns for step in one.steps}
    assert list(steps) == list(tamis.Run(sample_run).summary["stages"])
    for label, names in {
        "identify_language": ("language", "language_score"),
        "measure_text": ("word_count", "stop_word_ratio"),
        "score_toxicity": ("toxicity_max",),
        "deduplicate": ("cluster", "cluster_size"),
        "mix_corpus": ("copies",),
    }.items():
        assert {name: steps[label][name] for name in names} == {
            name: row[name] for name in names
        }
    assert len(one.rows) == row["copies"]
    for own in one.rows:
        shard = pq.read_table(sample_run / own.shard, columns=["id", "epoch"])
        assert shard.slice(own.row, 1).to_pylist() == [
            {"id": one.id, "epoch": own.epoch}
        ]


def test_a_repeated_page_has_a_row_for_each_epoch(sample_run: Path) -> None:
    mix = tamis.Run(sample_run).mix().to_table(["id", "epoch"]).to_pylist()
    id_ = max(mix, key=lambda row: row["epoch"])["id"]
    (one,) = tamis.trace(sample_run, id_)
    epochs = sorted(row["epoch"] for row in mix if row["id"] == id_)
    assert [row.epoch for row in one.rows] == epochs
    assert len(epochs) > 1


@pytest.mark.parametrize(
    ("url", "stage", "reason"),
    [
        (EARLY, "filter_url", "url_word_strict"),
        (JUDGED, "filter_quality", "duplicate_line_ratio"),
        (COPY, "deduplicate", "duplicate_near"),
    ],
)
def test_a_dropped_page_ends_at_the_stage_that_dropped_it(
    sample_run: Path, url: str, stage: str, reason: str
) -> None:
    (one,) = tamis.trace(sample_run, url)
    assert (one.steps[-1].stage, one.reason) == (stage, reason)
    assert all(step.reason is None for step in one.steps[:-1])
    assert one.rows == ()
    assert tamis.trace(sample_run, one.id) == [one]


def test_a_copy_names_the_document_that_was_kept(sample_run: Path) -> None:
    (copy,) = tamis.trace(sample_run, COPY)
    assert copy.cluster is not None
    assert copy.cluster.kept not in (None, copy.id)
    (kept,) = tamis.trace(sample_run, copy.cluster.kept)
    assert kept.cluster == copy.cluster
    assert kept.record["url"] == copy.cluster.kept_url
    assert kept.rows


def test_a_corpus_shows_the_runs_and_releases_that_have_it(
    made_corpus: Path, command: Callable[..., Any]
) -> None:
    release = next((made_corpus / "releases").iterdir()).name
    found = tamis.trace(made_corpus, KEPT)
    assert [one.folder for one in found] == ["runs/crawl-0", f"releases/{release}"]
    assert found[0].rows == ()  # the runs of a corpus make no mix
    assert found[1].rows
    assert found[0].id == found[1].id
    ended = command("trace", str(made_corpus), KEPT)
    assert ended.code == 0
    assert f"releases/{release}  id {found[0].id}" in ended.stdout
    assert found[1].rows[0].shard in ended.stdout


def test_json_says_the_same(sample_run: Path, command: Callable[..., Any]) -> None:
    ended = command("trace", str(sample_run), COPY, "--json")
    (one,) = json.loads(ended.stdout)
    (same,) = tamis.trace(sample_run, COPY)
    assert one["id"] == same.id
    assert one["steps"][-1]["reason"] == "duplicate_near"
    assert same.cluster is not None
    assert one["cluster"]["kept"] == same.cluster.kept


@pytest.mark.parametrize("page", ["https://nowhere.example/", "5", "no address"])
def test_a_page_that_nobody_has_is_an_error(
    sample_run: Path, command: Callable[..., Any], page: str
) -> None:
    ended = command("trace", str(sample_run), page)
    assert ended.code == 2
    assert "no document has this" in ended.stderr
    assert ended.stdout == ""


def test_personal_data_in_an_address_is_found_and_not_shown(
    tmp_path: Path,
    tamis_on: Callable[..., Any],
    command: Callable[..., Any],
    response_record: Callable[[str, str, bytes], bytes],
) -> None:
    url = "https://forum.example/u?m=jane.doe%40example.org"
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n"
    archive = tmp_path / "one.warc.gz"
    archive.write_bytes(response_record(url, "2026-01-02", head + b"<p>Too short.</p>"))
    tamis_on(tmp_path / "out").run(f"input={archive}")
    ended = command("trace", str(tmp_path / "out"), url)
    assert ended.code == 0, ended.stderr
    assert "https://forum.example/u?m=EMAIL" in ended.stdout
    assert "jane.doe" not in ended.stdout
