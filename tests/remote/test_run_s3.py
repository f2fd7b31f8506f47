"""A whole run in an object store, its inputs and its output, as on the disk."""

import zlib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tamis.recipe.load import load_recipe
from tamis.runner.passes import units
from tamis.runner.run import run
from tamis.storage import Storage
from tamis.work import ledger
from tamis.work.executors import InlineExecutor
from tamis.work.tasks import Silent

RECIPE = """
input: INPUT
output: OUTPUT
languages: [fra, eng, deu, spa, ita, jpn]
executor: {kind: inline}
stages:
  - read_warc: {}
  - filter_url: {}
  - decode_html: {}
  - extract_text: {engine: resiliparse}
  - identify_language: {}
  - filter_language: {min_score: 0.65}
  - sign: {}
  - save: documents
  - deduplicate: {}
  - mix_corpus: {}
"""


def members_of(archive: bytes) -> list[bytes]:
    """The gzip members that are pages."""
    found = []
    while archive:
        member = zlib.decompressobj(31)
        is_page = b"WARC-Type: response" in member.decompress(archive)[:400]
        if is_page:
            found.append(archive[: len(archive) - len(member.unused_data)])
        archive = member.unused_data
    return found


def test_a_run_in_a_store_leaves_what_one_on_a_disk_does(
    s3, small_archive: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Archives of one page are read together, and records are in ledgers."""
    monkeypatch.setattr(units, "FEWEST_SMALL", 5)
    monkeypatch.setattr(units, "_ENDS", 4)
    monkeypatch.setattr(ledger, "RECORDS", 2)
    monkeypatch.setattr(ledger, "FEWEST", 1)
    for number, page in enumerate(members_of(small_archive)):
        name = f"page-{number:02}.warc.gz"
        (tmp_path / name).write_bytes(page)
        Storage("s3://bucket/run-in", s3).write(name, page)
    path = tmp_path / "stages.yaml"
    path.write_text(RECIPE, encoding="utf-8")
    endpoint = s3["s3"]["endpoint_url"]

    def mixed(source: str, output: str) -> tuple[pa.Table, dict[str, int]]:
        options = f"storage_options={{s3: {{endpoint_url: '{endpoint}'}}}}"
        recipe = load_recipe(path, [f"input={source}", f"output={output}", options])
        outcome = run(recipe, InlineExecutor(), Silent())
        assert outcome.is_complete
        storage = Storage(output, s3)
        (shard,) = [n for n in storage.names("mix") if n.endswith(".parquet")]
        with storage.open(shard) as file:
            rows = pq.read_table(file).drop_columns(["warc_path"])
        return rows, outcome.summary["tasks_executed"]

    here, _ = mixed(f"{tmp_path}/*.warc.gz", f"{tmp_path}/out")
    there, executed_once = mixed("s3://bucket/run-in/*.warc.gz", "s3://bucket/run-out")
    assert there.equals(here)
    assert here.num_rows >= 5
    # Again, in the store: nothing is left to do, and nothing holds the folder.
    again, executed = mixed("s3://bucket/run-in/*.warc.gz", "s3://bucket/run-out")
    assert again.equals(there)
    assert not executed
    store = Storage("s3://bucket/run-out", s3)
    records = store.names("commits/documents")
    assert any(name.endswith(".jsonl") for name in records)
    assert not any(name.endswith(".json") for name in records)
    assert 1 < executed_once["documents"] < len(members_of(small_archive)) / 2
    assert not store.exists("lock.json")
    for name in ("run.json", "plan.json", "mix/_manifest.json", "report.html"):
        content = store.open(name).read()
        assert b"of-the-test" not in content  # neither key nor secret
