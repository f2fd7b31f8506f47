"""Keep one document of each cluster of exact and near duplicates.

Reads  id, text_hash, band_00 ..., the columns of `keep`; language for `scope:
       language`, text for `verify`
Writes cluster, cluster_size, kept, drop_reason (duplicate_id, duplicate_exact,
       duplicate_near), one file per part, row for row

Documents are told apart by ordinals: their row among all rows of all parts, the parts
taken by name. So neither splits nor the order of inputs nor the executor can change
anything. Each step is a set of tasks with commit records, small enough for one core;
between steps everything lies under work/dedup (pipeline/stages/dedup_job.py says how
large the pieces are):

    gather      a group of parts    columns -> runs of (hash, ordinal), sorted
    ids         a range of hashes   runs    -> documents whose id another one has
    edges       a range of hashes   runs    -> edges between duplicates, a forest
    components  all edges           edges   -> component of every document with an edge
    candidates  a group of parts    columns -> the rows of these, by partition
    survivors   a partition         rows    -> which document stands for which
    duplicates  a group of parts            -> the layers
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal, Self

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field, model_validator

from pipeline.dedup.bands import band_pairs
from pipeline.documents import Part, Published
from pipeline.prints import stage_print
from pipeline.schema import DUPLICATES
from pipeline.stage import StageConfig
from pipeline.stages.dedup_candidates import gather_candidates
from pipeline.stages.dedup_clusters import (
    find_components,
    find_survivors,
    publish,
)
from pipeline.stages.dedup_job import (
    Group,
    Order,
    Settings,
    band_names,
    groups_of,
    partitions_for,
)
from pipeline.stages.dedup_runs import (
    ID,
    find_edges,
    find_same_ids,
    gather,
    gather_pairs,
    units,
)
from pipeline.tasks import Commit, File, Task, Tasks, fingerprint

Work = list[tuple[Any, ...]]
KeepKey = Annotated[str, Field(pattern=r"^-?[a-z][a-z0-9_]*$")]

_WRITTEN = ("cluster", "cluster_size", "kept", "drop_reason")


class Verify(BaseModel):
    """Drop a document only if a kept one is as similar as this, by exact count."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    jaccard: float = Field(0.7, gt=0.0, le=1.0)
    ngram: int = Field(5, ge=1, le=100)


class Deduplicate(StageConfig):
    """Which duplicates to look for, and which document of a cluster stays.

    `keep` names columns, ascending unless -; the first decides, the next breaks ties, and
    id breaks the last. Null comes last either way. Without `verify` a component keeps
    one document, though its ends may have little in common. With it, components of
    more than `max_component` documents are cut up first.
    """

    stage: Literal["deduplicate"] = "deduplicate"

    keep: tuple[KeepKey, ...] = ("-text_chars", "fetched_at", "id")
    scope: Literal["run", "language"] = "run"
    exact: bool = True
    near: bool = True
    verify: Verify | None = None
    max_component: int = Field(20_000, ge=2)

    @model_validator(mode="after")
    def _can_verify(self) -> Self:
        if self.verify and not self.near:
            raise ValueError("verify looks at near duplicates: it needs near: true")
        return self

    def order(self) -> Order:
        """Columns of `keep` and whether they descend; id is always among them."""
        keys = {key.removeprefix("-"): key.startswith("-") for key in self.keep}
        keys.setdefault("id", False)
        return tuple(keys.items())

    def columns_read(self) -> tuple[str, ...]:
        names = ["id", "text_hash", *(column for column, _ in self.order())]
        names += ["band_00"] if self.near else []
        names += ["language"] if self.scope == "language" else []
        names += ["text"] if self.verify else []
        return tuple(dict.fromkeys(names))

    def columns_written(self) -> pa.Schema:
        return pa.schema([DUPLICATES.field(name) for name in _WRITTEN])


