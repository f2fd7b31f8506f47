"""The driver's side of mix_corpus: which tasks there are, and what each is given.

How many there are follows from the bytes at hand, never from the number of workers.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from tamis.documents.parts import Part
from tamis.mix import domains as mix_domains
from tamis.mix.kernels.cut import Cut
from tamis.mix.kernels.weights import largest_needed
from tamis.mix.rows import Draw
from tamis.mix.shuffle import BUCKETS, Bucket, gather, rescatter, scatter_parts
from tamis.work.commits import Commit, File, fingerprint
from tamis.work.tasks import Task, Tasks

_BYTES_PER_TASK = 1 << 30  # compressed, that one task scatters

Thing = TypeVar("Thing")


def find_caps(
    share: float,
    about: str,
    counted: Sequence[Commit],
    totals: Mapping[str, int],
    tasks: Tasks,
) -> dict[str, dict[str, float]]:
    """{language: {domain: share of its tokens that may stay}} of domains over the cap.

    `about` says which version of the stage asks.
    """
    files = _files(counted, mix_domains.WORK)
    if not files:
        return {}
    ways, needed = mix_domains.ways_for(files), largest_needed(share)

    def task(key: str, function: Any, sources: Sequence[File], *more: Any) -> Task:
        print_ = fingerprint(about, [file.path for file in sources], *more)
        return Task(key, print_, function, (sources, *more))

    merge = [
        task(f"group-{number:05d}", mix_domains.merge_domains, group, ways)
        for number, group in enumerate(mix_domains.groups_of(files))
    ]
    pieces = _files(tasks.run("mix_corpus-domains", merge), mix_domains.WORK)
    heaviest = [
        task(f"way-{way:03d}", mix_domains.heaviest_domains, pieces, way, ways, needed)
        for way in range(ways)
    ]
    largest = _files(tasks.run("mix_corpus-largest", heaviest), mix_domains.WORK)
    (found,) = tasks.run(
        "mix_corpus-caps",
        [task("all", mix_domains.find_caps, largest, totals, share, needed)],
    )
    caps: dict[str, dict[str, float]] = found.tally["caps"]
    return caps


def scatter_all(
    draw: Draw, print_: str, parts: Sequence[Part], tasks: Tasks
) -> list[Commit]:
    groups = _groups(parts, lambda part: sum(file.bytes for file in part.files))
    return tasks.run(
        "mix_corpus-scatter",
        [
            Task(
                key=f"group-{number:05d}",
                fingerprint=fingerprint(print_, [part.fingerprint for part in group]),
                function=scatter_parts,
                arguments=(draw, group),
            )
            for number, group in enumerate(groups)
        ],
    )


def leaves(
    cut: Cut, print_: str, scattered: Sequence[Commit], tasks: Tasks
) -> list[Bucket]:
    """Where each bucket's rows lie when they have been scattered through all levels."""
    pieces = _files(scattered, BUCKETS)
    found = [Bucket(pieces, way) for way in range(cut.ways)]
    for level in range(1, cut.levels):
        work = {
            f"way-{number:08d}-{group:05d}": Bucket(tuple(some), bucket.way)
            for number, bucket in enumerate(found)
            for group, some in enumerate(_groups(bucket.pieces, _way_bytes(cut)))
        }
        commits = tasks.run(
            f"mix_corpus-rescatter-{level}",
            [
                Task(
                    key,
                    fingerprint(print_, [file.path for file in source.pieces]),
                    rescatter,
                    (cut, level, source),
                )
                for key, source in work.items()
            ],
        )
        owned: dict[int, list[File]] = {}
        for key, commit in zip(work, commits, strict=True):
            owned.setdefault(int(key.split("-")[1]), []).extend(commit.of(BUCKETS))
        found = [
            Bucket(tuple(owned.get(number, ())), way)
            for number in range(len(found))
            for way in range(cut.ways)
        ]
    return found[: cut.buckets]


def _way_bytes(cut: Cut) -> Callable[[File], int]:
    return lambda file: file.bytes // cut.ways


def gather_all(
    cut: Cut, print_: str, buckets: Sequence[Bucket], tasks: Tasks
) -> list[Commit]:
    together = cut.buckets_per_shard
    return tasks.run(
        "mix_corpus-gather",
        [
            Task(
                key=f"bucket-{first:08d}",
                fingerprint=fingerprint(
                    print_,
                    first,
                    [file.path for bucket in some for file in bucket.pieces],
                ),
                function=gather,
                arguments=(cut, some),
            )
            for first in range(0, len(buckets), together)
            if (some := buckets[first : first + together])
        ],
    )


def _groups(
    things: Sequence[Thing], size_of: Callable[[Thing], int]
) -> list[list[Thing]]:
    """Things in their order, put together up to some bytes a task."""
    groups: list[list[Thing]] = []
    size = 0
    for thing in things:
        if not groups or size + size_of(thing) > _BYTES_PER_TASK:
            groups.append([])
            size = 0
        groups[-1].append(thing)
        size += size_of(thing)
    return groups


def _files(commits: Sequence[Commit], dataset: str) -> tuple[File, ...]:
    return tuple(file for commit in commits for file in commit.of(dataset))
