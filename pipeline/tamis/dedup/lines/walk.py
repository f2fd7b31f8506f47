"""Walk through a group of deduplicate_lines, in runs of texts of a bounded size.

The same walk is made twice, first to count and then to cut, so that the second walk
holds only what was counted in one run. Sizes follow from the texts alone.

    group   parts as in deduplicate (pipeline/tamis/dedup/groups.py)
    chunk   rows of one part, until their texts are 16 MB
    run     chunks, until they have 2^22 hashes
    range   equal ranges of hashes of at most 2^22 rows
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash
from numpy.typing import NDArray

from tamis.dedup.groups import Group
from tamis.documents.parts import Part
from tamis.storage import Storage
from tamis.text.buffers import read_only, utf8_buffers

if TYPE_CHECKING:
    from tamis.dedup.kernels.units import Units

RUN_ROWS = 1 << 22
_CHUNK_BYTES = 1 << 24
_BATCH_ROWS = 256

UNITS, NGRAMS = "units", "ngrams"

Hashes = NDArray[np.uint64]
Offsets = NDArray[np.int64]


class Settings(NamedTuple):
    """The settings of the stage that its tasks need."""

    by_paragraph: bool
    by_domain: bool
    max_count: int
    min_words: int
    ngram: int  # 0: overlap is not checked
    min_ratio: float

    @property
    def kinds(self) -> tuple[str, ...]:
        return (UNITS, NGRAMS) if self.ngram else (UNITS,)

    def limit(self, kind: str) -> int:
        """A hash with more values than this is over the limit."""
        return self.max_count if kind == UNITS else 1


class Chunk(NamedTuple):
    """Rows of a part in their order, and the hashes in the texts of those kept.

    texts     (kept,)           string
    ordinals  (kept,)           uint64
    hashes    by kind: units'   (units,) uint64, 0 for those that are not compared;
                       n-grams' (n-grams,) uint64
    owners    by kind: the row in `texts` of each hash, int64
    values    by kind: what is counted for each hash, its domain or its ordinal
    bounds    (units + 1,)      int64, where each unit's n-grams begin
    """

    table: pa.Table
    is_kept: NDArray[np.bool_]
    texts: Any
    units: "Units"
    hashes: dict[str, Hashes]
    values: dict[str, Hashes]
    owners: dict[str, Offsets]
    ordinals: Hashes
    bounds: Offsets

    @property
    def size(self) -> int:
        return sum(len(hashes) for hashes in self.hashes.values())


def walk(
    storage: Storage, settings: Settings, group: Group
) -> Iterator[tuple[int, Part, Chunk]]:
    """Every chunk of the group with the number of its run and its part."""
    run = held = 0
    for start, part in group.starts():
        for chunk in _chunks(storage, settings, start, part=part):
            yield run, part, chunk
            held += chunk.size
            if held >= RUN_ROWS:
                run, held = run + 1, 0


def _chunks(
    storage: Storage, settings: Settings, start: int, *, part: Part
) -> Iterator[Chunk]:
    columns = ["id", "text", "text_chars", "domain", "host", "drop_reason"]
    held: list[pa.RecordBatch] = []
    size = 0
    for batch in part.batches(storage, columns, _BATCH_ROWS):
        held.append(batch)
        size += batch["text"].nbytes
        if size >= _CHUNK_BYTES:
            yield _chunk(pa.Table.from_batches(held), settings, start)
            start += sum(len(batch) for batch in held)
            held, size = [], 0
    if held:
        yield _chunk(pa.Table.from_batches(held), settings, start)


def _chunk(table: pa.Table, settings: Settings, start: int) -> Chunk:
    from tamis.dedup.kernels.units import ngram_hashes, unit_hashes, units
    from tamis.text.normalise import folding

    is_kept = np.asarray(pc.is_null(table["drop_reason"]))
    kept = table.filter(pa.array(is_kept))
    texts = kept["text"].combine_chunks()
    ordinals = np.uint64(start) + np.flatnonzero(is_kept).astype(np.uint64)
    data, offsets = utf8_buffers(texts)
    data = read_only(data)
    found = units(data, offsets, 2 if settings.by_paragraph else 1)
    documents = np.arange(len(ordinals))
    owners = {UNITS: np.repeat(documents, np.diff(found.bounds))}
    hashes = {UNITS: unit_hashes(data, offsets, found, settings.min_words, folding())}
    own = _domains(kept) if settings.by_domain else ordinals
    values = {UNITS: own[owners[UNITS]]}
    bounds = np.zeros(len(found.starts) + 1, np.int64)
    if settings.ngram:
        hashes[NGRAMS], bounds = ngram_hashes(
            data, offsets, found, settings.ngram, folding()
        )
        owners[NGRAMS] = np.repeat(owners[UNITS], np.diff(bounds))
        values[NGRAMS] = ordinals[owners[NGRAMS]]
    return Chunk(table, is_kept, texts, found, hashes, values, owners, ordinals, bounds)


def _domains(table: pa.Table) -> Hashes:
    """A hash of each row's registered domain; of its host where it has none."""
    column = pc.coalesce(table["domain"], table["host"], pa.scalar(""))
    encoded = column.combine_chunks().dictionary_encode()
    names = encoded.dictionary.to_pylist()
    hashes = [xxhash.xxh3_64_intdigest(name.encode()) for name in names]
    of_rows: Hashes = np.array(hashes, np.uint64)[encoded.indices.to_numpy()]
    return of_rows
