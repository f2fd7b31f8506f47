"""Where commit records are: a file each, and ledgers of a thousand.

    commits/GROUP/KEY-FINGERPRINT.json           by the worker that ends the task
    commits/GROUP/ledger-NUMBER-DIGEST.jsonl     the same records, one a line, by the driver;
                                                 the sum of their tallies is the first line

The driver gathers records as tasks end, so that 90,000 of them are 90 files to list and
to read. Of two records of one name the single one counts, then that of the ledger with
the higher number. Single ones are removed once their ledger is written; a driver that is
killed between the two leaves both, which are equal, and the next run removes them. Each
record has its own digest: a damaged line costs that record, and what its task did is done
again.
"""

import json
import re
from collections.abc import (
    Callable,
    Collection,
    ItemsView,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
    Set,
)
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import xxhash
from pydantic import NonNegativeInt, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict

from tamis.errors import DamagedFile, StorageError
from tamis.storage import Storage
from tamis.storage.records import (
    MOST_BYTES,
    Unreadable,
    parsed,
    sealed,
    sealed_text,
    unsealed,
    unsealed_text,
)
from tamis.tally import Tally, add
from tamis.work.commits import Commit, record_name


@with_config(extra="forbid")
class _About(TypedDict):
    """The first line of a ledger: how many records it has, and the sum of their tallies but
    those of the records, by number, that stand apart.
    """

    records: NonNegativeInt
    apart: list[NonNegativeInt]
    sum: dict[str, Any]


RECORDS = 1000  # of a ledger
_MOST_LEDGER_BYTES = 64 << 20  # of tallies: they may list thousands of losses
FEWEST = 250  # for which the end of a group makes one
_LEDGER = re.compile(r"commits/[^/]+/ledger-(\d{6})-([0-9a-f]{16})\.jsonl")
_TALLY = b', "tally": '
_RECORD = TypeAdapter(Commit)
_COUNTS = TypeAdapter(dict[str, Any])
_SUM = TypeAdapter(_About)
_READERS = 16


class Unparsed(Mapping[str, Any]):
    """A tally as the JSON it is stored as, parsed at each access: a pass has 100,000.

    Raises DamagedFile, by `damaged`, if it is no JSON object.
    """

    def __init__(self, text: bytes, damaged: Callable[[str], DamagedFile]) -> None:
        self.text = text
        self._damaged = damaged

    def parsed(self) -> dict[str, Any]:
        try:
            return _COUNTS.validate_json(self.text)
        except ValidationError as error:
            raise self._damaged("a tally is no object") from error

    def items(self) -> ItemsView[str, Any]:
        return self.parsed().items()

    def __getitem__(self, key: str) -> Any:
        return self.parsed()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.parsed())

    def __len__(self) -> int:
        return len(self.parsed())


@dataclass(frozen=True)
class Sum:
    """What the tallies of some records, by name, add up to."""

    names: frozenset[str]
    tally: Mapping[str, Any]


@dataclass
class Found:
    """The records of a group.

    commits  by name
    sums     of the whole ledgers of which every record counts
    single   names of those that are in no ledger, or there with another content
    twice    single ones, wanted or not, that say nothing beside the record of their ledger
    damaged  files, or lines of them, that count as none
    number   of the next ledger
    """

    commits: dict[str, Commit] = field(default_factory=dict)
    sums: list[Sum] = field(default_factory=list)
    single: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)
    damaged: list[DamagedFile] = field(default_factory=list)
    number: int = 0


def record_text(commit: Commit) -> bytes:
    """A record as its file, or its line, has it."""
    tally = commit.tally
    text = tally.text if isinstance(tally, Unparsed) else _json(dict(tally))
    head = {
        "files": [vars(file) for file in commit.files],
        "fingerprint": commit.fingerprint,
        "key": commit.key,
        "replaced_by": commit.replaced_by,
    }
    # The tally is last, so that a reader finds it without parsing it.
    return sealed_text(_json(head).removesuffix(b"}") + _TALLY + text + b"}")


def compact(commit: Commit) -> Commit:
    """The commit with its tally in a tenth of the memory."""
    if isinstance(commit.tally, Unparsed):
        return commit
    return replace(commit, tally=Unparsed(_json(dict(commit.tally)), _never))


