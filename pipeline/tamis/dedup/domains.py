"""Find the domains of which duplicates leave next to nothing, after deduplicate.

    domains  a group of parts    layers -> documents and duplicates of each domain
    emptied  a range of domains         -> those that lose more than 90 % of them

A source that goes nearly whole is either a mirror, or a mistake: in other projects
chains of similar pages have taken whole libraries. Copies of the same capture, and what
an earlier crawl of an index has kept, are not lost and do not count. Counts are exact.
A task holds the domains of one group of parts, or of one range of hashes.
"""

from collections.abc import Iterator, Sequence
from typing import Any, TypedDict

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash
from numpy.typing import NDArray

from tamis.dedup.groups import WORK, Group, ranges_for, read_between
from tamis.dedup.partitions import write_partitioned
from tamis.storage import Storage
from tamis.work.commits import Counts, File, Outputs
from tamis.work.steps import Steps, Work, files_of

LEAST_DOCUMENTS = 50  # of a domain: fewer may well be all copies
MOST_DROPPED = 0.9  # of them
LISTED = 100
_NAMED = 3
_MAX_ROWS = 1 << 22  # domains of one range, some 500 MB
_MAX_RANGES = 512
_DOMAINS = f"{WORK}/domains"
_SUMS = ("documents", "exact", "near")


class Emptied(TypedDict):
    """A domain: its documents that were compared, and how many are duplicates."""

    domain: str
    documents: int
    exact: int
    near: int


class EmptiedTally(TypedDict):
    """How many domains are emptied, and those that lost most documents."""

    count: int
    domains: list[Emptied]


def emptied_domains(
    steps: Steps, groups: Sequence[Group], layers: Sequence[File]
) -> EmptiedTally:
    """Domains that lose more than 90 % of their documents, by number of duplicates.

    layers  of all parts, in the order of the groups
    """
    of_group = iter(layers)
    ranges = min(ranges_for(groups[-1].stop, _MAX_ROWS), _MAX_RANGES)
    work: Work = [
        (group, [next(of_group) for _ in group.parts], ranges) for group in groups
    ]
    counted = files_of(steps("domains", count_domains, work))
    work = [(counted, number) for number in range(ranges)]
    found = steps("emptied", find_emptied, work) if counted else []
    domains = [one for commit in found for one in commit.tally["domains"]]
    return {
        "count": sum(commit.tally["count"] for commit in found),
        "domains": _largest(domains),
    }


def count_domains(
    outputs: Outputs, group: Group, layers: Sequence[File], ranges: int
) -> Counts:
    """Write the sums of each domain of the group, by range of its hash."""
    tables = list(_sums_of_parts(outputs.storage, group, layers))
    sums = _summed(tables)
    if sums.num_rows:
        write_partitioned(
            outputs,
            _DOMAINS,
            iter([sums]),
            name="range",
            partitions=ranges,
            number_of=_range_of,
        )
    return {"domains": sums.num_rows}


def find_emptied(outputs: Outputs, files: Sequence[File], number: int) -> EmptiedTally:
    """The emptied domains of one range."""
    tables = [
        read_between(outputs.storage, file, "range", low=number, high=number)
        for file in files
    ]
    sums = _summed([table.drop_columns(["range"]) for table in tables])
    dropped = pc.add(sums["exact"], sums["near"])
    is_emptied = pc.and_(
        pc.greater_equal(sums["documents"], LEAST_DOCUMENTS),
        pc.greater(dropped, pc.multiply(sums["documents"], MOST_DROPPED)),
    )
    found: list[Any] = sums.filter(is_emptied).to_pylist()
    return {"count": len(found), "domains": _largest(found)}


def emptied_alarms(found: EmptiedTally) -> list[str]:
    """A line if domains are emptied, else none."""
    if not found["count"]:
        return []
    named = [
        f"{one['domain']} {one['exact'] + one['near']:,} of {one['documents']:,}"
        for one in found["domains"][:_NAMED]
    ]
    more = f" and {found['count'] - _NAMED:,} more" if found["count"] > _NAMED else ""
    return [
        f"deduplicate: duplicates leave next to nothing of {found['count']:,} domains, "
        f"more than {MOST_DROPPED:.0%} is dropped: {', '.join(named)}{more}"
    ]


def _sums_of_parts(
    storage: Storage, group: Group, layers: Sequence[File]
) -> Iterator[pa.Table]:
    for part, layer in zip(group.parts, layers, strict=True):
        if "domain" not in part.columns(storage):
            continue
        with storage.table(layer.path) as opened:
            rows = opened.read(["kept", "drop_reason"])
        reasons = pc.fill_null(rows["drop_reason"], "")
        exact = pc.equal(reasons, "duplicate_exact")
        near = pc.equal(reasons, "duplicate_near")
        counts = pc.or_(pc.fill_null(rows["kept"], False), pc.or_(exact, near))
        table = pa.table(
            {
                "domain": part.read(storage, ["domain"])["domain"],
                "documents": counts.cast(pa.int64()),
                "exact": exact.cast(pa.int64()),
                "near": near.cast(pa.int64()),
            }
        )
        yield _summed([table.filter(counts).drop_null()])


def _summed(tables: Sequence[pa.Table]) -> pa.Table:
    """One row for each domain, by name."""
    empty = pa.table(
        {
            "domain": pa.array([], pa.string()),
            **{n: pa.array([], pa.int64()) for n in _SUMS},
        }
    )
    sums = pa.concat_tables([empty, *tables]).group_by("domain", use_threads=False)
    table = sums.aggregate([(name, "sum") for name in _SUMS])
    table = table.rename_columns({f"{name}_sum": name for name in _SUMS})
    return table.select(["domain", *_SUMS]).sort_by("domain")


def _range_of(table: pa.Table, ranges: int) -> NDArray[np.uint64]:
    hashes = [
        xxhash.xxh3_64_intdigest(name.encode()) for name in table["domain"].to_pylist()
    ]
    return np.array(hashes, np.uint64) % np.uint64(ranges)


def _largest(domains: list[Emptied]) -> list[Emptied]:
    """The listed ones: most duplicates first, ties by name."""
    return sorted(
        domains, key=lambda one: (-one["exact"] - one["near"], one["domain"])
    )[:LISTED]
