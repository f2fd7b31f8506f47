"""Keep one document of each cluster of exact and near duplicates.

Reads  id, text_hash, band_00 ..., the columns of `keep`; language for `scope:
       language`, text for `verify`, crawl for an `index`
Writes cluster, cluster_size, kept, drop_reason (duplicate_id, duplicate_exact,
       duplicate_near, duplicate_of_index), one file per part, row for row; with an
       `index` index_crawl

Documents are identified by ordinals: the row's number among the rows of all parts, with
the parts sorted by name. So neither splits nor the order of inputs nor the executor can
change the result. Each step is a set of tasks with commit records, small enough for one
core; between steps all data is under work/dedup (pipeline/tamis/dedup/groups.py says
how large the pieces are):

    gather      a group of parts    columns -> runs of (hash, ordinal), sorted
    ids         a range of hashes   runs    -> documents whose id another one has
    edges       a range of hashes   runs    -> edges between duplicates, a forest
    components  all edges           edges   -> component of every document with an edge
    candidates  a group of parts    columns -> the rows of these, by partition
    survivors   a partition         rows    -> the keeper of each document
    duplicates  a group of parts            -> the layers
    domains     a group of parts    layers  -> documents and duplicates of each domain
    emptied     a range of domains          -> those that lose most of their documents

With an index, documents that earlier runs kept are compared too:
pipeline/tamis/dedup/index/run.py.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self, cast

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from tamis.dedup.bill import clusters_bill, components_bytes
from tamis.dedup.clusters.candidates import gather_candidates
from tamis.dedup.clusters.components import INDEX_CRAWL, find_components, publish
from tamis.dedup.clusters.gather import find_edges, find_same_ids, gather, gather_pairs
from tamis.dedup.clusters.survivors import DECIDED_IN, find_survivors
from tamis.dedup.domains import emptied_alarms, emptied_domains
from tamis.dedup.groups import (
    Order,
    Settings,
    band_names,
    groups_of,
    layers_of,
    partitions_for,
    ranges_for,
    steps_of,
)
from tamis.dedup.index.folder import generations, index_at
from tamis.dedup.index.run import (
    MAX_ATTACHED,
    Decided,
    IndexTurn,
    Job,
    begin_turn,
    matches_of,
    publish_turn,
    resolved_of,
)
from tamis.dedup.index.turn import refuse_other_hashes, tidy
from tamis.dedup.kernels.bands import band_pairs
from tamis.dedup.sorted_runs import ID, units
from tamis.documents.parts import Part, Published
from tamis.schema import DUPLICATES
from tamis.sizes import spelled
from tamis.stage import Barrier, Begun, Bill, Placement, Stage
from tamis.stages.sign import Sign
from tamis.storage import Storage
from tamis.work.commits import Commit, File, fingerprint_of
from tamis.work.fingerprints import stage_dependencies
from tamis.work.steps import Work, by_column, files_of
from tamis.work.tasks import Tasks

KeepKey = Annotated[str, Field(pattern=r"^-?[a-z][a-z0-9_]*$")]

_WRITTEN = ("cluster", "cluster_size", "kept", "drop_reason")


class Verify(BaseModel):
    """Drop a document only if its exact similarity to a kept one is at least `jaccard`.

    So of any documents that hang together by pairs of this similarity one stays. Of
    documents that are more alike none may stay: a kept one that is less like them, but
    as much as `jaccard`, stands for all of them.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    jaccard: float = Field(0.7, gt=0.0, le=1.0)
    ngram: int = Field(5, ge=1, le=100)


