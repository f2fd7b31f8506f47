"""Follow a document through everything that a run, a release or a corpus has of it.

A page that was dropped early is in dropped/ alone; one that was saved has every signal in
the tables of its run, a row in each layer, perhaps a cluster, and rows of the mix. All
tables are looked through by one column; of those that have the document, its rows are read.
"""

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tamis.documents.of_run import InputTables, inputs_of
from tamis.errors import ConfigError
from tamis.pii.urls import masked_url
from tamis.publishing.folders import Folder, folders_of
from tamis.report.members import members_with
from tamis.report.reading import mix_shards
from tamis.runner.recorded import recorded_stages
from tamis.runner.replay import Step
from tamis.schema import PROVENANCE
from tamis.storage import Storage
from tamis.tally import SUMMARY, RunSummary

_MOST_ID = 2**64 - 1
# What a stage wrote is shown, but for texts and for hashes, which tell nobody anything.
_HIDDEN = ("text", "title", "markdown", "html", "text_hash", "drop_reason", "id")
_RECORD = [field.name for field in PROVENANCE]


@dataclass(frozen=True)
class Cluster:
    """The duplicates of a document. `kept` is the one that stayed; null if not in this run."""

    cluster: int
    size: int
    kept: int | None
    kept_url: str | None


@dataclass(frozen=True)
class MixRow:
    """A row of the mix: of which shard, which one, for the how manieth time."""

    shard: str
    row: int
    epoch: int
    tokens: int | None


@dataclass(frozen=True)
class Traced:
    """What one run or release has of a document.

    folder  what the corpus calls the run or release; "" where it stands alone
    record  its provenance: where it is from, and when
    steps   each stage that it went through, with the columns that the stage wrote; the
            last one has the reason if the document was dropped
    """

    folder: str
    id: int
    record: dict[str, Any]
    steps: tuple[Step, ...]
    cluster: Cluster | None
    rows: tuple[MixRow, ...]

    @property
    def reason(self) -> str | None:
        return self.steps[-1].reason if self.steps else None


@dataclass(frozen=True)
class _Wanted:
    """The values of a column that a row must have one of."""

    column: str
    values: pa.Array


def trace(storage: Storage, page: str, trusted: Container[str] = ()) -> list[Traced]:
    """Everything known of the documents of an id or an address.

    `trusted`: stages of files that may be loaded, to tell which columns are theirs. Raises
    ConfigError if no run and no release has such a document.
    """
    wanted = _wanted(page)
    found: list[Traced] = []
    looked = []
    for folder in folders_of(storage):
        if folder.is_thinned or not folder.storage.exists("run.json"):
            continue
        looked.append(folder.name or storage.shown)
        found += _in_folder(folder, wanted, trusted)
    if not found:
        kind = "id" if wanted.column == "id" else "address"
        raise ConfigError(
            f"{storage.shown}: no document has this {kind}, kept or dropped; looked in "
            f"{', '.join(looked) or 'nothing, as no run has ended here'}"
        )
    return found


def _wanted(page: str) -> _Wanted:
    if page.isascii() and page.isdigit() and int(page) <= _MOST_ID:
        return _Wanted("id", pa.array([int(page)], pa.uint64()))
    # Addresses may be published with personal data masked.
    return _Wanted("url", pa.array(sorted({page, masked_url(page)}), pa.string()))


def _in_folder(
    folder: Folder, wanted: _Wanted, trusted: Container[str]
) -> Iterator[Traced]:
    storage = folder.storage
    summary = storage.read_record("run.json", SUMMARY)
    values: dict[int, dict[str, Any]] = {}
    for path in folder.dropped():
        for _, row in _rows(storage, path, wanted):
            values[row["id"]] = row
    inputs = inputs_of(storage)
    written = _columns_by_stage(summary, storage, trusted)
    for tables in inputs:
        for row, of_layers in _saved_rows(storage, tables, wanted):
            values[row["id"]] = {**values.get(row["id"], {}), **row}
            for label, names in of_layers.items():
                written[label] = [*written.get(label, ()), *names]
    rows: dict[int, list[MixRow]] = {}
    for shard in mix_shards(storage):
        for place, row in _rows(storage, shard, wanted):
            own = MixRow(shard, place, row["epoch"], row["tokens"])
            rows.setdefault(row["id"], []).append(own)
            values.setdefault(row["id"], row)
    for id_, own_values in sorted(values.items()):
        yield Traced(
            folder=folder.name,
            id=id_,
            record=_record(own_values),
            steps=tuple(_steps(summary, written, own_values)),
            cluster=_cluster(storage, inputs, id_),
            rows=tuple(sorted(rows.get(id_, ()), key=lambda row: row.epoch)),
        )


