"""What a corpus consists of: corpus.json, beside the runs, indexes and releases.

    corpus.json              the runs in their order, and the releases
    latest.json              the release that readers take, and the one before it
    runs/NAME/               a run for each crawl, or for what was added to one that grows
    index/0001/              what deduplicate remembers of the runs, by generation
    releases/DATE-HASH/      a release: mix/, report.html, release.json

corpus.json is written before a run or a release begins and after it has ended, so that
whoever is killed between the two goes on where it was.
"""

from typing import Annotated, Any

from pydantic import Field, TypeAdapter, with_config
from typing_extensions import TypedDict

from tamis.errors import StorageError
from tamis.storage import Storage
from tamis.storage.records import sealed

FORMAT = 1
CORPUS, LATEST = "corpus.json", "latest.json"
RUNS, INDEX, RELEASES = "runs", "index", "releases"

# A folder of the corpus: one name, which leads nowhere else.
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,200}$")]


@with_config(extra="forbid")
class RunEntry(TypedDict):
    """A run. `input` is what it reads; of a crawl that grows the `archives` are named.

    recipe      of which it was made: a hash of all that its documents depend on
    generation  of the index that it stands in; 0 until it has ended
    comparable  settings that all runs of a release share
    documents   a hash of the files that hold its documents
    lost        share of its records that damage cost
    """

    name: Name
    crawl: Name
    input: list[str]
    archives: list[str]
    recipe: str
    generation: int
    comparable: dict[str, Any]
    documents: str
    lost: float


@with_config(extra="forbid")
class ReleaseEntry(TypedDict):
    """A release. `hash`: of what it is made of; `held`: why readers do not get it."""

    id: Name
    hash: str
    runs: list[Name]
    generation: int
    held: list[str]
    is_thinned: bool


@with_config(extra="forbid")
class Planned(TypedDict):
    """The release that is being made."""

    id: Name
    hash: str


@with_config(extra="forbid")
class Redo(TypedDict):
    """Runs that are made again by a recipe, into another generation of the index; or, once
    it is given up, are put back.
    """

    generation: int
    crawls: list[Name]
    recipe: str
    is_given_up: bool


@with_config(extra="forbid")
class Corpus(TypedDict):
    """corpus.json. `chosen`: the release that somebody gave to the readers by hand."""

    format: int
    generation: int
    runs: list[RunEntry]
    releases: list[ReleaseEntry]
    planned: Planned | None
    chosen: Name | None
    redo: Redo | None


@with_config(extra="forbid")
class Latest(TypedDict):
    """latest.json: for readers, who need no more than the first."""

    release: Name
    previous: Name | None


_CORPUS = TypeAdapter(Corpus)
_LATEST = TypeAdapter(Latest)


def read_corpus(storage: Storage) -> Corpus:
    """The state, or that of a corpus that is yet to be. Raises StorageError."""
    if not storage.exists(CORPUS):
        return Corpus(
            format=FORMAT,
            generation=1,
            runs=[],
            releases=[],
            planned=None,
            chosen=None,
            redo=None,
        )
    found: Corpus = storage.read_record(CORPUS, _CORPUS)
    if found["format"] != FORMAT:
        raise StorageError(
            f"{storage.shown}: is a corpus of format {found['format']}, and this version "
            f"writes format {FORMAT}: name another folder in refresh.corpus"
        )
    return found


def write_corpus(storage: Storage, corpus: Corpus) -> None:
    storage.publish(CORPUS, sealed(corpus, indent=1))


def read_latest(storage: Storage) -> Latest | None:
    """What readers are told; null before the first release."""
    if not storage.exists(LATEST):
        return None
    found: Latest = storage.read_record(LATEST, _LATEST)
    return found


def write_latest(storage: Storage, release: str) -> None:
    """Give a release to the readers."""
    before = read_latest(storage)
    if before is not None and before["release"] == release:
        return
    previous = None if before is None else before["release"]
    content = Latest(release=release, previous=previous)
    storage.publish(LATEST, sealed(content, indent=1))


def release_entry(corpus: Corpus, id_: str) -> ReleaseEntry | None:
    return next((one for one in corpus["releases"] if one["id"] == id_), None)


def index_folder(generation: int) -> str:
    return f"{INDEX}/{generation:04d}"


def generation_at(index: str) -> int | None:
    """The generation of an index by where it is, also where the corpus was before; null
    for a place that is in no corpus.
    """
    folder, name = index.rstrip("/").split("/")[-2:] if "/" in index else ("", index)
    return int(name) if folder == INDEX and name.isdecimal() else None


def generation_of(corpus: Corpus) -> int:
    """The generation that runs enter now: that of a redo, as long as one is open."""
    redo = corpus["redo"]
    if redo is None or redo["is_given_up"]:
        return corpus["generation"]
    return redo["generation"]
