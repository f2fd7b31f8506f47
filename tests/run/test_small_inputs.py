"""Many small archives are read together, and nothing else is different."""

import gc
import gzip
import json
import re
import signal
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from fixtures.recipes import POISON, own_recipe

from tamis import Run
from tamis.inputs import InputFile
from tamis.runner import run as run_module
from tamis.runner.finish import finish
from tamis.runner.passes import splits, units
from tamis.runner.passes.chain import run_split
from tamis.runner.passes.units import units_of
from tamis.storage import Storage
from tamis.work import ledger
from tamis.work.ledger import records_of, remove_records
from tamis.work.tasks import WHOLE

COUNT = 24


def pages(archive: Path) -> list[bytes]:
    """The members of an archive that are responses."""
    content, found = archive.read_bytes(), []
    while content:
        member = zlib.decompressobj(31)
        if b"WARC-Type: response" in member.decompress(content)[:400]:
            found.append(content[: len(content) - len(member.unused_data)])
        content = member.unused_data
    return found


@pytest.fixture
def grouped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(units, "FEWEST_SMALL", 5)
    monkeypatch.setattr(units, "_ENDS", 8)


@pytest.fixture
def small(tmp_path: Path, samples: Path, tamis_on: Callable[..., Any]) -> Any:
    """The recipe of the repository over archives of one page."""
    for number, page in enumerate(pages(samples / "samples-00000.warc.gz")[:COUNT]):
        (tmp_path / f"page-{number:02}.warc.gz").write_bytes(page)
    path = tmp_path / "stages.yaml"
    inputs = f"input: {tmp_path}/*.warc.gz"
    text = re.sub(r"^input: \S+", inputs, own_recipe(), flags=re.MULTILINE)
    path.write_text(text, "utf-8")
    return tamis_on(tmp_path / "out", path)


def rows_of(output: Path, folder: str) -> list[str]:
    rows = [
        json.dumps(row, sort_keys=True, default=str)
        for path in (output / folder).glob("*.parquet")
        for row in pq.read_table(path).to_pylist()
    ]
    return sorted(rows)


def counts(summary: dict[str, Any]) -> dict[str, Any]:
    """The numbers of a run but its seconds."""
    for about in summary["stages"].values():
        about.pop("seconds", None)
    kept = ("stages", "columns", "source", "lost", "missing_inputs", "inputs")
    return {name: summary[name] for name in kept}


def parts_of(output: Path) -> dict[str, list[str]]:
    tables = json.loads((output / "tables.json").read_text("utf-8"))["inputs"]
    return {name: about["inputs"] for name, about in tables.items()}


