"""The Dockerfile, without Docker: each of its RUN lines in a folder of its own."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def instructions(deploy: Path) -> list[tuple[str, str]]:
    """`("RUN", "python -m venv ...")` of every line; continued lines are joined."""
    text = (deploy / "Dockerfile").read_text("utf-8")
    joined = re.sub(r"\\\n\s*", "", text)
    lines = [line for line in joined.splitlines() if line and line[0] != "#"]
    found = [tuple(line.split(" ", 1)) for line in lines]
    return [(name, rest) for name, rest in found]


def test_what_is_copied_is_there_and_let_through(deploy: Path) -> None:
    ignored = (deploy / "Dockerfile.dockerignore").read_text("utf-8").splitlines()
    assert ignored[0] == "*"
    for name, rest in instructions(deploy):
        if name == "COPY" and not rest.startswith("--from"):
            *sources, _ = rest.split()
            for source in sources:
                assert (ROOT / source).exists(), source
                assert f"!{source.removeprefix('./')}" in ignored


def test_the_image_is_nobody_special_and_for_every_machine(deploy: Path) -> None:
    found = instructions(deploy)
    assert ("USER", "1000:1000") in found
    images = [rest for name, rest in found if name == "FROM"]
    assert len(images) == 2
    assert not any("amd64" in image or "--platform" in image for image in images)
    assert not [rest for name, rest in found if name == "ADD"]
    # The last USER is the one that counts, and nothing is installed after it.
    after = found[found.index(("USER", "1000:1000")) + 1 :]
    assert {name for name, _ in after} <= {"WORKDIR", "CMD"}


@pytest.mark.long
def test_each_run_line_works_and_the_result_runs_where_it_cannot_be_written(
    deploy: Path, tmp_path: Path
) -> None:
    """Needs the package index. `/opt/tamis` and `/src` are folders of the test."""
    base = tmp_path / "image"
    source = base / "src"
    source.mkdir(parents=True)
    base.chmod(0o755)
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTHON", "TAMIS", "VIRTUAL_ENV", "RAY_"))
    }
    for name, rest in instructions(deploy):
        line = rest.replace("/opt/tamis", f"{base}/opt/tamis")
        if name == "COPY" and not rest.startswith("--from"):
            *sources, target = rest.split()
            for one in sources:
                _copy(ROOT / one, source / (one if target == "./" else target))
        elif name == "RUN" and line.startswith("groupadd"):
            _with_prefix(line, base)
        elif name == "RUN":
            subprocess.run(["sh", "-ec", line], cwd=source, env=environment, check=True)
    shutil.rmtree(source)
    tamis = f"{base}/opt/tamis/bin/tamis"
    work = tmp_path / "work"
    work.mkdir()
    subprocess.run(["chmod", "-R", "a-w", f"{base}/opt"], check=True)
    environment |= {
        "TAMIS_CACHE": f"{base}/opt/tamis/cache",
        "PYTHONDONTWRITEBYTECODE": "1",
        "HOME": str(work),
    }
    how = []
    if os.getuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("setpriv is not on this machine: root writes everywhere")
        how = ["setpriv", "--reuid=1000", "--regid=1000", "--clear-groups"]
        os.chown(work, 1000, 1000)
        for folder in (tmp_path, *tmp_path.parents):
            if folder.stat().st_uid == 0 and folder != Path("/"):
                folder.chmod(folder.stat().st_mode | 0o011)
    for arguments in (["init", "--example"], ["run", "--set", "executor.kind=inline"]):
        done = subprocess.run(
            [*how, tamis, *arguments],
            cwd=work,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    assert (work / "out" / "mix" / "_manifest.json").is_file()
    assert "compiling kernels" not in done.stdout + done.stderr
    subprocess.run(["chmod", "-R", "u+w", f"{base}/opt"], check=True)


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        unwanted = shutil.ignore_patterns("__pycache__", ".cache", "*.egg-info")
        shutil.copytree(source, target, ignore=unwanted)
    else:
        shutil.copy(source, target)


def _with_prefix(line: str, base: Path) -> None:
    """Make group and user in files of the test, where root may: not on this machine."""
    if os.getuid() != 0 or shutil.which("useradd") is None:
        return
    (base / "etc").mkdir()
    own = line.replace("groupadd ", f"groupadd --prefix {base} ")
    own = own.replace("useradd ", f"useradd --prefix {base} ")
    subprocess.run(["sh", "-ec", own], check=True)
    # `!` where there is no file of passwords yet.
    known = (base / "etc/passwd").read_text("utf-8")
    assert re.match(r"tamis:[x!]:1000:1000:", known)
