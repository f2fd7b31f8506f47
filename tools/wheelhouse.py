"""Gather the locked wheels for machines without a network: `make wheelhouse`.

    python tools/wheelhouse.py --lock requirements-cluster.lock --python 3.12 wheelhouse/

Makes a folder for each kind of machine, with a `requirements.txt` of its own, and builds our
wheel into it. There: pip install --no-index --find-links FOLDER -r FOLDER/requirements.txt tamis
"""

import argparse
import re
import subprocess
import sys
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
MACHINES = ("x86_64", "aarch64")
# What a wheel may ask of the system's libc: up to that of Debian 12 and Ubuntu 22.04.
_NEWEST_GLIBC = 35
_PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]


def entries(lock: str) -> list[str]:
    """The requirements of a lock file, each with its hashes."""
    joined = re.sub(r"\\\n\s*", " ", lock)
    lines = (line.strip() for line in joined.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def wanted(entry: str, machine: str, python: str) -> str | None:
    """The requirement as that machine's pip takes it; null if its marker says no."""
    stated, *hashes = entry.split(" --hash=")
    requirement = Requirement(stated)
    environment = {
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "os_name": "posix",
        "sys_platform": "linux",
        "platform_system": "Linux",
        "platform_machine": machine,
        "python_version": python,
        "python_full_version": f"{python}.0",
    }
    if requirement.marker and not requirement.marker.evaluate(environment):
        return None
    requirement.marker = None
    return " --hash=".join([str(requirement), *map(str.strip, hashes)])


def platforms(machine: str) -> list[str]:
    """The options by which pip takes every wheel for that machine's Linux."""
    tags = [f"manylinux_2_{minor}" for minor in range(_NEWEST_GLIBC, 4, -1)]
    tags += ["manylinux2014", "manylinux2010", "manylinux1", "linux"]
    return [word for tag in tags for word in ("--platform", f"{tag}_{machine}")]


def gather(lock: Path, folder: Path, machine: str, python: str) -> None:
    """Fill the folder of one kind of machine. Raises CalledProcessError."""
    folder.mkdir(parents=True, exist_ok=True)
    found = (wanted(e, machine, python) for e in entries(lock.read_text("utf-8")))
    own = folder / "requirements.txt"
    own.write_text("".join(f"{line}\n" for line in found if line), "utf-8")
    subprocess.run(
        [
            *(*_PIP, "download", "--no-deps", "--require-hashes"),
            *("--only-binary", ":all:", "--implementation", "cp"),
            *("--python-version", python, *platforms(machine)),
            *("--dest", str(folder), "--requirement", str(own)),
        ],
        check=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Gather the locked wheels.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--lock", type=Path, default=ROOT / "requirements-cluster.lock")
    parser.add_argument("--python", default="3.12", choices=("3.11", "3.12", "3.13"))
    parser.add_argument("--machine", action="append", choices=MACHINES)
    asked = parser.parse_args()
    for machine in asked.machine or MACHINES:
        folder = asked.folder / machine
        gather(asked.lock, folder, machine, asked.python)
        subprocess.run(
            [*_PIP, "wheel", "--no-deps", "--wheel-dir", str(folder), str(ROOT)],
            check=True,
        )
        size = sum(path.stat().st_size for path in folder.iterdir())
        count = len(list(folder.glob("*.whl")))
        print(f"{folder}: {count} wheels, {size >> 20} MiB", flush=True)


if __name__ == "__main__":
    main()
