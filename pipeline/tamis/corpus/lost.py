"""A corpus whose corpus.json is gone, made again from what its runs and releases say.

Each run has its crawl, its index and its inputs in its own run.json, each release what it
is made of in release.json. Where these leave a doubt nothing is made up: else archives would
be read twice, or a redo would be taken for the whole.
"""

import re
from collections.abc import Mapping, Sequence

from tamis.addresses import without_secrets
from tamis.corpus.crawls import Archives, Crawl
from tamis.corpus.release import documents_of, held, refuse_without_shards
from tamis.corpus.runs import comparable, generations_of, recipe_hash, summary_of
from tamis.corpus.state import (
    CORPUS,
    FORMAT,
    INDEX,
    RELEASES,
    RUNS,
    Corpus,
    Planned,
    ReleaseEntry,
    RunEntry,
    read_latest,
)
from tamis.errors import StorageError
from tamis.recipe.load import Recipe
from tamis.report.drift import RELEASE, Made, read_made
from tamis.runner.recorded import recorded_stages
from tamis.stage_source import locator_of
from tamis.stages.read_warc import ReadWarc
from tamis.storage import Storage
from tamis.tally import RunSummary

_RELEASE = re.compile(r"(\d{4}-\d{2}-\d{2})-([0-9a-f]{16})")


def is_lost(storage: Storage) -> bool:
    """Whether there are runs, or releases, of which no corpus.json says anything."""
    return not storage.exists(CORPUS) and bool(
        _ended(storage, RUNS, "run.json") or _ended(storage, RELEASES, RELEASE)
    )


def made_again(
    recipe: Recipe, storage: Storage, crawls: Mapping[str, Crawl], archives: Archives
) -> Corpus:
    """What corpus.json had. Raises StorageError where that is not certain.

    Runs that had begun are left out: they are formed anew, and find what they have done.
    """
    runs = []
    generations: set[int] = set()
    for name in _ended(storage, RUNS, "run.json"):
        summary = summary_of(name, storage)
        assert summary is not None
        if summary["complete"]:
            runs.append(_run(name, summary, recipe, storage, crawls, archives))
            generations.add(runs[-1]["generation"])
    if len(generations) > 1:
        raise _uncertain(storage, "its runs stand in two indexes, as a redo was open")
    order = list(crawls)
    runs.sort(
        key=lambda one: (order.index(one["crawl"]), len(one["name"]), one["name"])
    )
    latest = read_latest(storage)
    given = [latest["release"], latest["previous"]] if latest else []
    releases, planned = _releases(recipe, storage, given)
    newest = next((one["id"] for one in reversed(releases) if not one["held"]), None)
    return Corpus(
        format=FORMAT,
        generation=max(generations, default=1),
        runs=runs,
        releases=releases,
        planned=planned,
        # Another than the newest was chosen by somebody, or is all that there is.
        chosen=given[0] if given and given[0] != newest else None,
        redo=None,
    )


def _run(
    name: str,
    summary: RunSummary,
    recipe: Recipe,
    storage: Storage,
    crawls: Mapping[str, Crawl],
    archives: Archives,
) -> RunEntry:
    trusted = {locator_of(stage) for stage in recipe.stages}
    stages = recorded_stages(summary, recipe.storage_options, trusted)
    crawl = next((s.crawl for s in stages if isinstance(s, ReadWarc)), None)
    generations = generations_of(summary)
    if len(generations) != 1 or crawl is None or crawl not in crawls:
        raise _uncertain(storage, f"the crawl of run {name} is not in the recipe")
    inputs, keys = [crawls[crawl].input], []
    if crawls[crawl].grows:
        known = {without_secrets(path): key for key, path in archives.of(crawl).items()}
        inputs, places = [], [one["path"] for one in summary["inputs"]]
        missing = [place for place in places if place not in known]
        if missing:
            raise _uncertain(storage, f"{missing[0]} of run {name} is in no list")
        keys = [known[place] for place in places]
    return RunEntry(
        name=name,
        crawl=crawl,
        input=inputs,
        archives=keys,
        recipe=recipe_hash(stages),
        generation=generations.pop(),
        comparable=comparable(stages),
        documents=documents_of(storage.below(f"{RUNS}/{name}")),
        lost=summary["lost"]["share"],
    )


def _releases(
    recipe: Recipe, storage: Storage, given: Sequence[str | None]
) -> tuple[list[ReleaseEntry], Planned | None]:
    """The releases, the oldest first, and the one that was being made.

    Those up to the ones that were `given` to the readers are held by nothing.
    """
    indexes = {name.split("/")[1] for name in storage.names(INDEX)}
    oldest = min((int(one) for one in indexes if one.isdecimal()), default=1)
    made = {
        name: read_made(storage.below(f"{RELEASES}/{name}"))
        for name in _ended(storage, RELEASES, RELEASE)
        if _RELEASE.fullmatch(name)
    }
    ids = sorted(made, key=lambda name: _age(name, made))
    free = ids[: max((ids.index(id_) + 1 for id_ in given if id_ in ids), default=0)]
    entries = [
        ReleaseEntry(
            id=name,
            hash=name[11:],
            runs=list(made[name]["runs"]),
            generation=oldest,  # so that no index goes that one of them may need
            held=[] if name in free else held(made[name], recipe),
            is_thinned=_is_thinned(storage.below(f"{RELEASES}/{name}")),
        )
        for name in ids
    ]
    begun = {name.split("/")[1] for name in storage.names(RELEASES)} - made.keys()
    last = max((name for name in begun if _RELEASE.fullmatch(name)), default=None)
    return entries, Planned(id=last, hash=last[11:]) if last else None


def _age(name: str, made: Mapping[str, Made]) -> tuple[str, int, str]:
    """Releases of one day follow those that they were compared with."""
    depth, own = 0, made.get(name)
    while own and own["against"] and depth < len(made):
        depth, own = depth + 1, made.get(own["against"])
    return name[:10], depth, name


def _is_thinned(release: Storage) -> bool:
    try:
        refuse_without_shards(release)
    except StorageError:
        return True
    return False


def _ended(storage: Storage, folder: str, record: str) -> list[str]:
    """The folders in one of the corpus that have a record."""
    found = (name.split("/") for name in storage.names(folder))
    return sorted(parts[1] for parts in found if parts[2:] == [record])


def _uncertain(storage: Storage, why: str) -> StorageError:
    return StorageError(
        f"{storage.shown}: {CORPUS} is gone and cannot be made again: {why}: put it back "
        f"from a copy, or name another folder in refresh.corpus"
    )
