"""Slurm, systemd, cron and the wheelhouse: read as their programs read them, and run."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# Options of sbatch that a script of ours may have, and what their values look like.
# https://slurm.schedmd.com/sbatch.html
DIRECTIVES = {
    "job-name": r"[\w.-]+",
    "nodes": r"\d+(-\d+)?",
    "ntasks-per-node": r"\d+",
    "cpus-per-task": r"\d+",
    "exclusive": r"(user|mcs|topo)?",
    "mem": r"\d+[KMGT]?",
    "time": r"(\d+-)?\d{1,2}(:\d{2}){0,2}",
    "requeue": r"",
    "open-mode": r"append|truncate",
    "output": r"[\w./%-]+",
    "signal": r"([RB]+:)?[A-Z\d]+(@\d+)?",
}


def directives(script: str) -> dict[str, str]:
    """What sbatch takes from a script: up to the first line that is no comment."""
    found: dict[str, str] = {}
    for line in script.splitlines()[1:]:
        if line.strip() and not line.startswith("#"):
            break
        if line.startswith("#SBATCH"):
            match = re.fullmatch(r"#SBATCH --([a-z-]+)(?:=(\S+))?", line)
            assert match, line
            name, value = match[1], match[2] or ""
            assert name in DIRECTIVES, line
            assert re.fullmatch(DIRECTIVES[name], value), line
            assert name not in found, line
            found[name] = value
    return found


@pytest.fixture
def script(deploy: Path) -> Path:
    return deploy / "slurm" / "tamis.sbatch"


def test_sbatch_reads_every_directive(script: Path) -> None:
    text = script.read_text("utf-8")
    assert text.startswith("#!/bin/bash\n")
    found = directives(text)
    assert len(found) == text.count("#SBATCH ")  # none is behind a command
    assert found["ntasks-per-node"] == "1"  # one Ray a node
    assert "requeue" in found


@pytest.mark.parametrize(
    "line", ["#SBATCH --node=4", "#SBATCH --time=1 day", "# SBATCH"]
)
def test_the_parser_of_directives_finds_mistakes(line: str) -> None:
    if line == "# SBATCH":
        assert directives(f"#!/bin/bash\n{line}\n") == {}
        return
    with pytest.raises(AssertionError):
        directives(f"#!/bin/bash\n{line}\n")


def test_bash_reads_the_script(script: Path) -> None:
    subprocess.run(["bash", "-n", str(script)], check=True)


def test_the_script_asks_for_its_recipe(script: Path) -> None:
    done = subprocess.run(
        ["bash", str(script)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "the recipe is missing" in done.stderr


@pytest.mark.long
@pytest.mark.ray
def test_the_script_runs_a_recipe_on_a_node(script: Path, tmp_path: Path) -> None:
    """Slurm's two commands are stood in for: `srun` runs what it is given, on this node.

    At its end `ray symmetric-run` ends every Ray of the machine: it sees no other one here.
    """
    alone = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]
    if shutil.which("unshare") is None or subprocess.run([*alone, "true"]).returncode:
        pytest.skip("no processes of one's own here (unshare): it would end other Rays")
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, does in (
        ("srun", 'while [ "${1#--}" != "$1" ]; do shift; done; exec "$@"'),
        ("scontrol", "echo 127.0.0.1"),
        ("tamis", f'exec {sys.executable} -m tamis "$@"'),
        ("ray", f'exec {Path(sys.executable).with_name("ray")} "$@"'),
        ("python", f'exec {sys.executable} "$@"'),
    ):
        (programs / name).write_text(f"#!/bin/sh\n{does}\n")
        (programs / name).chmod(0o755)
    environment = {
        **os.environ,
        "TAMIS_ENVIRONMENT": str(tmp_path),
        "SLURM_JOB_ID": "4711",
        "SLURM_JOB_NODELIST": "node-1",
        "SLURM_JOB_NUM_NODES": "1",
        "SLURM_CPUS_ON_NODE": "2",
    }
    done = subprocess.run(
        [
            *(*alone, "bash", str(script), "stages.yaml"),
            *("--set", f"output={tmp_path}/out"),
        ],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "out" / "mix" / "_manifest.json").is_file()


@pytest.mark.parametrize("name", ["tamis.service", "tamis.timer"])
def test_systemd_finds_no_mistake(name: str, deploy: Path, tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not on this machine")
    for unit in (deploy / "systemd").iterdir():
        # It looks for the program, which is elsewhere here.
        text = unit.read_text("utf-8").replace("/opt/tamis/bin/tamis", sys.executable)
        (tmp_path / unit.name).write_text(text, "utf-8")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(tmp_path / name)],
        capture_output=True,
        text=True,
        check=False,
    )
    ours = [line for line in done.stderr.splitlines() if "tamis" in line]
    assert (done.returncode, ours) == (0, []), done.stderr


def test_the_unit_runs_a_command_that_there_is(
    deploy: Path, understood: Callable[[str], list[str]]
) -> None:
    text = (deploy / "systemd" / "tamis.service").read_text("utf-8")
    (line,) = re.findall(r"^ExecStart=(.*)$", text, re.MULTILINE)
    assert understood(line)[0] == "run"


def test_the_line_of_cron_is_one(
    deploy: Path, understood: Callable[[str], list[str]]
) -> None:
    text = (deploy / "cron" / "tamis").read_text("utf-8")
    assert text.endswith("\n")  # cron leaves out a last line without one
    (line,) = [
        line for line in text.splitlines() if line and not re.match(r"#|[A-Z]+=", line)
    ]
    *fields, user, command = line.split(maxsplit=6)
    bounds = [(0, 59), (0, 23), (1, 31), (1, 12), (0, 7)]
    for field, (low, high) in zip(fields, bounds, strict=True):
        assert field == "*" or low <= int(field) <= high
    assert re.fullmatch(r"[a-z_][a-z0-9_-]*", user)
    assert "%" not in command  # a line feed to cron
    subprocess.run(["sh", "-n", "-c", command], check=True)
    (ours,) = re.findall(r"&& (tamis .*?) >>", command)
    assert understood(ours)[0] == "run"
