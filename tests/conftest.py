"""What several tests share."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of the real pages, which is not part of the repository."""
    if not SHARED.is_dir():
        pytest.skip("../shared/data is absent: the real pages are not on this machine")
    return SHARED


@pytest.fixture(scope="session")
def samples() -> Path:
    return ROOT / "samples"


class Tamis:
    """The command line on the recipe of the repository, with the fast engine."""

    def __init__(self, output: Path) -> None:
        self.output = output

    def arguments(self, *settings: str, kind: str = "inline") -> list[str]:
        chosen = [
            f"output={self.output}",
            f"executor.kind={kind}",
            "extract_text.engine=resiliparse",
            *settings,
        ]
        sets = [argument for value in chosen for argument in ("--set", value)]
        return [sys.executable, "-m", "pipeline", "run", "--quiet", *sets]

    def run(self, *settings: str, kind: str = "inline") -> dict[str, Any]:
        """Run to the end; returns run.json."""
        done = subprocess.run(
            self.arguments(*settings, kind=kind),
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        book: dict[str, Any] = json.loads((self.output / "run.json").read_text("utf-8"))
        return book

    def published(self, *folders: str) -> dict[str, bytes]:
        """Content of the files in some folders, by name."""
        return {
            f"{folder}/{path.name}": path.read_bytes()
            for folder in folders
            for path in sorted((self.output / folder).iterdir())
        }


@pytest.fixture
def tamis(tmp_path: Path) -> Tamis:
    return Tamis(tmp_path / "out")


@pytest.fixture(scope="session")
def sample_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output folder of the main recipe over the samples, in one process."""
    tamis = Tamis(tmp_path_factory.mktemp("sample-run") / "out")
    tamis.run()
    return tamis.output
