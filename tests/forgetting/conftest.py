"""A corpus with two releases."""

from pathlib import Path

import pytest
from fixtures.corpora import corpus_of_lists, refreshed


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus of the samples' two archives, with two releases, and its recipe."""
    folder = tmp_path_factory.mktemp("two-releases")
    for number in (0, 1):
        corpus_of_lists(folder, number)
        refreshed(folder)
    return folder
