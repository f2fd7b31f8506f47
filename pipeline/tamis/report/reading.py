"""The files of a run that the report reads: columns of some inputs, batch by batch.

A run may have 10^5 inputs and 10^9 documents. Exact counts are in run.json. The report
reads tables only for distributions and examples, and only those of a limited number of
inputs at even distances. Each section says how many it read.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import TypeAdapter, with_config
from typing_extensions import TypedDict

from tamis.storage import Storage

MANIFEST = "mix/_manifest.json"

_BATCH_ROWS = 8192
_TEXT_ROWS = 256  # at most with texts
_BATCH_BYTES = 16 << 20

T = TypeVar("T")


@with_config(extra="forbid")
class Shard(TypedDict):
    """A file of the mix; `digest` is that of its bytes."""

    path: str
    rows: int
    bytes: int
    digest: str


@with_config(extra="forbid")
class Manifest(TypedDict):
    """mix/_manifest.json."""

    seed: int
    tokens_counted_by: str
    languages: dict[str, dict[str, Any]]
    columns: list[dict[str, str]]
    shards: list[Shard]


_MANIFEST = TypeAdapter(Manifest)


def mix_shards(storage: Storage) -> list[str]:
    """The shards of the mix; none if the run published no mix."""
    manifest = manifest_of(storage)
    return [] if manifest is None else [shard["path"] for shard in manifest["shards"]]


def manifest_of(storage: Storage) -> Manifest | None:
    """mix/_manifest.json; null if the run published no mix."""
    if not storage.exists(MANIFEST):
        return None
    found: Manifest = storage.read_record(MANIFEST, _MANIFEST)
    return found


def spread(things: Sequence[T], limit: int) -> list[T]:
    """At most `limit` of the things, at even distances, including the first."""
    count = min(limit, len(things))
    return [things[place * len(things) // count] for place in range(count)]


def batches(
    storage: Storage, name: str, columns: Sequence[str]
) -> Iterator[pa.RecordBatch]:
    """Batches of rows, small ones with texts, with those of `columns` that the file has."""
    with storage.table(name) as parquet:
        present = set(parquet.schema.names)
        wanted = [column for column in columns if column in present]
        most = _TEXT_ROWS if "text" in wanted else _BATCH_ROWS
        rows = parquet.rows_within(_BATCH_BYTES, most)
        yield from parquet.iter_batches(rows, columns=wanted)


def schema_of(storage: Storage, name: str) -> pa.Schema:
    """Columns of a file, from its footer."""
    with storage.table(name) as parquet:
        return parquet.schema


def rows_with(
    storage: Storage, name: str, ids: Collection[int], *, columns: Sequence[str]
) -> Iterator[dict[str, Any]]:
    """Rows of a file by `id`; other columns are read only if there is such a row."""
    wanted = pa.array(sorted(ids), pa.uint64())
    with storage.table(name) as parquet:
        present = set(parquet.schema.names)
        shown = [column for column in ("id", *columns) if column in present]
        for group in range(parquet.num_row_groups):
            found = parquet.read(["id"], [group])["id"]
            if not pc.any(pc.is_in(found, wanted)).as_py():
                continue
            for batch in parquet.iter_batches(
                parquet.rows_within(_BATCH_BYTES, _TEXT_ROWS),
                groups=[group],
                columns=shown,
            ):
                yield from batch.filter(pc.is_in(batch["id"], wanted)).to_pylist()