def archives_read(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Fills with the archives that each task of the source pass has read from now on."""
    read: list[list[str]] = []

    def noted(outputs: Any, work: Any, source: Any, some: Any, *rest: Any) -> Any:
        read.append([Path(split.path).name for split in some])
        return run_split(outputs, work, source, some, *rest)

    monkeypatch.setattr(splits, "run_split", noted)
    return read


def damaged(folder: Path) -> None:
    """One archive that is none, and one whose page is cut."""
    (folder / "page-03.warc.gz").write_bytes(gzip.compress(b"a letter, no archive\n"))
    cut = folder / "page-07.warc.gz"
    cut.write_bytes(cut.read_bytes()[:-40])


@pytest.mark.parametrize("is_damaged", [False, True])
def test_small_archives_give_the_same_together_and_apart(
    small: Any, request: pytest.FixtureRequest, is_damaged: bool
) -> None:
    output, folder = small.output, small.recipe.parent
    settings = ["dropped.text=true", "max_lost=1"]
    if is_damaged:
        damaged(folder)
        settings.append("allow_missing_inputs=1")
    apart = counts(small.run(*settings))
    mix = small.published("mix")
    dropped = rows_of(output, "dropped")
    assert len(parts_of(output)) == COUNT - is_damaged
    output.rename(folder / "apart")

    request.getfixturevalue("grouped")
    summary = small.run(*settings)
    assert counts(summary) == apart
    assert small.published("mix") == mix
    assert rows_of(output, "dropped") == dropped
    named = parts_of(output)
    assert len(named) < (COUNT if is_damaged else COUNT / 2)
    assert sorted(name for some in named.values() for name in some) == sorted(
        name for some in parts_of(folder / "apart").values() for name in some
    )
    if is_damaged:
        (missing,) = summary["missing_inputs"].values()
        assert "page-03.warc.gz: no WARC or ARC record in it" in missing
        assert list(summary["lost"]["inputs"]) == [
            row["name"] for row in summary["inputs"] if "page-07" in row["name"]
        ]
    read = archives_read(request.getfixturevalue("monkeypatch"))
    assert small.run(*settings)["tasks_executed"] == {}
    assert read == ([["page-03.warc.gz"]] if is_damaged else [])


@pytest.mark.usefixtures("grouped")
def test_one_archive_more_redoes_the_group_it_falls_into(
    small: Any, samples: Path
) -> None:
    first = small.run()["tasks_executed"]["extracted"]
    added = pages(samples / "samples-00000.warc.gz")[COUNT]
    (small.recipe.parent / "page-10b.warc.gz").write_bytes(added)
    assert small.run()["tasks_executed"]["extracted"] <= 2 < first


@pytest.mark.long
def test_a_page_that_ends_its_process_costs_itself_and_none_of_its_group(
    tmp_path: Path, samples: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Inline it ends the run: the next one reads the archives of its group apart."""
    own = pages(samples / "samples-00000.warc.gz")[:110]
    for number, page in enumerate(own):
        (tmp_path / f"page-{number:03}.warc.gz").write_bytes(page)
    (tmp_path / "page-061.warc.gz").write_bytes(own[61][:-40])
    (tmp_path / "poison.py").write_text(POISON, "utf-8")
    url = re.search(rb"WARC-Target-URI: (\S+)", gzip.decompress(own[60]))
    assert url is not None
    stage = f"  - poison.py:Poison: {{url: '{url[1].decode()}'}}\n  - extract_text"
    inputs = f"input: {tmp_path}/*.warc.gz"
    text = re.sub(r"^input: \S+", inputs, own_recipe(), flags=re.MULTILINE)
    text = re.sub(r"^output: \S+", f"output: {tmp_path}/out", text, flags=re.MULTILINE)
    recipe = tmp_path / "stages.yaml"
    recipe.write_text(text.replace("  - extract_text", stage), "utf-8")
    command = [sys.executable, "-m", "tamis", "run", str(recipe)]
    command += ["--set", "executor.kind=inline", "--set", "max_lost=1"]
    ended = [
        subprocess.run(command, capture_output=True, text=True, check=False)
        for _ in range(3)
    ]
    codes = [one.returncode for one in ended]
    assert codes[0] == -signal.SIGSEGV
    assert codes[-1] == 0, ended[-1].stderr
    rows = Run(tmp_path / "out").dropped().to_table().to_pylist()
    crashed = [row["url"] for row in rows if row["reason"] == "worker_crash"]
    assert crashed == [url[1].decode()]
    summary = json.loads((tmp_path / "out" / "run.json").read_text("utf-8"))
    assert summary["source"]["admitted"] == len(own) - 1
    assert ["page-061" in name for name in summary["lost"]["inputs"]] == [True]


@pytest.mark.usefixtures("grouped")
def test_what_the_tallies_of_a_step_add_up_to_is_released_with_the_step(
    small: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of a barrier's tasks too, which nobody adds up."""
    monkeypatch.setattr(ledger, "FEWEST", 1)
    small.run()
    storage = Storage(str(small.output))
    own = [name for name, commit in records_of(storage) if commit.key == WHOLE]
    remove_records(storage, own)
    seen: list[int] = []

    def finished(*arguments: Any, **named: Any) -> Any:
        seen.append(sum(isinstance(one, ledger.Sum) for one in gc.get_objects()))
        return finish(*arguments, **named)

    monkeypatch.setattr(run_module, "finish", finished)
    summary = small.run()
    assert set(summary["tasks_executed"]).isdisjoint({"extracted", "documents"})
    assert seen == [0]


@pytest.mark.usefixtures("grouped")
def test_texts_of_small_archives_are_found_again(small: Any) -> None:
    small.run("mix_corpus.weights={fra: 1}", "dropped.text=false")
    run = Run(small.output)
    assert "24 inputs" in repr(run)
    rows = run.dropped().to_table().to_pylist()
    barrier = [row for row in rows if row["stage"] == "mix_corpus"]
    texts = {
        row["url"]: row["text"]
        for row in run.documents(columns=["url", "text"]).read_all().to_pylist()
    }
    assert barrier
    for row in barrier:
        assert run.text_of({**row, "text": None}) == texts[row["url"]]


def files(sizes: dict[str, int]) -> list[InputFile]:
    return [
        InputFile(f"/in/{name}", name, size) for name, size in sorted(sizes.items())
    ]


def grouped_names(sizes: dict[str, int]) -> list[tuple[str, ...]]:
    own = files(sizes)
    ranges = {file.name: [(0, file.size)] for file in own}
    found = units_of(own, ranges)
    flat = [file for unit in found for file in unit.files]
    assert sorted(flat, key=lambda file: file.name) == own
    return [tuple(file.name for file in unit.files) for unit in found]


def test_groups_depend_on_names_and_sizes_alone() -> None:
    sizes = {f"a-{n:05}.warc.gz": 2000 + n for n in range(5000)}
    before = set(grouped_names(sizes))
    assert 40 < len(before) < 160
    assert max(map(len, before)) <= 256
    sizes["a-02500b.warc.gz"] = 5
    assert len(set(grouped_names(sizes)) - before) <= 3
    del sizes["a-00017.warc.gz"]
    assert len(set(grouped_names(sizes)) - before) <= 6


def test_large_files_and_few_small_ones_stay_alone() -> None:
    sizes = {f"a-{n:03}": 1000 for n in range(99)}
    assert all(len(unit) == 1 for unit in grouped_names(sizes))
    sizes |= {f"b-{n:03}": 1000 for n in range(9)} | {"a-050z": 1 << 30, "c": 1 << 62}
    found = grouped_names(sizes)
    assert ("a-050z",) in found
    assert ("c",) in found
    assert max(map(len, found)) > 1
    assert grouped_names({}) == []
