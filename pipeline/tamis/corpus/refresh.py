"""Bring a corpus up to date, or say that it is.

Each new crawl becomes a run against the corpus' index, the oldest first; then all runs
together become one release, and last of all `latest.json` names it. What is done is in
`corpus.json`: whoever calls again, after a kill or by a schedule, goes on where it stopped.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Literal

from tamis.corpus.crawls import Announced, Archives, announced
from tamis.corpus.lost import is_lost, made_again
from tamis.corpus.release import (
    describe,
    discard,
    documents_of,
    hash_of,
    held,
    mix_of,
    refuse_mixed,
    refuse_without_shards,
    release_id,
    release_recipe,
    thin,
    tidy,
)
from tamis.corpus.runs import comparable, has_ended, recipe_hash, summary_of
from tamis.corpus.state import (
    CORPUS,
    INDEX,
    RELEASES,
    RUNS,
    Corpus,
    Planned,
    Redo,
    ReleaseEntry,
    RunEntry,
    generation_of,
    index_folder,
    read_corpus,
    read_latest,
    release_entry,
    write_corpus,
    write_latest,
)
from tamis.errors import ConfigError, InputError, StorageError
from tamis.inputs import resolve
from tamis.recipe.load import Recipe
from tamis.recipe.top import Lists, RefreshSettings
from tamis.remote.opening import Access
from tamis.runner.outlook import Outlook, outlook
from tamis.runner.recorded import recorded_stages
from tamis.runner.run import run
from tamis.runner.store import earlier_summaries
from tamis.stage import Stage
from tamis.stage_source import locator_of
from tamis.stages.deduplicate import Deduplicate
from tamis.stages.mix_corpus import MixCorpus
from tamis.stages.read_warc import ReadWarc
from tamis.storage import Storage
from tamis.tally import SUMMARY
from tamis.work.executors import Executor
from tamis.work.tasks import Progress

How = Literal["released", "held", "nothing"]


@dataclass(frozen=True)
class Refreshed:
    """How a refresh ended. `release` is the newest one; `why` it is held, if it is."""

    how: How
    release: str | None
    runs: tuple[str, ...] = ()
    why: tuple[str, ...] = ()
    awaited: tuple[str, ...] = ()
    expected: date | None = None


@dataclass(frozen=True)
class Plan:
    """What a refresh would do: the runs that are missing, each with what it needs."""

    runs: dict[str, Outlook] = field(default_factory=dict)
    makes_release: bool = False
    latest: str | None = None
    awaited: tuple[str, ...] = ()
    expected: date | None = None


def settings_of(recipe: Recipe) -> RefreshSettings:
    """The section `refresh:`. Raises ConfigError for a recipe that cannot be refreshed."""
    if recipe.refresh is None:
        raise ConfigError(f"{recipe.path}: there is no `refresh:` section")
    mix_of(recipe)
    if not any(isinstance(stage, Deduplicate) for stage in recipe.stages):
        raise ConfigError(
            f"{recipe.path}: refresh needs deduplicate, by which a crawl is compared with "
            f"those before it"
        )
    if not isinstance(recipe.stages[0], ReadWarc):
        raise ConfigError(f"{recipe.path}: refresh needs read_warc as its first stage")
    if isinstance(recipe.refresh.crawls, Lists) and (
        recipe.refresh.limit or recipe.refresh.segments
    ):
        raise ConfigError(
            f"{recipe.path}: refresh.limit and refresh.segments are for CommonCrawl's "
            f"crawls: a list of one's own says itself what is read"
        )
    return recipe.refresh


def refresh(
    recipe: Recipe,
    executor: Executor,
    progress: Progress,
    *,
    redo: Sequence[str] | None = None,
    today: Callable[[], date] = lambda: datetime.now(UTC).date(),
) -> Refreshed:
    """Run what is new, and make a release of all. `redo`: the names of crawls that are run
    again by the present recipe; an empty list is all of them.

    Holds the lock of the corpus: raises InUse while another refresh has it. Raises a
    TamisError for what the user has to correct; finished work is kept.
    """
    settings = settings_of(recipe)
    storage = Storage(settings.corpus, recipe.storage_options)
    with storage.lock(
        other="another `tamis refresh`",
        advice="it will do what there is to do",
        note=progress.note,
    ):
        access = _access(recipe)
        found = announced(settings, access)
        archives = Archives(found.ready, access)
        corpus = _corpus(recipe, storage, found, archives)
        if corpus["runs"] and not storage.exists(CORPUS):
            write_corpus(storage, corpus)
            progress.note(
                f"{CORPUS} is gone: made again from {len(corpus['runs'])} runs and "
                f"{len(corpus['releases'])} releases"
            )
        made = _Refresh(recipe, storage, corpus, executor, progress)
        if corpus["redo"] and corpus["redo"]["is_given_up"]:  # and killed at it
            made.put_back(archives)
        if redo is not None:
            _begin_redo(storage, corpus, redo, recipe, archives)
        for name in found.awaited:
            progress.note(f"{name}: announced, and not there yet")
        runs = made.all_runs(found, archives)
        how, entry = made.release(today)
        return Refreshed(
            how,
            None if entry is None else entry["id"],
            runs=tuple(runs),
            why=tuple(entry["held"]) if entry else (),
            awaited=found.awaited,
            expected=found.expected,
        )


def plan(recipe: Recipe, workers: int) -> Plan:
    """What a refresh would do; writes nothing."""
    settings = settings_of(recipe)
    storage = Storage(settings.corpus, recipe.storage_options)
    access = _access(recipe)
    found = announced(settings, access)
    archives = Archives(found.ready, access)
    corpus = _corpus(recipe, storage, found, archives)
    runs: dict[str, Outlook] = {}
    for entry in _missing(storage, corpus, found, archives):
        own = _recipe_of(entry, recipe, storage, corpus, archives)
        runs[entry["name"]] = outlook(own, workers)
    latest = read_latest(storage)
    is_new = bool(runs)
    if not runs and corpus["runs"]:
        hash_ = hash_of(corpus["runs"], recipe)
        is_new = all(one["hash"] != hash_ for one in corpus["releases"])
    return Plan(
        runs,
        is_new,
        None if latest is None else latest["release"],
        found.awaited,
        found.expected,
    )


def give_up_redo(recipe: Recipe, executor: Executor, progress: Progress) -> list[str]:
    """Leave a redo that has begun; the runs that are put back to what they were before it.

    Its index goes, the one before stays, and so does all that was saved. Whoever is killed
    at it has it ended by the next refresh. Raises ConfigError where no redo is open, and
    for a run whose earlier results are gone.
    """
    settings = settings_of(recipe)
    storage = Storage(settings.corpus, recipe.storage_options)
    with storage.lock(other="another `tamis refresh`", note=progress.note):
        corpus = _known_corpus(storage)
        redo = corpus["redo"]
        if redo is None:
            raise ConfigError(f"{storage.shown}: no redo is open")
        if any(one["generation"] == redo["generation"] for one in corpus["releases"]):
            raise ConfigError(
                f"{storage.shown}: the redo has come to its release: `tamis refresh` ends "
                f"it, and --release gives an earlier one to the readers"
            )
        access = _access(recipe)
        archives = Archives(announced(settings, access).ready, access)
        made = _Refresh(recipe, storage, corpus, executor, progress)
        return made.put_back(archives)


def switch(recipe: Recipe, release: str, progress: Progress) -> None:
    """Give a release to the readers, whatever holds it. Raises StorageError, ConfigError."""
    settings = settings_of(recipe)
    storage = Storage(settings.corpus, recipe.storage_options)
    with storage.lock(other="another `tamis refresh`", note=progress.note):
        corpus = _known_corpus(storage)
        if release_entry(corpus, release) is None:
            known = ", ".join(one["id"] for one in corpus["releases"]) or "none"
            raise ConfigError(
                f"{storage.shown}: no release {release!r}; there are {known}"
            )
        refuse_without_shards(storage.below(f"{RELEASES}/{release}"))
        corpus["chosen"] = release
        write_corpus(storage, corpus)
        write_latest(storage, release)
        _clean(storage, corpus, settings.keep_releases)


def _corpus(
    recipe: Recipe, storage: Storage, found: Announced, archives: Archives
) -> Corpus:
    """The state; what its runs and releases say of it where corpus.json is gone."""
    if is_lost(storage):
        crawls = {crawl.name: crawl for crawl in found.ready}
        return made_again(recipe, storage, crawls, archives)
    return read_corpus(storage)


def _known_corpus(storage: Storage) -> Corpus:
    if is_lost(storage):
        raise StorageError(
            f"{storage.shown}: {CORPUS} is gone: `tamis refresh` makes it again"
        )
    return read_corpus(storage)


def _recipe_of(
    entry: RunEntry,
    recipe: Recipe,
    storage: Storage,
    corpus: Corpus,
    archives: Archives,
) -> Recipe:
    """The recipe of a crawl's run, now."""
    stages = _stages_of(entry, recipe, storage, corpus)
    generation = generation_of(corpus)
    return _with_stages(entry, recipe, storage, stages, generation, archives)