def run(config: Deduplicate, parts: Sequence[Part], tasks: Tasks) -> Published:
    """One layer per part, in the order of `parts`."""
    if not parts:
        return Published(())
    settings = _settings(config, parts[0].columns(tasks.storage))
    groups = groups_of(parts)
    rows = groups[-1].stop
    step = _Steps(config, settings, groups, tasks)
    columns = (ID, *settings.hash_columns)
    work: Work = [(settings, group, rows) for group in groups]
    runs = _by_column(step("gather", gather, work), columns)
    work = [(some,) for some in units(runs, [ID], rows)]
    same_ids = _files(step("ids", find_same_ids, work))
    work = [(some, same_ids) for some in units(runs, settings.hash_columns, rows)]
    edges = _files(step("edges", find_edges, work))
    found = _components(step, settings, groups, edges)
    count = partitions_for(found.tally["touched"], with_shingles=settings.is_verified)
    work = [
        (settings, group, members, count)
        for group, members in zip(groups, found.files, strict=True)
    ]
    candidates = _files(step("candidates", gather_candidates, work))
    work = [(settings, candidates, partition) for partition in range(count)]
    survivors = step("survivors", find_survivors, work)
    work = [(group, _files(survivors), same_ids) for group in groups]
    published = step("duplicates", publish, work)
    return Published(
        _layers(groups, published, parts), tally=_tally(survivors, published)
    )


class _Steps:
    """Runs one step after another, each under its name."""

    def __init__(
        self,
        config: Deduplicate,
        settings: Settings,
        groups: Sequence[Group],
        tasks: Tasks,
    ) -> None:
        self.label = config.label
        self.tasks = tasks
        parts = [
            [group.start, part.name, part.fingerprint]
            for group in groups
            for part in group.parts
        ]
        self.print = fingerprint(stage_print(config), list(settings), parts)

    def __call__(
        self,
        name: str,
        function: Callable[..., dict[str, Any]],
        arguments: Work,
    ) -> list[Commit]:
        """One task for each tuple of arguments. What earlier steps made need not enter
        the fingerprint: settings and parts determine it.
        """
        print_ = fingerprint(self.print, len(arguments))
        return self.tasks.run(
            f"{self.label}-{name}",
            [
                Task(f"{name}-{number:05}", print_, function, own)
                for number, own in enumerate(arguments)
            ],
        )


def _components(
    step: _Steps, settings: Settings, groups: Sequence[Group], edges: Sequence[File]
) -> Commit:
    """Components of all edges; where they are verified, large ones by pairs of bands."""
    rows = groups[-1].stop
    starts = (*(group.start for group in groups), rows)
    limit = settings.max_component
    (found,) = step("components", find_components, [(edges, starts, limit)])
    if not settings.is_verified or found.tally["largest"] <= limit:
        return found
    pairs = band_pairs(len(settings.bands))
    work: Work = [
        (settings, group, members, pairs, rows)
        for group, members in zip(groups, found.files, strict=True)
    ]
    names = [f"{low}+{high}" for low, high in pairs]
    runs = _by_column(step("pairs-gather", gather_pairs, work), names)
    work = [(some, ()) for some in units(runs, names, rows)]
    pair_edges = _files(step("pairs-edges", find_edges, work))
    work = [(edges, starts, limit, pair_edges)]
    (found,) = step("pairs-components", find_components, work)
    return found


def _settings(config: Deduplicate, columns: set[str]) -> Settings:
    return Settings(
        by_language=config.scope == "language",
        exact=config.exact,
        bands=band_names(columns) if config.near else (),
        order=config.order(),
        is_verified=config.verify is not None,
        jaccard=config.verify.jaccard if config.verify else 0.0,
        ngram=config.verify.ngram if config.verify else 0,
        max_component=config.max_component,
    )


def _by_column(
    commits: Sequence[Commit], columns: Sequence[str]
) -> dict[str, tuple[File, ...]]:
    """The files of each column, one for each group, from commits of one for each."""
    by_column = zip(*(commit.files for commit in commits), strict=True)
    return dict(zip(columns, by_column, strict=True))


def _files(commits: Sequence[Commit]) -> tuple[File, ...]:
    return tuple(file for commit in commits for file in commit.files)


def _layers(
    groups: Sequence[Group], published: Sequence[Commit], parts: Sequence[Part]
) -> tuple[File, ...]:
    """The published files, from the order of groups back to that of `parts`."""
    names = [part.name for group in groups for part in group.parts]
    layers = dict(zip(names, _files(published), strict=True))
    return tuple(layers[part.name] for part in parts)


def _tally(survivors: Sequence[Commit], published: Sequence[Commit]) -> dict[str, Any]:
    """Documents that came, duplicates by reason, clusters of two or more by size."""
    sizes: Counter[str] = Counter()
    for commit in survivors:
        sizes.update(commit.tally["clusters"])
    del sizes["1"]  # verified, and found to be alone
    counts: Counter[str] = Counter()
    for commit in published:
        counts.update(commit.tally)
    by_size = dict(sorted(sizes.items(), key=lambda pair: int(pair[0])))
    return {**counts, "clusters": by_size}
