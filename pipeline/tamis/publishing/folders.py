"""The runs and releases that a folder is, or has: an output folder, a release, a corpus."""

from collections.abc import Iterator
from dataclasses import dataclass

from tamis.corpus.state import CORPUS, RELEASES, RUNS, read_corpus
from tamis.documents.of_run import TABLES, inputs_of
from tamis.report.drift import RELEASE
from tamis.storage import Storage


@dataclass(frozen=True)
class Folder:
    """A run or a release, and what its corpus calls it; "" for a folder that stands alone.

    `is_thinned`: its documents are gone, as the release is old.
    """

    name: str
    storage: Storage
    is_thinned: bool = False

    @property
    def is_release(self) -> bool:
        return self.storage.exists(RELEASE)

    @property
    def has_tables(self) -> bool:
        """Whether its documents are there with all of their signals; a release has none."""
        return self.storage.exists(TABLES)

    def dropped(self) -> list[str]:
        """The files of dropped pages."""
        if self.has_tables:
            return [tables.dropped for tables in inputs_of(self.storage)]
        return [n for n in self.storage.names("dropped") if n.endswith(".parquet")]


def folders_of(storage: Storage) -> Iterator[Folder]:
    """The folder itself, or each run and each release of a corpus."""
    if not storage.exists(CORPUS):
        yield Folder("", storage)
        return
    corpus = read_corpus(storage)
    for run in corpus["runs"]:
        name = f"{RUNS}/{run['name']}"
        yield Folder(name, storage.below(name))
    for release in corpus["releases"]:
        name = f"{RELEASES}/{release['id']}"
        yield Folder(name, storage.below(name), release["is_thinned"])
