"""Take what is denied out of one run or one release.

New files are written first; then each record lists the new file in place of the old one,
the manifest last of them; then the old files go. Whoever is killed in between runs
`tamis forget` again: what is to go is in `forgotten/going.json` until it has gone.

Records keep their fingerprints: nothing is extracted, signed or compared again.
"""

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow.compute as pc
import xxhash
from numpy.typing import NDArray
from pydantic import TypeAdapter, with_config
from typing_extensions import TypedDict

from tamis.denials.matching import DENIED, Denied
from tamis.denials.state import FOLDER
from tamis.documents.of_run import TABLES, inputs_of
from tamis.errors import DamagedFile, StorageError, TamisError
from tamis.forgetting.tables import (
    Gone,
    Taken,
    dropped_file,
    has_ids,
    ids_met,
    with_dropped,
    without,
)
from tamis.publishing.card import CROISSANT, write_card
from tamis.publishing.folders import Folder
from tamis.publishing.summary import SUMMARY_MD, write_summary
from tamis.report.drift import RELEASE, read_made
from tamis.report.page import render_page
from tamis.report.reading import MANIFEST, manifest_of
from tamis.runner.store import RUNS
from tamis.stages.mix_corpus import MixCorpus
from tamis.storage import Storage
from tamis.storage.parquet import digest_in
from tamis.storage.records import sealed
from tamis.tally import SUMMARY, RunSummary
from tamis.work.commits import Commit, File
from tamis.work.ledger import records_of, replace_records

FORGOTTEN = "forgotten.json"
_GOING = f"{FOLDER}/going.json"
_MIX = MixCorpus.stage_name()
_READERS = 4


@with_config(extra="forbid")
class Going(TypedDict):
    """forgotten/going.json: files that are replaced, and are to go."""

    files: list[str]


@with_config(extra="forbid")
class Forgotten(TypedDict):
    """forgotten.json: documents that went from a mix, in all, and its manifest's digest."""

    documents: int
    manifest: str


_GOING_FILE = TypeAdapter(Going)


@dataclass
class Took:
    """What was done in a folder. Manifests are told by their digest; "" for no mix."""

    documents: int = 0
    rows: int = 0
    tokens: int = 0
    files: int = 0
    manifest_before: str = ""
    manifest_after: str = ""
    notes: list[str] = field(default_factory=list)


def tables_of(folder: Folder) -> list[str]:
    """Every table of a folder that may have documents, but those under work/."""
    storage = folder.storage
    names = {
        file.path
        for _, commit in records_of(storage)
        for file in commit.files
        if file.path.endswith(".parquet")
    }
    for own in inputs_of(storage):
        names |= {own.dropped, *own.saved, *(path for _, path in own.layers)}
    manifest = manifest_of(storage)
    names |= {shard["path"] for shard in manifest["shards"]} if manifest else set()
    if not folder.has_tables:
        names |= set(folder.dropped())
    if folder.is_release:
        names.add(read_made(storage)["ids"])
    there = {
        n for top in {n.partition("/")[0] for n in names} for n in storage.names(top)
    }
    return sorted(n for n in names & there if not n.startswith("work/"))


def ids_in(folder: Folder, denied: Denied) -> NDArray[np.uint64]:
    """Ids of all documents of a folder that the requests mean."""
    storage = folder.storage
    names = [] if folder.is_thinned else tables_of(folder)
    with ThreadPoolExecutor(_READERS) as pool:
        found = pool.map(lambda n: _met(storage, n, denied), names)
        return np.unique(np.concatenate([np.empty(0, np.uint64), *found]))


