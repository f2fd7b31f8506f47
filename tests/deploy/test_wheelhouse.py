"""`make wheelhouse`: what of a lock file goes to which kind of machine."""

import importlib.util
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
HASH = "a" * 64
LOCK = f"""\
# comment
one==1.0 \\
    --hash=sha256:{HASH} \\
    --hash=sha256:{HASH[:-1]}b
    # via two
arm==2.0 ; platform_machine == 'aarch64' \\
    --hash=sha256:{HASH}
two[extra]==3.0 ; python_full_version < '3.12' and sys_platform != 'win32' \\
    --hash=sha256:{HASH}
"""


@pytest.fixture(scope="module")
def wheelhouse() -> Any:
    spec = importlib.util.spec_from_file_location(
        "wheelhouse", ROOT / "tools" / "wheelhouse.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("machine", "python", "names"),
    [
        ("x86_64", "3.11", ["one==1.0", "two[extra]==3.0"]),
        ("x86_64", "3.12", ["one==1.0"]),
        ("aarch64", "3.12", ["one==1.0", "arm==2.0"]),
    ],
)
def test_markers_are_read_for_the_machine_that_the_wheels_are_for(
    machine: str, python: str, names: list[str], wheelhouse: Any
) -> None:
    found = [wheelhouse.wanted(e, machine, python) for e in wheelhouse.entries(LOCK)]
    kept = [line for line in found if line]
    assert [line.split(" --hash=")[0] for line in kept] == names
    assert kept[0].count(f"--hash=sha256:{HASH[:-1]}") == 2


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-cluster.lock"])
def test_every_entry_of_a_lock_is_pinned_with_its_hashes(
    name: str, wheelhouse: Any
) -> None:
    found = wheelhouse.entries((ROOT / name).read_text("utf-8"))
    assert len(found) > 80
    for entry in found:
        assert "==" in entry
        assert "--hash=sha256:" in entry


def test_a_cluster_has_the_versions_of_a_machine_alone(wheelhouse: Any) -> None:
    def pins(name: str) -> set[str]:
        text = (ROOT / name).read_text("utf-8")
        return {entry.split(" --hash=")[0] for entry in wheelhouse.entries(text)}

    alone, cluster = pins("requirements.lock"), pins("requirements-cluster.lock")
    assert alone <= cluster
    assert {"opencensus", "grpcio"} <= {p.split("==")[0] for p in cluster - alone}


@pytest.mark.long
def test_wheels_of_both_machines_come_and_install_without_an_index(
    wheelhouse: Any, tmp_path: Path
) -> None:
    """Needs the package index; two packages stand for all."""
    entries = wheelhouse.entries((ROOT / "requirements.lock").read_text("utf-8"))
    some = [e for e in entries if e.startswith(("xxhash==", "click=="))]
    lock = tmp_path / "some.lock"
    lock.write_text("".join(f"{entry}\n" for entry in some), "utf-8")
    python = "{}.{}".format(*sys.version_info[:2])
    for machine in wheelhouse.MACHINES:
        folder = tmp_path / machine
        wheelhouse.gather(lock, folder, machine, python)
        (binary,) = folder.glob("xxhash-*.whl")
        assert machine in binary.name
    folder = tmp_path / platform.machine()
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--no-index"),
            *("--find-links", str(folder), "--target", str(tmp_path / "target")),
            *("-r", str(folder / "requirements.txt")),
        ],
        check=True,
    )
    assert (tmp_path / "target" / "xxhash").is_dir()
