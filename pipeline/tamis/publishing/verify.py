"""Hold everything that a run or a release published against what its records say.

    files      every published file: there, with the bytes, the digest and the rows of its record
    stages     in = out + dropped, of each stage, and of each stage for each input
    dropped    rows of dropped/ by stage and reason against what the stages counted
    mix        shards against the manifest, rows by language against its counts, and the
               documents in it against those that the mix took
    card       croissant.json, where there is one, against the shards

Files under work/ are no results, and are not looked at. A release has no records: its files
have their digest in their names, and the manifest says the rest.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash
from numpy.typing import NDArray

from tamis.corpus.release import documents_of
from tamis.corpus.state import CORPUS, RUNS, read_corpus, read_latest, release_entry
from tamis.documents.of_run import inputs_of
from tamis.errors import DamagedFile, StorageError, TamisError
from tamis.publishing.folders import Folder, folders_of
from tamis.report.drift import RELEASE, read_made
from tamis.report.reading import MANIFEST, Manifest, manifest_of
from tamis.runner.store import last_records
from tamis.storage import Storage
from tamis.tally import SUMMARY, UNKNOWN_LANGUAGE, RunSummary
from tamis.work.commits import Commit

_READERS = 8
_CHUNK_BYTES = 8 << 20
_BATCH_ROWS = 1 << 16
_DIGEST = re.compile(r"-([0-9a-f]{16})(?:[0-9a-f]{8})?\.[a-z]+$")
_COUNTS = ("documents", "rows", "tokens")
_MIX = np.uint64(0x9E3779B97F4A7C15)


@dataclass
class Verified:
    """What was looked at, and a line for everything that is not as it should be."""

    folders: int = 0
    files: int = 0
    bytes: int = 0
    wrong: list[str] = field(default_factory=list)

    @property
    def is_right(self) -> bool:
        return not self.wrong


class Expected(NamedTuple):
    """What a record says of a file; null where it says nothing."""

    bytes: int | None = None
    rows: int | None = None
    digest: str | None = None
    sha256: str | None = None


class _Dropped(NamedTuple):
    """A stage's documents: in, out, and dropped by reason."""

    entered: int
    left: int
    reasons: Counter[str]


def verify(storage: Storage) -> Verified:
    """Look at a run, a release, or all of a corpus.

    Raises StorageError where there is none of them.
    """
    found = Verified()
    if not storage.exists(CORPUS):
        _verify_folder(Folder("", storage), found)
        return found
    for folder in folders_of(storage):
        own = Verified()
        try:
            _verify_folder(folder, own)
        except StorageError as error:
            own.wrong.append(str(error))
        found.folders += own.folders
        found.files += own.files
        found.bytes += own.bytes
        found.wrong += [f"{folder.name}: {line}" for line in own.wrong]
    found.wrong += _corpus_wrong(storage)
    return found


def _verify_folder(folder: Folder, found: Verified) -> None:
    storage = folder.storage
    found.folders += 1
    try:
        summary = storage.read_record("run.json", SUMMARY)
        manifest = manifest_of(storage)
        if folder.is_thinned:
            return  # its manifest and its report are all that is left
        commits = _commits(folder, found)
        expected = _expected(folder, manifest, commits.values())
    except DamagedFile as error:
        found.wrong.append(_line_of(error))
        return
    sound = _verify_files(storage, expected, found)
    found.wrong += _stages_wrong(summary)
    dropped = _dropped_rows(folder, sound)
    found.wrong += _dropped_wrong(summary, dropped)
    found.wrong += _inputs_wrong(folder, summary, commits.values(), dropped)
    if manifest is not None:
        found.wrong += _strangers(storage, manifest)
        if sound.issuperset(shard["path"] for shard in manifest["shards"]):
            found.wrong += _mix_wrong(folder, summary, manifest, sound)
    if folder.is_release:
        found.wrong += _release_wrong(storage, manifest)


def _line_of(error: Exception) -> str:
    return " ".join(str(error).split())


def _commits(folder: Folder, found: Verified) -> Mapping[str, Commit]:
    """The records that the last run stands on; a release has none."""
    if not folder.has_tables:
        return {}
    commits, missing = last_records(folder.storage)
    found.wrong += [f"{name}: the record is not there, or damaged" for name in missing]
    return commits


