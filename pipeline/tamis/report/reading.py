"""The files of a run that the report reads: columns of some inputs, batch by batch.

A run may have 10^5 inputs and 10^9 documents. Exact counts are in run.json. The report
reads tables only for distributions and examples, and only those of a limited number of
inputs at even distances. Each section says how many it read.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import TypeAdapter, with_config
from typing_extensions import TypedDict

from tamis.errors import StorageError
from tamis.storage import Storage

TABLES = "tables.json"  # written by every run that comes to its end
MANIFEST = "mix/_manifest.json"

_BATCH_ROWS = 8192
_TEXT_ROWS = 256  # at most with texts
_BATCH_BYTES = 16 << 20

T = TypeVar("T")


@with_config(extra="forbid")
class _Tables(TypedDict):
    """What tables.json has of an input, or of some small ones, whose names it has."""

    dropped: str
    saved: tuple[str, ...]
    layers: tuple[tuple[str | None, str], ...]
    duplicates: str | None
    inputs: tuple[str, ...]


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


@with_config(extra="forbid")
class _Inputs(TypedDict):
    """tables.json."""

    inputs: dict[str, _Tables]


_TABLES = TypeAdapter(_Inputs)
_MANIFEST = TypeAdapter(Manifest)


@dataclass(frozen=True)
class InputTables:
    """The tables of one input file, or of some small `inputs`, by name. `saved` holds its documents with signals;
    `duplicates` is null where nothing was deduplicated. `layers` have the stage that
    made each, null where its rows name the stage.
    """

    name: str
    dropped: str
    saved: tuple[str, ...]
    duplicates: str | None
    layers: tuple[tuple[str | None, str], ...] = ()
    inputs: tuple[str, ...] = ()


def inputs_of(storage: Storage) -> list[InputTables]:
    """Every input of the run that has tables, in the order of the names."""
    tables: dict[str, _Tables] = {}
    if storage.exists(TABLES):
        tables = storage.read_record(TABLES, _TABLES)["inputs"]
    strange = [name for name in tables if "/" in name or name in ("", ".", "..")]
    if strange:
        raise StorageError(
            f"{storage.shown_path(TABLES)}: {strange[0]!r} is no input's name"
        )
    return [InputTables(name=name, **of) for name, of in sorted(tables.items())]


def mix_shards(storage: Storage) -> list[str]:
    """The shards of the mix; none if the run published no mix."""
    if not storage.exists(MANIFEST):
        return []
    return [
        shard["path"] for shard in storage.read_record(MANIFEST, _MANIFEST)["shards"]
    ]


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