def forget_in(folder: Folder, denied: Denied) -> Took:
    """Take all denied documents out of a folder, which is locked."""
    storage = folder.storage
    took = Took(manifest_before=_digest_of(storage, MANIFEST))
    if folder.is_thinned:
        _report(folder, took)
        return took
    taken, replaced = Taken(), dict[str, File]()
    manifest = manifest_of(storage)
    published = {shard["path"] for shard in manifest["shards"]} if manifest else set()
    for name in tables_of(folder):
        if not has_ids(storage, name):
            continue
        # Shards of a mix that was not published are no documents of this one.
        counted = taken if name in published else Taken()
        new = without(storage, name, denied, counted)
        if new is not None:
            replaced[name] = new
    going = _going(storage) | set(replaced)
    gone = taken.mixed
    label = _mix_label(storage)
    by_dropped = _by_dropped(storage, gone, replaced)
    for name, own in by_dropped.items():
        now = replaced[name].path if name in replaced else name
        replaced[name] = with_dropped(storage, now, own, stage=label)
        going |= {name, now}
    if going:
        storage.write_record(_GOING, Going(files=sorted(going)))
    if gone and not folder.has_tables:
        _add_dropped(folder, gone, stage=label)
    languages = _languages(storage, gone)
    _records(storage, replaced, denied, by_dropped, label=label, languages=languages)
    _tables(storage, replaced)
    if folder.is_release:
        _release(storage, replaced, languages)
    _summaries(folder, denied, gone, label=label, languages=languages)
    _manifest(storage, replaced, languages)
    took.manifest_after = _digest_of(storage, MANIFEST)
    if going:  # also of a call that was killed behind the manifest
        _made_again(storage, CROISSANT, "card", write_card, took)
        _made_again(storage, SUMMARY_MD, "summary", write_summary, took)
        _report(folder, took)
    took.documents, took.files = len(gone), len(replaced)
    took.rows = sum(own.rows for own in gone.values())
    took.tokens = sum(own.tokens for own in gone.values())
    _note_forgotten(folder, took, label=label)
    work = [n for n in storage.names("work") if not storage.is_behind_link(n)]
    kept = {file.path for _, c in records_of(storage) for file in c.files}
    kept |= set(tables_of(folder))
    storage.remove([*sorted(going - (kept - set(work))), *work, _GOING])
    return took


def _met(storage: Storage, name: str, denied: Denied) -> NDArray[np.uint64]:
    if not has_ids(storage, name):
        return np.empty(0, np.uint64)
    found: NDArray[np.uint64] = ids_met(storage, name, denied)
    return found


def _going(storage: Storage) -> set[str]:
    """What an earlier call, which was killed, had replaced."""
    if not storage.exists(_GOING):
        return set()
    try:
        return set(storage.read_record(_GOING, _GOING_FILE)["files"])
    except DamagedFile:
        return set()


def _digest_of(storage: Storage, name: str) -> str:
    if not storage.exists(name):
        return ""
    return f"xxh3_64:{xxhash.xxh3_64_hexdigest(storage.read(name))}"


def _mix_label(storage: Storage) -> str:
    """The label of the stage that mixed; "" where nothing was mixed.

    run.json may be that of a later run, which did not come to its mix.
    """
    if not storage.exists("run.json") or not storage.exists(MANIFEST):
        return ""
    summary = storage.read_record("run.json", SUMMARY)
    entries = [next(iter(entry.items())) for entry in summary["recipe"]["stages"]]
    prefixes = [about.get("prefix") for name, about in entries if name == _MIX]
    return ".".join(filter(None, [*prefixes[-1:], _MIX]))


def _by_dropped(
    storage: Storage, gone: Mapping[int, Gone], replaced: Mapping[str, File]
) -> dict[str, dict[int, Gone]]:
    """Documents that went from the mix, by the file of dropped/ of their input.

    Those that it has already are left out: an earlier call was killed.
    """
    found: dict[str, dict[int, Gone]] = {}
    for own in inputs_of(storage) if gone else ():
        ids = set[int]()
        for path in own.saved:
            ids |= _ids(storage, _now(path, replaced))
        ids -= _ids(storage, _now(own.dropped, replaced))
        own_gone = {id_: gone[id_] for id_ in sorted(ids & gone.keys())}
        if own_gone:
            found[own.dropped] = own_gone
    return found


def _ids(storage: Storage, name: str) -> set[int]:
    with storage.table(name) as opened:
        return set(opened.read(["id"])["id"].to_pylist())


def _add_dropped(folder: Folder, gone: Mapping[int, Gone], *, stage: str) -> None:
    """Write the documents that went from the mix of a release to its dropped/."""
    storage, files = folder.storage, folder.dropped()
    there = {id_ for name in files for id_ in _ids(storage, name)}
    left = {id_: own for id_, own in sorted(gone.items()) if id_ not in there}
    if files and left:
        with storage.table(files[0]) as opened:
            schema = opened.schema
        dropped_file(storage, schema, left, stage=stage)