def _expected(
    folder: Folder, manifest: Manifest | None, commits: Iterable[Commit]
) -> dict[str, Expected]:
    """Every published file, with what is on record of it."""
    storage = folder.storage
    expected = {
        file.path: Expected(file.bytes, file.rows)
        for commit in commits
        for file in commit.files
        if not file.path.startswith("work/")
    }
    for tables in inputs_of(storage):
        for path, rows, size in zip(
            tables.saved, tables.rows, tables.bytes, strict=True
        ):
            expected[path] = Expected(size, rows)
        for path in (tables.dropped, *(layer for _, layer in tables.layers)):
            expected.setdefault(path, Expected())
    if not folder.has_tables:
        folders = ("dropped", "ids")
        names = [name for folder_ in folders for name in storage.names(folder_)]
        expected |= dict.fromkeys(names, Expected())
    if folder.is_release:
        expected.setdefault(read_made(storage)["ids"], Expected())
    sums = _sums_of_card(storage)
    for shard in manifest["shards"] if manifest else ():
        path = shard["path"]
        expected[path] = Expected(
            shard["bytes"], shard["rows"], shard["digest"], sums.pop(path, None)
        )
    # What the card alone names is no shard of this mix.
    return expected | {path: Expected(sha256=digest) for path, digest in sums.items()}


def _sums_of_card(storage: Storage) -> dict[str, str]:
    """sha256 by file, as croissant.json has them; none where there is no card."""
    name = "croissant.json"
    if not storage.exists(name):
        return {}
    try:
        card = json.loads(storage.read(name))
        files = [one for one in card["distribution"] if "sha256" in one]
        return {str(one["contentUrl"]): str(one["sha256"]) for one in files}
    except (ValueError, KeyError, TypeError) as error:
        raise storage.damaged(name, "it is no card that `tamis card` wrote") from error


def _verify_files(
    storage: Storage, expected: Mapping[str, Expected], found: Verified
) -> set[str]:
    """Read every file once; those that are as their record says."""
    sound = set()
    with ThreadPoolExecutor(_READERS) as pool:
        looked = pool.map(
            lambda one: _file_wrong(storage, *one), sorted(expected.items())
        )
        for path, (size, why) in zip(sorted(expected), looked, strict=True):
            found.files += 1
            found.bytes += size
            if why is None:
                sound.add(path)
            else:
                found.wrong.append(f"{path}: {why}")
    return sound


def _file_wrong(
    storage: Storage, path: str, expected: Expected
) -> tuple[int, str | None]:
    """The size of a file, and what is wrong with it; null if nothing is."""
    try:
        size = storage.size(path)
        if size is None:
            return 0, "the file is not there"
        if expected.bytes not in (None, size):
            return size, f"has {size:,} bytes, and {expected.bytes:,} on record"
        digest, sha256 = _digests(storage, path, with_sha256=bool(expected.sha256))
        in_name = _DIGEST.search(path)
        if in_name and in_name[1] != digest:
            return size, "its content has not the digest that its name has"
        if expected.digest not in (None, f"xxh3_64:{digest}"):
            return size, "its content has not the digest that is on record"
        if expected.sha256 not in (None, sha256):
            return size, "its content has not the sha256 that croissant.json has"
        if expected.rows is not None and path.endswith(".parquet"):
            with storage.table(path) as opened:
                rows = opened.metadata.num_rows
            if rows != expected.rows:
                return size, f"has {rows:,} rows, and {expected.rows:,} on record"
    except TamisError as error:
        return 0, _line_of(error)
    return size, None


def _digests(storage: Storage, path: str, *, with_sha256: bool) -> tuple[str, str]:
    own, sha256 = xxhash.xxh3_64(), hashlib.sha256()
    with storage.open(path) as file:
        while chunk := file.read(_CHUNK_BYTES):
            own.update(chunk)
            if with_sha256:
                sha256.update(chunk)
    return own.hexdigest(), sha256.hexdigest()


def _counts_of(stages: Mapping[str, Any]) -> dict[str, _Dropped]:
    """What stages were given, kept and dropped, by label."""
    found = {}
    for label, about in stages.items():
        reasons = {
            reason: sum(amount["documents"] for amount in languages.values())
            for reason, languages in about["dropped"].items()
        }
        found[label] = _Dropped(
            about["documents_in"], about["documents_out"], Counter(reasons)
        )
    return found


def _stages_wrong(summary: RunSummary) -> Iterator[str]:
    yield from _funnel_wrong(_counts_of(summary.get("stages", {})), "run.json")


