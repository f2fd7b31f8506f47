"""`--metrics-file`: the numbers of run.json as OpenMetrics text, read by Prometheus' parsers."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import parser as older
from prometheus_client.openmetrics import parser

from tamis.runner.live import Live
from tamis.runner.metrics import Family, MetricsFile, as_text, families_of_state
from tamis.storage import Storage
from tamis.work.commits import Commit
from tamis.work.executors import InlineExecutor
from tamis.work.tasks import Silent

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def samples(text: str, parse: Any = parser) -> Samples:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in parse.text_string_to_metric_families(text)
        for sample in family.samples
    }


def by(found: Samples, name: str) -> dict[tuple[str, ...], float]:
    """The values of a metric by its labels' values, in the order of their names."""
    return {
        tuple(value for _, value in sorted(labels)): number
        for (own, labels), number in found.items()
        if own == name
    }


@pytest.fixture(scope="module")
def written(
    tmp_path_factory: pytest.TempPathFactory, tamis_on: Any, command: Callable[..., Any]
) -> tuple[str, dict[str, Any]]:
    """The file, and run.json, of a run over a damaged archive and a good one."""
    folder = tmp_path_factory.mktemp("metrics")
    samples_of = Path(__file__).resolve().parents[2] / "samples"
    content = (samples_of / "samples-00000.warc.gz").read_bytes()
    half = len(content) // 2
    broken = content[:half] + bytes(2000) + content[half + 2000 :]
    (folder / "broken.warc.gz").write_bytes(broken)
    run = tamis_on(folder / "out")
    setting = [f"input={folder}/*.warc.gz", "max_lost=1"]
    ended = command(
        *run.arguments(*setting), "--metrics-file", str(folder / "tamis.prom")
    )
    assert ended.code == 0, ended.stderr
    summary = json.loads((run.output / "run.json").read_text("utf-8"))
    return (folder / "tamis.prom").read_text("utf-8"), summary


@pytest.mark.parametrize("parse", [parser, older], ids=["OpenMetrics", "Prometheus"])
def test_the_numbers_are_those_of_run_json(
    parse: Any, written: tuple[str, dict[str, Any]]
) -> None:
    text, summary = written
    found = samples(text, parse)
    stages = summary["stages"]

    def alone(name: str) -> float:
        return by(found, name)[()]

    assert alone("tamis_records_total") == summary["source"]["records"] > 50
    assert alone("tamis_pages_total") == summary["source"]["admitted"] > 50
    assert alone("tamis_input_bytes") == sum(o["bytes"] for o in summary["inputs"])
    assert alone("tamis_run_seconds") == summary["seconds"]
    lost = summary["lost"]
    assert alone("tamis_lost_records_total") == lost["records"]
    assert alone("tamis_lost_bytes_total") == lost["bytes"] > 0
    assert alone("tamis_inputs_set_aside") == lost["set_aside"]
    assert alone("tamis_requests_retried_total") == lost["requests"]
    assert by(found, "tamis_tasks_executed_total") == {
        (step,): count for step, count in summary["tasks_executed"].items()
    }
    assert by(found, "tamis_stage_documents_total") == {
        (label,): stage["documents_in"] for label, stage in stages.items()
    }
    assert by(found, "tamis_stage_seconds_total") == {
        (label,): stage["seconds"]
        for label, stage in stages.items()
        if "seconds" in stage
    }
    dropped = {
        (reason, label): sum(amount["documents"] for amount in amounts.values())
        for label, stage in stages.items()
        for reason, amounts in stage["dropped"].items()
    }
    assert by(found, "tamis_dropped_total") == dropped
    assert len(dropped) > 5
    phases = by(found, "tamis_run_phase")
    assert {name for (name,), is_so in phases.items() if is_so} == {"complete"}


def test_a_failed_run_leaves_its_numbers_and_says_that_it_failed(
    tmp_path: Path,
) -> None:
    file = MetricsFile(tmp_path / "tamis.prom", lambda message: None)
    live = Live(
        Silent(),
        Storage(str(tmp_path / "out")),
        InlineExecutor(),
        ["documents"],
        lambda state, counts: file.write(families_of_state(state, counts)),
    )
    tally = {
        "source": {"records": 7, "admitted": 5, "records_lost": 1, "bytes_lost": 90},
        "stages": {"read_warc": {"documents_in": 5, "documents_out": 5, "dropped": {}}},
    }
    live.begin("documents", 2)
    live.advance("documents", Commit("a", "f", tally=tally), redone=False)
    live.advance("documents", Commit("b", "f", tally=tally), redone=True)
    with pytest.raises(OSError, match="full"), live.beating():
        raise OSError("the disk is full")
    found = samples((tmp_path / "tamis.prom").read_text("utf-8"))
    assert by(found, "tamis_run_phase")[("failed",)] == 1
    assert by(found, "tamis_records_total")[()] == 7  # what this run has read itself
    assert by(found, "tamis_tasks_executed_total") == {("documents",): 1}
    assert by(found, "tamis_lost_bytes_total")[()] == 90


@pytest.mark.parametrize("parse", [parser, older], ids=["OpenMetrics", "Prometheus"])
@pytest.mark.parametrize(
    "value", ['a "quoted" one', "back\\slash\\n", "two\nlines", "}{,=", "ночь 夜", ""]
)
def test_any_name_comes_back_as_it_was(value: str, parse: Any) -> None:
    family = Family("tamis_x", "counter", "Of a test.", (((("stage", value),), 3),))
    assert by(samples(as_text([family]), parse), "tamis_x_total") == {(value,): 3.0}


def test_a_metric_without_samples_is_left_out() -> None:
    assert as_text([Family("tamis_x", "gauge", "Of a test.", ())]) == "# EOF\n"


def test_the_folder_of_the_file_is_looked_for_before_the_run(
    tamis: Any, command: Callable[..., Any], tmp_path: Path
) -> None:
    missing = tmp_path / "nowhere" / "tamis.prom"
    ended = command(*tamis.arguments(), "--metrics-file", str(missing))
    assert ended.code == 2
    assert ended.stderr.startswith(f"tamis: --metrics-file {missing}: ")
    assert not tamis.output.exists()


def test_a_file_that_cannot_be_written_is_said_once_and_stops_nothing(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    said: list[str] = []
    file = MetricsFile(folder / "tamis.prom", said.append)
    folder.rmdir()
    file.write([])
    file.write([])
    (line,) = said
    assert line.startswith("the metrics cannot be written: ")
