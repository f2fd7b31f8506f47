"""The main job on the samples: what its folder has, and that the run summary adds up."""

import csv
import json
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def book(sample_run: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((sample_run / "run.json").read_text("utf-8"))
    return loaded


def table(folder: Path) -> pa.Table:
    return pa.concat_tables(
        [pq.read_table(path) for path in sorted(folder.glob("*.parquet"))]
    )


def outcome_of_url(run: Path) -> dict[tuple[str, int], str]:
    """Where each admitted record ended, by archive and offset."""
    outcomes = {}
    for row in table(run / "mix").select(["warc_path", "warc_offset"]).to_pylist():
        outcomes[Path(row["warc_path"]).name, row["warc_offset"]] = "mix"
    for row in table(run / "dropped").to_pylist():
        place = Path(row["warc_path"]).name, row["warc_offset"]
        assert place not in outcomes, f"{row['url']} is in mix/ and in dropped/"
        outcomes[place] = row["stage"]
    return outcomes


def test_what_goes_in_comes_out_or_is_dropped(book: dict[str, Any]) -> None:
    for stage, counts in book["stages"].items():
        dropped = sum(
            about["documents"]
            for languages in counts["dropped"].values()
            for about in languages.values()
        )
        assert counts["documents_in"] == counts["documents_out"] + dropped, stage


def test_each_stage_takes_what_the_one_before_it_gave(book: dict[str, Any]) -> None:
    stages = list(book["stages"].values())
    for before, after in pairwise(stages):
        assert after["documents_in"] == before["documents_out"]


def test_every_admitted_record_is_in_the_mix_or_dropped_once(
    sample_run: Path, book: dict[str, Any]
) -> None:
    dropped = table(sample_run / "dropped")
    mixed = set(table(sample_run / "mix")["id"].to_pylist())
    ids = dropped["id"].to_pylist()
    assert len(ids) == len(set(ids))
    assert not mixed & set(ids)
    assert len(mixed) + len(ids) == book["source"]["admitted"]


def test_every_record_is_admitted_or_counted(book: dict[str, Any]) -> None:
    source = book["source"]
    refused = sum(
        count
        for statuses in source["refused"].values()
        for mimes in statuses.values()
        for count in mimes.values()
    )
    assert source["records"] == source["admitted"] + refused
    assert source["bytes_lost"] == 0


def test_pages_end_where_the_samples_say(sample_run: Path) -> None:
    """The funnel worked out by hand: samples/manifest.tsv names a stage for each page."""
    ended = Counter[tuple[str, str]]()
    stages: dict[str, str] = {}
    for row in table(sample_run / "dropped").select(["record_id", "stage"]).to_pylist():
        assert row["record_id"] not in stages
        stages[row["record_id"]] = row["stage"].removeprefix("gate.")
    for record in set(table(sample_run / "mix")["record_id"].to_pylist()):
        assert record not in stages
        stages[record] = "mix"
    wrong = []
    with (ROOT / "samples" / "manifest.tsv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            if row["expected"] == "skipped":
                continue
            found = stages.get(row["record_id"])
            if found not in row["expected"].split("|"):
                wrong.append((row["url"], row["kind"], row["expected"], found))
            ended[row["kind"], row["expected"]] += 1
    assert wrong == []
    assert sum(ended.values()) > 250


def test_a_dropped_page_says_why(sample_run: Path) -> None:
    rows = table(sample_run / "dropped").to_pylist()
    assert all(row["stage"] and row["reason"] and row["language"] for row in rows)
    near = [row for row in rows if row["reason"] == "duplicate_near"]
    assert near
    assert all(row["word_count"] > 0 and row["text"] for row in near)
    assert all(len(row["text"] or "") <= 1000 for row in rows)


def test_no_text_of_a_dropped_page_shows_an_address(sample_run: Path) -> None:
    texts = [text or "" for text in table(sample_run / "dropped")["text"].to_pylist()]
    assert not [
        text for text in texts if "@" in text and "." in text.partition("@")[2][:40]
    ]


def test_the_manifest_lists_the_shards(sample_run: Path) -> None:
    manifest = json.loads((sample_run / "mix/_manifest.json").read_text("utf-8"))
    listed = {shard["path"]: shard["rows"] for shard in manifest["shards"]}
    present = {
        str(path.relative_to(sample_run)): pq.read_metadata(path).num_rows
        for path in (sample_run / "mix").glob("*.parquet")
    }
    assert listed == present
    tokens = sum(about["tokens"] for about in manifest["languages"].values())
    assert tokens == sum(table(sample_run / "mix")["tokens"].to_pylist())


def test_small_languages_are_repeated_and_none_is_lost(sample_run: Path) -> None:
    mix = table(sample_run / "mix")
    epochs = Counter(
        zip(mix["language"].to_pylist(), mix["epoch"].to_pylist(), strict=True)
    )
    firsts = {
        language: count for (language, epoch), count in epochs.items() if epoch == 0
    }
    assert len(firsts) == 15
    largest = max(firsts, key=lambda language: firsts[language])
    smallest = min(firsts, key=lambda language: firsts[language])
    assert epochs[largest, 1] == 0
    assert epochs[smallest, 1] > 0


def test_the_mix_is_shuffled(sample_run: Path) -> None:
    """Neighbours of one archive are no neighbours any more."""
    mix = table(sample_run / "mix")
    offsets = mix["warc_offset"].to_pylist()
    rises = sum(a < b for a, b in pairwise(offsets))
    assert 0.4 < rises / (len(offsets) - 1) < 0.6


def test_no_second_copy_is_left(sample_run: Path) -> None:
    mix = table(sample_run / "mix")
    once = mix.filter(pa.compute.equal(mix["epoch"], 0))
    texts = once["text"].to_pylist()
    assert len(texts) == len(set(texts))


def test_duplicates_lie_row_for_row_beside_documents(sample_run: Path) -> None:
    for path in (sample_run / "duplicates").glob("*.parquet"):
        name = path.name.rpartition("-")[0]
        files = sorted(
            (sample_run / "documents").glob(f"{name}-*.parquet"),
            key=lambda file: int(file.name.removeprefix(f"{name}-").split("-")[0]),
        )
        ids = [i for file in files for i in pq.read_table(file)["id"].to_pylist()]
        assert pq.read_table(path)["id"].to_pylist() == ids


def test_nothing_is_left_lying_about(sample_run: Path) -> None:
    named = {
        file["path"]
        for record in (sample_run / "commits").rglob("*.json")
        for file in json.loads(record.read_text("utf-8"))["files"]
    }
    parquet = {
        str(path.relative_to(sample_run)) for path in sample_run.rglob("*.parquet")
    }
    assert parquet == {name for name in named if name.endswith(".parquet")}
    assert not list((sample_run / "work" / "tmp").iterdir())


def test_users_own_tools_read_the_mix_as_a_folder(sample_run: Path) -> None:
    """Arrow, pandas and duckdb pass over names that begin with `_` or are no Parquet."""
    manifest = json.loads((sample_run / "mix/_manifest.json").read_text("utf-8"))
    rows = sum(shard["rows"] for shard in manifest["shards"])
    assert pq.read_table(sample_run / "mix").num_rows == rows
    assert ds.dataset(sample_run / "mix").count_rows() == rows
    names = [p.name for p in (sample_run / "mix").iterdir()]
    assert [n for n in names if not n.endswith(".parquet")] == ["_manifest.json"]