def _with_stages(
    entry: RunEntry,
    recipe: Recipe,
    storage: Storage,
    stages: Sequence[Stage],
    generation: int,
    archives: Archives,
) -> Recipe:
    """The recipe of a crawl's run: no stage of releases, and the corpus' own index."""
    index = f"{storage.root}/{index_folder(generation)}"
    found: list[Stage] = []
    for stage in stages:
        if isinstance(stage, MixCorpus) or stage.of_releases:
            continue
        if isinstance(stage, Deduplicate):
            stage = stage.model_copy(update={"index": index})
        if isinstance(stage, ReadWarc):
            stage = stage.model_copy(update={"crawl": entry["crawl"]})
        found.append(stage)
    return recipe.model_copy(
        update={
            "input": tuple(_inputs_of(entry, archives)),
            "output": f"{storage.root}/{RUNS}/{entry['name']}",
            "stages": tuple(found),
            "refresh": None,
            "denials": storage.root,
        }
    )


def _stages_of(
    entry: RunEntry, recipe: Recipe, storage: Storage, corpus: Corpus
) -> Sequence[Stage]:
    """The stages by which a run was made, if they hold, else those of the recipe.

    They hold for a run that only enters another index, and for one that had come to
    its end when the refresh was killed: the index has its documents.
    """
    summary = summary_of(entry["name"], storage)
    redo = corpus["redo"]
    is_asked = redo is None or entry["crawl"] in redo["crawls"]
    only_enters = entry["generation"] > 0 and not is_asked
    if summary is None or not (
        only_enters or has_ended(summary, generation_of(corpus))
    ):
        return recipe.stages
    trusted = {locator_of(stage) for stage in recipe.stages}
    return recorded_stages(summary, recipe.storage_options, trusted)


