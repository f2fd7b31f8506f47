"""The output folder as a store of results: which runs used what, and what may go.

    runs/20261129T231455.123Z.json        run.json of every run that ended
    runs/20261129T231455.123Z.records.gz  names of the commit records that it stands on

What was computed stays until somebody cleans it: saved documents, layers and work of
other configurations are found again when a configuration comes back.
"""

import gzip
import itertools
import re
import zlib
from collections.abc import Iterator, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tamis.errors import ConfigError, DamagedFile, StorageError
from tamis.storage import Storage
from tamis.tally import SUMMARY, RunSummary
from tamis.work.commits import Commit
from tamis.work.ledger import records_in, records_of, remove_records

RUNS = "runs"
_RECORDS = ".records.gz"
_RECORD_NAME = re.compile(r"commits/[^\n]+\.json")
_RECORDS_NAME = re.compile(rf"{RUNS}/(\d{{8}}T\d{{6}}\.\d{{3}}Z)\.records\.gz")
_STAMP = "%Y%m%dT%H%M%S.%f"
_MOST_NAMES_BYTES = 1 << 30


@dataclass(frozen=True)
class Cleaning:
    """What would go: commit records, the files that only they list, their cost.

    core_hours  what the tasks took whose results would be gone
    runs        stamps of the runs whose results would be gone
    """

    records: tuple[str, ...]
    files: tuple[str, ...]
    bytes: int
    core_hours: float
    runs: tuple[str, ...]


def write_run(
    storage: Storage, summary: bytes, used: Set[str], *, ended: datetime
) -> None:
    """Keep run.json of a run, and the commit records that it stands on."""
    stamp = f"{ended.astimezone(UTC).strftime(_STAMP)[:-3]}Z"
    names = gzip.compress("\n".join(sorted(used)).encode(), mtime=0)
    storage.write(f"{RUNS}/{stamp}{_RECORDS}", names)
    storage.write(f"{RUNS}/{stamp}.json", summary)


def earlier_summaries(storage: Storage) -> Iterator[RunSummary]:
    """run.json of the runs that ended in a folder, the newest first, without damaged ones."""
    for name in reversed(storage.names(RUNS)):
        if name.endswith(".json"):
            with suppress(StorageError):
                yield storage.read_record(name, SUMMARY)


def plan_cleaning(
    storage: Storage,
    *,
    keep_last: int = 1,
    older_than: timedelta | None = None,
    unfinished: bool = False,
    now: datetime,
) -> Cleaning:
    """What goes if the results of the last `keep_last` runs stay, and those of runs that
    ended within `older_than`; with `unfinished` also what no run that ended has used.

    The newest complete run always counts among the last: the mix is its own.

    Raises ConfigError where no run has ended: there is nothing to keep.
    """
    used = _used(storage, _stamps(storage), are_all_needed=unfinished)
    stamps = list(used)
    kept = set(stamps[-max(keep_last, 1) :])
    # A run whose summary is damaged may have been complete, and stays.
    ends = {s: _is_complete(storage, s) for s in reversed(stamps)}
    kept |= {s for s, is_complete in ends.items() if is_complete is None}
    complete = (s for s, is_complete in ends.items() if is_complete)
    kept |= set(itertools.islice(complete, max(keep_last, 1)))
    if older_than is not None:
        kept |= {s for s in stamps if now - _time_of(s) <= older_than}
    needed = set().union(*(used[s] for s in kept))
    once_used = set().union(*used.values())
    going: list[str] = []
    sizes: dict[str, int] = {}
    named: set[str] = set()
    seconds = 0.0
    for name, commit in records_of(storage):
        paths = {file.path: file.bytes for file in commit.files}
        if name in needed or (name not in once_used and not unfinished):
            named |= set(paths)
            continue
        going.append(name)
        sizes |= paths
        stages = commit.tally.get("stages", {})
        seconds += sum(about.get("seconds", 0.0) for about in stages.values())
    folders = {name.partition("/")[0] for name in sizes}
    present = {name for folder in sorted(folders) for name in storage.names(folder)}
    files = sorted((set(sizes) & present) - named)
    files = [name for name in files if not storage.is_behind_link(name)]
    return Cleaning(
        tuple(sorted(going)),
        tuple(files),
        sum(sizes[name] for name in files),
        seconds / 3600,
        tuple(s for s in stamps if s not in kept),
    )


