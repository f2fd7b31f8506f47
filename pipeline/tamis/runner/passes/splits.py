"""Plan which byte ranges of which files the first pass reads.

The first run writes the plan into the output folder, and a resumed run keeps it, so
that a machine with another number of cores redoes nothing.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pydantic import TypeAdapter, with_config
from typing_extensions import TypedDict

from tamis.crawl_index.cache import cached_selection
from tamis.crawl_index.places import Selection
from tamis.errors import ConfigError, DamagedFile
from tamis.inputs import InputFile
from tamis.remote.opening import Access
from tamis.runner.passes.chain import run_split
from tamis.runner.passes.units import Unit
from tamis.runner.passes.work import Crashes, PassWork
from tamis.stage import Source
from tamis.storage import Storage
from tamis.warc.document import crawl_of
from tamis.warc.names import listed_name
from tamis.warc.splits import Place, Split, plan_splits, reread
from tamis.work.commits import Commit, fingerprint_of
from tamis.work.tasks import Task

PLAN = "plan.json"
_FILES_PER_CORE = 4
_MIN_SPLIT_BYTES = 256 << 10
_MOST_CHARACTERS = 120  # of a name within a file's name, which has 255 bytes

Ranges = dict[str, list[tuple[int, int]]]


@with_config(extra="forbid")
class _Planned(TypedDict):
    """What the plan has of a file: what the ranges were made for, and the ranges.

    `seen`: what the disk said of a local file when it had the stamp.
    """

    size: int
    stamp: str
    etag: str
    asked: int | None
    seen: str
    ranges: list[tuple[int, int]]


@with_config(extra="forbid")
class _Plan(TypedDict):
    """plan.json: by the name of each file."""

    files: dict[str, _Planned]


Plan = dict[str, _Planned]
_PLAN = TypeAdapter(_Plan)


def planned_ranges(
    earlier: Plan, files: Sequence[InputFile], source: Source, *, cores: int
) -> Ranges:
    """Ranges of every file, from the plan of an earlier run if that still fits."""
    ranges: Ranges = {}
    split_bytes = source.bytes_per_split()
    size_of_split = split_bytes or _balanced(files, cores)
    for file in files:
        known = earlier.get(file.name)
        about = _about(file, split_bytes)
        if known and {**known, **about} == known:
            ranges[file.name] = known["ranges"]
        else:
            own = size_of_split if source.can_split(file.path) else None
            ranges[file.name] = plan_splits(file.size, own)
    return ranges


def write_plan(
    storage: Storage,
    earlier: Plan,
    files: Sequence[InputFile],
    source: Source,
    *,
    ranges: Ranges,
) -> None:
    """Keep the plan for the runs that resume this one, or that read other inputs."""
    plan: dict[str, Any] = earlier | {
        file.name: {
            **_about(file, source.bytes_per_split()),
            "etag": file.etag,
            "seen": file.seen,
            "ranges": ranges[file.name],
        }
        for file in files
    }
    if plan != earlier:
        storage.write_record(PLAN, {"files": plan}, indent=None)


def earlier_plan(storage: Storage, note: Callable[[str], None] | None = None) -> Plan:
    """What the plan of an earlier run has of each file, by name; nothing, with a note, if
    it is damaged.
    """
    try:
        if not storage.exists(PLAN):
            return {}
        plan = storage.read_record(PLAN, _PLAN)["files"]
        for name, about in plan.items():
            if not _is_whole(about):
                raise storage.damaged(PLAN, f"the ranges of {name!r} are not the file")
        return plan
    except DamagedFile as error:
        if note is not None:
            note(f"{error.what}: made again")
        return {}


def _is_whole(about: _Planned) -> bool:
    """Whether the ranges are those of a plan: end to end, from the first byte to the last."""
    ranges = about["ranges"]
    starts, stops = [start for start, _ in ranges], [stop for _, stop in ranges]
    is_joined = bool(ranges) and [*starts, about["size"]] == [0, *stops]
    return is_joined and all(start <= stop for start, stop in ranges)


def _about(file: InputFile, split_bytes: int | None) -> dict[str, Any]:
    return {"size": file.size, "stamp": file.stamp, "asked": split_bytes}


def _balanced(files: Sequence[InputFile], cores: int) -> int | None:
    """Bytes of a split, for about 4 splits per core; null if there are 4 files per core."""
    if len(files) >= _FILES_PER_CORE * cores:
        return None
    size = sum(file.about_bytes for file in files)
    return max(_MIN_SPLIT_BYTES, size // (_FILES_PER_CORE * cores))


class SplitTasks:
    """Makes the tasks of the first pass: one for each split, and replacements."""

    def __init__(
        self,
        work: PassWork,
        source: Source,
        fingerprint: str,
        *,
        warc_paths: Mapping[str, str],
        tasks: int = 1,
        selection: Selection | None = None,
    ) -> None:
        self._work = work
        self._source = source
        self._fingerprint = fingerprint
        self._warc_paths = warc_paths
        self._tasks = tasks  # that read at once
        self._selection = selection

    def task(
        self,
        file: InputFile,
        start: int,
        stop: int,
        exact: bool,
        crashes: Sequence[Sequence[Any]] = (),
    ) -> Task:
        """A task that reads the records of `file` that begin in [start, stop)."""
        split, depends = self._split(file, start, stop, exact)
        apart: Crashes = tuple((int(id_), str(stage)) for id_, stage in crashes)
        how = ("x" if exact else "") + (f"-crash{len(apart)}" if apart else "")
        return Task(
            key=f"{task_name(file.name)}-{start}-{stop}{how}",
            fingerprint=fingerprint_of(self._fingerprint, *depends, how, apart),
            function=run_split,
            arguments=(self._work, self._source, (split,), apart),
            isolate=self._isolate(file, start, stop, exact, apart),
            alone=self._alone([split]),
        )

    def tasks(self, unit: Unit, ranges: Ranges) -> list[Task]:
        """The tasks of a unit: one for each split of its file, or one for all its files."""
        if unit.is_group:
            return [self._together(unit)]
        (file,) = unit.files
        return [
            self.task(file, start, stop, exact=start == 0)
            for start, stop in ranges[file.name]
        ]

    def _together(self, unit: Unit) -> Task:
        """A task that reads several whole files. They are read apart if one of them cannot
        be read, or holds a page that kills its worker.
        """
        made = [self._split(file, 0, file.size, exact=True) for file in unit.files]
        splits = tuple(split for split, _ in made)

        def isolate(mark: Any) -> Sequence[Task]:
            return [self.task(file, 0, file.size, exact=True) for file in unit.files]

        return Task(
            key=unit.name,
            fingerprint=fingerprint_of(self._fingerprint, *(how for _, how in made)),
            function=run_split,
            arguments=(self._work, self._source, splits),
            isolate=isolate,
            alone=self._alone(splits),
            together=tuple(file.name for file in unit.files),
        )

    def split(self, file: InputFile, start: int, stop: int, exact: bool) -> Split:
        """The records of `file` that begin in [start, stop)."""
        return self._split(file, start, stop, exact)[0]

    def _split(
        self, file: InputFile, start: int, stop: int, exact: bool
    ) -> tuple[Split, list[Any]]:
        """A split, and what its outcome depends on."""
        crawl = self._source.crawl_name() or crawl_of(file.path)
        selected, chosen = None, []
        if self._selection is not None:
            listed = listed_name(file.name, file.stamp)
            selected = self._selection.within(listed, start, stop)
            chosen = [hashlib.sha256(selected).hexdigest()]
        split = Split(
            file.path,
            start,
            stop,
            file.size,
            exact,
            crawl,
            self._tasks,
            selected,
            file.etag,
            file.name,
            self._warc_paths[file.path],
            file.about,
        )
        about = [file.name, file.stamp, split.warc_path, crawl, start, stop]
        return split, [*about, *chosen]

    def _alone(self, splits: Sequence[Split]) -> Callable[[Any], tuple[Any, ...]]:
        """A function that gives the arguments to read the document of a mark alone."""

        def alone(mark: Any) -> tuple[Any, ...]:
            if not self._source.has_byte_offsets:
                return (self._work, self._source, tuple(splits), (), int(mark["id"]))
            start = int(mark["offset"])
            path = mark.get("warc_path")
            own = next((one for one in splits if one.warc_path == path), splits[0])
            place = replace(own, start=start, stop=start + 1, exact=True)
            return (self._work, self._source, (place,), (), int(mark["id"]))

        return alone

    def _isolate(
        self, file: InputFile, start: int, stop: int, exact: bool, apart: Crashes
    ) -> Callable[[Any], Sequence[Task]]:
        """A function that isolates the document that kills its worker.

        Records that were compressed together have one offset: the other ones are still
        processed, and if another one of them kills a worker, it is isolated too.
        """

        def isolate(mark: Any) -> Sequence[Task]:
            if not mark or "offset" not in mark:
                return ()
            crashes = (*apart, (int(mark["id"]), str(mark["stage"])))
            if apart or not self._source.has_byte_offsets:
                is_known = mark["id"] in dict(apart)
                again = self.task(file, start, stop, exact, crashes)
                return () if is_known else (again,)
            offset = int(mark["offset"])
            pieces = [self.task(file, offset, offset + 1, exact=True, crashes=crashes)]
            if offset > start:
                pieces.insert(0, self.task(file, start, offset, exact))
            if offset + 1 < stop:
                pieces.append(self.task(file, offset + 1, stop, exact=False))
            return pieces

        return isolate


def selection_of(
    source: Source,
    files: Sequence[InputFile],
    storage: Storage,
    *,
    options: Mapping[str, Any],
    is_kept: bool,
    note: Callable[[str], None],
) -> Selection | None:
    """What the source selects from the files; None if it reads everything."""
    select = source.selection()
    if select is None:
        return None
    access = Access(options, source.requests_to_one_host())
    names = [listed_name(file.name, file.stamp) for file in files]
    twice = next((name for name, count in Counter(names).items() if count > 1), None)
    if twice:
        raise ConfigError(
            f"select: two inputs are called {twice}, and an index tells archives apart by "
            f"their names: leave one out, or rename it"
        )
    return cached_selection(
        storage, select, names, access=access, writes=is_kept, note=note
    )


def corrected_tasks(
    units: Sequence[Unit],
    planned: Mapping[str, list[Task]],
    each: Mapping[str, list[Commit]],
    *,
    makers: SplitTasks,
) -> dict[str, list[Task]]:
    """New tasks, by unit, of each file in which a split began at the wrong place.

    An archive within the archive can deceive the scan for the first record; the end of
    the split before it is certain (`tamis.warc.splits`).
    """
    corrected = {}
    for unit in units:
        if unit.is_group:
            continue  # of whole files
        (file,) = unit.files
        if not all(each[task.key] for task in planned[file.name]):
            continue  # unreadable: set aside in the end
        commits = [c for task in planned[file.name] for c in each[task.key]]
        found = misplaced(commits)
        if found:
            splits = [commit.tally["split"] for commit in commits]
            index, due = found
            splits[index] = [due, splits[index][1], True, ""]
            corrected[file.name] = [makers.task(file, *split) for split in splits]
    return corrected


def misplaced(commits: Sequence[Commit]) -> tuple[int, int] | None:
    """The first split of a file that did not begin where the earlier ones ended.

    Returns its index and where it has to begin; None if all splits are right.
    """
    if len(commits) == 1:
        return None  # the file's first split begins where it should
    due = 0
    for index, commit in enumerate(commits):
        start, stop, exact, _ = commit.tally["split"]
        found = commit.tally["source"]
        place = Place(found["first_start"], found["next_start"])
        split = Split("", start, stop, stop, exact)
        if index and reread(split, place, due):
            return index, due
        due = max(due, place.next_start)
    return None


def task_name(name: str) -> str:
    """An input's name as part of a file name: anything unusual becomes `_`.

    A hash distinguishes names that become the same. Of a long name the end is kept.
    """
    plain = re.sub(r"[^A-Za-z0-9._-]", "_", name)[-_MOST_CHARACTERS:]
    return plain if plain == name else f"{plain}-{fingerprint_of(name)[:8]}"