class _Refresh:
    """One refresh, under the lock of its corpus."""

    def __init__(
        self,
        recipe: Recipe,
        storage: Storage,
        corpus: Corpus,
        executor: Executor,
        progress: Progress,
    ) -> None:
        self._recipe = recipe
        self._storage = storage
        self._corpus = corpus
        self._executor = executor
        self._progress = progress

    def all_runs(self, found: Announced, archives: Archives) -> list[str]:
        """Run what is missing, in its order; the names of the runs that were made."""
        names = []
        missing = _missing(self._storage, self._corpus, found, archives)
        # What had begun and is not wanted so any more is formed anew, or is gone.
        begun = [one["name"] for one in missing]
        self._corpus["runs"] = [
            one
            for one in self._corpus["runs"]
            if one["generation"] or one["name"] in begun
        ]
        for entry in missing:
            own = self._corpus["runs"]
            same = [n for n, one in enumerate(own) if one["name"] == entry["name"]]
            if same:
                own[same[0]] = entry
            else:
                own.append(entry)
            self._write()
            self._progress.note(f"run {entry['name']}")
            self._run(
                entry,
                _recipe_of(entry, self._recipe, self._storage, self._corpus, archives),
            )
            names.append(entry["name"])
        return names

    def release(self, today: Callable[[], date]) -> tuple[How, ReleaseEntry | None]:
        """Make a release of all runs, unless there is one of the same documents."""
        corpus, storage = self._corpus, self._storage
        runs = corpus["runs"]
        if not runs:
            return "nothing", None
        refuse_mixed(runs)
        generation = generation_of(corpus)
        hash_ = hash_of(runs, self._recipe)
        whole = [one for one in corpus["releases"] if not one["is_thinned"]]
        entry = next((one for one in whole if one["hash"] == hash_), None)
        before = read_latest(storage)
        is_held_now = False
        if entry is None:
            entry = self._make(hash_, generation, today)
            is_held_now = bool(entry["held"])
        wanted = corpus["chosen"] or (None if entry["held"] else entry["id"])
        if wanted is not None and (before is None or before["release"] != wanted):
            refuse_without_shards(storage.below(f"{RELEASES}/{wanted}"))
            write_latest(storage, wanted)
        how: How = "held" if is_held_now else "nothing"
        if read_latest(storage) != before:
            how = "released"
        if corpus["redo"]:
            entry["generation"] = generation
            corpus |= {"generation": generation, "redo": None}
            self._write()
        _clean(storage, corpus, _settings(self._recipe).keep_releases)
        return how, entry

    def put_back(self, archives: Archives) -> list[str]:
        """Have the runs of a redo as they were before it; then there is no redo."""
        corpus, storage, redo = self._corpus, self._storage, self._corpus["redo"]
        assert redo is not None
        changed = [
            one
            for one in corpus["runs"]
            if one["generation"] == redo["generation"]
            or (
                (now := summary_of(one["name"], storage)) is not None
                and not has_ended(now, corpus["generation"])
            )
        ]
        earlier = {one["name"]: self._earlier(one, archives) for one in changed}
        redo["is_given_up"] = True
        # Those that came during the redo are formed anew by the next refresh.
        corpus["runs"] = [
            one for one in corpus["runs"] if earlier.get(one["name"], one)
        ]
        self._write()
        for entry in changed:
            if own := earlier[entry["name"]]:
                self._progress.note(f"run {entry['name']}, as it was")
                self._run(entry, own)
        if planned := corpus["planned"]:
            discard(storage.below(f"{RELEASES}/{planned['id']}"))
        storage.remove(storage.names(index_folder(redo["generation"])))
        corpus |= {"planned": None, "redo": None}
        self._write()
        return [name for name, own in earlier.items() if own]

    def _earlier(self, entry: RunEntry, archives: Archives) -> Recipe | None:
        """The recipe of a run before the redo, all of whose results are there; null for
        one that came later. Raises ConfigError for results that are gone.
        """
        corpus, generation = self._corpus, self._corpus["generation"]
        folder = self._storage.below(f"{RUNS}/{entry['name']}")
        trusted = {locator_of(stage) for stage in self._recipe.stages}
        for summary in earlier_summaries(folder):
            if not has_ended(summary, generation):
                continue
            options = self._recipe.storage_options
            stages = recorded_stages(summary, options, trusted)
            own = _with_stages(
                entry, self._recipe, self._storage, stages, generation, archives
            )
            to_do = outlook(own, self._executor.workers).to_do
            if set(to_do.values()) == {"done"}:
                return own
        if any(entry["name"] in one["runs"] for one in corpus["releases"]):
            raise ConfigError(
                f"run {entry['name']}: what it was before the redo is gone, so that the "
                f"redo cannot be given up: `tamis refresh` goes on with it"
            )
        return None

    def _run(self, entry: RunEntry, own: Recipe) -> None:
        outcome = run(own, self._executor, self._progress)
        if not outcome.is_complete:
            outcome.raise_if_incomplete()  # losses are for `hold_if`
        entry |= {
            "recipe": recipe_hash(own.stages),
            "generation": generation_of(self._corpus),
            "comparable": comparable(own.stages),
            "documents": documents_of(Storage(own.output, own.storage_options)),
            "lost": outcome.summary["lost"]["share"],
        }
        self._write()

    def _make(
        self, hash_: str, generation: int, today: Callable[[], date]
    ) -> ReleaseEntry:
        corpus, storage = self._corpus, self._storage
        planned = corpus["planned"]
        if planned is None or planned["hash"] != hash_:
            if planned is not None:  # nobody has it, and nobody will finish it
                discard(storage.below(f"{RELEASES}/{planned['id']}"))
            planned = Planned(id=release_id(today(), hash_), hash=hash_)
            corpus["planned"] = planned
            self._write()
        names = [one["name"] for one in corpus["runs"]]
        id_ = planned["id"]
        self._progress.note(f"release {id_} of {len(names)} runs")
        own = release_recipe(self._recipe, storage, names, id_)
        run(own, self._executor, self._progress).raise_if_incomplete()
        latest = read_latest(storage)
        against = release_entry(corpus, latest["release"]) if latest else None
        made = describe(storage, planned, corpus["runs"], against=against)
        self._report(own)
        entry = ReleaseEntry(
            id=id_,
            hash=hash_,
            runs=names,
            generation=generation,
            held=held(made, self._recipe),
            is_thinned=False,
        )
        corpus["releases"].append(entry)
        corpus |= {"planned": None, "chosen": None}
        self._write()
        return entry

    def _report(self, own: Recipe) -> None:
        """Write the release's report again, now with what has changed."""
        from tamis.report.page import render_page

        release = Storage(own.output, own.storage_options)
        summary = release.read_record("run.json", SUMMARY)
        release.write("report.html", render_page(summary, release).encode())

    def _write(self) -> None:
        write_corpus(self._storage, self._corpus)


