"""What deduplicate does with an index, step by step (pipeline/tamis/dedup/index/folder.py).

    begin      reserve a number: from now on the run always reads the same rows (turn.py)
    matches    documents that share a hash with a cluster of the index
    resolved   the crawl and the size of these clusters
    publish    write what the run adds, beside the old files; merge older generations;
               then publish all at once by a manifest

The steps that write into the index have their commit records there until the manifest.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, NamedTuple, TypedDict

import numpy as np
import xxhash
from numpy.typing import NDArray

from tamis.dedup.clusters.known import SURE, UNSURE
from tamis.dedup.clusters.survivors import ATTACHED_IN
from tamis.dedup.groups import Group, Settings, bounds_of, sketch_ranges
from tamis.dedup.index.clusters import GROWN_IN, RESOLVED_IN, resolve_attached
from tamis.dedup.index.compaction import merge_older
from tamis.dedup.index.folder import (
    BY_KEEPER,
    BY_SKETCH,
    Entry,
    Generation,
    Reading,
    generations,
    index_files,
    ranges_in,
    reading,
)
from tamis.dedup.index.generation import (
    KEPT_IN,
    KEYS_IN,
    add_hashes,
    add_inputs,
    add_keepers,
    gather_keys,
)
from tamis.dedup.index.matches import Lookup, find_matches, lookups
from tamis.dedup.index.sketches import (
    SKETCHED_IN,
    add_sketches,
    gather_kept_sketches,
    gather_sketched,
    verify_matches,
)
from tamis.dedup.index.turn import Turn, holding, publish, reserve, upcoming
from tamis.dedup.sorted_runs import units
from tamis.documents.parts import Part
from tamis.storage import Storage
from tamis.work.commits import Commit, File
from tamis.work.steps import Steps, Work, by_column, files_of
from tamis.work.tasks import Tasks

MAX_ATTACHED = 1 << 23  # documents of one range of keepers
_HELD_ROWS = 2  # copies of a range's rows in memory; finding edges needs one


class IndexTurn(TypedDict):
    """The turn of a run, as JSON values: its number, and the runs that it reads."""

    fingerprint: str
    settings: dict[str, Any]
    number: int
    reads: list[str]


class Job:
    """A run of deduplicate: its steps, and its index if it has one."""

    def __init__(
        self,
        step: Steps,
        settings: Settings,
        groups: Sequence[Group],
        tasks: Tasks,
        index: Storage | None,
        begun: IndexTurn | None,
    ) -> None:
        self.step, self.settings, self.groups = step, settings, groups
        self.tasks, self.index, self.begun = tasks, index, begun

    @property
    def rows(self) -> int:
        return self.groups[-1].stop if self.groups else 0

    @cached_property
    def source(self) -> Reading | None:
        """The rows of the index that this run may see; null without an index."""
        if self.index is None or self.begun is None:
            return None
        return reading(self.index, generations(self.index), self.begun["number"])


class Decided(NamedTuple):
    """Results of the steps: by column the sorted hashes of each group, and commits."""

    runs: Mapping[str, tuple[File, ...]]
    survivors: Sequence[Commit]
    published: Sequence[Commit]
    grown: tuple[File, ...]


def begin_turn(
    index: Storage,
    output: Storage,
    fingerprint: str,
    *,
    settings: dict[str, Any],
    parts: Sequence[Part],
    is_dry: bool,
    note: Callable[[str], None],
) -> IndexTurn:
    """The turn as JSON values; the fingerprints of the run depend on it."""
    names = _hashes_of(name for part in parts for name in part.input_names)
    if is_dry:
        turn: Turn = upcoming(index, fingerprint, settings, inputs=names)
    else:
        turn = reserve(
            index, output, fingerprint, settings=settings, inputs=names, note=note
        )
    return {
        "fingerprint": fingerprint,
        "settings": settings,
        "number": turn.number,
        "reads": list(turn.reads),
    }


def matches_of(
    job: Job, runs: dict[str, tuple[File, ...]], same_ids: Sequence[File]
) -> tuple[File, ...]:
    """Files of the step `matches`; none without an index, or with an empty one.

    With sketches in the index, a document that shares a band with a cluster is a match
    only if it is similar to the keeper.
    """
    if job.source is None:
        return ()
    settings, source = job.settings, job.source
    bands = settings.bands if settings.has_sketches else ()
    columns = [name for name in settings.hash_columns if name not in bands]
    found = lookups(runs, columns, source, rows=job.rows)
    work: Work = [(own, same_ids, SURE) for own in found]
    sure = files_of(job.step("index-matches", find_matches, work, _cut(found)))
    if not bands:
        return sure
    found = lookups(runs, bands, source, rows=job.rows)
    work = [(own, same_ids, UNSURE) for own in found]
    commits = job.step("index-unverified", find_matches, work, _cut(found))
    unsure = files_of(commits)
    ranges = sketch_ranges(sum(commit.tally["matches"] for commit in commits))
    work = [(settings, group, unsure, ranges) for group in job.groups]
    sketched = files_of(job.step("index-sketched", gather_sketched, work), SKETCHED_IN)
    work = [
        (settings, sketched, n, ranges, source.of(BY_SKETCH, low, high))
        for n, (low, high) in enumerate(bounds_of(ranges))
    ]
    verified = job.step("index-verified", verify_matches, work)
    return (*sure, *files_of(verified, SURE))


def resolved_of(
    job: Job, survivors: Sequence[Commit], ranges: int
) -> tuple[tuple[File, ...] | None, tuple[File, ...]]:
    """Files of the step `resolved`, null without an index, and of clusters that grew."""
    if job.source is None:
        return None, ()
    attached = files_of(survivors, ATTACHED_IN)
    keepers = [job.source.of(BY_KEEPER, low, high) for low, high in bounds_of(ranges)]
    commits = job.step(
        "index-clusters",
        resolve_attached,
        [(attached, n, ranges, keepers[n]) for n in range(ranges)] if attached else [],
    )
    return files_of(commits, RESOLVED_IN), files_of(commits, GROWN_IN)


def publish_turn(job: Job, decided: Decided | None) -> None:
    """Write what the run adds, and the manifest that publishes it."""
    assert job.index is not None
    assert job.begun is not None
    number = job.begun["number"]
    published: list[Commit] = []
    crawls: set[str] = set()
    if decided is not None:
        gathered, published = _added(job, decided)
        crawls = {name for commit in gathered for name in commit.tally["crawls"]}
    tally: dict[str, int] = {}
    for commit in decided.published if decided else ():
        for name, count in commit.tally.items():
            tally[name] = tally.get(name, 0) + count
    parts = [part for group in job.groups for part in group.parts]
    names = _hashes_of(name for part in parts for name in part.input_names)
    tasks = Tasks(job.index, job.tasks.executor, job.tasks.progress)
    published += job.step.elsewhere(tasks)(
        "index-inputs", add_inputs, [(names, number)]
    )
    kept = tally.get("documents", 0) - sum(
        count for name, count in tally.items() if name.startswith("duplicate_")
    )
    entry = Entry(
        number=number,
        fingerprint=job.begun["fingerprint"],
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        documents=tally.get("documents", 0),
        kept=kept,
        of_index=tally.get("duplicate_of_index", 0),
        crawls=tuple(sorted(crawls)),
    )
    generation = Generation(
        number, number, (entry,), job.begun["settings"], index_files(published)
    )
    with holding(job.index, job.tasks.storage):
        merge_older(tasks, [generation])
    publish(job.index, job.tasks.storage, generation)


def _added(job: Job, decided: Decided) -> tuple[list[Commit], list[Commit]]:
    """Commits of the rows gathered from groups, and of the generation's files."""
    assert job.index is not None
    assert job.source is not None
    settings, rows, number = job.settings, job.rows, job.source.number
    work: Work = []
    for group, own in zip(job.groups, _layers_of(job.groups, decided), strict=True):
        runs = {name: files[group.number] for name, files in decided.runs.items()}
        work.append((settings, group, own, runs, rows))
    gathered = job.step("index-keys", gather_keys, work)
    columns = settings.hash_columns
    keys = by_column(
        [Commit(c.key, c.fingerprint, c.of(KEYS_IN)) for c in gathered], columns
    )
    steps = job.step.elsewhere(Tasks(job.index, job.tasks.executor, job.tasks.progress))
    run = job.tasks.storage
    hashes = [
        (run, settings, [(u, job.source.of(u.column, u.low, u.high)) for u in some])
        for some in units(keys, columns, _HELD_ROWS * rows)
    ]
    kept = (*files_of(gathered, KEPT_IN), *decided.grown)
    ranges = ranges_in(BY_KEEPER, sum(file.rows for file in kept))
    keepers = [(run, kept, low, high, number) for low, high in ranges]
    return gathered, [
        *steps("index-hashes", add_hashes, list(hashes)),
        *steps("index-keepers", add_keepers, list(keepers)),
        *(_sketched(job, decided, steps) if settings.has_sketches else ()),
    ]


