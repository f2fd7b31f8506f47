"""Whatever a result depends on redoes its pass, and what depends on it, once changed."""

import gzip
import json
import os
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from tamis.stage import BatchFunction, Stage, Transform, with_columns
from tamis.stages.deduplicate import Deduplicate
from tamis.stages.filter_quality import FilterQuality
from tamis.stages.identify_language import IdentifyLanguage
from tamis.stages.measure_text import MeasureText
from tamis.stages.mix_corpus import MixCorpus

# Groups of tasks from the top of the recipe to its end.
STEPS = ("extracted", "documents", "decisions", "deduplicate-ids", "mix_corpus-scatter")


def steps_of(executed: dict[str, int]) -> tuple[str, ...]:
    """Those of STEPS that ran."""
    return tuple(step for step in STEPS if step in executed)


@pytest.fixture(scope="module")
def small_corpus(
    tmp_path_factory: pytest.TempPathFactory, small_archive: bytes, tamis_on: Any
) -> Path:
    """A folder with two archives of forty records, and `out`, a finished run over them."""
    folder = tmp_path_factory.mktemp("small")
    for name in ("a", "b"):
        (folder / f"{name}.warc.gz").write_bytes(small_archive)
    assert steps_of(run_small(tamis_on(folder / "out"), folder)) == STEPS
    return folder


@pytest.fixture
def again(small_corpus: Path, tmp_path: Path, tamis_on: Any) -> Callable[..., Any]:
    """`again("seed=8")`: the tasks of a run that goes on from a copy of the finished one."""
    shutil.copytree(small_corpus / "out", tmp_path / "out")
    return partial(run_small, tamis_on(tmp_path / "out"), small_corpus)


def run_small(tamis: Any, folder: Path, *settings: str) -> dict[str, int]:
    """The tasks of a run over the archives of a folder."""
    executed: dict[str, int] = tamis.run(f"input={folder}/*.warc.gz", *settings)[
        "tasks_executed"
    ]
    return executed


@pytest.mark.parametrize(
    ("stage", "redone"),
    [
        pytest.param(IdentifyLanguage, ("extracted",), id="above the first save"),
        pytest.param(MeasureText, ("documents",), id="above the second save"),
        pytest.param(FilterQuality, STEPS[2:], id="a filter on columns"),
        pytest.param(Deduplicate, STEPS[3:], id="a barrier"),
        pytest.param(MixCorpus, STEPS[4:], id="the mix"),
    ],
)
def test_another_version_of_a_stage_is_run_again(
    again: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    stage: type[Stage],
    redone: tuple[str, ...],
) -> None:
    """Saved files are named by their content: the same bytes redo nothing below."""
    assert again() == {}
    monkeypatch.setattr(stage, "version", stage.version + 1)
    assert steps_of(again()) == redone


@pytest.mark.parametrize(
    ("stage", "column", "redone"),
    [
        pytest.param(IdentifyLanguage, "language_score", STEPS, id="first save"),
        pytest.param(MeasureText, "word_count", STEPS[1:], id="second save"),
    ],
)
def test_other_values_of_another_version_redo_what_is_below(
    again: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    stage: type[Transform],
    column: str,
    redone: tuple[str, ...],
) -> None:
    """The new version adds 1 to what the old one measured."""
    measured = stage.build

    def build(self: Transform) -> BatchFunction:
        function = measured(self)

        def with_one_more(batch: pa.RecordBatch) -> pa.RecordBatch:
            after = function(batch)
            one = pa.scalar(1, after[column].type)
            return with_columns(after, {column: pc.add(after[column], one)})

        return with_one_more

    assert again() == {}
    monkeypatch.setattr(stage, "version", stage.version + 1)
    monkeypatch.setattr(stage, "build", build)
    assert steps_of(again()) == redone


def words(path: Path, *, is_changed: bool) -> None:
    path.write_text(f"strict\t{'lamp' if is_changed else 'broa'}\n", "utf-8")


def domains(path: Path, *, is_changed: bool) -> None:
    path.write_text(
        f"{'gazette-du-marais' if is_changed else 'jornal-da-ribeira'}.example\n",
        "utf-8",
    )


def bounds(path: Path, *, is_changed: bool) -> None:
    least = 61 if is_changed else 51
    path.write_text(f"fra: {{word_count: [{least}, null]}}\n", "utf-8")


def tokenizer(path: Path, *, is_changed: bool) -> None:
    known = {"[UNK]": 0, "les" if is_changed else "des": 1}
    model = Tokenizer(WordLevel(known, unk_token="[UNK]"))
    model.pre_tokenizer = Whitespace()
    model.save(str(path))


@pytest.mark.parametrize(
    ("setting", "write", "redone"),
    [
        pytest.param("filter_url.word_lists=[{}]", words, STEPS, id="words"),
        pytest.param("filter_url.lists=[{}]", domains, STEPS, id="blocklist"),
        pytest.param("filter_quality.thresholds={}", bounds, STEPS[2:], id="bounds"),
        pytest.param("mix_corpus.tokenizer={}", tokenizer, STEPS[4:], id="tokenizer"),
    ],
)
def test_another_content_of_a_named_file_redoes_what_reads_it(
    again: Callable[..., Any],
    tmp_path: Path,
    setting: str,
    write: Callable[..., None],
    redone: tuple[str, ...],
) -> None:
    """Of the same size: the bytes tell."""
    path = tmp_path / "named.txt"
    write(path, is_changed=False)
    size = path.stat().st_size
    setting = setting.format(path)
    again(setting)
    assert again(setting) == {}
    write(path, is_changed=True)
    assert path.stat().st_size == size
    assert steps_of(again(setting)) == redone


def test_an_archive_of_the_same_size_and_time_is_read_again(
    tmp_path: Path, small_archive: bytes, tamis_on: Any
) -> None:
    """Records are stored, not compressed, so that one word less one more changes no size."""
    tamis = tamis_on(tmp_path / "out")
    records = gzip.decompress(small_archive)
    word, other = b"canton", b"bourgs"
    assert word in records
    for name in ("a", "b"):
        path = tmp_path / f"{name}.warc.gz"
        path.write_bytes(gzip.compress(records, 0, mtime=0))
    assert run_small(tamis, tmp_path)["extracted"] == 2
    assert run_small(tamis, tmp_path) == {}
    before = path.stat()
    os.utime(path)  # another time alone is no change
    assert run_small(tamis, tmp_path) == {}
    path.write_bytes(gzip.compress(records.replace(word, other), 0, mtime=0))
    assert path.stat().st_size == before.st_size
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    executed = run_small(tamis, tmp_path)
    assert executed["extracted"] == 1
    assert steps_of(executed) == STEPS
    tables = json.loads((tmp_path / "out/tables.json").read_text("utf-8"))
    texts = {
        name: "".join(
            text
            for own, files in tables["inputs"].items()
            if own.startswith(f"{name}.warc.gz-")
            for file in files["saved"]
            for text in pq.read_table(tmp_path / "out" / file)["text"].to_pylist()
        )
        for name in ("a", "b")
    }
    assert (word.decode() in texts["a"], other.decode() in texts["a"]) == (True, False)
    assert (word.decode() in texts["b"], other.decode() in texts["b"]) == (False, True)
    plan = json.loads((tmp_path / "out/plan.json").read_text("utf-8"))
    assert len({about["size"] for about in plan["files"].values()}) == 1
