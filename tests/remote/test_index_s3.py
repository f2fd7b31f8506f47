"""An index in an object store: two runs into it, one after the other, and each again."""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tamis.dedup.index.folder import Entry, Generation, generations, manifest
from tamis.dedup.index.turn import WRITER, remove_newest, unlock
from tamis.errors import StorageError
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
  - decode_html: {}
  - extract_text: {engine: resiliparse}
  - identify_language: {}
  - sign: {bands: 3, rows: 8}
  - save: documents
  - deduplicate: {index: INDEX}
"""


def test_storage_options_of_a_recipe_open_an_index(
    s3: Any, tmp_path: Path, command: Any
) -> None:
    """The environment of the test has keys, and no address of the store."""
    entry = Entry(1, "print", "2026-01-02T03", 3, 2, 1, ("CC-MAIN-2024-51",))
    own = Generation(1, 1, (entry,), {}, ())
    content = manifest(own)
    Storage("s3://bucket/other", s3).write(own.name, content)
    recipe = tmp_path / "stages.yaml"
    options = f"storage_options: {json.dumps(s3)}\n"
    recipe.write_text(options + RECIPE.replace("INDEX", "x"), "utf-8")
    for name, said in (
        ("list", "CC-MAIN-2024-51"),
        ("compact", "nothing to merge"),
        ("unlock", "no run has begun"),
        ("remove", "removed run 1"),
    ):
        told = command("index", name, "s3://bucket/other", "--recipe", str(recipe))
        assert told.code == 0, told.stderr
        assert said in told.stdout


def test_an_index_in_a_store_is_one_as_on_a_disk(
    s3: Any, small_archive: bytes, tmp_path: Path
) -> None:
    """The runs themselves are on a disk: tests/remote/test_run_s3.py has one in the store."""
    for name in ("a", "b", "c"):
        (tmp_path / f"{name}.warc.gz").write_bytes(small_archive)
    recipe = tmp_path / "stages.yaml"
    recipe.write_text(RECIPE.replace("INDEX", "s3://bucket/index"), "utf-8")
    endpoint = s3["s3"]["endpoint_url"]

    def drops(name: str) -> tuple[list[Any], dict[str, int]]:
        output = str(tmp_path / f"crawl-{name}")
        sets = [
            f"input={tmp_path}/{name}.warc.gz",
            f"output={output}",
            f"storage_options={{s3: {{endpoint_url: '{endpoint}'}}}}",
        ]
        book = run(load_recipe(recipe, sets), InlineExecutor(), Silent()).summary
        (layer,) = Path(output, "duplicates").iterdir()
        rows = pq.read_table(layer).to_pylist()
        columns = ("cluster", "cluster_size", "drop_reason")
        return [tuple(r[c] for c in columns) for r in rows], book["tasks_executed"]

    index = Storage("s3://bucket/index", s3)
    first, _ = drops("a")
    kept = {cluster: size for cluster, size, reason in first if reason is None}
    assert len(kept) >= 5
    second, _ = drops("b")
    # The same pages in another file: each is a duplicate of what the first run kept.
    assert second == [(c, 2 * kept[c], "duplicate_of_index") for c, _, _ in first]
    assert drops("a") == (first, {})
    assert [own.last for own in generations(index)] == [1, 2]
    assert not index.exists(WRITER)
    assert not index.exists("lock.json")
    assert endpoint.encode() not in index.open(generations(index)[0].name).read()

    held = {"token": "other", "number": 3, "reads": [], "output": "s3://bucket/x"}
    about = {"pid": 1, "host": "h", "since": "2026-11-22"}
    index.write_record(WRITER, {**held, **about})
    with pytest.raises(StorageError, match=r"written by the run in s3://bucket/x"):
        drops("c")
    unlock(index)
    remove_newest(index)
    assert drops("b")[0] == second
