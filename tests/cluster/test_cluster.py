"""A run on a head and two more nodes, whatever happens to them: the bytes of one process."""

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fixtures.patience import patient, wait_until

from tamis.storage import Storage

pytestmark = [pytest.mark.long, pytest.mark.ray]

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("mix", "dropped", "duplicates")
NO_FILES = "filter_url.lists=[]"  # they would have to be on every node
SPLIT = "read_warc.split_bytes=48KiB"


class Driver:
    """`tamis run` on a machine of the cluster, with input and output in the store."""

    def __init__(self, cluster: Any, s3: Any, output: str) -> None:
        self.storage = Storage(f"s3://bucket/{output}", s3)
        self._s3, self._output, self._cluster = s3, output, cluster
        source = Storage("s3://bucket/samples", s3)
        for path in sorted((ROOT / "samples").glob("*.warc.gz")):
            source.write(path.name, path.read_bytes())

    def settings(self, *more: str) -> list[str]:
        options = json.dumps(self._s3)
        chosen = [
            "input=s3://bucket/samples/*.warc.gz",
            f"output=s3://bucket/{self._output}",
            f"storage_options={options}",
            NO_FILES,
            *more,
        ]
        return [word for one in chosen for word in ("--set", one)]

    def start(self, **environment: str) -> "subprocess.Popen[str]":
        """On the head, with the recipe of the repository, by its address."""
        head = self._cluster.machine("head")
        recipe = head.folder / "work" / "stages.yaml"
        recipe.write_text((ROOT / "stages.yaml").read_text("utf-8"), "utf-8")
        where = ["executor.kind=ray", f"executor.address={self._cluster.address}"]
        return subprocess.Popen(
            [
                *(str(head.python), "-m", "tamis", "run", str(recipe)),
                *self.settings(*where, SPLIT),
            ],
            cwd=head.folder / "work",
            env=head.environment(**environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def wait_for_splits(self, count: int, driver: "subprocess.Popen[str]") -> None:
        def enough() -> bool:
            assert driver.poll() is None, driver.communicate()
            done = [
                n for n in self.storage.names("extracted") if n.endswith(".parquet")
            ]
            return len(done) >= count

        wait_until(enough, within=300, every=0.2)

    def published(self) -> dict[str, bytes]:
        return {
            name: self.storage.read(name)
            for folder in FOLDERS
            for name in self.storage.names(folder)
        }

    def executed(self) -> dict[str, int]:
        found: dict[str, int] = json.loads(self.storage.read("run.json"))[
            "tasks_executed"
        ]
        return found


@pytest.fixture(scope="session")
def expected(s3: Any, tamis_on: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What one process makes of the same archives, from the same store."""
    tamis = tamis_on(tmp_path_factory.mktemp("inline") / "out")
    source = Storage("s3://bucket/samples", s3)
    for path in sorted((ROOT / "samples").glob("*.warc.gz")):
        source.write(path.name, path.read_bytes())
    options = f"storage_options={json.dumps(s3)}"
    tamis.run("input=s3://bucket/samples/*.warc.gz", options, NO_FILES)
    return {
        f"{folder}/{path.name}": path.read_bytes()
        for folder in FOLDERS
        for path in sorted((tamis.output / folder).iterdir())
    }


def ended(
    driver: "subprocess.Popen[str]", seconds: float = 900
) -> tuple[int, list[str]]:
    """Exit code and everything that was printed."""
    printed, _ = driver.communicate(timeout=patient(seconds))
    return driver.returncode, printed.splitlines()


def test_a_killed_node_is_one_line_and_a_new_one_is_used(
    cluster_with: Callable[..., Any], s3: Any, expected: dict[str, bytes]
) -> None:
    """Killed in the middle of extraction; later another one joins."""
    cluster = cluster_with(nodes=3)
    run = Driver(cluster, s3, "killed-node")
    driver = run.start()
    run.wait_for_splits(2, driver)
    cluster.nodes[2].kill()
    run.wait_for_splits(4, driver)
    cluster.add()
    code, lines = ended(driver)
    assert code == 0, lines
    assert run.published() == expected
    told = [line for line in lines if "(127.0.0.4)" in line and "lost" in line]
    assert len(told) == 1, lines
    (lost,) = told
    assert re.fullmatch(r"lost \S+ \(127\.0\.0\.4\): what it had is tried again", lost)
    assert any("joined: 3 cores now" in line for line in lines), lines
    assert len(lines) < 60, lines  # Ray's own account of a lost node has more
    assert not any("state-dump" in line or "Traceback" in line for line in lines), lines


STORE_USE = """
import ray
ray.init(address={address!r}, log_to_driver=False, logging_level="ERROR")
whole, left = ray.cluster_resources(), ray.available_resources()
print("used", int(whole["object_store_memory"] - left["object_store_memory"]))
"""


def test_the_object_store_holds_tallies_only(
    cluster_with: Callable[..., Any], s3: Any, expected: dict[str, bytes]
) -> None:
    cluster = cluster_with(nodes=2)
    run = Driver(cluster, s3, "object-store")
    driver = run.start()
    head = cluster.machine("head")
    said = []
    for count in (1, 3, 5):
        run.wait_for_splits(count, driver)
        asked = subprocess.run(
            [str(head.python), "-c", STORE_USE.format(address=cluster.address)],
            env=head.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        said.append(asked.stdout + asked.stderr)
    code, lines = ended(driver)
    assert code == 0, lines
    assert run.published() == expected
    used = [int(n) for text in said for n in re.findall(r"used (\d+)", text)]
    assert len(used) >= 3, said
    assert max(used) < 50e6


def test_a_killed_driver_and_a_killed_head_cost_only_what_was_at_work(
    cluster_with: Callable[..., Any], s3: Any, expected: dict[str, bytes]
) -> None:
    cluster = cluster_with(nodes=2)
    run = Driver(cluster, s3, "killed-head")
    driver = run.start()
    run.wait_for_splits(2, driver)
    driver.kill()
    driver.communicate()
    driver = run.start()
    run.wait_for_splits(4, driver)
    cluster.restart_head()
    code, lines = ended(driver)
    assert code != 0
    assert not any("Traceback" in line for line in lines), lines
    cluster.add()
    finished = len(
        [n for n in run.storage.names("extracted") if n.endswith(".parquet")]
    )
    code, lines = ended(run.start())
    assert code == 0, lines
    assert run.published() == expected
    plan = json.loads(run.storage.read("plan.json"))
    splits = sum(len(about["ranges"]) for about in plan["files"].values())
    assert finished >= 4
    assert run.executed()["extracted"] <= splits - finished


@pytest.mark.parametrize("mode", ["token", "disabled"])
def test_a_cluster_with_tokens_and_one_without(
    mode: str, cluster_with: Callable[..., Any], s3: Any, expected: dict[str, bytes]
) -> None:
    settings = {"RAY_AUTH_MODE": mode}
    if mode == "token":
        settings["RAY_AUTH_TOKEN"] = "c" * 64
    cluster = cluster_with(nodes=2, **settings)
    run = Driver(cluster, s3, f"auth-{mode}")
    code, lines = ended(run.start(**settings))
    assert code == 0, lines
    assert run.published() == expected