def _sketched(job: Job, decided: Decided, steps: Steps) -> list[Commit]:
    """The sketches of all documents that stay."""
    assert job.source is not None
    layers = _layers_of(job.groups, decided)
    ranges = sketch_ranges(job.rows)
    work: Work = [
        (job.settings, group, own, ranges)
        for group, own in zip(job.groups, layers, strict=True)
    ]
    gathered = job.step("index-kept-sketches", gather_kept_sketches, work)
    files = files_of(gathered)
    run, number = job.tasks.storage, job.source.number
    work = [(run, files, n, ranges, number) for n in range(ranges)]
    return steps("index-sketches", add_sketches, work)


def _cut(found: Sequence[Sequence[Lookup]]) -> list[Any]:
    """How lookups are cut into tasks; a merge of generations may change it."""
    return [
        [[own.unit.column, own.unit.low, own.unit.high] for own in some]
        for some in found
    ]


def _layers_of(groups: Sequence[Group], decided: Decided) -> list[list[File]]:
    """The layers of each group's parts."""
    layers = iter(files_of(decided.published))
    return [[next(layers) for _ in group.parts] for group in groups]


def _hashes_of(names: Iterable[str]) -> NDArray[np.uint64]:
    return np.sort(
        np.array([xxhash.xxh3_64_intdigest(name.encode()) for name in names], np.uint64)
    )
