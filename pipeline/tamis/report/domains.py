"""The registered domains of the mix.

Read from the mix's own shards. They are shuffled over the whole corpus, so that some
of them are a fair sample of all.
"""

from collections import Counter
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from tamis.report.reading import MANIFEST, batches, mix_shards, spread
from tamis.storage import Storage

MAX_SHARDS = 16
MAX_ROWS = 2_000_000
SHOWN = 30


@dataclass(frozen=True)
class DomainRow:
    """A document that the mix repeats counts once. The domain is null for an IP
    address, and for a name that cannot be registered."""

    domain: str | None
    documents: int
    characters: int


@dataclass(frozen=True)
class Domains:
    """The largest domains by documents and by characters, and the totals of all."""

    by_documents: list[DomainRow]
    by_characters: list[DomainRow]
    documents: int
    characters: int
    domains: int
    shards_read: int
    shards: int


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
    return Domains(
        by_documents=_largest(documents, characters, documents),
        by_characters=_largest(documents, characters, characters),
        documents=documents.total(),
        characters=characters.total(),
        domains=len(documents),
        shards_read=shards_read,
        shards=len(shards),
    )


def _largest(
    documents: Counter[str | None],
    characters: Counter[str | None],
    order: Counter[str | None],
) -> list[DomainRow]:
    names = sorted(order, key=lambda name: (-order[name], name or ""))[:SHOWN]
    return [DomainRow(name, documents[name], characters[name]) for name in names]
