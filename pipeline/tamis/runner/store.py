"""The output folder as a store of results: which runs used what, and what may go.

    runs/20261129T231455.123Z.json        run.json of every run that ended
    runs/20261129T231455.123Z.records.gz  names of the commit records that it stands on

What was computed stays until somebody cleans it: saved documents, layers and work of
other configurations are found again when a configuration comes back.
"""

import gzip
import json
from collections.abc import Iterator, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from tamis.errors import ConfigError
from tamis.storage import Storage
from tamis.tally import RunSummary

RUNS = "runs"
_RECORDS = ".records.gz"
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
    storage: Storage, summary: RunSummary, used: Set[str], *, ended: datetime
) -> None:
    """Keep the summary of a run, and the commit records that it stands on."""
    stamp = f"{ended.astimezone(UTC).strftime(_STAMP)[:-3]}Z"
    names = gzip.compress("\n".join(sorted(used)).encode(), mtime=0)
    storage.write(f"{RUNS}/{stamp}{_RECORDS}", names)
    storage.write(f"{RUNS}/{stamp}.json", json.dumps(summary, indent=1).encode())


def records_of(storage: Storage) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every commit record of the folder, by name."""
    names = [name for name in storage.names("commits") if name.endswith(".json")]
    with ThreadPoolExecutor(16) as pool:
        yield from zip(names, pool.map(storage.read_json, names), strict=True)


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

    Raises ConfigError where no run has ended: there is nothing to keep.
    """
    stamps = sorted(
        name.removeprefix(f"{RUNS}/").removesuffix(_RECORDS)
        for name in storage.names(RUNS)
        if name.endswith(_RECORDS)
    )
    if not stamps:
        raise ConfigError(f"{storage.root}: no run has ended here")
    kept = set(stamps[-max(keep_last, 1) :])
    if older_than is not None:
        kept |= {s for s in stamps if now - _time_of(s) <= older_than}
    used: dict[str, set[str]] = {s: _records(storage, s) for s in stamps}
    needed = set().union(*(used[s] for s in kept))
    once_used = set().union(*used.values())
    going: list[str] = []
    sizes: dict[str, int] = {}
    named: set[str] = set()
    seconds = 0.0
    for name, record in records_of(storage):
        paths = {file["path"]: int(file["bytes"]) for file in record["files"]}
        if name in needed or (name not in once_used and not unfinished):
            named |= set(paths)
            continue
        going.append(name)
        sizes |= paths
        stages = record["tally"].get("stages", {})
        seconds += sum(about.get("seconds", 0.0) for about in stages.values())
    files = sorted(set(sizes) - named)
    return Cleaning(
        tuple(sorted(going)),
        tuple(files),
        sum(sizes[name] for name in files),
        seconds / 3600,
        tuple(s for s in stamps if s not in kept),
    )


def clean(storage: Storage, cleaning: Cleaning) -> None:
    """Remove what `plan_cleaning` found: records first, so that none lists a lost file.

    The summaries of the runs stay readable. The folder must be locked.
    """
    storage.check_lock()
    storage.remove(cleaning.records)
    storage.remove(cleaning.files)
    storage.remove(f"{RUNS}/{stamp}{_RECORDS}" for stamp in cleaning.runs)


def _records(storage: Storage, stamp: str) -> set[str]:
    with (
        storage.open(f"{RUNS}/{stamp}{_RECORDS}") as file,
        gzip.open(file) as names,
    ):
        return set(names.read(_MOST_NAMES_BYTES).decode().splitlines())


def _time_of(stamp: str) -> datetime:
    return datetime.strptime(stamp, f"{_STAMP}Z").replace(tzinfo=UTC)
