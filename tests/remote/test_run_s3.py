"""A whole run in an object store, its inputs and its output, as on the disk."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tamis.recipe.load import load_recipe
from tamis.runner.run import run
from tamis.storage import Storage
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


def test_a_run_in_a_store_leaves_what_one_on_a_disk_does(
    s3, small_archive: bytes, tmp_path: Path
) -> None:
    (tmp_path / "a.warc.gz").write_bytes(small_archive)
    Storage("s3://bucket/run-in", s3).write("a.warc.gz", small_archive)
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

    here, _ = mixed(f"{tmp_path}/a.warc.gz", f"{tmp_path}/out")
    there, executed = mixed("s3://bucket/run-in/*.warc.gz", "s3://bucket/run-out")
    assert there.equals(here)
    assert here.num_rows >= 5
    assert executed
    # Again, in the store: nothing is left to do, and nothing holds the folder.
    again, executed = mixed("s3://bucket/run-in/*.warc.gz", "s3://bucket/run-out")
    assert again.equals(there)
    assert not executed
    store = Storage("s3://bucket/run-out", s3)
    assert not store.exists("lock.json")
    for name in ("run.json", "plan.json", "mix/_manifest.json", "report.html"):
        content = store.open(name).read()
        assert b"of-the-test" not in content  # neither key nor secret
