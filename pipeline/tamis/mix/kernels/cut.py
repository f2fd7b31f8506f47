"""Cut the range of all shuffle keys into shards, and into buckets for the work.

    shard    keys of one file of the mix; shards are equal ranges of keys
    bucket   keys that one task holds in memory at a time; a shard has one or many, or a
             bucket has many shards, but none crosses the border of a shard

The order of the mix is that of the keys, and its shards depend on their number alone.
The number of buckets, and of levels in which rows are scattered into them, changes the
cost of the work and not one byte of the result.

Rows are scattered level by level, at most `max_ways` ways at a time, by the digits of
their bucket's number: with 3 ways bucket 5 of 9 is way 1, then way 2.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_HALF = np.uint64(32)
_MAX_RANGES = 1 << 32  # the upper half of a key distinguishes no more ranges


@dataclass(frozen=True)
class Cut:
    """Numbers of shards and buckets; at least one of the two ratios is 1."""

    shards: int
    buckets_per_shard: int = 1
    shards_per_bucket: int = 1
    max_ways: int = 256

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


def _range_of(keys: NDArray[np.uint64], ranges: int) -> NDArray[np.int64]:
    """Number of each key's range, of so many equal ones, by its upper 32 bits."""
    return ((keys >> _HALF) * np.uint64(ranges) >> _HALF).astype(np.int64)
