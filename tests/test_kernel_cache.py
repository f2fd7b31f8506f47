"""Where compiled kernels are kept: never a reason not to start."""

import os
import subprocess
import sys
from pathlib import Path

SCRIPT = "import tamis, os; print(os.environ.get('NUMBA_CACHE_DIR', 'by numba'))"
NOWHERE = "import os; os.access = lambda *a, **k: False; "
KERNEL = "; from tamis.mix.kernels.order import shuffle_key"


def place(script: str = SCRIPT, **environment: str) -> tuple[str, str]:
    """Where kernels are kept in a new process, and what it says on stderr."""
    known = {k: v for k, v in os.environ.items() if k != "NUMBA_CACHE_DIR"}
    ended = subprocess.run(
        [sys.executable, "-c", script],
        env=known | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return ended.stdout.strip(), ended.stderr


def test_a_package_that_can_be_written_is_the_place() -> None:
    assert place() == ("by numba", "")


def test_the_user_s_word_counts(tmp_path: Path) -> None:
    assert place(NOWHERE + SCRIPT, NUMBA_CACHE_DIR=str(tmp_path)) == (str(tmp_path), "")


def test_without_any_place_a_temporary_one_is_named(tmp_path: Path) -> None:
    folder, said = place(NOWHERE + SCRIPT + KERNEL, TMPDIR=str(tmp_path))
    assert Path(folder).parent.parent == tmp_path
    (line,) = said.splitlines()
    assert str(Path(folder).parent) in line
