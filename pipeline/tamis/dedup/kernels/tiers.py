"""Which generations to merge: a size-tiered rule, on numbers alone.

As RocksDB's universal compaction: from a generation back towards older ones, those are
taken together of which each is no larger than all younger ones taken so far, and half as
much again. Runs of about one size are merged four at a time, then their sums with each
other: of n runs about log2(n) generations are left, and a byte is written log2(n) times
at most.
"""

from collections.abc import Sequence

MIN_MERGED = 4
SIZE_RATIO = 1.5
UNTOUCHED = 2  # the newest: one may be removed, and the one before is then the newest


def to_merge(sizes: Sequence[int]) -> tuple[int, int] | None:
    """The generations [start, stop) to merge, `sizes` from the oldest on; none yet: null.

    The youngest window of at least four that ends before the newest two.
    """
    for stop in range(len(sizes) - UNTOUCHED, 0, -1):
        start, taken = stop - 1, sizes[stop - 1]
        while start > 0 and sizes[start - 1] <= SIZE_RATIO * taken:
            start -= 1
            taken += sizes[start]
        if stop - start >= MIN_MERGED:
            return start, stop
    return None