def _missing(
    storage: Storage, corpus: Corpus, found: Announced, archives: Archives
) -> list[RunEntry]:
    """The runs that have to be made, in the order in which they enter the index."""
    generation = generation_of(corpus)

    def stands(one: RunEntry) -> bool:
        summary = None if one["generation"] else summary_of(one["name"], storage)
        return bool(one["generation"] or (summary and has_ended(summary, generation)))

    standing = [one for one in corpus["runs"] if stands(one)]
    missing = [one for one in standing if one["generation"] != generation]
    taken = {one["name"] for one in standing}
    known = {key for one in standing for key in one["archives"]}
    for crawl in found.ready:
        own = sum(one["crawl"] == crawl.name for one in standing)
        if own and not crawl.grows:
            continue
        new: list[str] = []
        if crawl.grows:
            new = [key for key in archives.of(crawl.name) if key not in known]
            known.update(new)
            if not new:
                continue
        name, number = crawl.name, 1
        while (own and number == 1) or name in taken:
            number += 1
            name = f"{crawl.name}-{number}"
        taken.add(name)
        missing.append(
            RunEntry(
                name=name,
                crawl=crawl.name,
                input=[] if crawl.grows else [crawl.input],
                archives=new,
                recipe="",
                generation=0,
                comparable={},
                documents="",
                lost=0.0,
            )
        )
    return missing