def _funnel_wrong(counts: Mapping[str, _Dropped], where: str) -> Iterator[str]:
    """Lines for stages of which the numbers do not add up."""
    before: tuple[str, int] | None = None
    for label, own in counts.items():
        gone = sum(own.reasons.values())
        if own.entered != own.left + gone:
            yield (
                f"{where}: {label} was given {own.entered:,} documents, kept {own.left:,} "
                f"and dropped {gone:,}"
            )
        if before is not None and before[1] != own.entered:
            yield (
                f"{where}: {before[0]} kept {before[1]:,} documents, and {label} was given "
                f"{own.entered:,}"
            )
        before = label, own.left


def _dropped_rows(
    folder: Folder, sound: set[str]
) -> dict[str, Counter[tuple[str, str]]] | None:
    """Rows by stage and reason, of each file of dropped/; null if one cannot be read."""
    found = {}
    for path in folder.dropped():
        if path not in sound:
            return None
        counts: Counter[tuple[str, str]] = Counter()
        with folder.storage.table(path) as opened:
            for batch in opened.iter_batches(_BATCH_ROWS, columns=["stage", "reason"]):
                table = pa.Table.from_batches([batch])
                groups = table.group_by(["stage", "reason"]).aggregate(
                    [([], "count_all")]
                )
                for row in groups.to_pylist():
                    counts[row["stage"], row["reason"]] += row["count_all"]
        found[path] = counts
    return found


def _dropped_wrong(
    summary: RunSummary, dropped: Mapping[str, Counter[tuple[str, str]]] | None
) -> Iterator[str]:
    """dropped/ as a whole against run.json."""
    if dropped is None:
        return
    total: Counter[tuple[str, str]] = Counter()
    for counts in dropped.values():
        total.update(counts)
    yield from _reasons_wrong(_counts_of(summary.get("stages", {})), total, "run.json")


def _reasons_wrong(
    counts: Mapping[str, _Dropped], rows: Counter[tuple[str, str]], where: str
) -> Iterator[str]:
    told = Counter(
        {
            (label, reason): count
            for label, own in counts.items()
            for reason, count in own.reasons.items()
        }
    )
    for label, reason in sorted({*told, *rows}):
        if told[label, reason] != rows[label, reason]:
            yield (
                f"{where}: {label} dropped {told[label, reason]:,} documents as {reason}, "
                f"and dropped/ has {rows[label, reason]:,}"
            )


def _inputs_wrong(
    folder: Folder,
    summary: RunSummary,
    commits: Iterable[Commit],
    dropped: Mapping[str, Counter[tuple[str, str]]] | None,
) -> Iterator[str]:
    """Each stage for each input: the sums over the records of its tasks."""
    inputs = inputs_of(folder.storage)
    by_input = _by_input([tables.name for tables in inputs], commits)
    total: dict[str, _Dropped] = {}
    for tables in inputs:
        own = by_input[tables.name]
        ordered = {
            label: own[label] for label in summary.get("stages", {}) if label in own
        }
        yield from _funnel_wrong(ordered, tables.name)
        if dropped is not None:
            yield from _reasons_wrong(ordered, dropped[tables.dropped], tables.name)
        for label, counts in own.items():
            total[label] = _sum(total.get(label), counts)
    for label, counts in (
        _counts_of(summary.get("stages", {})).items() if inputs else ()
    ):
        if total.get(label, _Dropped(0, 0, Counter())) != counts:
            yield (
                f"run.json: {label} has other numbers than the records of the inputs have "
                f"together"
            )


def _by_input(
    names: Iterable[str], commits: Iterable[Commit]
) -> dict[str, dict[str, _Dropped]]:
    """What the stages counted for each input, by the names of the tasks."""
    found: dict[str, dict[str, _Dropped]] = {name: {} for name in names}
    for commit in commits:
        stages = {} if commit.replaced_by else dict(commit.tally.get("stages", {}))
        key = commit.key
        # A task is called by its input, and by what it has of it: `NAME-0-1000`.
        while stages and key not in found and "-" in key:
            key = key.rpartition("-")[0]
        if key not in found:
            continue
        for label, own in _counts_of(stages).items():
            found[key][label] = _sum(found[key].get(label), own)
    return found


def _sum(one: _Dropped | None, other: _Dropped) -> _Dropped:
    if one is None:
        return other
    return _Dropped(
        one.entered + other.entered,
        one.left + other.left,
        one.reasons + other.reasons,
    )


def _strangers(storage: Storage, manifest: Manifest) -> Iterator[str]:
    """Files below mix/ that readers would take for shards."""
    known = {MANIFEST, *(shard["path"] for shard in manifest["shards"])}
    for name in storage.names("mix"):
        if name not in known:
            yield f"{name}: the file is there, and no shard of the manifest"