def publish_commit(storage: Storage, name: str, commit: Commit) -> Commit:
    """Create the record, or return the one that existed before."""
    content = record_text(commit)
    while not storage.create(name, content):
        first = known_commit(storage, name)
        if first is None:
            continue  # the driver has gathered or removed it since
        if isinstance(first, Commit) and all(
            storage.size(file.path) == file.bytes for file in first.files
        ):
            return first
        # It is damaged, or files that it lists were deleted or cut: it is not valid.
        storage.write(name, content)
        break
    return commit


def known_commit(storage: Storage, name: str) -> Commit | DamagedFile | None:
    """A single record, or why it counts as none; null if there is none."""
    try:
        return storage.read_record(name, _RECORD)
    except DamagedFile as error:
        return error
    except StorageError:
        if storage.exists(name):
            raise
        return None


def records_in(
    storage: Storage, group: str, wanted: Collection[str] | None = None
) -> Found:
    """The records of a group, or those of the wanted names among them."""
    return _found(storage, storage.names(f"commits/{group}"), wanted)


def records_of(storage: Storage) -> Iterator[tuple[str, Commit]]:
    """Every commit record of the folder, by name; damaged ones are left out."""
    groups: dict[str, list[str]] = {}
    for name in storage.names("commits"):
        groups.setdefault(name.split("/")[1], []).append(name)
    for names in groups.values():
        yield from _found(storage, names).commits.items()


def tally_of(commit: Commit) -> dict[str, Any]:
    """What a commit adds to the tally of the run: all but what tells splits and inputs apart."""
    tally = dict(commit.tally.items())
    tally.pop("split", None)
    tally.pop("lossy", None)
    if "source" in tally:
        places = ("first_start", "next_start")
        source = {k: v for k, v in tally["source"].items() if k not in places}
        tally["source"] = source
    return tally


def total_of(commits: Iterable[tuple[str, Commit]], sums: Iterable[Sum]) -> Tally:
    """The sum of the tallies of commits, by name; `sums` of some of them save parsing."""
    left, total = dict(commits), Tally()
    for one in sums:
        if one.names <= left.keys():
            add(total, one.tally)
            for name in one.names:
                del left[name]
    for commit in left.values():
        add(total, tally_of(commit))
    return total


class Gathering:
    """The records of one group, gathered by the driver as its tasks end."""

    def __init__(self, storage: Storage, group: str) -> None:
        self._storage = storage
        self._group = group
        self._single: dict[str, Commit] = {}  # those that are in no ledger
        self._bytes = 0
        self._number = 0  # of the next ledger
        self._sums: list[Sum] = []
        self._damaged: set[str] = set()  # ledgers with damaged lines
        self._twice: set[str] = set()  # single records that are in a ledger too

    def take(self, found: Found, finished: Collection[Commit]) -> None:
        """Take over what was found of the group, of which these commits are valid."""
        valid = {_name(self._group, commit): commit for commit in finished}
        self._number = max(self._number, found.number)
        self._sums += [one for one in found.sums if one.names <= valid.keys()]
        damaged = {name for one in found.damaged for name in one.names}
        self._damaged |= set(filter(is_ledger, damaged))
        self._twice.update(found.twice)
        for name in found.single:
            if name in valid:
                self._hold(name, valid[name])

    def add(self, commit: Commit) -> None:
        """One more record, which a worker or the driver has written."""
        self._hold(_name(self._group, commit), commit)
        if len(self._single) >= RECORDS or self._bytes >= _MOST_LEDGER_BYTES:
            self._gather()

    def end(self) -> None:
        """The group has ended: leave out damaged lines, and few single records."""
        if self._twice:
            self._storage.check_lock()
            self._storage.remove(self._twice)
            self._twice.clear()
        if self._damaged:
            remove_records(self._storage, self._damaged)
            self._damaged.clear()
        if len(self._single) >= FEWEST:
            self._gather()

    def forget(self, names: Iterable[str]) -> None:
        """These records were removed."""
        for name in names:
            self._drop(name)
        self._sums.clear()

    def release(self) -> None:
        """Nobody will ask for a total."""
        self._sums.clear()

    def total(self, commits: Iterable[Commit]) -> Tally:
        """The sum of the tallies of commits of the group."""
        sums, self._sums = self._sums, []
        return total_of(((_name(self._group, c), c) for c in commits), sums)

    def _hold(self, name: str, commit: Commit) -> None:
        self._drop(name)
        self._single[name] = commit
        self._bytes += _size(commit)

    def _drop(self, name: str) -> None:
        self._twice.discard(name)  # whatever is written there now
        if name in self._single:
            self._bytes -= _size(self._single.pop(name))

    def _gather(self) -> None:
        self._storage.check_lock()
        own = list(self._single.values())
        self._number = gather(self._storage, self._group, self._number, own)
        self._single.clear()
        self._bytes = 0


