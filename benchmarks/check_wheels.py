"""Check that every locked package has a wheel on both platforms: `make wheels`.

    python benchmarks/check_wheels.py

Asks pip to resolve requirements.lock for x86-64 and aarch64 and every supported Python
without building anything; prints what is missing. Needs the package index.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_PYTHONS = ("3.11", "3.12", "3.13")
_MACHINES = ("x86_64", "aarch64")
# What a wheel may ask of the system's libc: up to that of Debian 12 and Ubuntu 22.04.
_GLIBC = (
    "manylinux_2_35",
    "manylinux_2_34",
    "manylinux_2_31",
    "manylinux_2_28",
    "manylinux_2_27",
    "manylinux_2_26",
    "manylinux_2_24",
    "manylinux_2_17",
    "manylinux_2_12",
    "manylinux_2_5",
    "manylinux2014",
    "manylinux2010",
    "manylinux1",
)


def missing(machine: str, python: str) -> str:
    """The error message of pip, empty if every package has a wheel."""
    platforms = [arg for tag in _GLIBC for arg in ("--platform", f"{tag}_{machine}")]
    with tempfile.TemporaryDirectory() as target:
        done = subprocess.run(
            [
                *(
                    sys.executable,
                    "-m",
                    "pip",
                    "--disable-pip-version-check",
                    "install",
                ),
                *("--dry-run", "--quiet", "--no-deps", "--only-binary", ":all:"),
                *("--python-version", python, "--implementation", "cp"),
                *("--target", target, *platforms),
                *("--requirement", str(ROOT / "requirements.lock")),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
    return done.stderr.strip() if done.returncode else ""


def main() -> None:
    complaints = 0
    for machine in _MACHINES:
        for python in _PYTHONS:
            complaint = missing(machine, python)
            print(
                f"{machine:8} Python {python:5} {complaint or 'every package has a wheel'}"
            )
            complaints += bool(complaint)
    sys.exit(1 if complaints else 0)


if __name__ == "__main__":
    main()
