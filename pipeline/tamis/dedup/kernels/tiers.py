"""Which generations to merge: a size-tiered rule, on sizes alone.

As RocksDB's universal compaction: start from a generation and add older ones while each
is at most 1.5 times as large as all younger ones taken so far. Runs of about one size
are merged four at a time, then their sums with each other. About log2(n) generations
are left of n runs, and a byte is written at most log2(n) times.
"""

from collections.abc import Sequence

MIN_MERGED = 4
SIZE_RATIO = 1.5
# The newest are not merged: one may be removed, and the one before is then the newest.
UNTOUCHED = 2


def to_merge(sizes: Sequence[int]) -> tuple[int, int] | None:
    """The generations [start, stop) to merge, `sizes` from the oldest on; null for none.

    It is the youngest window of at least four that ends before the newest two.
    """
    for stop in range(len(sizes) - UNTOUCHED, 0, -1):
        start, taken = stop - 1, sizes[stop - 1]
        while start > 0 and sizes[start - 1] <= SIZE_RATIO * taken:
            start -= 1
            taken += sizes[start]
        if stop - start >= MIN_MERGED:
            return start, stop
    return None