def gather(storage: Storage, group: str, number: int, commits: Sequence[Commit]) -> int:
    """Write a ledger of commits whose records are single; the number of the next one."""
    _write(storage, group, number, commits)
    storage.remove(_name(group, commit) for commit in commits)
    return number + 1


def remove_records(storage: Storage, names: Iterable[str]) -> None:
    """Delete records, wherever they are; a missing one is no error.

    A ledger among the names only loses its damaged lines.
    """
    going = set(names)
    storage.remove(sorted(n for n in going if not is_ledger(n)))
    _remove_lines(storage, going)


def replace_records(storage: Storage, commits: Mapping[str, Commit]) -> None:
    """Write other records under these names, and nothing is left of the earlier ones."""
    for name, commit in commits.items():
        storage.write(name, record_text(commit))
    _remove_lines(storage, commits.keys())


def _remove_lines(storage: Storage, going: Set[str]) -> None:
    """Take records out of all ledgers."""
    for group in sorted({name.split("/")[1] for name in going}):
        for ledger in filter(is_ledger, storage.names(f"commits/{group}")):
            if (storage.size(ledger) or 0) > MOST_BYTES:
                continue  # it was not read, and no driver wrote it
            found = _read(storage, ledger)
            kept = [c for name, c in found.commits.items() if name not in going]
            if len(kept) == len(found.commits) and not found.damaged:
                continue
            number = int(_of_ledger(ledger)[1])
            # Where only the first line was damaged, it gets its own name again.
            if not kept or _write(storage, group, number, kept) != ledger:
                storage.remove([ledger])


def _found(
    storage: Storage, names: Iterable[str], wanted: Collection[str] | None = None
) -> Found:
    all_ = list(names)
    ledgers = sorted(filter(is_ledger, all_))
    listed = [name for name in all_ if name.endswith(".json")]
    # Those that are single and in a ledger are compared, wanted or not.
    read_too = None if wanted is None else {*wanted, *listed}
    found = Found()
    with ThreadPoolExecutor(_READERS) as pool:
        for read in pool.map(partial(_read, storage, wanted=read_too), ledgers):
            _replace(found, read.commits)
            found.sums += read.sums
            found.damaged += read.damaged
        single = [
            n for n in listed if wanted is None or n in wanted or n in found.commits
        ]
        for name, commit in zip(
            single, pool.map(partial(known_commit, storage), single), strict=True
        ):
            if commit is None:  # another run has gathered it since: list again
                folder = name.rpartition("/")[0]
                return _found(storage, storage.names(folder), wanted)
            _take_single(storage, found, name, commit)
    if ledgers:
        found.number = int(_of_ledger(ledgers[-1])[1]) + 1
    return found if wanted is None else _only(found, wanted)


def _take_single(
    storage: Storage, found: Found, name: str, commit: Commit | DamagedFile
) -> None:
    """Add a single record to those of ledgers."""
    gathered = found.commits.get(name)
    if isinstance(commit, Commit) and name != _name(name.split("/")[1], commit):
        commit = storage.damaged(name, "it is the record of another task")
    if isinstance(commit, Commit):
        commit = compact(commit)
        if gathered is not None and record_text(gathered) == record_text(commit):
            found.twice.append(name)
            return
        _replace(found, {name: commit})
        found.single.append(name)
    elif gathered is not None:
        found.twice.append(name)
    else:
        found.damaged.append(commit)


