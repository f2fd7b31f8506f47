"""`tamis forget`: requests in, and nothing is left of the documents that they mean.

    1. find      ids of the documents, in every table of every run and release
    2. deny      the list with the requests and the ids: from now on nothing of them enters
    3. take out  folder by folder (`tamis.forgetting.folder`)
    4. log       a line of forgotten.jsonl

Called again with the same requests it does what is left to do, or nothing.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime

import numpy as np

from tamis.corpus.release import discard
from tamis.corpus.state import CORPUS, RELEASES, read_corpus, write_corpus
from tamis.denials.matching import Denied
from tamis.denials.requests import Request
from tamis.denials.state import LOG, read_ids, read_list, write_list
from tamis.errors import ConfigError
from tamis.forgetting.folder import Took, forget_in, ids_in
from tamis.publishing.folders import Folder, folders_of
from tamis.storage import Storage

Note = Callable[[str], None]


@dataclass
class Forgot:
    """What `forget` did. `added`: requests that were new; `ids`: documents they all met."""

    requests: int = 0
    added: int = 0
    ids: int = 0
    folders: dict[str, Took] = field(default_factory=dict)

    @property
    def documents(self) -> int:
        """Documents that went from a mix, each once per mix."""
        return sum(took.documents for took in self.folders.values())


def forget(
    storage: Storage,
    requests: Sequence[Request],
    *,
    now: datetime,
    note: Note = lambda line: None,
    is_trial: bool = False,
) -> Forgot:
    """Take out all that the requests mean, of a run, a release or a corpus.

    A trial only finds and counts. Holds the locks of all folders. Raises ConfigError where
    there is no run, StorageError while somebody else works there.
    """
    _refuse_without_run(storage)
    with storage.lock(other="a run or a refresh", note=note):
        before = read_list(storage)
        known = {(own["kind"], own["value"]) for own in before["requests"]}
        new = [own for own in requests if (own["kind"], own["value"]) not in known]
        every = [*before["requests"], *new]
        folders = list(folders_of(storage))
        ids = read_ids(storage, before)
        denied = Denied(every, ids)
        for folder in folders:
            note(f"looking through {folder.name or storage.shown}")
            ids = np.union1d(ids, ids_in(folder, denied))
        denied = Denied(every, ids)
        done = Forgot(len(every), len(new), len(ids))
        if is_trial:
            return done
        write_list(storage, every, ids)
        _discard_planned(storage)
        for folder in folders:
            note(f"taking out of {folder.name or storage.shown}")
            with _locked(folder, storage, note):
                done.folders[folder.name] = forget_in(folder, denied)
        unlogged = _unlogged(storage, every)
        if unlogged or any(took.files for took in done.folders.values()):
            _log(storage, unlogged, done, now)
        return done


def _refuse_without_run(storage: Storage) -> None:
    if not any(map(storage.exists, (CORPUS, "run.json", "commits"))):
        raise ConfigError(f"{storage.shown}: there is no run, no release and no corpus")


@contextmanager
def _locked(folder: Folder, corpus: Storage, note: Note) -> Iterator[None]:
    """The lock of a folder of a corpus; that of the corpus itself is held already."""
    if folder.storage.root == corpus.root:
        yield
        return
    with folder.storage.lock(other="a run", note=note):
        yield


def _discard_planned(storage: Storage) -> None:
    """Remove a release that was begun and is not done: it is made again without them."""
    if not storage.exists(CORPUS):
        return
    corpus = read_corpus(storage)
    planned = corpus["planned"]
    if planned is not None:
        discard(storage.below(f"{RELEASES}/{planned['id']}"))
        corpus["planned"] = None
        write_corpus(storage, corpus)


def _unlogged(storage: Storage, requests: Sequence[Request]) -> list[Request]:
    """The requests that no line of the log has: new ones, and those of a killed call."""
    if not storage.exists(LOG):
        return list(requests)
    logged = set()
    for line in storage.read(LOG).splitlines():
        with suppress(ValueError, KeyError, TypeError):
            logged |= {
                (own["kind"], own["value"]) for own in json.loads(line)["requests"]
            }
    return [own for own in requests if (own["kind"], own["value"]) not in logged]


def _log(storage: Storage, new: Sequence[Request], done: Forgot, now: datetime) -> None:
    """Append a line: what, when, why, what changed."""
    line = {
        "when": now.isoformat(timespec="seconds"),
        "requests": list(new),
        "documents_known": done.ids,
        "folders": {
            name: {k: v for k, v in asdict(took).items() if k != "notes"}
            for name, took in done.folders.items()
            if took.files or took.documents
        },
    }
    before = storage.read(LOG) if storage.exists(LOG) else b""
    content = json.dumps(line, ensure_ascii=False).encode() + b"\n"
    storage.write(LOG, before + content)
