"""A table without the denied documents: of a mix the rows go, elsewhere they are emptied.

    mix/, ids/     the rows go
    saved tables   the row stays, so that layers fit: id, host and hashes of its text
    dropped/       id, host, stage, reason and language
    layers         words go, numbers and reasons stay

A new file has the name of the old one with `.emptied`, so that what was made of the
others in it still holds (`tamis.storage.parquet.first_name`).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tamis.denials.matching import DENIED, LEFT, Denied, Mask, emptied
from tamis.storage import Storage, Table
from tamis.storage.parquet import EMPTIED, first_name, parquet_writer
from tamis.tally import UNKNOWN_LANGUAGE
from tamis.work.commits import File

_WITHOUT_ROWS = ("mix", "ids")
_OF_DROPPED = (*LEFT, "stage", "reason", "language", "sample_key")
_OF_LAYERS = (*LEFT, "drop_reason", "drop_stage", "language", "script")
_BATCH_ROWS = 1 << 16


@dataclass
class Gone:
    """A document that was in a mix, and what of it was."""

    host: str | None
    language: str
    characters: int
    rows: int = 0
    tokens: int = 0


@dataclass
class Taken:
    """What went from some tables: documents of the mix by id, emptied rows elsewhere."""

    mixed: dict[int, Gone] = field(default_factory=dict)
    rows: int = 0


def ids_met(storage: Storage, path: str, denied: Denied) -> Any:
    """Ids of the documents in a table that the requests mean, uint64; it has an `id`."""
    found = []
    with storage.table(path) as opened:
        names = [n for n in ("id", "host", "url") if n in opened.schema.names]
        for batch in opened.iter_batches(_BATCH_ROWS, columns=names):
            is_denied = denied.rows(batch)
            if is_denied.any():
                found.append(np.asarray(batch["id"]).astype(np.uint64)[is_denied])
    return np.unique(np.concatenate([np.empty(0, np.uint64), *found]))


def has_ids(storage: Storage, path: str) -> bool:
    with storage.table(path) as opened:
        return "id" in opened.schema.names


def without(storage: Storage, path: str, denied: Denied, taken: Taken) -> File | None:
    """Write a table without what is denied; null if nothing of it is there."""
    folder, _, name = path.rpartition("/")
    dataset = folder.partition("/")[0]
    with storage.table(path) as opened:
        if not _is_met(opened, denied, dataset):
            return None
        keeps_rows = dataset not in _WITHOUT_ROWS
        stem = _stem(first_name(name) if keeps_rows else name, keeps_rows=keeps_rows)
        rows = 0
        with storage.writer(folder, stem, ".parquet") as written:
            words = [f.name for f in opened.schema if pa.types.is_string(f.type)]
            with parquet_writer(
                str(written.temporary), opened.schema, use_dictionary=words
            ) as writer:
                for group in _groups(opened):
                    is_denied = denied.by_id(group["id"])
                    kept = _changed(group, is_denied, dataset, taken)
                    rows += kept.num_rows
                    writer.write_table(kept)
    return File(
        dataset if folder == dataset else folder, written.name, rows, written.bytes
    )


def with_dropped(
    storage: Storage, path: str, gone: dict[int, Gone], *, stage: str
) -> File:
    """A file of dropped/ with a row more for each document that went from the mix."""
    with storage.table(path) as opened:
        schema = opened.schema
        more = _dropped_rows(schema, gone, stage)
        rows = 0
        stem = path.rpartition("/")[2].rpartition("-")[0]
        with (
            storage.writer("dropped", stem, ".parquet") as written,
            parquet_writer(str(written.temporary), schema) as writer,
        ):
            for group in [*_groups(opened), more]:
                writer.write_table(group)
                rows += group.num_rows
    return File("dropped", written.name, rows, written.bytes)


def dropped_file(
    storage: Storage, schema: pa.Schema, gone: dict[int, Gone], *, stage: str
) -> File:
    """A new file of dropped/ for documents that went from the mix of a release."""
    rows = _dropped_rows(schema, gone, stage)
    with (
        storage.writer("dropped", "forgotten", ".parquet") as written,
        parquet_writer(str(written.temporary), schema) as writer,
    ):
        writer.write_table(rows)
    return File("dropped", written.name, rows.num_rows, written.bytes)


def words_left(table: Any, is_denied: Mask, dataset: str) -> list[str]:
    """Columns in which denied rows still have something that they should not have."""
    rows = table.filter(pa.array(is_denied))
    if not rows.num_rows:
        return []
    if dataset in _WITHOUT_ROWS:
        return ["id"]
    if dataset == "mixed" and pc.any(pc.greater(rows["copies"], 0)).as_py():
        return ["copies"]
    left = _left(table.schema, dataset)
    return [
        f.name
        for f in table.schema
        if f.name not in left
        and f.type != pa.uint64()
        and rows[f.name].null_count < rows.num_rows
    ]


def _is_met(opened: Table, denied: Denied, dataset: str) -> bool:
    """Whether a denied row is there that has anything to lose."""
    for number in range(opened.num_row_groups):
        ids = opened.read(["id"], [number])
        is_denied = denied.by_id(ids["id"])
        if not is_denied.any():
            continue
        if words_left(opened.read(groups=[number]), is_denied, dataset):
            return True
    return False


def _groups(opened: Table) -> Iterator[pa.Table]:
    for number in range(opened.num_row_groups):
        yield opened.read(groups=[number])


def _changed(table: pa.Table, is_denied: Mask, dataset: str, taken: Taken) -> pa.Table:
    """Rows of a table as they stay."""
    if not is_denied.any():
        return table
    if dataset in _WITHOUT_ROWS:
        if dataset == "mix":
            _count(table.filter(pa.array(is_denied)), taken)
        return table.filter(pa.array(~is_denied))
    taken.rows += int(is_denied.sum())
    if dataset == "mixed":
        return _not_mixed(table, is_denied)
    return emptied(table, is_denied, left=_left(table.schema, dataset))


def _left(schema: pa.Schema, dataset: str) -> tuple[str, ...]:
    """Columns of which denied rows keep their values."""
    if {"stage", "reason"} <= set(schema.names):
        return _OF_DROPPED
    if "url" in schema.names or "text" in schema.names:
        return LEFT
    numbers = [f.name for f in schema if not _has_words(f.type)]
    return (*_OF_LAYERS, *numbers)


def _has_words(type_: pa.DataType) -> bool:
    """Whether values of a type may hold text."""
    if pa.types.is_nested(type_):
        fields = [type_.field(number).type for number in range(type_.num_fields)]
        return any(map(_has_words, fields))
    return any(
        is_of(type_)
        for is_of in (
            pa.types.is_string,
            pa.types.is_large_string,
            pa.types.is_binary,
            pa.types.is_large_binary,
            pa.types.is_dictionary,
        )
    )


def _not_mixed(table: pa.Table, is_denied: Mask) -> pa.Table:
    """The layer of a mix, which takes the denied documents no more."""
    gone = pa.array(
        is_denied & np.asarray(pc.greater(pc.fill_null(table["copies"], 0), 0))
    )
    reasons = pc.if_else(gone, pa.scalar(DENIED), table["drop_reason"])
    copies = pc.if_else(gone, pa.scalar(0, pa.int32()), table["copies"])
    for name, values in (("drop_reason", reasons), ("copies", copies)):
        place = table.schema.get_field_index(name)
        table = table.set_column(place, table.schema.field(name), values)
    return table


def _count(rows: pa.Table, taken: Taken) -> None:
    names = ("id", "host", "language", "text_chars", "tokens")
    for row in rows.select(names).to_pylist():
        language = row["language"] or UNKNOWN_LANGUAGE
        own = taken.mixed.setdefault(
            row["id"], Gone(row["host"], language, row["text_chars"] or 0)
        )
        own.rows += 1
        own.tokens += row["tokens"] or 0


def _dropped_rows(schema: pa.Schema, gone: dict[int, Gone], stage: str) -> pa.Table:
    said: dict[str, list[Any]] = {
        "id": list(gone),
        "host": [own.host for own in gone.values()],
        "language": [own.language for own in gone.values()],
        "stage": [stage] * len(gone),
        "reason": [DENIED] * len(gone),
    }
    columns = [pa.array(said.get(f.name, [None] * len(gone)), f.type) for f in schema]
    return pa.table(columns, schema=schema)


def _stem(name: str, *, keeps_rows: bool) -> str:
    """`NAME-HASH.parquet` as the stem of the file that takes its place."""
    if keeps_rows:
        return name.removesuffix(".parquet") + EMPTIED
    return name.rpartition("-")[0]