def _rows(
    storage: Storage, path: str, wanted: _Wanted
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Rows of a table that have a wanted value, each with its place; without texts."""
    with storage.table(path) as opened:
        names = [
            name for name in opened.schema.names if _is_shown(name) or name == "id"
        ]
        first = 0
        for group in range(opened.num_row_groups):
            keys = opened.read([wanted.column], [group])[wanted.column]
            places = np.flatnonzero(np.asarray(pc.is_in(keys, wanted.values)))
            if len(places):
                found = opened.read(names, [group]).take(pa.array(places))
                for place, row in zip(places, found.to_pylist(), strict=True):
                    yield first + int(place), row
            first += len(keys)


def _is_shown(name: str) -> bool:
    return name not in _HIDDEN and not name.startswith("band_")


def _saved_rows(
    storage: Storage, tables: InputTables, wanted: _Wanted
) -> Iterator[tuple[dict[str, Any], dict[str, list[str]]]]:
    """Rows of an input's saved documents with the columns of all layers, and which of these
    are of which stage.
    """
    first = 0
    for path, count in zip(tables.saved, tables.rows, strict=True):
        for place, row in _rows(storage, path, wanted):
            of_layers: dict[str, list[str]] = {}
            for label, layer in tables.layers:
                added = _row_at(storage, layer, first + place)
                of_layers.setdefault(label or "", []).extend(added)
                row |= added
            yield row, of_layers
        first += count


def _row_at(storage: Storage, path: str, place: int) -> dict[str, Any]:
    with storage.table(path) as opened:
        names = [name for name in opened.schema.names if _is_shown(name)]
        names = [name for name in names if name not in ("drop_stage", "text_cuts")]
        if not names:
            return {}
        first = 0
        for batch in opened.iter_batches(1 << 16, columns=names):
            if place < first + batch.num_rows:
                found: dict[str, Any] = batch.slice(place - first, 1).to_pylist()[0]
                return found
            first += batch.num_rows
    raise storage.damaged(path, f"it has no row {place}")


def _columns_by_stage(
    summary: RunSummary, storage: Storage, trusted: Container[str]
) -> dict[str, list[str]]:
    """The columns that each stage wrote; none where the recipe's stages are unknown here."""
    protocol = storage.root.partition("://")[0]
    try:
        stages = recorded_stages(summary, {protocol: storage.options}, trusted)
    except ConfigError:
        return {}
    written = {}
    for stage in stages:
        prefix = f"{stage.prefix}_" if stage.prefix else ""
        written[stage.label] = [prefix + name for name in stage.columns_written().names]
    return written


def _record(values: Mapping[str, Any]) -> dict[str, Any]:
    record = {name: values.get(name) for name in _RECORD if name != "id"}
    return {**record, "url": masked_url(record["url"] or "")}


def _steps(
    summary: RunSummary,
    written: Mapping[str, Sequence[str]],
    values: Mapping[str, Any],
) -> Iterator[Step]:
    """The stages up to the one that dropped the document, or all of them."""
    known = set(_RECORD)
    for label in summary.get("stages", {}):
        own = [name for name in written.get(label, ()) if name not in known]
        columns = {
            name: values[name]
            for name in own
            if _is_shown(name) and values.get(name) is not None
        }
        known |= set(columns)
        is_end = values.get("stage") == label and "reason" in values
        yield Step(label, columns, values["reason"] if is_end else None)
        if is_end:
            return


def _cluster(
    storage: Storage, inputs: Sequence[InputTables], id_: int
) -> Cluster | None:
    members = members_with(storage, inputs, id_, limit=0)
    if members is None:
        return None
    id_of_kept, url = None, None
    if members.kept is not None:
        id_of_kept, url = members.kept.id, members.kept.url
    return Cluster(members.cluster, members.size, id_of_kept, url)