@dataclass
class _Content:
    """What rows add up to: by language, and a sum of hashes of their ids."""

    languages: dict[str, Counter[str]] = field(default_factory=dict)
    ids: int = 0

    def add_ids(self, ids: Any, times: NDArray[np.uint64] | None = None) -> None:
        hashed = np.asarray(ids).astype(np.uint64) * _MIX
        hashed = (hashed ^ (hashed >> np.uint64(29))) * _MIX
        hashed = hashed ^ (hashed >> np.uint64(32))
        own = hashed if times is None else hashed * times
        self.ids = (self.ids + int(own.sum(dtype=np.uint64))) % 2**64


def _mix_wrong(
    folder: Folder, summary: RunSummary, manifest: Manifest, sound: set[str]
) -> Iterator[str]:
    content = _content_of_mix(folder.storage, manifest)
    told = {
        language: Counter({name: about[name] for name in _COUNTS if about[name]})
        for language, about in manifest["languages"].items()
    }
    for language in sorted({*told, *content.languages}):
        for name in _COUNTS:
            says = told.get(language, Counter())[name]
            has = content.languages.get(language, Counter())[name]
            if says != has:
                yield f"{MANIFEST}: {says:,} {name} in {language}, and the shards have {has:,}"
    if not summary.get("complete"):
        return  # the mix is that of an earlier run
    documents = sum(counts["documents"] for counts in content.languages.values())
    last = list(_counts_of(summary.get("stages", {})).items())[-1:]
    for label, own in last:
        if own.left != documents:
            yield f"run.json: {label} kept {own.left:,} documents, and mix/ has {documents:,}"
    taken = _content_of_parts(folder, sound)
    if taken is not None and taken.ids != content.ids:
        yield "mix/: its rows are not those of the documents that the mix took"


def _content_of_mix(storage: Storage, manifest: Manifest) -> _Content:
    content = _Content()
    columns = ["id", "language", "tokens", "epoch"]
    for shard in manifest["shards"]:
        with storage.table(shard["path"]) as opened:
            for batch in opened.iter_batches(_BATCH_ROWS, columns=columns):
                content.add_ids(batch["id"])
                table = pa.table(
                    {
                        "language": pc.fill_null(batch["language"], UNKNOWN_LANGUAGE),
                        "documents": pc.equal(batch["epoch"], 0).cast(pa.int64()),
                        "rows": pa.repeat(1, batch.num_rows),
                        "tokens": batch["tokens"],
                    }
                )
                sums = table.group_by("language").aggregate(
                    [(name, "sum") for name in _COUNTS]
                )
                for row in sums.to_pylist():
                    own = content.languages.setdefault(row["language"], Counter())
                    own.update({name: row[f"{name}_sum"] or 0 for name in _COUNTS})
    return content


def _content_of_parts(folder: Folder, sound: set[str]) -> _Content | None:
    """Ids of the saved documents, as often as the mix took each; null if not known."""
    content = _Content()
    layers = [
        [path for _, path in tables.layers if path.startswith("mixed/")]
        for tables in inputs_of(folder.storage)
    ]
    if not layers or not all(layers) or not sound.issuperset(own[-1] for own in layers):
        return None
    for own in layers:
        with folder.storage.table(own[-1]) as opened:
            for batch in opened.iter_batches(_BATCH_ROWS, columns=["id", "copies"]):
                times = np.asarray(pc.fill_null(batch["copies"], 0)).astype(np.uint64)
                content.add_ids(batch["id"], times)
    return content


def _release_wrong(storage: Storage, manifest: Manifest | None) -> Iterator[str]:
    """release.json against the manifest."""
    if manifest is None:
        yield f"{MANIFEST}: the file is not there"
        return
    figures = read_made(storage)["figures"]
    for name in ("documents", "tokens"):
        has = sum(about[name] for about in manifest["languages"].values())
        says = figures["documents"] if name == "documents" else figures["tokens"]
        if says != has:
            yield f"{RELEASE}: {says:,} {name}, and the manifest has {has:,}"


def _corpus_wrong(storage: Storage) -> Iterator[str]:
    """corpus.json and latest.json against what is there."""
    corpus = read_corpus(storage)
    for run in corpus["runs"]:
        name = f"{RUNS}/{run['name']}"
        with suppress(DamagedFile):  # which was said of the run
            if run["documents"] not in ("", documents_of(storage.below(name))):
                yield f"{CORPUS}: {name} has other documents than it has on record"
    latest = read_latest(storage)
    if latest is None:
        return
    entry = release_entry(corpus, latest["release"])
    if entry is None or entry["is_thinned"]:
        yield f"latest.json: the release {latest['release']} is not there"
