"""Write the texts of deduplicate_substrings by partition.

Documents are put into 4,096 buckets by a hash of their domain, or id. Buckets are
joined to partitions of `partition_bytes` of text, and a larger bucket is cut up by a
hash of the ids. So partitions follow from the documents alone, and none is much too
large.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, TypedDict

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash
from numpy.typing import NDArray

from tamis.dedup.groups import Group, as_numpy
from tamis.documents.parts import Part
from tamis.errors import ConfigError
from tamis.sizes import spelled
from tamis.storage import Storage
from tamis.work.commits import Outputs

TEXTS = "work/substrings/texts"
BUCKETS = 4096
MAX_PARTITIONS = 4096
_BUCKET_SHIFT = np.uint64(64 - 12)
_BUFFER_BYTES = 1 << 28
_BATCH_ROWS = 256
_PIECE_SEED = np.uint64(0xC2B2AE3D27D4EB4F)

Hashes = NDArray[np.uint64]

_TEXT = pa.schema(
    [("partition", pa.uint32()), ("ordinal", pa.uint64()), ("text", pa.string())]
)


class Partitions(NamedTuple):
    """The partitions of each bucket.

    firsts  (buckets,)  the first partition of each bucket
    pieces  (buckets,)  how many partitions the bucket fills
    """

    firsts: tuple[int, ...]
    pieces: tuple[int, ...]

    @property
    def total(self) -> int:
        return max(a + b for a, b in zip(self.firsts, self.pieces, strict=True))


class SizesTally(TypedDict):
    """Bytes of text by bucket."""

    bytes: dict[str, int]


def measure(outputs: Outputs, group: Group, by_domain: bool) -> SizesTally:
    """Bytes of text in each bucket; empty buckets are left out."""
    sizes = np.zeros(BUCKETS, np.int64)
    for _, part in group.starts():
        for batch, _ in _batches(outputs.storage, 0, part):
            lengths = as_numpy(pc.binary_length(batch["text"]).fill_null(0))
            np.add.at(sizes, _buckets(batch, by_domain), lengths)
    return {"bytes": {str(b): int(sizes[b]) for b in np.flatnonzero(sizes)}}


def partitions_of(sizes: Sequence[int], partition_bytes: int) -> Partitions:
    """Buckets in partitions, in their order. Raises ConfigError for too many."""
    firsts, pieces = [], []
    partition, filled = 0, 0
    for size in sizes:
        if filled and filled + size > partition_bytes:
            partition, filled = partition + 1, 0
        firsts.append(partition)
        pieces.append(max(-(-size // partition_bytes), 1))
        filled += size
        if pieces[-1] > 1:
            partition, filled = partition + pieces[-1], 0
    found = Partitions(tuple(firsts), tuple(pieces))
    if found.total > MAX_PARTITIONS:
        needed = -(-2 * sum(sizes) // MAX_PARTITIONS)
        raise ConfigError(
            f"deduplicate_substrings: {spelled(sum(sizes))} of text are "
            f"{found.total:,} partitions, and {MAX_PARTITIONS:,} are the most: "
            f"set partition_bytes to {spelled(needed)} or more, or run each crawl by itself"
        )
    return found


def scatter(
    outputs: Outputs, group: Group, by_domain: bool, partitions: Partitions
) -> None:
    """Write the group's texts, row groups of one partition each."""
    held: dict[int, list[pa.Table]] = {}
    size = 0
    with outputs.parquet(TEXTS, _TEXT, compression_level=1) as writer:
        for start, part in group.starts():
            for batch, ordinals in _batches(outputs.storage, start, part):
                numbers = _partitions(batch, by_domain, partitions)
                columns = [numbers, ordinals, batch["text"]]
                table = pa.table(columns, schema=_TEXT)
                for number in np.unique(numbers).tolist():
                    rows = np.flatnonzero(numbers == number)
                    held.setdefault(number, []).append(table.take(rows))
                size += table.nbytes
                if size >= _BUFFER_BYTES:
                    _write(writer, held)
                    size = 0
        _write(writer, held)


def _write(writer: Any, held: dict[int, list[pa.Table]]) -> None:
    for number in sorted(held):
        table = pa.concat_tables(held[number])
        writer.write_table(table, row_group_size=table.num_rows)
    held.clear()


def _batches(storage: Storage, start: int, part: Part) -> Any:
    """Rows that were not dropped before, a few at a time, and their ordinals."""
    columns = ["id", "text", "domain", "host", "drop_reason"]
    for batch in part.batches(storage, columns, _BATCH_ROWS):
        is_in = np.asarray(
            pc.and_(pc.is_null(batch["drop_reason"]), pc.is_valid(batch["text"]))
        )
        ordinals = np.uint64(start) + np.flatnonzero(is_in).astype(np.uint64)
        start += batch.num_rows
        yield batch.filter(pa.array(is_in)), ordinals


def _buckets(batch: pa.RecordBatch, by_domain: bool) -> NDArray[np.int64]:
    from tamis.text.shingles import mixed

    if not by_domain:
        keys = mixed(as_numpy(batch["id"]))
    else:
        names = pc.coalesce(batch["domain"], batch["host"], pa.scalar("")).to_pylist()
        hashes = [xxhash.xxh3_64_intdigest(name.encode()) for name in names]
        keys = np.array(hashes, np.uint64)
    return (keys >> _BUCKET_SHIFT).astype(np.int64)


def _partitions(
    batch: pa.RecordBatch, by_domain: bool, partitions: Partitions
) -> NDArray[np.uint32]:
    from tamis.text.shingles import mixed

    buckets = _buckets(batch, by_domain)
    pieces = np.array(partitions.pieces, np.uint64)[buckets]
    piece = mixed(as_numpy(batch["id"]) ^ _PIECE_SEED) % pieces
    firsts = np.array(partitions.firsts, np.uint64)[buckets]
    return (firsts + piece).astype(np.uint32)