def _languages(storage: Storage, gone: Mapping[int, Gone]) -> dict[str, Any] | None:
    """The manifest's counts by language without what went; null if nothing went."""
    manifest = manifest_of(storage)
    if manifest is None or not gone:
        return None
    languages = {name: dict(about) for name, about in manifest["languages"].items()}
    for own in gone.values():
        about = languages[own.language]
        about["documents"] -= 1
        about["rows"] -= own.rows
        about["characters"] -= own.characters * own.rows
        about["tokens"] -= own.tokens
    total = sum(about["tokens"] for about in languages.values())
    for about in languages.values():
        share = round(about["tokens"] / total, 6) if total else 0.0
        about["got"] = {"share": share, "tokens": about["tokens"]}
    return languages


def _records(
    storage: Storage,
    replaced: Mapping[str, File],
    denied: Denied,
    by_dropped: Mapping[str, Mapping[int, Gone]],
    *,
    label: str,
    languages: Mapping[str, Any] | None,
) -> None:
    """Write every commit record that lists a replaced file, or names a denied page."""
    changed: dict[str, Commit] = {}
    for name, commit in records_of(storage):
        old = [file.path for file in commit.files if file.path in replaced]
        tally = dict(commit.tally.items())
        is_named = _without_pages(tally, denied)
        if not old and not is_named:
            continue
        for path in old:
            if path in by_dropped and label in tally.get("stages", {}):
                _count_out(tally["stages"][label], by_dropped[path].values())
        if old and "manifests" in tally and MANIFEST in tally["manifests"]:
            own = dict(tally["manifests"][MANIFEST])
            tally["manifests"] = {MANIFEST: _as_manifest(own, replaced, languages)}
            tally["counts"] = {**tally["counts"], "languages": own["languages"]}
        files = tuple(
            replace(replaced[f.path], dataset=f.dataset) if f.path in replaced else f
            for f in commit.files
        )
        changed[name] = replace(commit, files=files, tally=tally)
    replace_records(storage, changed)


def _count_out(stage: dict[str, Any], gone: Iterable[Gone]) -> None:
    """Count documents as dropped by a stage that had kept them."""
    dropped = stage["dropped"].setdefault(DENIED, {})
    for own in gone:
        stage["documents_out"] -= 1
        stage["characters_out"] -= own.characters
        amount = dropped.setdefault(own.language, {"documents": 0, "characters": 0})
        amount["documents"] += 1
        amount["characters"] += own.characters
    if not dropped:
        del stage["dropped"][DENIED]


def _without_pages(tally: dict[str, Any], denied: Denied) -> bool:
    """Take denied addresses out of the list of pages that a limit dropped."""
    pages = tally.get("pages_lost_to_limits", [])
    left = [page for page in pages if not (page["url"] and denied.covers(page["url"]))]
    if len(left) == len(pages):
        return False
    tally["pages_lost_to_limits"] = left
    return True


def _as_manifest(
    manifest: dict[str, Any],
    replaced: Mapping[str, File],
    languages: Mapping[str, Any] | None,
) -> dict[str, Any]:
    shards = []
    for shard in manifest["shards"]:
        new = replaced.get(shard["path"])
        if new is not None:
            shard = {
                "path": new.path,
                "rows": new.rows,
                "bytes": new.bytes,
                "digest": digest_in(new.path),
            }
        shards.append(shard)
    manifest["shards"] = shards
    if languages is not None:
        manifest["languages"] = dict(languages)
    return manifest


def _tables(storage: Storage, replaced: Mapping[str, File]) -> None:
    """tables.json with the new names."""
    inputs = inputs_of(storage)
    if not inputs:
        return
    content = {}
    for own in inputs:
        files = [replaced.get(path) for path in own.saved]
        content[own.name] = {
            "dropped": _now(own.dropped, replaced),
            "saved": [_now(path, replaced) for path in own.saved],
            "rows": list(own.rows),
            "bytes": [
                new.bytes if new else size
                for new, size in zip(files, own.bytes, strict=True)
            ],
            "layers": [[label, _now(path, replaced)] for label, path in own.layers],
            "duplicates": own.duplicates and _now(own.duplicates, replaced),
            "inputs": list(own.inputs),
        }
    if replaced:
        storage.publish(TABLES, sealed({"inputs": content}))


def _now(path: str, replaced: Mapping[str, File]) -> str:
    return replaced[path].path if path in replaced else path