def clean(storage: Storage, cleaning: Cleaning) -> None:
    """Remove what `plan_cleaning` found: files first, so that a record still lists what
    is left if this is interrupted. A record whose files are gone counts as none.

    The summaries of the runs stay readable. The folder must be locked.
    """
    storage.check_lock()
    storage.remove(cleaning.files)
    remove_records(storage, cleaning.records)
    storage.remove(f"{RUNS}/{stamp}{_RECORDS}" for stamp in cleaning.runs)


def last_files(storage: Storage, dataset: str) -> list[str]:
    """Files of a data set, such as a save, that the last run stands on.

    Folders hold the files of all configurations. Raises ConfigError where no run has
    ended.
    """
    last = _stamps(storage)[-1]
    own = sorted(
        n for n in _records(storage, last) if n.startswith(f"commits/{dataset}/")
    )
    found = records_in(storage, dataset, set(own))
    files: list[str] = []
    for name in own:
        if name not in found.commits:
            raise next(iter(found.damaged), storage.damaged(name, "it does not exist"))
        files += [file.path for file in found.commits[name].of(dataset)]
    return files


def last_records(storage: Storage) -> tuple[dict[str, Commit], list[str]]:
    """The commit records that the last run stands on, by name; and names of those that are
    not there, or damaged.

    Raises ConfigError where no run has ended.
    """
    own = _records(storage, _stamps(storage)[-1])
    found: dict[str, Commit] = {}
    for group in sorted({name.split("/")[1] for name in own}):
        wanted = {name for name in own if name.split("/")[1] == group}
        found |= records_in(storage, group, wanted).commits
    return found, sorted(own - found.keys())


def last_summary(storage: Storage) -> RunSummary | None:
    """run.json of the last run that ended; null where none has, or if it is damaged."""
    if not storage.exists("run.json"):
        return None
    try:
        return storage.read_record("run.json", SUMMARY)
    except DamagedFile:
        return None


def _stamps(storage: Storage) -> list[str]:
    """The runs that ended, the oldest first. Raises ConfigError where there is none."""
    found = [_RECORDS_NAME.fullmatch(name) for name in storage.names(RUNS)]
    stamps = sorted(name[1] for name in found if name)
    if not stamps:
        raise ConfigError(f"{storage.shown}: no run has ended here")
    return stamps


def _used(
    storage: Storage, stamps: Sequence[str], *, are_all_needed: bool
) -> dict[str, set[str]]:
    """The records that each run stands on; a run whose list is damaged is left out.

    What only it used counts as unfinished work, so its list is needed if that is to go:
    then DamagedFile is raised.
    """
    used: dict[str, set[str]] = {}
    for stamp in stamps:
        try:
            used[stamp] = _records(storage, stamp)
        except DamagedFile:
            if are_all_needed:
                raise
    return used


def _is_complete(storage: Storage, stamp: str) -> bool | None:
    """Whether the run read all inputs; null if its summary is damaged."""
    name = f"{RUNS}/{stamp}.json"
    if not storage.exists(name):
        return False
    try:
        return storage.read_record(name, SUMMARY).get("complete", False)
    except DamagedFile:
        return None


def _records(storage: Storage, stamp: str) -> set[str]:
    """Names of the records that a run stands on. Raises DamagedFile."""
    name = f"{RUNS}/{stamp}{_RECORDS}"
    if not storage.size(name):  # which gzip takes for an empty text
        raise storage.damaged(name, "it is empty")
    with storage.open(name) as file:
        try:
            with gzip.open(file) as names:
                found = set(names.read(_MOST_NAMES_BYTES).decode().splitlines())
        except (gzip.BadGzipFile, EOFError, zlib.error, UnicodeDecodeError) as error:
            raise storage.damaged(name, str(error)) from error
    if not all(map(_RECORD_NAME.fullmatch, found)):
        raise storage.damaged(name, "it does not list commit records")
    return found


def _time_of(stamp: str) -> datetime:
    return datetime.strptime(stamp, f"{_STAMP}Z").replace(tzinfo=UTC)
