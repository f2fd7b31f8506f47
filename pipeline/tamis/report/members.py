"""The documents of one cluster of duplicates: kept or dropped, and their texts.

Found by a pass over the columns `id` and `cluster` of the files of duplicates/. Only
the documents that are shown are read.
"""

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc

from tamis.documents.of_run import InputTables
from tamis.pii.urls import masked_url
from tamis.report.reading import batches, rows_with
from tamis.storage import Storage

_COLUMNS = ["id", "cluster", "cluster_size", "kept", "drop_reason"]
_SHOWN = ["url", "language", "warc_path", "warc_offset", "warc_length", "text"]

Found = tuple[int, int, str]  # id, index of its input, reason of the drop


@dataclass(frozen=True)
class Member:
    """A document of a cluster. `reason` is None for the one that is kept."""

    id: int
    reason: str | None
    url: str
    language: str | None
    place: str
    text: str


@dataclass(frozen=True)
class Members:
    """A cluster: `size` documents, of which one is kept and some of the others shown.

    `kept` is None if it is not among this run's documents.
    """

    cluster: int
    size: int
    kept: Member | None
    others: list[Member]

    def with_texts(self, change: Callable[[Member], str]) -> "Members":
        """The same documents, each text replaced by what `change` returns for it."""
        kept = self.kept and replace(self.kept, text=change(self.kept))
        others = [replace(one, text=change(one)) for one in self.others]
        return replace(self, kept=kept, others=others)


def members_with(
    storage: Storage, inputs: Sequence[InputTables], id_: int, *, limit: int
) -> Members | None:
    """The cluster of the document `id_`, with at most `limit` others.

    Those with the smallest ids are shown, whatever the order of the inputs. None if
    deduplicate has seen no such document.
    """
    inputs = [tables for tables in inputs if tables.duplicates]
    cluster = _cluster_of(storage, inputs, id_)
    if cluster is None:
        return None
    kept: list[Found] = []
    others: list[Found] = []
    size = 0
    for place, tables in enumerate(inputs):
        for batch in batches(storage, tables.duplicates or "", _COLUMNS):
            rows = batch.filter(_equal(batch["cluster"], cluster))
            for row in rows.to_pylist():
                size = max(size, row["cluster_size"])
                if row["kept"]:
                    kept.append((row["id"], place, ""))
                else:
                    others.append((row["id"], place, row["drop_reason"] or ""))
            others = heapq.nsmallest(limit, others)
    shown = _read(storage, inputs, [*kept, *others])
    return Members(
        cluster=cluster,
        size=size,
        kept=next((one for one in shown if one.reason is None), None),
        others=[one for one in shown if one.reason is not None],
    )


def _cluster_of(
    storage: Storage, inputs: Sequence[InputTables], id_: int
) -> int | None:
    for tables in inputs:
        for batch in batches(storage, tables.duplicates or "", ["id", "cluster"]):
            # A document that was dropped before deduplicate has no cluster.
            is_it = pc.and_(_equal(batch["id"], id_), pc.is_valid(batch["cluster"]))
            clusters = batch.filter(is_it)["cluster"]
            if len(clusters):
                found: int = clusters[0].as_py()
                return found
    return None


def _equal(column: pa.Array, value: int) -> pa.Array:
    """Whether each value is this one; false for null."""
    return pc.fill_null(pc.equal(column, pa.scalar(value, pa.uint64())), False)


def _read(
    storage: Storage, inputs: Sequence[InputTables], found: Sequence[Found]
) -> list[Member]:
    """The documents in the order of `found`."""
    members: dict[int, Member] = {}
    for place in sorted({place for _, place, _ in found}):
        reasons = {id_: reason for id_, at, reason in found if at == place}
        for name in inputs[place].saved:
            for row in rows_with(storage, name, reasons, columns=_SHOWN):
                where = (row["warc_path"], row["warc_offset"], row["warc_length"])
                members[row["id"]] = Member(
                    id=row["id"],
                    reason=reasons[row["id"]] or None,
                    url=masked_url(row["url"] or ""),
                    language=row.get("language"),
                    place=" ".join(map(str, where)),
                    text=row.get("text") or "",
                )
    return [members[id_] for id_, _, _ in found if id_ in members]