class Deduplicate(Barrier):
    """Which duplicates to look for, and which document of a cluster stays.

    `keep` names columns, ascending unless they begin with -; the first decides, the
    next breaks ties, and id breaks the last. Null comes last in both orders. With
    `verify`, the default, components of more than `max_component` documents are cut up
    first. Without it a component keeps one document, even if its ends have little in
    common. `index` is a folder of the documents that earlier runs kept; these always
    stay. `index_signatures` follows `verify` unless it is set.
    """

    version: ClassVar[int] = 2
    path_settings: ClassVar[tuple[str, ...]] = ("index",)
    folders: ClassVar[tuple[str, ...]] = ("duplicates",)
    # The outcome depends on what the index holds, not on where it is.
    not_fingerprinted: ClassVar[tuple[str, ...]] = ("index",)

    keep: tuple[KeepKey, ...] = ("-text_chars", "fetched_at", "id")
    scope: Literal["run", "language"] = "run"
    exact: bool = True
    near: bool = True
    verify: Verify | None = Field(default_factory=Verify)
    max_component: int = Field(20_000, ge=2)
    index: str | None = None
    index_signatures: bool | None = None
    storage_options: dict[str, Any] = Field(default_factory=dict, repr=False)

    @model_validator(mode="before")
    @classmethod
    def _verifies_what_is_near(cls, settings: Any) -> Any:
        if isinstance(settings, dict) and settings.get("near") is False:
            return {"verify": None, **settings}
        return settings

    @field_validator("keep")
    @classmethod
    def _is_an_order(cls, keep: tuple[KeepKey, ...]) -> tuple[KeepKey, ...]:
        names = [key.removeprefix("-") for key in keep]
        twice = [name for name, times in Counter(names).items() if times > 1]
        if twice:
            raise ValueError(f"{twice[0]!r} is named twice")
        if "drop_reason" in names:
            raise ValueError("no document that is compared has a drop_reason")
        return keep

    @model_validator(mode="after")
    def _has_no_prefix(self) -> Self:
        if self.prefix:
            raise ValueError(
                "a document is in one cluster, so this stage occurs once, without as"
            )
        return self

    @model_validator(mode="after")
    def _can_verify(self) -> Self:
        if self.verify and not self.near:
            raise ValueError("verify looks at near duplicates: it needs near: true")
        if self.index_signatures and not (self.index and self.verify):
            raise ValueError("index_signatures are for verify, against an index")
        return self

    @property
    def has_signatures(self) -> bool:
        """Whether the index stores what is needed to verify matches with it."""
        if self.index_signatures is not None:
            return self.index_signatures
        return self.index is not None and self.verify is not None

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
        names += ["crawl"] if self.index else []
        return tuple(dict.fromkeys(names))

    def columns_written(self) -> pa.Schema:
        more = [INDEX_CRAWL] if self.index else []
        return pa.schema([*(DUPLICATES.field(name) for name in _WRITTEN), *more])

    def look_ahead(self, stages: Sequence[Stage]) -> None:
        """Raise ConfigError if the index was made by a recipe with other hashes.

        Reserves nothing. A mistake is found before the run, not after its extraction.
        """
        index = _index(self)
        if index is not None:
            refuse_other_hashes(index, generations(index), _hashing(self, stages))

    def mistakes(self, placement: Placement) -> list[str]:
        return [
            *(
                f"sorts by {column!r}, whose values "
                f"({placement.columns[column]}) have no order"
                for column, _ in self.order()
                if column in placement.columns
                and pa.types.is_nested(placement.columns[column])
            ),
            *self._mistakes_of_index(placement),
        ]

    def _mistakes_of_index(self, placement: Placement) -> list[str]:
        """Mistakes in `index`: it is outside the output, and only one stage has it."""
        if self.index is None:
            return []
        if _folder(self.index) == _folder(placement.output):
            return [".index: is the output; an index is a folder of its own"]
        others = (s for s in placement.above if isinstance(s, Deduplicate))
        if any(other.index for other in others):
            return [".index: one stage of a recipe can have an index"]
        return []

    def bill(self, documents: int, above: Sequence[Stage]) -> Bill:
        bands = [stage.banding().bands for stage in above if isinstance(stage, Sign)]
        is_verified = self.verify is not None
        own, other = (
            clusters_bill(
                documents,
                bands[-1] if bands else Sign().banding().bands,
                is_verified=verified,
                has_index=self.index is not None,
                has_signatures=verified and self.has_signatures,
            )
            for verified in (is_verified, not is_verified)
        )
        if not self.near:
            return own
        return own._replace(
            other_way=f"with{'out' if is_verified else ''} verify "
            f"{spelled(other.work_bytes)}, {other.core_hours:.1f} core hours"
        )

    def begin(
        self,
        parts: Sequence[Part],
        tasks: Tasks,
        stages: Sequence[Stage],
        *,
        is_dry: bool,
    ) -> Begun | None:
        """What the index holds for this run, and the run's number; null without one."""
        index = _index(self)
        if index is None:
            return None
        names = sorted((part.name, part.fingerprint) for part in parts)
        fingerprint = fingerprint_of(stage_dependencies(self), names)
        hashing = _hashing(self, stages)
        return begin_turn(
            index,
            tasks.storage,
            fingerprint,
            settings=hashing,
            parts=parts,
            is_dry=is_dry,
            note=tasks.progress.note,
        )

    def run(
        self,
        parts: Sequence[Part],
        tasks: Tasks,
        begun: Begun | None = None,
    ) -> Published:
        """One layer per part, in the order of `parts`."""
        if not parts:
            return Published(())
        job = _job(self, parts, tasks, begun=begun)
        decided = _decide(job)
        layers = files_of(decided.published)
        emptied = emptied_domains(job.step, job.groups, layers)
        return Published(
            layers_of(job.groups, layers, parts),
            tally={
                **_tally(decided.survivors, decided.published),
                "emptied_domains": emptied,
                "alarms": emptied_alarms(emptied),
            },
        )

    def conclude(self, parts: Sequence[Part], tasks: Tasks, begun: Begun) -> None:
        """Publish what a run adds to its index, then merge older generations."""
        index = _index(self)
        assert index is not None
        entries = [entry for own in generations(index) for entry in own.runs]
        if all(entry.fingerprint != begun["fingerprint"] for entry in entries):
            job = _job(self, parts, tasks, begun=begun)
            publish_turn(job, _decide(job) if parts else None)
        tidy(index, tasks.storage)


