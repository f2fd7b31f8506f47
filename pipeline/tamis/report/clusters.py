"""Clusters of duplicates: how many of each size, and the texts of the largest ones."""

import heapq
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc

from tamis.documents.of_run import InputTables
from tamis.pii.masking import mask_beginning
from tamis.pii.regions import regions_of_row
from tamis.pii.urls import masked_url
from tamis.report.reading import batches, rows_with, spread
from tamis.storage import Storage
from tamis.tally import RunSummary

MAX_INPUTS = 64
SHOWN = 10
LINES, LINE_CHARACTERS = 3, 160


@dataclass(frozen=True)
class SizeRow:
    """Clusters with `first` to `last` documents."""

    first: int
    last: int
    clusters: int
    documents: int


@dataclass(frozen=True)
class Cluster:
    """A cluster, shown by its survivor. `lines`: the start of its text, masked.

    `other` is one of the documents that were dropped for it, if one is among the inputs read.
    """

    size: int
    id: int
    url: str
    language: str | None
    lines: tuple[str, ...]
    other: "Cluster | None" = None


@dataclass(frozen=True)
class Clusters:
    """Sizes of all clusters, and the largest clusters of the inputs that were read.

    `compared` documents came to deduplicate; `of_index` of them are duplicates of
    documents that earlier runs kept, and are in no cluster.
    """

    compared: int
    of_index: int
    sizes: list[SizeRow]
    largest: list[Cluster]
    inputs_read: int
    inputs: int

    @property
    def clusters(self) -> int:
        return sum(row.clusters for row in self.sizes)

    @property
    def documents(self) -> int:
        """Number of documents that have a duplicate."""
        return sum(row.documents for row in self.sizes)


def clusters(
    run_summary: RunSummary, storage: Storage, inputs: Sequence[InputTables]
) -> Clusters | None:
    """Clusters of the run; None if nothing was deduplicated."""
    tallies = [t for t in run_summary.get("barriers", {}).values() if "clusters" in t]
    if not tallies:
        return None
    read = spread([tables for tables in inputs if tables.duplicates], MAX_INPUTS)
    return Clusters(
        compared=tallies[0].get("documents", 0),
        of_index=tallies[0].get("duplicate_of_index", 0),
        sizes=size_rows(tallies[0]["clusters"]),
        largest=_largest(storage, read),
        inputs_read=len(read),
        inputs=len(inputs),
    )


def size_rows(counts: Mapping[str, int]) -> list[SizeRow]:
    """{size: clusters} in rows of 2, 3, 4, then 5 to 8, 9 to 16 and so on."""
    rows: dict[tuple[int, int], list[int]] = {}
    for size, count in sorted((int(size), count) for size, count in counts.items()):
        last = size if size <= 4 else 1 << (size - 1).bit_length()
        first = size if size <= 4 else last // 2 + 1
        row = rows.setdefault((first, last), [0, 0])
        row[0] += count
        row[1] += count * size
    return [SizeRow(*span, *row) for span, row in rows.items()]


def _largest(storage: Storage, read: Sequence[InputTables]) -> list[Cluster]:
    top: list[tuple[int, int, int]] = []  # size, id, input
    for place, tables in enumerate(read):
        for batch in batches(
            storage, tables.duplicates or "", ["id", "cluster_size", "kept"]
        ):
            is_cluster = pc.and_(batch["kept"], pc.greater(batch["cluster_size"], 1))
            rows = batch.filter(pc.fill_null(is_cluster, False))
            found = zip(
                rows["cluster_size"].to_pylist(), rows["id"].to_pylist(), strict=True
            )
            top = heapq.nlargest(SHOWN, [*top, *((*one, place) for one in found)])
    others = _others(storage, read, {id_ for _, id_, _ in top})
    shown: dict[int, Cluster] = {}
    wanted = [*top, *((0, id_, place) for id_, place in others.values())]
    for place in sorted({place for _, _, place in wanted}):
        sizes = {id_: size for size, id_, at in wanted if at == place}
        shown |= _survivors(storage, read[place], sizes)
    return [
        replace(shown[id_], other=shown.get(others.get(id_, (-1, 0))[0]))
        for _, id_, _ in top
        if id_ in shown
    ]


def _others(
    storage: Storage, read: Sequence[InputTables], clusters: Collection[int]
) -> dict[int, tuple[int, int]]:
    """By cluster the smallest id of those dropped for it, and the place of its input."""
    found: dict[int, tuple[int, int]] = {}
    wanted = pa.array(sorted(clusters), pa.uint64())
    for place, tables in enumerate(read):
        names = ["id", "cluster", "kept"]
        for batch in batches(storage, tables.duplicates or "", names):
            is_other = pc.and_(
                pc.is_in(batch["cluster"], wanted), pc.invert(batch["kept"])
            )
            rows = batch.filter(pc.fill_null(is_other, False))
            pairs = zip(
                rows["cluster"].to_pylist(), rows["id"].to_pylist(), strict=True
            )
            for cluster, id_ in pairs:
                found[cluster] = min(found.get(cluster, (id_, place)), (id_, place))
    return found


def _survivors(
    storage: Storage, tables: InputTables, sizes: Mapping[int, int]
) -> dict[int, Cluster]:
    """The documents of one input with these ids, by id."""
    return {
        row["id"]: Cluster(
            size=sizes[row["id"]],
            id=row["id"],
            url=masked_url(row["url"] or ""),
            language=row.get("language"),
            lines=_first_lines(row.get("text") or "", regions_of_row(row)),
        )
        for name in tables.saved
        for row in rows_with(storage, name, sizes, columns=["url", "language", "text"])
    }


def _first_lines(text: str, regions: tuple[str, ...]) -> tuple[str, ...]:
    beginning = mask_beginning(text, 4 * LINES * LINE_CHARACTERS, regions)
    lines = [line.strip() for line in beginning.splitlines() if line.strip()]
    return tuple(
        line if len(line) <= LINE_CHARACTERS else f"{line[:LINE_CHARACTERS]} …"
        for line in lines[:LINES]
    )