def _inputs_of(entry: RunEntry, archives: Archives) -> list[str]:
    """What a run reads. Raises InputError for archives that no list has any more."""
    if entry["input"]:
        return entry["input"]
    paths = archives.of(entry["crawl"])
    gone = [key for key in entry["archives"] if key not in paths]
    if gone:
        raise InputError(
            f"run {entry['name']}: {gone[0]} is in no list any more, and has to be read "
            f"again: put it back into the list of {entry['crawl']}"
        )
    return [paths[key] for key in entry["archives"]]


def _begin_redo(
    storage: Storage,
    corpus: Corpus,
    crawls: Sequence[str],
    recipe: Recipe,
    archives: Archives,
) -> None:
    """Have runs made again. A redo that has begun by the same recipe goes on, with these
    crawls too; by another one it begins anew.

    Raises ConfigError for a crawl that the corpus has not, InputError for an archive that
    cannot be read any more.
    """
    runs = [one for one in corpus["runs"] if one["generation"]]
    known = list(dict.fromkeys(one["crawl"] for one in runs))
    named = [name.replace("/", "-") for name in crawls] or known
    unknown = [name for name in named if name not in known]
    if unknown or not known:
        what = f"no crawl {unknown[0]!r}" if unknown else "no crawl yet"
        raise ConfigError(f"{storage.shown}: {what}; there are {', '.join(known)}")
    for one in runs:  # all of them enter the new index
        inputs = _inputs_of(one, archives)
        files = resolve(inputs, recipe.storage_options)
        problem = next((file.problem for file in files if file.problem), None)
        if problem:
            raise InputError(f"run {one['name']} cannot be made again: {problem}")
    hash_ = recipe_hash(
        [s for s in recipe.stages if not (isinstance(s, MixCorpus) or s.of_releases)]
    )
    before = corpus["redo"]
    if before is not None and before["recipe"] == hash_:
        generation, named = before["generation"], [*before["crawls"], *named]
    else:
        newest = before["generation"] if before else corpus["generation"]
        generation = newest + 1
        named = [*(before["crawls"] if before else ()), *named]
    corpus["redo"] = Redo(
        generation=generation,
        crawls=sorted(set(named)),
        recipe=hash_,
        is_given_up=False,
    )
    write_corpus(storage, corpus)


def _clean(storage: Storage, corpus: Corpus, keep: int) -> None:
    """Remove what releases were made from, the documents of old ones, and old indexes."""
    latest = read_latest(storage)
    pinned = {latest["release"], latest["previous"]} if latest else set()
    newest = {one["id"] for one in corpus["releases"][-keep:]}
    for entry in corpus["releases"]:
        release = storage.below(f"{RELEASES}/{entry['id']}")
        if entry["is_thinned"]:
            thin(release)  # once more: a kill may have left some of it
            continue
        tidy(release)
        if entry["id"] not in pinned | newest:
            entry["is_thinned"] = True
            write_corpus(storage, corpus)
            thin(release)
    current = release_entry(corpus, latest["release"]) if latest else None
    if current is not None:
        old = [
            name
            for name in storage.names(INDEX)
            if name.split("/")[1].isdecimal()
            and int(name.split("/")[1]) < current["generation"]
        ]
        storage.remove(old)


def _settings(recipe: Recipe) -> RefreshSettings:
    if recipe.refresh is None:
        raise StorageError("there is no refresh section")
    return recipe.refresh


def _access(recipe: Recipe) -> Access:
    source = recipe.stages[0]
    assert isinstance(source, ReadWarc)
    return Access(recipe.storage_options, source.requests_per_second)
