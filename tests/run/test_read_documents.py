"""A run over documents of other runs, and over text that was extracted elsewhere."""

import gzip
import json
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from conftest import tamis_command
from fixtures.recipes import POISON, own_recipe

from tamis import Run
from tamis.documents.of_run import inputs_of
from tamis.recipe.load import load_recipe

LANGUAGES = (
    "[fra, eng, deu, spa, ita, por, nld, pol, rus, ell, arb, cmn, jpn, hin, tha]"
)


@pytest.fixture(scope="module")
def finished(
    tmp_path_factory: pytest.TempPathFactory, tamis_on: Callable[..., Any]
) -> Any:
    """A run over the samples."""
    run = tamis_on(tmp_path_factory.mktemp("finished") / "out")
    run.run()
    return run


def recipe(folder: Path, source: dict[str, Any], stages: str, top: str = "") -> Path:
    path = folder / "documents.yaml"
    path.write_text(
        f"{top}output: out/\nseed: 7\nlanguages: {LANGUAGES}\nexecutor: inline\nstages:\n"
        f"  - read_documents: {json.dumps(source)}\n{stages}",
        "utf-8",
    )
    return path


MIX = "  - save: documents\n  - mix_corpus: {alpha: 0.3, shard_bytes: 256MiB}\n"
BEHIND = own_recipe().partition("  - measure_text")[2]
ALL = f"  - identify_language\n  - measure_text{BEHIND}"


def test_the_mix_of_a_run_is_that_of_its_documents(
    tmp_path: Path, finished: Any, tamis_on: Callable[..., Any]
) -> None:
    path = recipe(tmp_path, {"runs": [str(finished.output)]}, MIX)
    again = tamis_on(tmp_path / "again", path)
    summary = again.run()
    assert again.published("mix") == finished.published("mix")
    kept = Run(finished.output).documents(before="mix_corpus", kept=True).read_all()
    own = Run(again.output).documents(before="mix_corpus").read_all()
    assert set(kept.column_names) == set(own.column_names)
    assert summary["stages"]["read_documents"]["documents_in"] == kept.num_rows


def test_all_documents_are_those_of_the_last_save(
    tmp_path: Path, finished: Any, tamis_on: Callable[..., Any]
) -> None:
    path = recipe(tmp_path, {"runs": [str(finished.output)], "documents": "all"}, MIX)
    summary = tamis_on(tmp_path / "all", path).run()
    saved = Run(finished.output).documents().read_all()
    assert summary["stages"]["read_documents"]["documents_out"] == saved.num_rows


def test_a_run_that_reads_the_same_again_does_nothing(
    tmp_path: Path, finished: Any, tamis_on: Callable[..., Any]
) -> None:
    path = recipe(tmp_path, {"runs": [str(finished.output)]}, MIX)
    again = tamis_on(tmp_path / "again", path)
    again.run()
    assert again.run()["tasks_executed"] == {}


