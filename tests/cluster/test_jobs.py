"""Jobs on a real head, which has `ray[default]` as the lock says."""

import importlib.util
import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import requests
from fixtures.patience import patient, wait_until

import tamis
from tamis.runner.jobs import submission_of
from tamis.storage import Storage
from tamis.work.ray_jobs import Jobs

pytestmark = [pytest.mark.long, pytest.mark.ray]

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a cluster has and one machine has not, from the package index."""
    spec = importlib.util.spec_from_file_location(
        "wheelhouse", ROOT / "tools" / "wheelhouse.py"
    )
    assert spec is not None
    assert spec.loader is not None
    wheelhouse = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(wheelhouse)
    own, alone = (
        wheelhouse.entries((ROOT / name).read_text("utf-8"))
        for name in ("requirements-cluster.lock", "requirements.lock")
    )
    known = {entry.split("==")[0] for entry in alone}
    folder = tmp_path_factory.mktemp("packages")
    lock = folder / "more.lock"
    more = [entry for entry in own if entry.split("==")[0] not in known]
    lock.write_text("".join(f"{entry}\n" for entry in more), "utf-8")
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"),
            *("--disable-pip-version-check", "--require-hashes", "--only-binary"),
            *(":all:", "--target", str(folder / "site"), "-r", str(lock)),
        ],
        check=True,
    )
    return folder / "site"


@contextmanager
def exported(address: str) -> Iterator[set[str]]:
    """The names of ours among the metrics that a node exports while the block runs."""
    found: set[str] = set()
    is_over = threading.Event()

    def scrape() -> None:
        while not is_over.wait(1.0):
            with suppress(requests.RequestException):
                text = requests.get(address, timeout=5).text
                found.update(re.findall(r"^(ray_tamis_\w+)\{", text, re.MULTILINE))

    thread = threading.Thread(target=scrape, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        is_over.set()
        thread.join()


def test_a_recipe_is_submitted_joined_stopped_and_goes_on(
    cluster_with: Callable[..., Any],
    packages: Path,
    wheel: Path,
    s3: Any,
    tmp_path: Path,
    command: Callable[..., Any],
    tamis_on: Any,
) -> None:
    cluster = cluster_with(nodes=2, packages=packages, RAY_AUTH_MODE="disabled")
    source = Storage("s3://bucket/samples", s3)
    for path in sorted((ROOT / "samples").glob("*.warc.gz")):
        source.write(path.name, path.read_bytes())
    settings = [
        "input=s3://bucket/samples/*.warc.gz",
        "output=s3://bucket/job",
        f"storage_options={json.dumps(s3)}",
        "filter_url.lists=[]",
        "read_warc.split_bytes=48KiB",
    ]
    sets = [word for one in settings for word in ("--set", one)]
    recipe, where = str(ROOT / "stages.yaml"), ("--address", cluster.jobs_address)
    first = command("submit", recipe, *sets, *where)
    assert first.code == 0, first.stderr
    jobs = Jobs(cluster.jobs_address)
    fingerprint = submission_of(Path(recipe), settings).fingerprint
    (job,) = jobs.of(fingerprint)
    assert first.stdout == f"{job.id} is submitted\n"
    assert command("submit", recipe, *sets, *where).stdout.endswith("already\n")

    output = Storage("s3://bucket/job", s3)

    def is_begun() -> bool:
        assert jobs.of(fingerprint)[-1].is_at_work, jobs.last_words(job, 40)
        return len([n for n in output.names("extracted") if "parquet" in n]) >= 2

    wait_until(is_begun, within=300, every=0.5)
    assert tamis.status("s3://bucket/job", storage_options=s3).phase == "running"
    stopped = command("stop", recipe, *sets, *where)
    assert stopped.code == 0, stopped.stderr
    wait_until(lambda: not jobs.of(fingerprint)[-1].is_at_work, within=120, every=0.5)
    assert jobs.phase(job) == "STOPPED"
    assert tamis.status("s3://bucket/job", storage_options=s3).phase == "stopped"
    finished = len([n for n in output.names("extracted") if "parquet" in n])

    # The next one has the code with it, and is followed to its end.
    begun = time.monotonic()
    with exported(f"http://127.0.0.2:{cluster.metrics_port}/metrics") as metrics:
        last = command(
            *("submit", recipe, *sets, *where, "--follow", "--wheel", str(wheel))
        )
    assert last.code == 0, last.stderr + "\n".join(jobs.last_words(job, 40))
    assert time.monotonic() - begun < patient(600)
    assert last.stdout.endswith("report  s3://bucket/job/report.html\n")
    assert re.search(r"^documents: \d+ tasks", last.stdout, re.MULTILINE)
    assert {"ray_tamis_pages", "ray_tamis_run_phase", "ray_tamis_dropped"} <= metrics
    summary = json.loads(output.read("run.json"))
    plan = json.loads(output.read("plan.json"))
    splits = sum(len(about["ranges"]) for about in plan["files"].values())
    assert summary["tasks_executed"]["extracted"] <= splits - finished
    here = tamis_on(tmp_path / "inline")
    here.run(settings[0], *settings[2:4])
    for path in sorted((here.output / "mix").iterdir()):
        assert output.read(f"mix/{path.name}") == path.read_bytes()
