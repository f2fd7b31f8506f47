"""Cut the range of all shuffle keys into shards, and into buckets for the work.

    shard    keys of one file of the mix; shards are equal ranges of keys
    bucket   keys that one task holds in memory at a time; a shard has one or many, or a
             bucket has many shards, but none crosses the border of a shard

The order of the mix is that of the keys, and its shards depend on their number alone.
The number of buckets, and of levels in which rows are scattered into them, changes the
cost of the work and not one byte of the result.

A mix may lie in folders, one for each language. Then each folder has shards of its own, one
folder's after the other's, and keys are moved into the range of their folder, in the same
order: all else is as for one folder.

Rows are scattered level by level, at most `max_ways` ways at a time, by the digits of
their bucket's number: with 3 ways bucket 5 of 9 is way 1, then way 2.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_HALF = np.uint64(32)
_MAX_RANGES = 1 << 32  # the upper half of a key distinguishes no more ranges


@dataclass(frozen=True)
class Cut:
    """Numbers of shards and buckets; at least one of the two ratios is 1.

    `folders` are those of the mix, each with its number of shards; none if all lie in one.
    """

    shards: int
    buckets_per_shard: int = 1
    shards_per_bucket: int = 1
    max_ways: int = 256
    folders: tuple[tuple[str, int], ...] = ()

    @property
    def buckets(self) -> int:
        return -(-self.shards * self.buckets_per_shard // self.shards_per_bucket)

    @property
    def levels(self) -> int:
        """How often rows are scattered: 1 up to `max_ways` buckets."""
        levels = 1
        while self.max_ways**levels < self.buckets:
            levels += 1
        return levels

    @property
    def ways(self) -> int:
        """Fewest ways that reach every bucket in so many levels: 300 buckets take 18."""
        ways = max(1, int(self.buckets ** (1 / self.levels)))
        while ways**self.levels < self.buckets:
            ways += 1
        return ways

    def shard_of(self, keys: NDArray[np.uint64]) -> NDArray[np.int64]:
        """Number of the shard of each key; ascending keys have ascending shards."""
        return _range_of(keys, self.shards)

    def stem_of(self, shard: int) -> str:
        """What a shard is called below mix/, without hash: `fra/shard-000003`."""
        for folder, shards in self.folders:
            if shard < shards:
                return f"{folder}/shard-{shard:06d}"
            shard -= shards
        return f"shard-{shard:06d}"

    def placed(
        self, keys: NDArray[np.uint64], folders: NDArray[np.int64]
    ) -> NDArray[np.uint64]:
        """Keys in the ranges of their folders, which are given by number."""
        sizes = np.array([shards for _, shards in self.folders], np.uint64)
        firsts = np.cumsum(sizes) - sizes
        spread = (keys >> _HALF) * sizes[folders]
        shard = firsts[folders] + (spread >> _HALF)
        within = spread & np.uint64(_MAX_RANGES - 1)
        start, stop = (
            _start_of(shard, self.shards),
            _start_of(shard + np.uint64(1), self.shards),
        )
        return (start << _HALF) + within * (stop - start)

    def bucket_of(self, keys: NDArray[np.uint64]) -> NDArray[np.int64]:
        fine = _range_of(keys, self.shards * self.buckets_per_shard)
        return fine // self.shards_per_bucket

    def way_of(self, keys: NDArray[np.uint64], level: int) -> NDArray[np.int64]:
        """Which way each key takes at a level, the first being 0."""
        below = int(self.ways ** (self.levels - level - 1))
        way: NDArray[np.int64] = self.bucket_of(keys) // below % self.ways
        return way


def cut_of(
    size: float, *, shard_bytes: int, bucket_bytes: int, max_ways: int = 256
) -> Cut:
    """The cut of a mix of `size` uncompressed bytes. An empty mix has one shard."""
    shards = min(max(1, -int(-size // shard_bytes)), _MAX_RANGES)
    if shard_bytes < bucket_bytes:
        return Cut(
            shards,
            shards_per_bucket=int(bucket_bytes // shard_bytes),
            max_ways=max_ways,
        )
    per_shard = max(1, -int(-min(size, shard_bytes) // bucket_bytes))
    per_shard = min(per_shard, _MAX_RANGES // shards)
    return Cut(shards, buckets_per_shard=per_shard, max_ways=max_ways)


def cut_by_folder(
    sizes: Mapping[str, float],
    *,
    shard_bytes: int,
    bucket_bytes: int,
    max_ways: int = 256,
) -> Cut:
    """The cut of a mix with folders of these sizes; a folder has one shard at least."""
    if not sizes:
        return cut_of(0, shard_bytes=shard_bytes, bucket_bytes=bucket_bytes)
    shards = {name: max(1, -int(-size // shard_bytes)) for name, size in sizes.items()}
    total = sum(shards.values())
    assert total <= _MAX_RANGES >> 1  # 2^31 files
    alone = cut_of(
        max(sizes[name] / own for name, own in shards.items()),
        shard_bytes=shard_bytes,
        bucket_bytes=bucket_bytes,
    )
    per_shard = min(alone.buckets_per_shard, _MAX_RANGES // total)
    return Cut(
        total,
        buckets_per_shard=per_shard,
        shards_per_bucket=alone.shards_per_bucket,
        max_ways=max_ways,
        folders=tuple(sorted(shards.items())),
    )


def _start_of(shard: NDArray[np.uint64], shards: int) -> NDArray[np.uint64]:
    """The first upper half of a key that is in a shard; that of the last one's end too."""
    total = np.uint64(shards)
    start: NDArray[np.uint64] = ((shard << _HALF) + total - np.uint64(1)) // total
    return start


def _range_of(keys: NDArray[np.uint64], ranges: int) -> NDArray[np.int64]:
    """Number of each key's range, of so many equal ones, by its upper 32 bits."""
    return ((keys >> _HALF) * np.uint64(ranges) >> _HALF).astype(np.int64)