def _decide(job: Job) -> Decided:
    """Run all steps. Committed tasks are not done again."""
    step, settings, groups, rows = job.step, job.settings, job.groups, job.rows
    columns = (ID, *settings.hash_columns)
    work: Work = [(settings, group, rows) for group in groups]
    runs = by_column(step("gather", gather, work), columns)
    work = [(some,) for some in units(runs, [ID], rows)]
    same_ids = files_of(step("ids", find_same_ids, work))
    matches = matches_of(job, runs, same_ids)
    work = [(some, same_ids) for some in units(runs, settings.hash_columns, rows)]
    edges = files_of(step("edges", find_edges, work))
    found = _components(job, edges, matches)
    touched = found.tally["touched"]
    count = partitions_for(touched, with_shingles=settings.is_verified)
    work = [
        (settings, group, members, count, matches)
        for group, members in zip(groups, found.files, strict=True)
    ]
    candidates = files_of(step("candidates", gather_candidates, work))
    ranges = ranges_for(touched, MAX_ATTACHED)
    work = [(settings, candidates, n, count, ranges) for n in range(count)]
    survivors = step("survivors", find_survivors, work)
    resolved, grown = resolved_of(job, survivors, ranges)
    decided = files_of(survivors, DECIDED_IN)
    work = [(group, decided, same_ids, resolved) for group in groups]
    published = step("duplicates", publish, work)
    return Decided(runs, survivors, published, grown)


def _job(
    stage: Deduplicate,
    parts: Sequence[Part],
    tasks: Tasks,
    *,
    begun: Begun | None,
) -> Job:
    settings = _settings(stage, parts[0].columns(tasks.storage) if parts else set())
    groups = groups_of(parts)
    step = steps_of(stage, groups, tasks, list(settings), begun)
    turn = cast(IndexTurn, begun) if begun is not None else None
    return Job(step, settings, groups, tasks, _index(stage), turn)


def _folder(path: str) -> str:
    """One spelling of a folder's path, so that two paths can be compared."""
    local = path.removeprefix("file://")
    return path.rstrip("/") if "://" in local else str(Path(local).resolve())


def _index(stage: Deduplicate) -> Storage | None:
    return index_at(stage.index, stage.storage_options) if stage.index else None


def _hashing(stage: Deduplicate, stages: Sequence[Stage]) -> dict[str, Any]:
    """The settings that two runs must share for their hashes to be comparable."""
    about: dict[str, Any] = {"scope": stage.scope, "exact": stage.exact}
    if stage.has_signatures and stage.verify:
        about["signatures of n-grams"] = stage.verify.ngram
    for signed in stages:
        if isinstance(signed, Sign):
            about["sign"] = signed.version
            if signed.engine != "tamis":
                about["engine"] = signed.engine
            if stage.near:
                bands, rows = signed.banding()
                about |= {"bands": bands, "rows": rows, "ngram": signed.ngram}
    return about


def _settings(stage: Deduplicate, columns: set[str]) -> Settings:
    return Settings(
        by_language=stage.scope == "language",
        exact=stage.exact,
        bands=band_names(columns) if stage.near else (),
        order=stage.order(),
        is_verified=stage.verify is not None,
        jaccard=stage.verify.jaccard if stage.verify else 0.0,
        ngram=stage.verify.ngram if stage.verify else 0,
        max_component=stage.max_component,
        has_index=stage.index is not None,
        has_sketches=stage.has_signatures,
    )


def _components(job: Job, edges: Sequence[File], matches: Sequence[File]) -> Commit:
    """Components of all edges; with `verify`, large ones are cut by pairs of bands."""
    step, settings, groups, rows = job.step, job.settings, job.groups, job.rows
    starts = (*(group.start for group in groups), rows)
    limit = settings.max_component
    memory = components_bytes(rows, rows)
    work: Work = [(edges, starts, limit, None, matches)]
    (found,) = step("components", find_components, work, memory=memory)
    if not settings.is_verified or found.tally["largest"] <= limit:
        return found
    pairs = band_pairs(len(settings.bands))
    work = [
        (settings, group, members, pairs, rows)
        for group, members in zip(groups, found.files, strict=True)
    ]
    names = [f"{low}+{high}" for low, high in pairs]
    runs = by_column(step("pairs-gather", gather_pairs, work), names)
    work = [(some, ()) for some in units(runs, names, rows)]
    pair_edges = files_of(step("pairs-edges", find_edges, work))
    work = [(edges, starts, limit, pair_edges, matches)]
    (found,) = step("pairs-components", find_components, work, memory=memory)
    return found


def _tally(survivors: Sequence[Commit], published: Sequence[Commit]) -> dict[str, Any]:
    """Counts of documents, of duplicates by reason, of clusters of two or more by size."""
    sizes: Counter[str] = Counter()
    for commit in survivors:
        sizes.update(commit.tally["clusters"])
    del sizes["1"]  # verified, and left without a duplicate
    counts: Counter[str] = Counter()
    for commit in published:
        counts.update(commit.tally)
    by_size = dict(sorted(sizes.items(), key=lambda pair: int(pair[0])))
    return {**counts, "clusters": by_size}
