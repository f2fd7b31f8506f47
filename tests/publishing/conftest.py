"""A corpus of two crawls, refreshed once, that tests copy and spoil."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fixtures.corpora import corpus_of_lists, refreshed

from tamis.storage.records import sealed


@pytest.fixture(scope="session")
def made_corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus of the two archives of the samples, a crawl each."""
    folder = corpus_of_lists(tmp_path_factory.mktemp("corpus"), 0, 1)
    refreshed(folder)
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