def _only(found: Found, wanted: Collection[str]) -> Found:
    """What was found, without the records that are not wanted."""
    chosen = set(wanted)
    commits = {name: one for name, one in found.commits.items() if name in chosen}
    sums = [one for one in found.sums if one.names <= commits.keys()]
    single = [name for name in found.single if name in chosen]
    return replace(found, commits=commits, sums=sums, single=single)


def _replace(found: Found, commits: Mapping[str, Commit]) -> None:
    """Add records, and leave out the sums of ledgers that had any of them."""
    if not found.commits.keys().isdisjoint(commits):
        names = commits.keys()
        found.sums = [one for one in found.sums if one.names.isdisjoint(names)]
    found.commits |= commits


def _read(
    storage: Storage, ledger: str, wanted: Collection[str] | None = None
) -> Found:
    """The records of one ledger."""
    found = Found()
    group = ledger.split("/")[1]
    try:
        content = storage.read(ledger)
    except DamagedFile as error:
        found.damaged.append(error)
        return found
    is_whole = xxhash.xxh3_64_hexdigest(content) == _of_ledger(ledger)[2]
    damaged = partial(storage.damaged, ledger)
    names: list[str] = []
    first, *lines = content.removesuffix(b"\n").split(b"\n")
    for number, line in enumerate(lines, start=2):
        try:
            commit = _commit(unsealed_text(line, is_sound=is_whole), damaged)
        except Unreadable as error:
            found.damaged.append(damaged(f"line {number}: {error}"))
            continue
        name = _name(group, commit)
        names.append(name)
        if wanted is None or name in wanted:
            found.commits[name] = commit
    try:
        about = unsealed(first, _SUM)
    except Unreadable as error:
        found.damaged.append(damaged(f"line 1: {error}"))
        return found
    if len(names) == about["records"] and len(found.commits) == len(names):
        if max(about["apart"], default=0) >= len(names):
            found.damaged.append(damaged("line 1: it names records that it has not"))
            return found
        apart = {names[number] for number in about["apart"]}
        found.sums.append(Sum(frozenset(names) - apart, about["sum"]))
    if not is_whole and not found.damaged:
        found.damaged.append(damaged("lines of it are missing"))
    return found


def _commit(text: bytes, damaged: Callable[[str], DamagedFile]) -> Commit:
    """The commit of a record without its digest. Raises Unreadable."""
    head, found, tally = text.partition(_TALLY)
    if not found or tally[:1] != b"{":
        raise Unreadable("it has no tally")
    commit = parsed(head + b"}", _RECORD)
    return replace(commit, tally=Unparsed(tally[:-1], damaged))


def _write(storage: Storage, group: str, number: int, commits: Sequence[Commit]) -> str:
    """Write a ledger; returns its name."""
    tallies = list(map(tally_of, commits))
    # Lists are added in the order of the run's inputs, and records are in that of ends.
    apart = [
        n for n, tally in enumerate(tallies) if commits[n].replaced_by or _lists(tally)
    ]
    total = Tally()
    for place in sorted(set(range(len(tallies))).difference(apart)):
        add(total, tallies[place])
    about = {"records": len(commits), "apart": apart, "sum": total}
    with (
        storage.writer(f"commits/{group}", f"ledger-{number:06d}", ".jsonl") as written,
        written.temporary.open("wb") as file,
    ):
        file.write(sealed(about, sort_keys=True) + b"\n")
        file.writelines(record_text(commit) + b"\n" for commit in commits)
    return written.name


def _lists(tally: Mapping[str, Any]) -> bool:
    """Whether there is a list in it that is not empty."""
    return any(
        _lists(value)
        if isinstance(value, Mapping)
        else value and isinstance(value, list)
        for value in tally.values()
    )


def is_ledger(name: str) -> bool:
    return _LEDGER.fullmatch(name) is not None


def _of_ledger(name: str) -> re.Match[str]:
    found = _LEDGER.fullmatch(name)
    assert found is not None
    return found


def _name(group: str, commit: Commit) -> str:
    return record_name(group, commit.key, commit.fingerprint)


def _size(commit: Commit) -> int:
    return len(commit.tally.text) if isinstance(commit.tally, Unparsed) else 0


def _json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, sort_keys=True).encode()


def _never(why: str) -> DamagedFile:
    raise AssertionError(f"our own tally cannot be read: {why}")
