"""A cluster of Ray on loopback: each node a process with an address, an environment, a working
folder and a kernel cache of its own. Only the object store is common.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import venv
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
import requests
from fixtures.patience import wait_until

from tamis.cache import cache_folder

ROOT = Path(__file__).resolve().parents[2]
_RAY = "from ray.scripts.scripts import main; main()"
_FIRST = 2  # Ray takes 127.0.0.1 for another name of the machine's own address


def free_port(host: str = "127.0.0.1") -> int:
    with socket.socket() as free:
        free.bind((host, 0))
        port: int = free.getsockname()[1]
        return port


class Machine:
    """What one node has to itself. `packages` come before those of this environment."""

    def __init__(self, folder: Path, wheel: Path, packages: Path | None = None) -> None:
        self.folder = folder
        venv.create(folder / "env", symlinks=True)
        self.python = folder / "env" / "bin" / "python"
        site = sysconfig.get_path("purelib", vars={"base": str(folder / "env")})
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(site)
        # A path in a .pth file is searched; its own .pth files, as that of tamis, are not.
        places = [str(packages)] if packages else []
        places.append(sysconfig.get_path("purelib"))
        Path(site, "dependencies.pth").write_text("\n".join(places) + "\n")
        for name in ("home", "work"):
            (folder / name).mkdir()
        shutil.copytree(cache_folder(), folder / "cache")

    def environment(self, **more: str) -> dict[str, str]:
        unwanted = ("RAY_", "PYTHON", "TAMIS_", "VIRTUAL_ENV")
        kept = {k: v for k, v in os.environ.items() if not k.startswith(unwanted)}
        return {
            **kept,
            "PATH": f"{self.python.parent}:{os.environ['PATH']}",
            "HOME": str(self.folder / "home"),
            "TAMIS_CACHE": str(self.folder / "cache"),
            "PYTHONDONTWRITEBYTECODE": "1",
            "RAY_USAGE_STATS_ENABLED": "0",
            **more,
        }


class Node:
    """A raylet, and what it started."""

    def __init__(self, process: "subprocess.Popen[bytes]", address: str) -> None:
        self.process, self.address = process, address

    def kill(self) -> None:
        """As if the machine had lost its power."""
        family = []
        with suppress(psutil.Error):
            family = psutil.Process(self.process.pid).children(recursive=True)
        # Raylet first: a worker that goes before would be a death of its own.
        order = sorted(family, key=lambda one: "raylet" not in _name(one))
        for process in [*order, psutil.Process(self.process.pid)]:
            with suppress(psutil.Error):
                process.send_signal(signal.SIGKILL)
        self.process.wait()


def _name(process: psutil.Process) -> str:
    with suppress(psutil.Error):
        return process.name()
    return ""


class Cluster:
    """Head and nodes; `settings` are variables of the environment that all of them have."""

    def __init__(
        self,
        folder: Path,
        machine: Callable[[str], Machine],
        settings: Mapping[str, str],
        *,
        has_jobs: bool = False,
    ) -> None:
        self._machine, self._settings, self._has_jobs = machine, settings, has_jobs
        self.port, self.jobs_port = free_port(), free_port()
        self.metrics_port = free_port()  # of the head
        self.address = f"127.0.0.{_FIRST}:{self.port}"
        self.jobs_address = f"http://127.0.0.1:{self.jobs_port}"
        self.nodes: list[Node] = []
        # Sockets have short names.
        self._sockets = Path(tempfile.mkdtemp(dir="/tmp", prefix="ray-"))
        self.head = self._start("head", _FIRST)

    def add(self) -> Node:
        number = len(self.nodes) + _FIRST
        return self._start(f"node-{number}", number)

    def restart_head(self) -> None:
        """Everything ends, and a head on the same port starts with what is installed there."""
        for node in self.nodes:
            node.kill()
        self.nodes.clear()
        self.head = self._start("head", _FIRST)

    def machine(self, name: str) -> Machine:
        return self._machine(name)

    def _start(self, name: str, number: int) -> Node:
        machine, place = self._machine(name), f"127.0.0.{number}"
        own = self._sockets / f"{name}-{len(self.nodes)}"
        how = ["--head", f"--port={self.port}"] if name == "head" else []
        how += [] if name == "head" else [f"--address={self.address}"]
        how += [f"--temp-dir={own}"]  # a common one would be emptied under the others
        if name == "head":
            how += [f"--include-dashboard={str(self._has_jobs).lower()}"]
            how += [f"--dashboard-port={self.jobs_port}"] if self._has_jobs else []
            how += [f"--metrics-export-port={self.metrics_port}"]
        log = (machine.folder / "ray.log").open("ab")
        with log:
            process = subprocess.Popen(
                [
                    *(str(machine.python), "-c", _RAY, "start", "--block"),
                    *(f"--node-ip-address={place}", "--num-cpus=1", *how),
                    *("--object-store-memory=80000000", "--disable-usage-stats"),
                ],
                cwd=machine.folder / "work",
                env=machine.environment(**self._settings),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        node = Node(process, place)
        self.nodes.append(node)
        wait_until(lambda: self._is_up(process, machine), within=120, every=0.5)
        return node

    def _is_up(self, process: "subprocess.Popen[bytes]", machine: Machine) -> bool:
        said = (machine.folder / "ray.log").read_text("utf-8", "replace")
        assert process.poll() is None, said[-2000:]
        if self._has_jobs and len(self.nodes) == 1:
            with suppress(requests.RequestException):
                return requests.get(f"{self.jobs_address}/api/version", timeout=5).ok
            return False
        return "Ray runtime started" in said

    def close(self) -> None:
        for node in reversed(self.nodes):
            if node.process.poll() is None:
                node.kill()
        shutil.rmtree(self._sockets, ignore_errors=True)


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package as it is here, with nothing else in it."""
    copy = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy / name)
    unwanted = shutil.ignore_patterns("__pycache__", ".cache", "*.egg-info")
    shutil.copytree(ROOT / "pipeline", copy / "pipeline", ignore=unwanted)
    built = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    subprocess.run([*pip, "wheel", "--no-deps", "-w", built, copy], check=True)
    (found,) = built.glob("*.whl")
    return found


@pytest.fixture
def cluster_with(tmp_path: Path, wheel: Path) -> Iterator[Callable[..., Cluster]]:
    """`cluster_with(nodes=3, packages=..., RAY_AUTH_MODE="token")`."""
    made: list[Cluster] = []
    machines: dict[str, Machine] = {}

    def start(nodes: int = 3, packages: Path | None = None, **settings: str) -> Cluster:
        def machine(name: str) -> Machine:
            if name not in machines:
                machines[name] = Machine(tmp_path / name, wheel, packages)
            return machines[name]

        cluster = Cluster(tmp_path, machine, settings, has_jobs=packages is not None)
        made.append(cluster)
        for _ in range(nodes - 1):
            cluster.add()
        return cluster

    yield start
    for cluster in made:
        cluster.close()
