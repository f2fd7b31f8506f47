"""The registered domains of the mix.

Read from the mix's own shards. They are shuffled over the whole corpus, so that some
of them are a fair sample of all.
"""

import heapq
from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass
from itertools import accumulate

import pyarrow as pa
import pyarrow.compute as pc
from markupsafe import escape

from tamis.report.reading import MANIFEST, batches, mix_shards, spread
from tamis.storage import Storage

MAX_SHARDS = 16
MAX_ROWS = 2_000_000
SHOWN = 30
LISTED = 10_000
# Of the list on the page: names may be long, and the page has two megabytes.
LISTED_BYTES = 900_000
_ROW_BYTES = 50  # of a row without its name


@dataclass(frozen=True)
class DomainRow:
    """A document that the mix repeats counts once. The domain is null for an IP
    address, and for a name that cannot be registered."""

    domain: str | None
    documents: int
    characters: int


@dataclass(frozen=True)
class Domains:
    """The largest domains by documents and by characters, and the totals of all.

    `listed` are the 10,000 that have most documents, or as many as the page has room for.
    """

    by_documents: list[DomainRow]
    by_characters: list[DomainRow]
    documents: int
    characters: int
    domains: int
    shards_read: int
    shards: int
    listed: list[DomainRow]


def domains(storage: Storage) -> Domains | None:
    """Domains of the mix; None if the run published none."""
    if not storage.exists(MANIFEST):
        return None
    shards = mix_shards(storage)
    documents: Counter[str | None] = Counter()
    characters: Counter[str | None] = Counter()
    rows = shards_read = 0
    for name in spread(shards, MAX_SHARDS):
        if rows >= MAX_ROWS:
            break
        shards_read += 1
        for batch in batches(storage, name, ["domain", "text_chars", "epoch"]):
            rows += batch.num_rows
            once = pa.Table.from_batches([batch]).filter(pc.equal(batch["epoch"], 0))
            groups = once.group_by("domain").aggregate(
                [([], "count_all"), ("text_chars", "sum")]
            )
            for group in groups.to_pylist():
                documents[group["domain"]] += group["count_all"]
                characters[group["domain"]] += group["text_chars_sum"] or 0
    return domains_of(documents, characters, shards_read, len(shards))


def domains_of(
    documents: Counter[str | None],
    characters: Counter[str | None],
    shards_read: int,
    shards: int,
) -> Domains:
    """The largest domains, from the counts of all of them."""
    listed = _largest(documents, characters, documents, LISTED)
    return Domains(
        by_documents=listed[:SHOWN],
        by_characters=_largest(documents, characters, characters, SHOWN),
        documents=documents.total(),
        characters=characters.total(),
        domains=len(documents),
        shards_read=shards_read,
        shards=shards,
        listed=_within(listed),
    )


def _largest(
    documents: Counter[str | None],
    characters: Counter[str | None],
    order: Counter[str | None],
    most: int,
) -> list[DomainRow]:
    names = heapq.nsmallest(most, order, key=lambda name: (-order[name], name or ""))
    return [DomainRow(name, documents[name], characters[name]) for name in names]


def _within(rows: list[DomainRow]) -> list[DomainRow]:
    """The first rows, as many as have room on the page."""
    sizes = [_ROW_BYTES + len(escape(row.domain or "").encode()) for row in rows]
    return rows[: bisect_right(list(accumulate(sizes)), LISTED_BYTES)]
