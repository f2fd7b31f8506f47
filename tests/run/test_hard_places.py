"""Where machines differ from a developer's: a user without a home, no shared memory, a
full folder for temporary files, files that are none. Slower perhaps, never dead.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "samples"


@pytest.fixture
def own_mounts() -> list[str]:
    """How to run a script that may mount file systems which nobody else sees."""
    prefix = ["unshare", "-rm"]
    tried = [*prefix, "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    found = shutil.which("unshare")
    if not found or subprocess.run(tried, capture_output=True, check=False).returncode:
        pytest.skip("this user may not mount a file system")
    return [*prefix, "bash", "-ec"]


def run(output: Path, kind: str) -> list[str]:
    settings = [f"output={output}", f"executor.kind={kind}", "executor.workers=1"]
    settings = settings if kind == "ray" else settings[:2]
    return [
        *(sys.executable, "-m", "tamis", "run", "--quiet"),
        *(part for value in settings for part in ("--set", value)),
    ]


def mixed(output: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (output / "mix").iterdir()}


@pytest.mark.long  # a Ray of its own
@pytest.mark.ray
def test_little_shared_memory_and_a_full_folder_for_temporary_files(
    own_mounts: list[str], tmp_path: Path, sample_run: Path
) -> None:
    """1 MiB of the one, 64 KiB of the other."""
    folder = tmp_path / "t"
    folder.mkdir()
    script = f"""
        mount -t tmpfs -o size=1m tmpfs /dev/shm
        mount -t tmpfs -o size=64k tmpfs {folder}
        exec "$@"
    """
    done = subprocess.run(
        [*own_mounts, script, "bash", *run(tmp_path / "out", "ray")],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert mixed(tmp_path / "out") == mixed(sample_run)


def test_a_user_without_a_home_and_a_list_of_urls(tmp_path: Path) -> None:
    """Prepared lists have no place in the home folder then."""
    listed = tmp_path / "domains.txt"
    listed.write_text("casino.example\n", "utf-8")
    code = (
        "import tamis.cache\n"
        "tamis.cache.is_writable = lambda folder: False\n"
        "from tamis.urls.blocklist import default_folder, prepared\n"
        "from tamis.urls.sources import sources\n"
        f"found = prepared(sources(({str(listed)!r},)), default_folder())\n"
        "print(found.categories)\n"
    )
    (tmp_path / "tmp").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={
            **os.environ,
            "HOME": "/proc/nobody",
            "TMPDIR": str(tmp_path / "tmp"),
            "TAMIS_CACHE": "",
            "XDG_CACHE_HOME": "",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "kept in" in done.stderr
    (folder,) = (tmp_path / "tmp").glob("tamis-cache-*")
    assert folder.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "setting",
    [
        pytest.param("mix_corpus.tokenizer={}", id="tokenizer"),
        pytest.param("identify_language.model={}", id="model"),
        pytest.param("filter_quality.thresholds={}", id="bounds"),
        pytest.param("input={}", id="input"),
        pytest.param("input={}.paths", id="list of inputs"),
    ],
)
def test_a_pipe_is_not_waited_for(
    tmp_path: Path, command: Callable[..., Any], setting: str
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    os.mkfifo(f"{pipe}.paths")
    settings = [f"output={tmp_path / 'out'}", "executor.kind=inline"]
    settings.append(setting.format(pipe))
    done = command("run", "--quiet", *(f"--set={value}" for value in settings))
    assert done.code in (1, 2)
    assert str(pipe) in done.stderr
    assert "Traceback" not in done.stderr
