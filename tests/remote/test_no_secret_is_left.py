"""A whole run on addresses with secrets: none is in any byte that it leaves or prints."""

import gzip
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

ROOT = Path(__file__).resolve().parents[2]
SECRET = "hunter2hunter2"
RECIPE = """
languages: [eng]
executor: inline
dropped: {text: true}
allow_missing_inputs: 3
stages:
  - read_warc: {}
  - decode_html: {}
  - own.py:Note:
      note: see https://me:SECRET@h/a?key=SECRET (signed s3://b/a.gz?sig=SECRET)
      by: {"https://h/a?auth=SECRET": "/data/a.gz?X-Amz-Signature=SECRET"}
  - extract_text: {engine: blocks}
  - identify_language: {}
  - measure_text: {}
  - mask_pii: {}
  - sign: {}
  - save: documents
  - filter_quality: {preset: [], bounds: {word_count: [30, null]}}
  - deduplicate: {}
  - mix_corpus: {}
"""

OWN = """
import tamis

class Note(tamis.Transform):
    note: str
    by: dict[str, str]

    def build(self):
        return lambda batch: batch
"""


def unpacked(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every file's name and content; tables column by column, with their metadata."""
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        yield f"name of {path.name}", str(path.relative_to(folder)).encode()
        content = path.read_bytes()
        yield str(path), gzip.decompress(content) if path.suffix == ".gz" else content
        if path.suffix == ".parquet":
            table = pq.read_table(path)
            yield f"metadata of {path}", repr(table.schema.metadata).encode()
            for name in table.column_names:
                values = "\n".join(map(repr, table[name].to_pylist()))
                yield f"{name} of {path}", values.encode()


@pytest.fixture
def ended(
    site: Any, small_archive: bytes, tmp_path: Path, command: Any
) -> tuple[Path, str, dict[str, Any]]:
    """A run that is complete, what it and the commands after it printed, run.json."""
    port = site.server_port
    for name in ("a.warc.gz", f"b.warc.gz;token={SECRET}", "c.warc.gz"):
        site.files[name] = small_archive
    inputs = [
        f"http://me:{SECRET}@127.0.0.1:{port}/a.warc.gz?auth={SECRET}#{SECRET}",
        f"http://127.0.0.1:{port}/b.warc.gz;token={SECRET}?{SECRET}",
        f"simplecache::http://me:{SECRET}@127.0.0.1:{port}/c.warc.gz",
        f"http://me:{SECRET}@127.0.0.1:{port}/gone.warc.gz?jwt={SECRET}",
        f"simplecache::http://me:{SECRET}@127.0.0.1:{port}/lost.warc.gz",
        f"http://me:x/{SECRET}@127.0.0.1:{port}/never.warc.gz",
    ]
    local = tmp_path / f"d.warc.gz?X-Amz-Signature={SECRET}"
    local.write_bytes(small_archive)
    inputs.append(str(local))
    (tmp_path / "own.py").write_text(OWN, "utf-8")
    options = {"https": {"headers": {"X-Auth": SECRET}}}
    recipe, out = tmp_path / "stages.yaml", tmp_path / "out"
    top = {"input": inputs, "output": str(out), "storage_options": options}
    head = "\n".join(f"{name}: {json.dumps(value)}" for name, value in top.items())
    recipe.write_text(head + RECIPE.replace("SECRET", SECRET), "utf-8")
    environment = {
        **os.environ,
        "TMPDIR": str(tmp_path),
        "PYTHONPATH": str(ROOT / "pipeline"),
    }
    printed = []

    def run(*arguments: str) -> Any:
        return subprocess.run(
            [sys.executable, "-m", "tamis", *arguments],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
        )

    for arguments in (
        ["check", str(recipe)],
        ["run", str(recipe)],
        ["report", str(out)],
        ["inspect", str(out), "--recipe", str(recipe), "-n", "2"],
        ["inspect", str(out), "--recipe", str(recipe), "--stage", "deduplicate", "-n", "2"],
        ["run", str(recipe), "--set", "allow_missing_inputs=0"],
        ["run", str(recipe), "--set", f"input=http://me:{SECRET}@127.0.0.1:{port}/none"],
    ):  # fmt: skip
        # What a library writes to the process's own streams matters in a run.
        is_run = arguments[0] == "run"
        done = run(*arguments) if is_run else command(*arguments, folder=tmp_path)
        code = done.returncode if is_run else done.code
        printed.append(f"$ {arguments[0]}: {code}\n{done.stdout}{done.stderr}")
        if len(printed) == 2:
            assert code == 0, printed
            book = json.loads((out / "run.json").read_text("utf-8"))
    return out, "\n".join(printed), book


def test_no_secret_of_an_input_is_in_any_byte_that_a_run_leaves_or_prints(
    ended: tuple[Path, str, dict[str, Any]], site: Any
) -> None:
    out, printed, book = ended
    codes = [line for line in printed.splitlines() if line.startswith("$ ")]
    assert [line.rpartition(" ")[2] for line in codes] == [*"00000", "1", "1"], printed
    assert book["complete"]
    assert len(book["missing_inputs"]) == 3
    assert SECRET not in printed
    found = [name for name, content in unpacked(out) if SECRET.encode() in content]
    assert found == []
    here = f"http://127.0.0.1:{site.server_port}"
    tables = [pq.read_table(path, columns=["warc_path"]) for f in ("mix", "dropped") for path in (out / f).glob("*.parquet")]  # fmt: skip
    (own,) = [one["name"] for one in book["inputs"] if one["name"].startswith("d.")]
    assert re.fullmatch(r"d\.warc\.gz-[0-9a-f]{16}", own)
    assert set(pa.concat_tables(tables)["warc_path"].to_pylist()) == {
        own,
        f"{here}/a.warc.gz",
        f"{here}/b.warc.gz",
        f"simplecache::{here}/c.warc.gz",
    }
    assert book["recipe"]["storage_options"] == {"https": {"headers": "..."}}
