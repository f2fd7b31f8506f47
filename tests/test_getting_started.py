"""A pip user's first ten minutes: the wheel, and every command of docs/getting-started.md."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "getting-started.md").read_text("utf-8")


def lines() -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line.strip()]


def started(folder: Path, line: str, **environment: str) -> str:
    """What a line for the shell prints; its folder is all that it has."""
    done = subprocess.run(
        ["bash", "-c", line],
        cwd=folder,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
    return done.stdout


def follow(folder: Path, run: Callable[[str], str]) -> dict[str, str]:
    """Every command of the page in its order, in an empty folder; what each prints."""
    printed = {}
    for line in lines():
        if "my-crawl/" in line:
            shutil.copytree(folder / "samples", folder / "my-crawl")
        printed[line] = run(line)
    return printed


def test_every_command_of_the_page_works_in_its_order(
    tmp_path: Path, command: Callable[..., Any]
) -> None:
    """In this process, where a command starts at once; `long` has one for each."""

    def run(line: str) -> str:
        name, *words = shlex.split(line)
        assert name == "tamis"
        own = [
            str(one)
            for word in words
            for one in (sorted(tmp_path.glob(word)) if "*" in word else [word])
        ]
        if words[0] in ("run", "check"):
            own += ["--set", "executor.kind=inline"]
        ended = command(*own, folder=tmp_path)
        assert ended.code == 0, f"{line}\n{ended.stdout}{ended.stderr}"
        return str(ended.stdout)

    printed = follow(tmp_path, run)
    assert next(iter(printed)) == "tamis init --example"
    assert (tmp_path / "out" / "mix" / "_manifest.json").is_file()
    assert (tmp_path / "my-out" / "report.html").is_file()
    last = list(printed)[-2]  # the check of a change says what stays
    assert "stays" in printed[last]
    assert "then all" in printed[last]


def test_the_page_names_only_what_there_is(command: Callable[..., Any]) -> None:
    """The commands that need a network have the options that they are shown with."""
    shown = re.findall(r"tamis (\w[\w-]*)", PAGE)
    for name in set(shown):
        assert command(name, "--help").code == 0


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy: what lies about from another build would come into it."""
    copy = tmp_path_factory.mktemp("source")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout.decode()
    for name in filter(None, listed.split("\0")):
        source = ROOT / name
        if name.startswith((".venv", "tests/")) or not os.path.lexists(source):
            continue
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, copy / name, follow_symlinks=False)
    built = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"),
            "-w",
            built,
            copy,
        ],
        check=True,
    )
    (found,) = built.glob("*.whl")
    return found


@pytest.mark.long
@pytest.mark.ray
def test_the_wheel_alone_takes_a_user_to_a_mix(wheel: Path, tmp_path: Path) -> None:
    """An environment with the wheel and its dependencies, and no file of the repository."""
    venv.create(tmp_path / "env", with_pip=True)
    python = tmp_path / "env" / "bin" / "python"
    install = ("-m", "pip", "install", "--quiet", "--no-deps", "--no-index", str(wheel))
    subprocess.run([python, *install], check=True)
    # The dependencies are those of this environment. A path in a .pth file is searched, and
    # its own .pth files, such as that of an editable tamis, are not read.
    packages = sysconfig.get_path("purelib", vars={"base": str(tmp_path / "env")})
    Path(packages, "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    clean = {"PYTHONPATH": "", "TAMIS_CACHE": str(tmp_path / "cache")}
    work = tmp_path / "work"
    work.mkdir()
    where = started(work, f"{python} -c 'import tamis; print(tamis.__file__)'", **clean)
    assert Path(where.strip()).is_relative_to(tmp_path / "env")
    assert started(work, f"{tmp_path}/env/bin/tamis --version", **clean)
    follow(
        work,
        lambda line: started(
            work, re.sub(r"^tamis ", f"{python} -m tamis ", line), **clean
        ),
    )
    assert (work / "out" / "mix" / "_manifest.json").is_file()
    # Only names of the folder itself are in the recipe.
    assert str(ROOT) not in (work / "stages.yaml").read_text("utf-8")


@pytest.mark.long
def test_the_wheel_carries_the_samples_once(wheel: Path) -> None:
    listed = subprocess.run(
        [sys.executable, "-m", "zipfile", "-l", wheel],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert listed.count("samples-00000.warc.gz") == 1
    assert "tamis/example/stages.yaml" in listed
    assert wheel.stat().st_size < 6e6
