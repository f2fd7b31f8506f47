"""A corpus of two crawls, refreshed once, that tests copy and spoil."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, tamis_command
from fixtures.recipes import OF_A_CORPUS

from tamis.storage.records import sealed

RECIPE = f"""{OF_A_CORPUS}refresh:
  corpus: corpus/
  crawls: {{lists: "*.paths"}}
"""


@pytest.fixture(scope="session")
def made_corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus of the two archives of the samples, a crawl each."""
    folder = tmp_path_factory.mktemp("corpus")
    for number in (0, 1):
        archive = ROOT / "samples" / f"samples-0000{number}.warc.gz"
        (folder / f"crawl-{number}.paths").write_text(f"{archive}\n", "utf-8")
    recipe = folder / "stages.yaml"
    recipe.write_text(RECIPE, "utf-8")
    ended = tamis_command("refresh", str(recipe), "--quiet")
    assert ended.code == 0, ended.stderr
    return folder / "corpus"


@pytest.fixture
def corpus(made_corpus: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made_corpus, tmp_path / "corpus"))


@pytest.fixture
def out(sample_run: Path, tmp_path: Path) -> Path:
    """A copy of the run over the samples."""
    return Path(shutil.copytree(sample_run, tmp_path / "out"))


@pytest.fixture(scope="session")
def change() -> Callable[[Path, Callable[[dict[str, Any]], None]], None]:
    """`change(path, edit)`: a record that is edited and has its digest again."""

    def changed(path: Path, edit: Callable[[dict[str, Any]], None]) -> None:
        record = json.loads(path.read_text("utf-8"))
        del record["digest"]
        edit(record)
        path.write_bytes(sealed(record, indent=1))

    return changed