def test_the_tables_of_a_run_are_parsed_once_until_it_runs_again(
    tmp_path: Path, tamis_on: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from tamis.stages import read_documents as module

    parsed: list[str] = []

    def counted(storage: Any) -> Any:
        parsed.append(storage.root)
        return inputs_of(storage)

    monkeypatch.setattr(module, "inputs_of", counted)
    first = tamis_on(tmp_path / "first")
    first.run()
    path = recipe(tmp_path, {"runs": [str(first.output)]}, MIX)
    (stage, *_) = load_recipe(path).stages
    (fact,) = stage.facts()
    assert stage.inputs()
    assert parsed == [str(first.output)]
    sent = pickle.loads(pickle.dumps(stage))
    assert sent.columns_written() == stage.columns_written()
    assert parsed == [str(first.output)]  # a worker needs no more than the columns
    assert len(pickle.dumps(stage)) < 20_000
    first.run("read_warc.max_html_bytes=20000")
    (after,) = stage.facts()
    assert after != fact
    assert len(parsed) == 2


def test_a_run_that_is_named_with_another_of_the_same_archives_is_refused(
    tmp_path: Path, finished: Any, tamis_on: Callable[..., Any]
) -> None:
    other = tamis_on(tmp_path / "other")
    other.run("deduplicate.exact=false")
    runs = [str(finished.output), str(other.output)]
    ended = tamis_command("check", str(recipe(tmp_path, {"runs": runs}, MIX)))
    assert ended.code == 2
    assert "are documents of one archive" in ended.stderr


@pytest.mark.parametrize("run", ["nowhere", "empty"])
def test_a_folder_that_is_no_finished_run_is_a_line(tmp_path: Path, run: str) -> None:
    (tmp_path / "empty").mkdir()
    ended = tamis_command("check", str(recipe(tmp_path, {"runs": [run]}, MIX)))
    assert ended.code == 2
    assert re.search(
        rf"documents.yaml:\d+: .*{run}: no run has ended here", ended.stderr
    )


def test_input_and_runs_exclude_each_other(tmp_path: Path, finished: Any) -> None:
    source = {"runs": [str(finished.output)]}
    both = recipe(tmp_path, source, MIX, top="input: a.jsonl\n")
    assert "leave `input` out" in tamis_command("check", str(both)).stderr
    none = recipe(tmp_path, {}, "  - save: documents\n")
    assert "input: it is needed" in tamis_command("check", str(none)).stderr


def export(run: Any, folder: Path) -> list[dict[str, Any]]:
    """The kept documents of a run as JSON lines, plain and packed, and as Parquet."""
    rows = Run(run.output).documents(kept=True, before="mix_corpus").read_all()
    own = rows.select(["text", "url", "title"])
    third = own.num_rows // 3
    found = own.to_pylist()
    for number, name in enumerate(["a.jsonl", "b.jsonl.gz"]):
        some = found[number * third : (number + 1) * third]
        content = "".join(json.dumps(row) + "\n" for row in some).encode()
        (folder / name).write_bytes(
            gzip.compress(content) if name.endswith("gz") else content
        )
    pq.write_table(own.slice(2 * third), folder / "c.parquet", row_group_size=20)
    return found


@pytest.fixture
def elsewhere(tmp_path: Path, finished: Any, tamis_on: Callable[..., Any]) -> Any:
    export(finished, tmp_path)
    top = f"input: ['{tmp_path}/*.jsonl', '{tmp_path}/*.gz', '{tmp_path}/*.parquet']\n"
    path = recipe(tmp_path, {"fields": {"title": "title"}}, ALL, top)
    return tamis_on(tmp_path / "out", path)


def test_everything_behind_works_on_text_from_elsewhere(
    elsewhere: Any, finished: Any
) -> None:
    summary = elsewhere.run()
    kept = Run(finished.output).documents(kept=True, before="mix_corpus").read_all()
    assert summary["stages"]["read_documents"]["documents_in"] == kept.num_rows
    run = Run(elsewhere.output)
    mixed = set(run.mix().to_table()["text"].to_pylist())
    # Personal data is masked already, so masking again changes nothing.
    assert mixed <= set(kept["text"].to_pylist())
    assert len(mixed) > 0.9 * kept.num_rows
    ended = tamis_command(
        "inspect", str(elsewhere.output), "--url", kept["url"][0].as_py()
    )
    assert ended.code == 0
    assert kept["url"][0].as_py() in ended.stdout


def test_splits_and_batches_change_no_byte(elsewhere: Any) -> None:
    elsewhere.run()
    published = elsewhere.published("mix", "dropped")
    elsewhere.output = elsewhere.output.with_name("other")
    elsewhere.run("read_documents.split_bytes=9000", "read_documents.batch_documents=5")
    assert elsewhere.published("mix", "dropped") == published


@pytest.mark.long  # test_bad_days.py: pages; here the reader differs
def test_a_document_that_kills_its_worker_costs_itself(
    tmp_path: Path, elsewhere: Any
) -> None:
    text = elsewhere.recipe.read_text("utf-8")
    elsewhere.run()
    url = Run(elsewhere.output).mix().to_table()["url"][9].as_py()
    (tmp_path / "poison.py").write_text(POISON, "utf-8")
    entry = f"  - {tmp_path}/poison.py:Poison: {{url: '{url}'}}\n  - measure_text"
    elsewhere.recipe.write_text(text.replace("  - measure_text", entry), "utf-8")
    elsewhere.start(kind="ray").communicate()
    summary = json.loads((elsewhere.output / "run.json").read_text("utf-8"))
    dropped = Run(elsewhere.output).dropped().to_table()
    crashed = [r for r in dropped.to_pylist() if r["reason"] == "worker_crash"]
    assert [row["url"] for row in crashed] == [url]
    counts = summary["stages"]["read_documents"]
    assert counts["documents_in"] == counts["documents_out"]


def test_lost_lines_are_shown_and_end_a_run_with_one(
    tmp_path: Path, tamis_on: Callable[..., Any]
) -> None:
    lines = [
        json.dumps({"text": f"Une phrase entière, la {n}e du fichier."})
        for n in range(50)
    ]
    lines[20] = lines[20][:-2]
    (tmp_path / "a.jsonl").write_text("\n".join(lines), "utf-8")
    path = recipe(tmp_path, {}, ALL, f"input: '{tmp_path}/a.jsonl'\n")
    ended = tamis_command(*tamis_on(tmp_path / "out", path).arguments())
    assert ended.code == 1
    assert "2.00% of the records are lost" in ended.stderr
    summary = json.loads((tmp_path / "out" / "run.json").read_text("utf-8"))
    assert summary["source"]["records_lost"] == 1
