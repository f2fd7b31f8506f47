"""The mix is the same whatever the executor, the splits, or what died on the way."""

import json
import os
import re
import signal
import subprocess
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pyarrow.parquet as pq
import pytest
from fixtures.patience import patient, wait_until

STABLE = ("mix", "duplicates", "dropped")
# Ray's own two may outlive it; workers and the guard's children must not.
AGENTS = ("ray::DashboardAgent", "ray::RuntimeEnvAgent")


def content(run: Path) -> dict[str, bytes]:
    return {
        f"{folder}/{path.name}": path.read_bytes()
        for folder in STABLE
        for path in sorted((run / folder).iterdir())
    }


def rows(run: Path, folder: str) -> list[dict[str, Any]]:
    found = [
        row
        for path in (run / folder).glob("*.parquet")
        for row in pq.read_table(path).to_pylist()
    ]
    return sorted(found, key=lambda row: (row["warc_path"], row["warc_offset"]))


@pytest.mark.ray
def test_ray_gives_the_same_bytes_with_other_splits(
    tamis: Any, sample_run: Path
) -> None:
    book = tamis.run("read_warc.split_bytes=64KiB", kind="ray")
    assert book["tasks_executed"]["extracted"] > 8
    assert tamis.published(*STABLE) == content(sample_run)
    for folder in ("extracted", "documents"):
        assert rows(tamis.output, folder) == rows(sample_run, folder)


def test_batches_change_nothing(tamis: Any, sample_run: Path) -> None:
    tamis.run("read_warc.batch_documents=1")
    assert tamis.published(*STABLE) == content(sample_run)


def test_a_mix_in_many_buckets_holds_the_same_rows(
    tamis: Any, sample_run: Path
) -> None:
    """Buckets of 16 kB against a corpus of 300 kB: what does not fit in memory."""
    tamis.run(
        "mix_corpus.bucket_bytes=16KiB",
        "mix_corpus.shard_bytes=20KiB",
        "read_warc.split_bytes=100KiB",
    )
    manifest = json.loads((tamis.output / "mix/_manifest.json").read_text("utf-8"))
    assert len(manifest["shards"]) > 30
    order = [
        (row["id"], row["epoch"])
        for shard in manifest["shards"]
        for row in pq.read_table(tamis.output / shard["path"]).to_pylist()
    ]
    whole = json.loads((sample_run / "mix/_manifest.json").read_text("utf-8"))
    expected = [
        (row["id"], row["epoch"])
        for shard in whole["shards"]
        for row in pq.read_table(sample_run / shard["path"]).to_pylist()
    ]
    assert order == expected


def test_another_seed_gives_another_order(tamis: Any, sample_run: Path) -> None:
    tamis.run("seed=8")
    first, second = (
        [
            row
            for path in (run / "mix").glob("*.parquet")
            for row in pq.read_table(path)["id"].to_pylist()
        ]
        for run in (tamis.output, sample_run)
    )
    assert first != second
    assert set(first) == set(second)


@pytest.mark.long  # half a minute
@pytest.mark.ray
def test_a_ray_that_ends_under_a_run_is_one_line_and_the_next_run_goes_on(
    tamis: Any, sample_run: Path
) -> None:
    settings = ("read_warc.split_bytes=64KiB", "executor.workers=1")
    driver = tamis.start(*settings, kind="ray")
    finished = _wait_for_commits(tamis.output, "extracted", 2, driver)
    children = psutil.Process(driver.pid).children(recursive=True)
    (raylet,) = [child for child in children if child.name() == "raylet"]
    raylet.kill()
    _, stderr = driver.communicate(timeout=patient(120))
    assert driver.returncode == 1
    line = stderr.splitlines()[-1]
    assert re.match(
        r"tamis: the Ray that this run started has ended .* work is kept$", line
    )
    assert "Traceback" not in stderr
    assert "worker died" not in line
    book = tamis.run(*settings)
    assert tamis.published(*STABLE) == content(sample_run)
    plan = json.loads((tamis.output / "plan.json").read_text())
    splits = sum(len(about["ranges"]) for about in plan["files"].values())
    assert book["tasks_executed"]["extracted"] <= splits - finished


