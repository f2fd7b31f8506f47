"""Keep one document of each page: the newest, and of equally old ones the smallest id.

Reads  id, url, fetched_at
Writes drop_reason duplicate_url

Two documents are the same page if their addresses are equal after the normalisation of
pipeline/tamis/urls/page.py. Addresses are compared by 64-bit hashes: 10^9 different
ones have 0.03 false matches on average, 10^10 have three.

    gather  a group of parts    addresses -> runs of hash, age and id, sorted
    losers  a range of hashes   runs      -> ordinals of all but the newest
    urls    a group of parts              -> the layers
"""

from collections.abc import Sequence
from typing import Any, ClassVar

import pyarrow as pa

from tamis.dedup.bill import urls_bill
from tamis.dedup.groups import groups_of, layers_of, ranges_of, steps_of
from tamis.dedup.urls import (
    LOSERS,
    RANGES_PER_RANGE,
    RUNS,
    URLS,
    find_losers,
    gather,
    publish,
)
from tamis.documents.parts import Part, Published
from tamis.stage import Barrier, Begun, Bill, Stage
from tamis.work.steps import files_of
from tamis.work.tasks import Tasks


class DeduplicateUrls(Barrier):
    """`ignore_parameters` are query parameters that do not distinguish pages."""

    folders: ClassVar[tuple[str, ...]] = (URLS,)

    ignore_parameters: tuple[str, ...] = ()

    def bill(self, documents: int, above: Sequence[Stage]) -> Bill:
        return urls_bill(documents)

    def columns_read(self) -> tuple[str, ...]:
        return ("id", "url", "fetched_at")

    def kernel_uses(self) -> tuple[str, ...]:
        return ("repeats",)

    def columns_written(self) -> pa.Schema:
        return pa.schema([("drop_reason", pa.string())])

    def run(
        self, parts: Sequence[Part], tasks: Tasks, begun: Begun | None = None
    ) -> Published:
        """One layer per part, in the order of `parts`."""
        if not parts:
            return Published(())
        groups = groups_of(parts)
        documents = groups[-1].stop
        step = steps_of(self, groups, tasks)
        ignored = tuple(sorted(name.lower() for name in self.ignore_parameters))
        work: list[tuple[Any, ...]] = [(group, ignored, documents) for group in groups]
        runs = files_of(step("gather", gather, work), RUNS)
        ranges = ranges_of(RANGES_PER_RANGE * documents)
        work = [(runs, low, high) for low, high in ranges]
        losers = files_of(step("losers", find_losers, work), LOSERS)
        published = step(URLS, publish, [(group, losers) for group in groups])
        dropped = sum(commit.tally["dropped"] for commit in published)
        layers = layers_of(groups, files_of(published, URLS), parts)
        return Published(layers, tally={"duplicate_url": dropped})
