"""A release: one mix over the kept documents of all runs of a corpus.

Its folder is written once. It has the mix, the report, `release.json` and, for the next
release to compare with, the ids of its documents. What the mix was made from (a copy of the
documents, layers, records) is removed when the release is whole.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tamis.corpus.state import RELEASES, RUNS, ReleaseEntry, RunEntry
from tamis.documents.of_run import TABLES, inputs_of
from tamis.errors import ConfigError, StorageError
from tamis.recipe.load import Recipe
from tamis.report.drift import (
    RELEASE,
    Change,
    Figures,
    Made,
    beyond,
    changes_of,
    documents_moved,
    figures_changed,
    left_of,
    read_made,
    sample_every,
    sampled,
)
from tamis.report.funnel import funnel_rows
from tamis.report.reading import MANIFEST, manifest_of, mix_shards
from tamis.runner.live import STATE
from tamis.stage import Stage
from tamis.stages.mix_corpus import MixCorpus
from tamis.stages.read_documents import ReadDocuments
from tamis.stages.save import Save
from tamis.storage import Storage
from tamis.storage.parquet import parquet_writer
from tamis.storage.records import sealed
from tamis.tally import SUMMARY
from tamis.work.commits import fingerprint_of
from tamis.work.fingerprints import stage_dependencies

_IDS = "ids"
_ROWS = 1 << 16  # in memory at once
_SAVED = "documents"
# What a release is made from, and what of it goes when it is old.
_MADE_FROM = (_SAVED, "commits", "mixed", "runs", "work")
_MADE_FROM_FILES = ("plan.json", TABLES, STATE)
_DOCUMENTS = ("mix", "dropped", _IDS)
_SAMPLED = pa.schema(
    [("id", pa.uint64()), ("language", pa.string()), ("crawl", pa.string())]
)


def mix_of(recipe: Recipe) -> MixCorpus:
    """The recipe's mix. Raises ConfigError if it has none."""
    found = [stage for stage in recipe.stages if isinstance(stage, MixCorpus)]
    if not found:
        raise ConfigError(f"{recipe.path}: refresh needs mix_corpus as the last stage")
    return found[-1]


def filters_of(recipe: Recipe) -> tuple[Stage, ...]:
    """The stages that are applied to each release, and not to the run of a crawl."""
    return tuple(stage for stage in recipe.stages if stage.of_releases)


def documents_of(run: Storage) -> str:
    """A hash of the documents that a run kept: of the names of their files."""
    parts = [[own.name, own.part().fingerprint] for own in inputs_of(run)]
    return fingerprint_of(parts)


def hash_of(runs: Sequence[RunEntry], recipe: Recipe) -> str:
    """What a release depends on: the documents of its runs, its filters and its mix."""
    parts = sorted([run["name"], run["documents"]] for run in runs)
    stages = (*filters_of(recipe), mix_of(recipe))
    return fingerprint_of(parts, *map(stage_dependencies, stages))


def refuse_mixed(runs: Sequence[RunEntry]) -> None:
    """Raise ConfigError for runs whose duplicates were found by different hashes."""
    for run in runs[1:]:
        if run["comparable"] != runs[0]["comparable"]:
            names = [
                name
                for name in {**run["comparable"], **runs[0]["comparable"]}
                if run["comparable"].get(name) != runs[0]["comparable"].get(name)
            ]
            raise ConfigError(
                f"runs {runs[0]['name']} and {run['name']} of the corpus differ in "
                f"{', '.join(sorted(names))}, so that their duplicates cannot be told "
                f"apart: `tamis refresh --redo` makes all of them by the present recipe"
            )


def release_recipe(
    recipe: Recipe, corpus: Storage, names: Sequence[str], id_: str
) -> Recipe:
    """The recipe that makes a release of the runs of these names."""
    runs = tuple(f"{corpus.root}/{RUNS}/{name}" for name in names)
    stages: tuple[Stage, ...] = (
        ReadDocuments(runs=runs, storage_options=recipe.storage_options),
        Save(name=_SAVED),
        *filters_of(recipe),
        mix_of(recipe),
    )
    return recipe.model_copy(
        update={
            "input": (),
            "output": f"{corpus.root}/{RELEASES}/{id_}",
            "stages": stages,
            "refresh": None,
            "denials": corpus.root,
        }
    )


def release_id(day: date, hash_: str) -> str:
    return f"{day.isoformat()}-{hash_}"


