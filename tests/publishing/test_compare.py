"""Two runs side by side: what differs is said, and nothing else."""

import json
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import ks_2samp

import tamis
from tamis.publishing import compare as module
from tamis.publishing.compare import distance_of
from tamis.report import drift


@pytest.fixture(scope="module")
def stricter(
    sample_run: Path,
    tamis_on: Callable[..., Any],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """The run over the samples, with a bound that drops a tenth of what was kept."""
    folder = tmp_path_factory.mktemp("stricter") / "out"
    shutil.copytree(sample_run, folder)
    tamis_on(folder).run("filter_language.min_score=0.97")
    return folder


def kept_of(run: Path) -> dict[int, dict[str, Any]]:
    rows = tamis.Run(run).documents(kept=True).read_all().to_pylist()
    return {row["id"]: row for row in rows}


def test_a_run_does_not_differ_from_itself(sample_run: Path) -> None:
    found = tamis.compare(sample_run, sample_run)
    assert (
        found.settings == found.domains == found.only_before == found.only_after == ()
    )
    assert found.columns
    assert {column.distance for column in found.columns} == {0.0}
    assert all(change.before == change.after for change in found.changes)


def test_a_changed_threshold_is_judged(sample_run: Path, stricter: Path) -> None:
    before, after = kept_of(sample_run), kept_of(stricter)
    found = tamis.compare(sample_run, stricter)
    (setting,) = found.settings
    assert (setting.name, setting.before, setting.after) == (
        "filter_language.min_score",
        "0.65",
        "0.97",
    )
    assert found.compared == found.measured == (len(before), len(after))
    gone = before.keys() - after.keys()
    assert gone
    told = {row.reason: row.documents for row in found.only_before}
    reasons = tamis.Run(stricter).dropped().to_table(["id", "stage", "reason"])
    expected = Counter(
        f"{row['stage']}: {row['reason']}"
        for row in reasons.to_pylist()
        if row["id"] in gone
    )
    assert told == expected
    for row in found.only_before:
        assert 0 < len(row.examples) <= 5
        assert all(before[one.id]["url"] == one.url for one in row.examples)
    figures = {(c.of, c.name): (c.before, c.after) for c in found.changes}
    assert figures["documents", ""] == (len(before), len(after))


def test_the_funnel_is_that_of_both(sample_run: Path, stricter: Path) -> None:
    funnels = [
        {row["stage"]: row for row in tamis.Run(run).funnel().to_pylist()}
        for run in (sample_run, stricter)
    ]
    found = tamis.compare(sample_run, stricter).funnel
    assert [pair.stage for pair in found] == list(funnels[0])
    for pair in found:
        own = [funnel[pair.stage] for funnel in funnels]
        names = ("documents_in", "dropped", "documents_out")
        assert pair.counts == tuple(row[name] for name in names for row in own)


def test_distances_and_medians_are_those_of_the_values(
    sample_run: Path, stricter: Path
) -> None:
    before, after = kept_of(sample_run).values(), kept_of(stricter).values()
    found = {
        column.name: column for column in tamis.compare(sample_run, stricter).columns
    }
    assert {"language_score", "word_count", "toxicity_max", "text_chars"} <= set(found)
    assert not {"id", "warc_offset", "cluster", "band_00", "copies"} & set(found)
    for name, column in found.items():
        one, other = (
            np.float32([row[name] for row in rows if row[name] is not None])
            for rows in (before, after)
        )
        assert column.distance == pytest.approx(ks_2samp(one, other).statistic)
        assert column.median_before == pytest.approx(float(np.median(one)))
        assert (column.documents_before, column.documents_after) == (
            len(one),
            len(other),
        )
    distances = [column.distance for column in found.values()]
    assert distances == sorted(distances, reverse=True)
    assert distances[0] > 0


@pytest.mark.parametrize(
    ("one", "other", "distance"),
    [
        ([1, 2, 3], [1, 2, 3], 0.0),
        ([1, 2], [3, 4], 1.0),
        ([1, 1, 1, 2], [1, 2, 2, 2], 0.5),
        ([5], [5, 5, 5, 6], 0.25),
    ],
)
def test_a_distance_is_the_largest_difference_of_shares(
    one: list[int], other: list[int], distance: float
) -> None:
    assert distance_of(np.array(one), np.array(other)) == distance
    assert distance_of(np.array(other), np.array(one)) == distance


def test_domains_that_gained_and_lost_are_counted(
    sample_run: Path, stricter: Path
) -> None:
    counts = [
        Counter(row["domain"] for row in kept_of(run).values())
        for run in (sample_run, stricter)
    ]
    changed = {d for d in {*counts[0], *counts[1]} if counts[0][d] != counts[1][d]}
    found = tamis.compare(sample_run, stricter).domains
    assert {pair.domain for pair in found} == changed
    for pair in found:
        assert (pair.before, pair.after) == (
            counts[0][pair.domain],
            counts[1][pair.domain],
        )


def test_of_many_documents_the_same_sample_is_compared(
    sample_run: Path, stricter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drift, "SAMPLED_IDS", 120)
    monkeypatch.setattr(module, "MEASURED", 60)
    found = tamis.compare(sample_run, stricter)
    before, after = kept_of(sample_run), kept_of(stricter)
    assert found.every == 2
    assert 0 < found.compared[0] < len(before)
    assert 0 < found.measured[0] < found.compared[0]
    gone = np.array(sorted(before.keys() - after.keys()), np.uint64)
    expected = 2 * int(drift.sampled(gone, 2).sum())
    assert sum(row.documents for row in found.only_before) == expected
    assert found.only_after == ()
    assert "One document in 2 is compared" in found.page()


def test_a_run_and_a_release_are_compared_by_what_both_have(made_corpus: Path) -> None:
    release = next((made_corpus / "releases").iterdir())
    run = made_corpus / "runs" / "crawl-0"
    found = tamis.compare(run, release)
    mix = tamis.Run(release).mix().to_table(["id"])["id"].unique().to_pylist()
    assert found.compared == (len(kept_of(run)), len(mix))
    assert found.only_before == ()
    entered = set(mix) - kept_of(run).keys()
    assert sum(row.documents for row in found.only_after) == len(entered)
    assert {column.name for column in found.columns} <= set(
        tamis.Run(release).mix().schema.names
    )
    assert "language_score" in {column.name for column in found.columns}


def test_a_release_without_documents_is_refused(corpus: Path) -> None:
    release = next((corpus / "releases").iterdir())
    for shard in (release / "mix").glob("*.parquet"):
        shard.unlink()
    with pytest.raises(tamis.TamisError, match="documents are not there any more"):
        tamis.compare(release, corpus / "runs" / "crawl-0")


def test_page_and_json_say_the_same(
    sample_run: Path, stricter: Path, tmp_path: Path, command: Callable[..., Any]
) -> None:
    page, other = tmp_path / "compare.html", tmp_path / "compare.json"
    ended = command(
        *("compare", str(sample_run), str(stricter)),
        *("--page", str(page), "--json", str(other)),
    )
    assert ended.code == 0, ended.stderr
    assert "filter_language.min_score: 0.65 -> 0.97" in ended.stdout
    found = json.loads(other.read_text("utf-8"))
    text = page.read_text("utf-8")
    assert "<script" not in text
    assert "default-src 'none'" in text
    for row in found["only_before"]:
        assert row["reason"] in text
        assert all(one["url"] in text for one in row["examples"])
    for column in found["columns"]:
        assert f"<td>{column['name']}</td>" in text
    assert found["settings"][0]["name"] in text
