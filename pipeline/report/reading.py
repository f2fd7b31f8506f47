"""Which files of a run the report reads: columns of some inputs, batch by batch.

A run may have 10^5 inputs and 10^9 documents. What must be exact stands in run.json;
the report reads tables for distributions and examples only, and of them those of a
bounded number of inputs at even distances. Each section says how many it read.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.storage import Storage

_BATCH_ROWS = 8192
_HASHED = re.compile(r"-[0-9a-f]{16}\.parquet$")

T = TypeVar("T")


@dataclass(frozen=True)
class InputTables:
    """The tables of one input file, by name. `saved` holds its documents with signals;
    `duplicates` is null where nothing was deduplicated."""

    name: str
    dropped: str
    saved: tuple[str, ...]
    duplicates: str | None


def inputs_of(book: Mapping[str, Any], storage: Storage) -> list[InputTables]:
    """Every input of the run that has tables, in the order of the names."""
    dropped = _by_input(storage, "dropped")
    duplicates = _by_input(storage, "duplicates")
    saved = _saved_by_input(storage, last_save(book), dropped)
    return [
        InputTables(name, path, tuple(saved.get(name, ())), duplicates.get(name))
        for name, path in sorted(dropped.items())
    ]


def last_save(book: Mapping[str, Any]) -> str | None:
    """Folder of the recipe's last save, whose rows carry every signal."""
    names = [
        entry["save"]["name"] for entry in book["recipe"]["stages"] if "save" in entry
    ]
    return names[-1] if names else None


def spread(things: Sequence[T], limit: int) -> list[T]:
    """At most `limit` of them at even distances, the first among them."""
    count = min(limit, len(things))
    return [things[place * len(things) // count] for place in range(count)]


def batches(
    storage: Storage, name: str, columns: Sequence[str], rows: int = _BATCH_ROWS
) -> Iterator[pa.RecordBatch]:
    """Those of `columns` that the file has, at most `rows` rows at a time."""
    with storage.open(name) as source:
        parquet = pq.ParquetFile(source)
        present = set(parquet.schema_arrow.names)
        wanted = [column for column in columns if column in present]
        yield from parquet.iter_batches(batch_size=rows, columns=wanted)


def schema_of(storage: Storage, name: str) -> pa.Schema:
    """Columns of a file, from its footer."""
    with storage.open(name) as source:
        return pq.ParquetFile(source).schema_arrow


def _by_input(storage: Storage, folder: str) -> dict[str, str]:
    """{input: file} of a folder that holds one file an input."""
    return {
        _HASHED.sub("", name.rpartition("/")[2]): name
        for name in storage.names(folder)
        if _HASHED.search(name)
    }


def _saved_by_input(
    storage: Storage, folder: str | None, inputs: Mapping[str, str]
) -> dict[str, list[str]]:
    """{input: files}: a saved file is called INPUT-START-STOP-..., one a split."""
    found: dict[str, list[str]] = {}
    for name in storage.names(folder) if folder else ():
        owner = name.rpartition("/")[2]
        while owner and owner not in inputs:
            owner = owner.rpartition("-")[0]
        if owner:
            found.setdefault(owner, []).append(name)
    return found
