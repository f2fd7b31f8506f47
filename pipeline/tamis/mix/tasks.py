"""The driver's side of mix_corpus: the tasks and their arguments.

The number of tasks follows from the bytes of the data, never from the number of workers.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from tamis.documents.parts import Part
from tamis.mix import domains
from tamis.mix.kernels.cut import Cut
from tamis.mix.kernels.weights import largest_needed
from tamis.mix.rows import Draw
from tamis.mix.shuffle import BUCKETS, Bucket, gather, rescatter, scatter_parts
from tamis.work.commits import Commit, File
from tamis.work.steps import Piece, Steps, files_of

_BYTES_PER_TASK = 1 << 30  # compressed, that one task scatters

Thing = TypeVar("Thing")


def find_caps(
    share: float, counted: Sequence[Commit], totals: Mapping[str, int], *, steps: Steps
) -> dict[str, dict[str, int]]:
    """{language: {domain: tokens that may stay}} of domains over the cap."""
    files = files_of(counted, domains.WORK)
    if not files:
        return {}
    ways, needed = domains.ways_for(files), largest_needed(share)

    def piece(key: str, sources: Sequence[File], *more: Any) -> Piece:
        return Piece(key, (sources, *more), ([file.path for file in sources], *more))

    groups = enumerate(domains.groups_of(files))
    merge = [piece(f"group-{number:05d}", group, ways) for number, group in groups]
    merged = steps.run("domains", domains.merge_domains, merge)
    pieces = files_of(merged, domains.WORK)
    heaviest = [
        piece(f"way-{way:03d}", pieces, way, ways, needed) for way in range(ways)
    ]
    largest = steps.run("largest", domains.heaviest_domains, heaviest)
    last = piece("all", files_of(largest, domains.WORK), totals, share, needed)
    (found,) = steps.run("caps", domains.find_caps, [last])
    caps: dict[str, dict[str, int]] = found.tally["caps"]
    return caps


def scatter_all(draw: Draw, parts: Sequence[Part], steps: Steps) -> list[Commit]:
    """Distribute the rows of all parts by shuffle key, a group of parts a task."""
    groups = _groups(parts, lambda part: sum(file.bytes for file in part.files))
    return steps.run(
        "scatter",
        scatter_parts,
        [
            Piece(
                f"group-{number:05d}",
                (draw, group),
                ([part.fingerprint for part in group],),
            )
            for number, group in enumerate(groups)
        ],
    )


def leaves(cut: Cut, scattered: Sequence[Commit], steps: Steps) -> list[Bucket]:
    """Scatter rows through all levels; returns where each bucket's rows are."""
    pieces = files_of(scattered, BUCKETS)
    found = [Bucket(pieces, way) for way in range(cut.ways)]
    for level in range(1, cut.levels):
        work = {
            f"way-{number:08d}-{group:05d}": Bucket(tuple(some), bucket.way)
            for number, bucket in enumerate(found)
            for group, some in enumerate(_groups(bucket.pieces, _way_bytes(cut)))
        }
        commits = steps.run(
            f"rescatter-{level}",
            rescatter,
            [
                Piece(key, (cut, level, source), ([f.path for f in source.pieces],))
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


def gather_all(cut: Cut, buckets: Sequence[Bucket], steps: Steps) -> list[Commit]:
    """Write the shards: a task sorts the buckets of one shard, or of several."""
    together = cut.buckets_per_shard
    return steps.run(
        "gather",
        gather,
        [
            Piece(
                f"bucket-{first:08d}",
                (cut, some),
                (first, [file.path for bucket in some for file in bucket.pieces]),
            )
            for first in range(0, len(buckets), together)
            if (some := buckets[first : first + together])
        ],
    )


def _way_bytes(cut: Cut) -> Callable[[File], int]:
    return lambda file: file.bytes // cut.ways


def _groups(
    things: Sequence[Thing], size_of: Callable[[Thing], int]
) -> list[list[Thing]]:
    """Groups of things, in their order, each up to some bytes: one group a task."""
    groups: list[list[Thing]] = []
    size = 0
    for thing in things:
        if not groups or size + size_of(thing) > _BYTES_PER_TASK:
            groups.append([])
            size = 0
        groups[-1].append(thing)
        size += size_of(thing)
    return groups