def _release(
    storage: Storage, replaced: Mapping[str, File], languages: Mapping[str, Any] | None
) -> None:
    """release.json with its ids' file and its figures."""
    made = read_made(storage)
    figures = made["figures"]
    if made["ids"] not in replaced and languages is None:
        return
    made["ids"] = _now(made["ids"], replaced)
    if languages is not None:
        for name, about in figures["languages"].items():
            about |= {
                key: languages[name][key] for key in about if key in languages[name]
            }
        for key in ("documents", "tokens"):
            total = sum(about[key] for about in languages.values())
            figures[key] = total
    storage.write(RELEASE, sealed(made, indent=1))


def _summaries(
    folder: Folder,
    denied: Denied,
    gone: Mapping[int, Gone],
    *,
    label: str,
    languages: Mapping[str, Any] | None,
) -> None:
    """run.json, and those of earlier runs, without addresses of denied pages.

    run.json is the last one. If it counts as many denied documents as dropped/ has, an
    earlier call that was killed has written it.
    """
    storage = folder.storage
    names = [n for n in storage.names(RUNS) if n.endswith(".json")]
    own = storage.read("run.json") if storage.exists("run.json") else b""
    counted = _dropped_as_denied(folder, label) if gone else 0
    for name in [*names, "run.json"] if own else names:
        content = storage.read(name)
        try:
            summary: Any = storage.read_record(name, SUMMARY)
        except StorageError:
            continue
        is_changed = _without_pages(summary, denied)
        is_of_mix = content == own and gone and label in summary.get("stages", {})
        if is_of_mix and _denied_by(summary, label) != counted:
            _count_out(summary["stages"][label], gone.values())
            if label in summary.get("barriers", {}):
                summary["barriers"][label]["languages"] = dict(languages or {})
            is_changed = True
        if is_changed:
            new = sealed(summary, indent=1 if b"\n" in content[:64] else None)
            if name == "run.json":
                storage.publish(name, new)
            else:
                storage.write(name, new)


def _denied_by(summary: RunSummary, label: str) -> int:
    """How many documents a stage dropped as denied, by the run summary."""
    dropped = summary["stages"][label]["dropped"].get(DENIED, {})
    return sum(amount["documents"] for amount in dropped.values())


def _dropped_as_denied(folder: Folder, label: str) -> int:
    """How many documents dropped/ has that a stage dropped as denied."""
    count = 0
    for name in folder.dropped():
        with folder.storage.table(name) as opened:
            rows = opened.read(["stage", "reason"])
        is_own = pc.and_(
            pc.equal(rows["stage"], label), pc.equal(rows["reason"], DENIED)
        )
        count += pc.sum(is_own).as_py() or 0
    return count


def _manifest(
    storage: Storage, replaced: Mapping[str, File], languages: Mapping[str, Any] | None
) -> None:
    """The switch: from now on readers see the mix without what went."""
    manifest: Any = manifest_of(storage)
    if manifest is None:
        return
    if languages is None and not any(s["path"] in replaced for s in manifest["shards"]):
        return
    content = _as_manifest(dict(manifest), replaced, languages)
    storage.publish(MANIFEST, sealed(content, indent=1, sort_keys=True))


def _made_again(
    storage: Storage,
    name: str,
    command: str,
    write: Callable[[Storage], Any],
    took: Took,
) -> None:
    """What `tamis card` or `tamis summary` wrote, if it is there, without what went."""
    if not storage.exists(name):
        return
    how = f"call `tamis {command}` again if it had a publisher of another recipe"
    try:
        write(storage)
    except TamisError as error:
        how = f"`tamis {command}` failed: {error}"
    took.notes.append(f"{storage.shown_path(name)}: made by the run's recipe; {how}")


def _report(folder: Folder, took: Took) -> None:
    """The report anew. Where its tables are gone it cannot be made, and goes."""
    storage = folder.storage
    if not storage.exists("report.html"):
        return
    try:
        summary = storage.read_record("run.json", SUMMARY)
        page = render_page(summary, storage)
    except TamisError as error:
        storage.remove(["report.html"])
        took.notes.append(f"{storage.shown}: report.html was removed: {error}")
        return
    storage.publish("report.html", page.encode())


def _note_forgotten(folder: Folder, took: Took, *, label: str) -> None:
    """Write forgotten.json, if anything went from a mix."""
    documents = _dropped_as_denied(folder, label) if took.manifest_after else 0
    if documents:
        now = Forgotten(documents=documents, manifest=took.manifest_after)
        folder.storage.write(FORGOTTEN, sealed(now, indent=1))