def describe(
    corpus: Storage,
    entry: Mapping[str, Any],
    runs: Sequence[RunEntry],
    *,
    against: ReleaseEntry | None,
) -> Made:
    """Write release.json of a release whose mix is there, and return it."""
    release = corpus.below(f"{RELEASES}/{entry['id']}")
    earlier = against["runs"] if against else []
    figures = _figures(corpus, release, runs, earlier)
    every = sample_every(figures["documents"])
    ids = _sample(release, every)
    changes: list[Change] = []
    if against is not None:
        other = corpus.below(f"{RELEASES}/{against['id']}")
        before = read_made(other)
        changes = figures_changed(before["figures"], figures)
        common = max(every, before["every"])
        changes += _moved(
            _thinned(_read_ids(other, before["ids"]), common),
            _thinned(ids, common),
            [release, *(corpus.below(f"{RUNS}/{run['name']}") for run in runs)],
            common,
        )
    made = Made(
        id=entry["id"],
        runs={run["name"]: run["recipe"] for run in runs},
        figures=figures,
        against=None if against is None else against["id"],
        every=every,
        ids=_write_ids(release, ids),
        changes=[(c.of, c.name, c.before, c.after) for c in changes],
    )
    release.write(RELEASE, sealed(made, indent=1))
    return made


def held(made: Made, recipe: Recipe) -> list[str]:
    """Why readers do not get a release; nothing is compared for the first one."""
    assert recipe.refresh is not None
    bounds = recipe.refresh.hold_if.model_dump()
    if bounds["lost"] is None:
        bounds["lost"] = recipe.max_lost
    if made["against"] is None:
        lost = made["figures"]["lost"]
        is_bad = lost > bounds["lost"]
        return [f"lost: {lost:.6g}, over the bound {bounds['lost']:g}"] * is_bad
    return beyond(changes_of(made), bounds)


def tidy(release: Storage) -> None:
    """Remove what a release was made from."""
    names = [name for folder in _MADE_FROM for name in release.names(folder)]
    release.remove([*names, *_MADE_FROM_FILES])
    if release.is_local:
        for folder in _MADE_FROM:
            _remove_empty(Path(release.path(folder)))


def thin(release: Storage) -> None:
    """Remove the documents of an old release: its manifest and its report stay."""
    names = [name for folder in _DOCUMENTS for name in release.names(folder)]
    release.remove(name for name in names if name != MANIFEST)


def discard(release: Storage) -> None:
    """Remove all of a release that was begun and that nobody has."""
    folders = (*_MADE_FROM, *_DOCUMENTS)
    names = [name for folder in folders for name in release.names(folder)]
    files = (*_MADE_FROM_FILES, RELEASE, "run.json", "report.html")
    release.remove([*names, *files])


def refuse_without_shards(release: Storage) -> None:
    """Raise StorageError for a release that is not whole."""
    manifest = manifest_of(release)
    if manifest is None:
        raise StorageError(f"{release.shown}: there is no release here")
    sizes = release.sizes("mix")
    for shard in manifest["shards"]:
        if sizes.get(shard["path"]) != shard["bytes"]:
            raise StorageError(
                f"{release.shown}: {shard['path']} is not there any more, or is not as "
                f"it was written: name another release"
            )


def _remove_empty(folder: Path) -> None:
    """Remove a folder that holds nothing but folders."""
    for place, _, _ in os.walk(folder, topdown=False):
        with suppress(OSError):  # somebody has put something there
            Path(place).rmdir()


def _figures(
    corpus: Storage,
    release: Storage,
    runs: Sequence[RunEntry],
    earlier: Sequence[str],
) -> Figures:
    manifest = manifest_of(release)
    assert manifest is not None
    stages: dict[str, dict[str, Any]] = {}
    folders = [f"{RUNS}/{run['name']}" for run in runs]
    for storage in (*(corpus.below(one) for one in folders), release):
        summary = storage.read_record("run.json", SUMMARY)
        for row in funnel_rows(summary):
            if row.stage == "read_documents":
                continue  # what the runs kept
            about = stages.setdefault(row.stage, {"in": 0, "out": 0, "reasons": {}})
            about["in"] += row.documents_in
            about["out"] += row.documents_out
            for reason, count in row.dropped.items():
                about["reasons"][reason] = about["reasons"].get(reason, 0) + count
    languages = manifest["languages"]
    return Figures(
        documents=sum(about["documents"] for about in languages.values()),
        tokens=sum(about["tokens"] for about in languages.values()),
        languages={
            language: {name: about[name] for name in ("documents", "rows", "tokens")}
            for language, about in languages.items()
        },
        stages=stages,
        means=_means(release),
        # What an earlier release lost was looked at then.
        lost=max((r["lost"] for r in runs if r["name"] not in earlier), default=0.0),
    )


