"""Two runs or releases side by side: what a changed setting does, before it is published.

Compared are the documents that stay: those of the mix, or of the last save where there is
no mix. Of more than two million documents a sample is compared, the same one in both;
distributions stand on a smaller one. Each says how many documents it stands on.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tamis.documents.of_run import inputs_of
from tamis.errors import ConfigError
from tamis.pii.urls import masked_url
from tamis.publishing.facts import stage_figures
from tamis.publishing.folders import Folder
from tamis.report.drift import (
    Change,
    Figures,
    documents_changed,
    figures_changed,
    read_made,
    sample_every,
    sampled,
)
from tamis.report.page import render_alone
from tamis.report.reading import manifest_of, mix_shards, rows_with
from tamis.schema import PROVENANCE
from tamis.storage import Storage
from tamis.tally import SUMMARY, UNKNOWN_LANGUAGE, RunSummary

MEASURED = 1 << 18  # documents of a distribution, at most
_BATCH_ROWS = 1 << 14
_DOMAINS = 30  # that gained most, and as many that lost most
_EXAMPLES = 5  # for each reason
# Numbers that say where a page is, or what a barrier did with it.
_NO_SIGNALS = {*(field.name for field in PROVENANCE), "epoch", "copies", "cluster"}
# Settings that change no document.
_NOT_COMPARED = ("output", "executor", "storage_options", "publisher", "input")
_NOT_THERE = "not there"
_IDS = pa.schema(
    [("id", pa.uint64()), ("language", pa.string()), ("crawl", pa.string())]
)


@dataclass(frozen=True)
class Setting:
    """A setting that differs, as JSON; null where one of the two has none."""

    name: str
    before: str | None
    after: str | None


@dataclass(frozen=True)
class FunnelPair:
    """A stage: in before and now, dropped before and now, out before and now."""

    stage: str
    counts: tuple[int | None, ...]


@dataclass(frozen=True)
class DomainPair:
    """Documents of a registered domain; null for addresses without one."""

    domain: str | None
    before: int
    after: int


@dataclass(frozen=True)
class Column:
    """How far the distributions of a column lie apart, 0 to 1, and on what that stands."""

    name: str
    distance: float
    median_before: float
    median_after: float
    documents_before: int
    documents_after: int


@dataclass(frozen=True)
class Example:
    id: int
    language: str | None
    url: str


@dataclass(frozen=True)
class Only:
    """Documents that one has and the other lacks, for one reason of the other."""

    reason: str
    documents: int
    examples: tuple[Example, ...]


@dataclass(frozen=True)
class Comparison:
    """All that differs. `compared` and `measured`: documents of both that were looked at.

    `every`: one document in so many is compared, and counts of documents are scaled.
    """

    before: str
    after: str
    every: int
    compared: tuple[int, int]
    measured: tuple[int, int]
    changes: tuple[Change, ...]
    settings: tuple[Setting, ...]
    funnel: tuple[FunnelPair, ...]
    columns: tuple[Column, ...]
    domains: tuple[DomainPair, ...]
    only_before: tuple[Only, ...]
    only_after: tuple[Only, ...]

    def page(self) -> str:
        """One HTML page that loads nothing."""
        return render_alone("compare.html", found=self, changes=self.changes)

    def as_json(self) -> str:
        found = asdict(self)
        found["changes"] = [change._asdict() for change in self.changes]
        return json.dumps(found, indent=1)


class _Side:
    """What is read of one of the two, in one pass over the documents that stay."""

    def __init__(self, folder: Folder, every: int, of_values: int) -> None:
        self.folder = folder
        self.summary = folder.storage.read_record("run.json", SUMMARY)
        self.domains: Counter[str | None] = Counter()
        self.measured = 0
        self._every, self._of_values = every, of_values
        self._ids: list[pa.Table] = []
        self._values: dict[str, list[NDArray[np.float32]]] = {}
        self._sums: dict[str, float] = {}
        self._numbers: Counter[str] = Counter()
        self._languages: Counter[str] = Counter()
        for batch in _kept(folder):
            self._take(batch)
        self.ids = pa.concat_tables(self._ids) if self._ids else _IDS.empty_table()
        self.values = {
            name: np.sort(np.concatenate(own)) for name, own in self._values.items()
        }
        self.figures = self._figures()

    def _take(self, batch: pa.RecordBatch) -> None:
        ids = np.asarray(batch["id"]).astype(np.uint64)
        chosen = batch.filter(pa.array(sampled(ids, self._every)))
        columns = {name: chosen[name] for name in _IDS.names}
        self._ids.append(pa.table(columns, schema=_IDS))
        self.domains.update(chosen["domain"].to_pylist())
        languages = pc.fill_null(batch["language"], UNKNOWN_LANGUAGE)
        self._languages.update(languages.to_pylist())
        few = batch.filter(pa.array(sampled(ids, self._of_values)))
        self.measured += few.num_rows
        for name in _signals(batch.schema):
            values = _finite(few[name]).astype(np.float32)
            self._values.setdefault(name, []).append(values)
            if pa.types.is_floating(batch[name].type):
                every_one = _finite(batch[name])
                self._sums[name] = self._sums.get(name, 0.0) + float(every_one.sum())
                self._numbers[name] += len(every_one)

    def _figures(self) -> Figures:
        storage = self.folder.storage
        if self.folder.is_release:
            return read_made(storage)["figures"]
        manifest = manifest_of(storage)
        # Without a mix nobody has counted tokens.
        languages = {
            code: {"documents": count, "rows": 0, "tokens": 0}
            for code, count in self._languages.items()
        }
        known = languages if manifest is None else dict(manifest["languages"])
        numbers = self._numbers
        return Figures(
            documents=sum(about["documents"] for about in known.values()),
            tokens=sum(about["tokens"] for about in known.values()),
            languages=known,
            stages=stage_figures(self.summary),
            means={name: self._sums[name] / numbers[name] for name in +numbers},
            lost=self.summary["lost"]["share"] if "lost" in self.summary else 0.0,
        )


def _finite(column: pa.Array) -> NDArray[np.float64]:
    """The values of a column that are numbers."""
    values = np.asarray(column.cast(pa.float64()))
    found: NDArray[np.float64] = values[np.isfinite(values)]
    return found


def compare(before: Storage, after: Storage) -> Comparison:
    """What is different in `after`. Raises StorageError where no run has ended, ConfigError
    for a release of which the documents are gone.
    """
    folders = [Folder("", before), Folder("", after)]
    counts = [_rows_kept(one) for one in folders]
    every = sample_every(max(counts))
    of_values = max(every, _power(-(-max(counts) // MEASURED)))
    first, second = (_Side(folder, every, of_values) for folder in folders)
    left, entered = _missing(first, second), _missing(second, first)
    why_left, why_entered = _reasons(second, left), _reasons(first, entered)
    changes = figures_changed(first.figures, second.figures)
    changes += documents_changed(first.ids, second.ids, why_left, every)
    return Comparison(
        before=before.shown,
        after=after.shown,
        every=every,
        compared=(first.ids.num_rows, second.ids.num_rows),
        measured=(first.measured, second.measured),
        changes=tuple(changes),
        settings=tuple(_settings(first.summary, second.summary)),
        funnel=tuple(_funnel(first.figures, second.figures)),
        columns=tuple(_columns(first, second)),
        domains=_domains(first, second, every),
        only_before=_only(first, left, why_left, every),
        only_after=_only(second, entered, why_entered, every),
    )


def _power(number: int) -> int:
    """The next power of two."""
    return 1 << max(0, number - 1).bit_length()


def _rows_kept(folder: Folder) -> int:
    """How many documents stay, or more."""
    manifest = manifest_of(folder.storage)
    if manifest is not None:
        return sum(about["documents"] for about in manifest["languages"].values())
    return sum(sum(tables.rows) for tables in inputs_of(folder.storage))


def _kept(folder: Folder) -> Iterator[pa.RecordBatch]:
    """The documents that stay, each once, with what is measured of them."""
    storage = folder.storage
    if folder.has_tables:
        for tables in inputs_of(storage):
            part = tables.part()
            known = sorted(part.columns(storage) & _wanted(storage, part.files[0].path))
            names = [*known, "drop_reason"]
            for batch in part.batches(storage, names, _BATCH_ROWS):
                yield batch.filter(pc.is_null(batch["drop_reason"]))
        return
    shards = mix_shards(storage)
    sizes = storage.sizes("mix")
    if not shards or any(shard not in sizes for shard in shards):
        raise ConfigError(
            f"{storage.shown}: its documents are not there any more, or never were: name a "
            f"run, or a release that `keep_releases` has left whole"
        )
    for shard in shards:
        wanted = [*sorted(_wanted(storage, shard)), "epoch"]
        with storage.table(shard) as opened:
            for batch in opened.iter_batches(_BATCH_ROWS, columns=wanted):
                yield batch.filter(pc.equal(batch["epoch"], 0))


def _wanted(storage: Storage, path: str) -> set[str]:
    """Columns of a table that are compared."""
    with storage.table(path) as opened:
        return {*_IDS.names, "domain", *_signals(opened.schema)}


def _signals(schema: pa.Schema) -> list[str]:
    """Names of columns of numbers; 64 bits without a sign are hashes."""
    return [
        field.name
        for field in schema
        if (pa.types.is_integer(field.type) or pa.types.is_floating(field.type))
        and field.type != pa.uint64()
        and field.name not in _NO_SIGNALS
    ]


def _missing(one: _Side, other: _Side) -> pa.Table:
    """Documents that the one has and the other lacks."""
    ids = other.ids["id"].combine_chunks()
    return one.ids.filter(pc.invert(pc.is_in(one.ids["id"], ids)))


def _reasons(side: _Side, missing: pa.Table) -> dict[int, str]:
    """Why a side dropped documents, by id; those that it never saw have none."""
    wanted = missing["id"].combine_chunks()
    found: dict[int, str] = {}
    for path in side.folder.dropped() if len(wanted) else ():
        with side.folder.storage.table(path) as opened:
            columns = ["id", "stage", "reason"]
            for batch in opened.iter_batches(1 << 16, columns=columns):
                for row in batch.filter(pc.is_in(batch["id"], wanted)).to_pylist():
                    found[row["id"]] = f"{row['stage']}: {row['reason']}"
    return found


def _only(
    side: _Side, missing: pa.Table, reasons: Mapping[int, str], every: int
) -> tuple[Only, ...]:
    """The missing documents by reason, the commonest first, with some of each."""
    by_reason: dict[str, list[int]] = {}
    for id_ in sorted(missing["id"].to_pylist()):
        by_reason.setdefault(reasons.get(id_, _NOT_THERE), []).append(id_)
    shown = {id_ for ids in by_reason.values() for id_ in ids[:_EXAMPLES]}
    examples = _examples(side.folder, shown)
    ordered = sorted(by_reason.items(), key=lambda one: (-len(one[1]), one[0]))
    return tuple(
        Only(
            reason,
            len(ids) * every,
            tuple(examples[id_] for id_ in ids[:_EXAMPLES] if id_ in examples),
        )
        for reason, ids in ordered
    )


def _examples(folder: Folder, ids: set[int]) -> dict[int, Example]:
    storage = folder.storage
    paths = [path for tables in inputs_of(storage) for path in tables.saved]
    found: dict[int, Example] = {}
    for path in (paths or mix_shards(storage)) if ids else ():
        for row in rows_with(storage, path, ids, columns=["url", "language"]):
            url = masked_url(row["url"] or "")
            found[row["id"]] = Example(row["id"], row.get("language"), url)
    return found


def _columns(first: _Side, second: _Side) -> list[Column]:
    """Columns that both have, the most distant ones first."""
    found = []
    for name in first.values.keys() & second.values.keys():
        one, other = first.values[name], second.values[name]
        if len(one) and len(other):
            medians = float(np.median(one)), float(np.median(other))
            distance = distance_of(one, other)
            found.append(Column(name, distance, *medians, len(one), len(other)))
    return sorted(found, key=lambda column: (-column.distance, column.name))


def distance_of(one: NDArray[Any], other: NDArray[Any]) -> float:
    """The largest difference of the shares of values at or below any value, of two sorted
    arrays (the statistic of Kolmogorov and Smirnov), 0 to 1.
    """
    values = np.concatenate([one, other])
    below = np.searchsorted(one, values, "right") / len(one)
    below_other = np.searchsorted(other, values, "right") / len(other)
    return float(np.abs(below - below_other).max())


def _domains(first: _Side, second: _Side, every: int) -> tuple[DomainPair, ...]:
    """The domains that gained most, then those that lost most."""
    pairs = [
        DomainPair(name, first.domains[name] * every, second.domains[name] * every)
        for name in {*first.domains, *second.domains}
        if first.domains[name] != second.domains[name]
    ]
    ordered = sorted(pairs, key=lambda p: (p.before - p.after, p.domain or ""))
    gained = [pair for pair in ordered if pair.after > pair.before][:_DOMAINS]
    lost = [pair for pair in ordered if pair.after < pair.before][-_DOMAINS:]
    return (*gained, *reversed(lost))


def _funnel(before: Figures, after: Figures) -> Iterator[FunnelPair]:
    for stage in dict.fromkeys([*before["stages"], *after["stages"]]):
        counts: list[int | None] = []
        pair = [figures["stages"].get(stage) for figures in (before, after)]
        for of in ("in", "dropped", "out"):
            counts += [None if own is None else _count(own, of) for own in pair]
        yield FunnelPair(stage, tuple(counts))


def _count(stage: Mapping[str, Any], of: str) -> int:
    return int(stage["in"] - stage["out"] if of == "dropped" else stage[of])


def _settings(before: RunSummary, after: RunSummary) -> Iterator[Setting]:
    one, other = (dict(_flat(summary)) for summary in (before, after))
    for name in dict.fromkeys([*one, *other]):
        if one.get(name) != other.get(name):
            yield Setting(name, one.get(name), other.get(name))


def _flat(summary: RunSummary) -> Iterator[tuple[str, str]]:
    """Every setting, version and model of a run by its name, as JSON."""
    for name, value in summary["recipe"].items():
        if name not in (*_NOT_COMPARED, "stages"):
            yield name, json.dumps(value, sort_keys=True)
    stages: Sequence[Mapping[str, Any]] = summary["recipe"]["stages"]
    for entry in stages:
        ((stage, settings),) = entry.items()
        prefix = settings.get("prefix") or settings.get("name")
        label = f"{prefix}.{stage}" if prefix else stage
        yield label, "there"
        for name, value in settings.items():
            yield f"{label}.{name}", json.dumps(value, sort_keys=True)
    yield "tamis", str(summary.get("tamis"))
    for kind in ("versions", "models"):
        named: Any = summary.get(kind, {})
        for name, version in named.items():
            yield f"{kind}.{name}", str(version)