@pytest.mark.ray
def test_a_killed_driver_and_killed_workers_change_nothing(
    tamis: Any, sample_run: Path
) -> None:
    """kill -9 after the first splits are finished; the next run does only the rest."""
    settings = ("read_warc.split_bytes=64KiB",)
    driver = tamis.start(*settings, kind="ray")
    finished = _wait_for_commits(tamis.output, "extracted", 2, driver)
    workers, agents = [], []
    for process in psutil.Process(driver.pid).children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            (agents if process.name() in AGENTS else workers).append(process)
    os.kill(driver.pid, signal.SIGKILL)
    driver.communicate()
    # Orphans may live on for a moment and finish what they hold; one dies in the act.
    for worker in workers[-1:]:
        if worker.is_running():
            worker.kill()
    book = tamis.run(*settings)
    assert tamis.published(*STABLE) == content(sample_run)
    plan = json.loads((tamis.output / "plan.json").read_text())
    splits = sum(len(about["ranges"]) for about in plan["files"].values())
    assert book["tasks_executed"]["extracted"] <= splits - finished
    _, alive = psutil.wait_procs(workers, timeout=patient(10))
    assert not [process for process in alive if process.name() not in AGENTS]
    for process in (*alive, *agents):
        with suppress(psutil.NoSuchProcess):
            process.kill()


@pytest.mark.long  # tests/work/test_tasks.py: how often others may kill a task's worker
@pytest.mark.ray
def test_workers_that_others_kill_cost_no_page(tamis: Any, sample_run: Path) -> None:
    """Whatever works on the first archive is killed, until five processes are gone."""
    killed: set[int] = set()
    # Both archives are one task each; only one worker, so that no other is hit.
    settings = ("executor.workers=1", "read_warc.split_bytes=1GiB")
    with tamis.start(*settings, kind="ray") as driver:

        def has_killed() -> bool:
            assert driver.poll() is None
            found = psutil.Process(driver.pid).children(recursive=True)
            for process in found:
                with suppress(psutil.Error):
                    command = " ".join(process.cmdline())
                    is_at_work = command.startswith("ray::samples-00000") or (
                        "tamis.work.processes" in command
                    )
                    if is_at_work and process.pid not in killed:
                        time.sleep(0.5)  # somewhere in its work
                        process.kill()
                        killed.add(process.pid)
            return len(killed) >= 5

        wait_until(has_killed, within=180)
        _, complaint = driver.communicate(timeout=patient(180))
    assert driver.returncode == 0, complaint
    assert tamis.published(*STABLE) == content(sample_run)


@pytest.mark.long
def test_a_run_killed_again_and_again_changes_nothing(
    tamis: Any, sample_run: Path
) -> None:
    """kill -9 whenever another commit is there, wherever that catches the run."""
    settings = ("read_warc.split_bytes=64KiB",)
    kills = 0
    while True:
        before = _commits(tamis.output)
        with tamis.start(*settings, kind="inline") as driver:
            wait_until(partial(_has_moved, driver, tamis.output, before), within=120)
            driver.kill()
        if driver.returncode == 0:
            break
        assert driver.returncode == -signal.SIGKILL
        kills += 1
    assert kills > 10
    assert tamis.published(*STABLE) == content(sample_run)


def _has_moved(
    driver: "subprocess.Popen[str]", output: Path, before: set[Path]
) -> bool:
    return driver.poll() is not None or bool(_commits(output) - before)


def _commits(output: Path) -> set[Path]:
    return set((output / "commits").glob("*/*.json"))


def _wait_for_commits(
    output: Path, group: str, count: int, driver: "subprocess.Popen[str]"
) -> int:
    """How many there are, `count` or more."""
    finished: list[Path] = []

    def has_committed() -> bool:
        assert driver.poll() is None, "the run ended before it could be killed"
        finished[:] = (output / "commits" / group).glob("*.json")
        return len(finished) >= count

    wait_until(has_committed, within=120)
    return len(finished)


def test_archives_in_another_folder_give_the_same_bytes_and_redo_nothing(
    tmp_path: Path, small_archive: bytes, tamis: Any
) -> None:
    here, there = tmp_path / "here", tmp_path / "CC/there"
    here.mkdir()
    (here / "a.warc.gz").write_bytes(small_archive)
    tamis.run(f"input={here}/*.warc.gz")
    first = tamis.published(*STABLE, "documents")
    there.parent.mkdir()
    here.rename(there)
    book = tamis.run(f"input={there}/*.warc.gz")
    assert book["tasks_executed"] == {}
    assert tamis.published(*STABLE, "documents") == first
    assert all(str(tmp_path).encode() not in file for file in first.values())
    assert book["inputs"][0]["path"] == f"{there}/a.warc.gz"