def _means(release: Storage) -> dict[str, float]:
    """The mean of each column of fractions, over all documents of the release."""
    sums: dict[str, float] = {}
    counts: dict[str, int] = {}
    for own in inputs_of(release):
        for path in own.saved:
            with release.table(path, pre_buffer=False) as opened:
                names = [f.name for f in opened.schema if pa.types.is_floating(f.type)]
                for batch in opened.iter_batches(_ROWS, columns=names):
                    for name in names:
                        values = np.asarray(batch[name], np.float64)
                        is_number = np.isfinite(values)
                        sums[name] = sums.get(name, 0.0) + float(
                            values[is_number].sum()
                        )
                        counts[name] = counts.get(name, 0) + int(is_number.sum())
    return {name: sums[name] / counts[name] for name in sums if counts[name]}


def _sample(release: Storage, every: int) -> pa.Table:
    """Id, language and crawl of one document of the mix in `every`, each once."""
    tables = list(_sample_batches(release, every)) or [_SAMPLED.empty_table()]
    return pa.concat_tables(tables).combine_chunks().sort_by("id")


def _sample_batches(release: Storage, every: int) -> Iterator[pa.Table]:
    for path in mix_shards(release):
        with release.table(path, pre_buffer=False) as opened:
            for batch in opened.iter_batches(_ROWS, columns=[*_SAMPLED.names, "epoch"]):
                first = batch.filter(pc.equal(batch["epoch"], 0))
                chosen = first.filter(pa.array(sampled(_numbers(first["id"]), every)))
                yield pa.table(
                    [chosen[name] for name in _SAMPLED.names], schema=_SAMPLED
                )


def _thinned(ids: pa.Table, every: int) -> pa.Table:
    return ids.filter(pa.array(sampled(_numbers(ids["id"]), every)))


def _write_ids(release: Storage, ids: pa.Table) -> str:
    with (
        release.writer(_IDS, _IDS, ".parquet") as written,
        parquet_writer(str(written.temporary), _SAMPLED) as writer,
    ):
        writer.write_table(ids)
    return written.name


def _read_ids(release: Storage, name: str) -> pa.Table:
    with release.table(name) as opened:
        return opened.read(_SAMPLED.names).cast(_SAMPLED)


def _moved(
    before: pa.Table, after: pa.Table, storages: Sequence[Storage], every: int
) -> list[Change]:
    """Documents that came and went; why they went is in the tables of dropped documents."""
    left = left_of(before, after)
    ids, places = np.unique(_numbers(left["id"]), return_inverse=True)
    names: dict[str, int] = {}  # of reasons, by their code
    codes = np.full(len(ids), -1, np.int32)
    for reason, found in _dropped(storages, ids):
        codes[found] = names.setdefault(reason, len(names))
    code = pa.array(codes[places], mask=codes[places] < 0)
    reasons = pa.array(list(names), pa.string()).take(code)
    return documents_moved(before, after, left, reasons, every)


def _dropped(
    storages: Sequence[Storage], ids: NDArray[np.uint64]
) -> Iterator[tuple[str, NDArray[np.int64]]]:
    """Reasons of dropped documents, each with the places in `ids` that it is of."""
    for storage in storages if len(ids) else ():
        for own in inputs_of(storage):
            with storage.table(own.dropped, pre_buffer=False) as opened:
                for batch in opened.iter_batches(_ROWS, columns=["id", "reason"]):
                    number = _numbers(batch["id"])
                    found = np.minimum(np.searchsorted(ids, number), len(ids) - 1)
                    is_one = ids[found] == number
                    found, why = found[is_one], batch["reason"].filter(pa.array(is_one))
                    for reason in why.unique().drop_null().to_pylist():
                        yield reason, found[np.asarray(pc.equal(why, reason))]


def _numbers(ids: Any) -> NDArray[np.uint64]:
    return np.asarray(ids).astype(np.uint64)
