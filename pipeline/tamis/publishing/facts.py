"""What a card says of a mix: what its records hold, and what a pass over its columns finds.

Nothing is invented. What only the publisher knows comes from `publisher` of the recipe.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from tamis.errors import ConfigError
from tamis.publishing.folders import Folder
from tamis.recipe.top import Publisher
from tamis.report.drift import read_made
from tamis.report.reading import MANIFEST, Shard, manifest_of
from tamis.storage import Storage
from tamis.tally import SUMMARY, RunSummary
from tamis.work.commits import fingerprint_of

MISSING = "TO BE PROVIDED"
DEFAULT = "default"
_READERS = 8
_CHUNK_BYTES = 8 << 20
_BATCH_ROWS = 1 << 16
# Without these a card is not whole.
_NEEDED = ("name", "contact", "licence", "title", "address", "date")


class ShardFacts(NamedTuple):
    """A shard: what the manifest says, its sha256, and the bytes of its rows unpacked."""

    shard: Shard
    sha256: str
    unpacked: int


class Group(NamedTuple):
    """Shards that are read under one name, and the glob that finds them."""

    name: str
    pattern: str
    shards: tuple[ShardFacts, ...]

    @property
    def rows(self) -> int:
        return sum(one.shard["rows"] for one in self.shards)

    @property
    def bytes(self) -> int:
        return sum(one.shard["bytes"] for one in self.shards)

    @property
    def unpacked(self) -> int:
        return sum(one.unpacked for one in self.shards)


@dataclass(frozen=True)
class Facts:
    """All that a card says.

    languages  of the manifest: documents, rows, tokens, epochs ... by ISO 639-3 code
    stages     {label: {"in", "out", "reasons"}}; of a release over all its runs
    crawls     rows by crawl; null for pages of no crawl
    first, last  when the earliest and the latest page was fetched
    recipes    {run: hash of its recipe}; of a run that stands alone its own
    """

    publisher: Publisher
    summary: RunSummary
    languages: Mapping[str, Mapping[str, Any]]
    tokens_counted_by: str
    stages: Mapping[str, Mapping[str, Any]]
    groups: tuple[Group, ...]
    schema: pa.Schema
    crawls: Mapping[str | None, int]
    first: datetime | None
    last: datetime | None
    recipes: Mapping[str, str]

    @property
    def whole(self) -> Group:
        """The group of all shards."""
        return self.groups[0]

    @property
    def missing(self) -> list[str]:
        """What the publisher has to say and has not said."""
        return [name for name in _NEEDED if getattr(self.publisher, name) is None]

    def said(self, name: str) -> str:
        """What the publisher says, or that it is to be provided."""
        return getattr(self.publisher, name) or MISSING

    def total(self, name: str) -> int:
        return sum(about[name] for about in self.languages.values())


def facts_of(storage: Storage, publisher: Publisher | None = None) -> Facts:
    """The facts of a run's mix, or of a release.

    `publisher` replaces what the recipe of the run had. Raises ConfigError where there is
    no mix.
    """
    folder = Folder("", storage)
    summary = storage.read_record("run.json", SUMMARY)
    manifest = manifest_of(storage)
    if manifest is None:
        raise ConfigError(
            f"{storage.shown}: there is no {MANIFEST}: a card is for a mix, of a run that "
            f"ended with mix_corpus or of a release"
        )
    recorded = summary["recipe"].get("publisher", {})
    shards = _shard_facts(storage, manifest["shards"])
    crawls, first, last = _origin(storage, manifest["shards"])
    recipe = {"": fingerprint_of(summary["recipe"]["stages"])}
    return Facts(
        publisher=publisher or Publisher.model_validate(recorded),
        summary=summary,
        languages=manifest["languages"],
        tokens_counted_by=manifest["tokens_counted_by"],
        stages=_stages(folder, summary),
        groups=_groups(shards),
        schema=_schema(storage, manifest["shards"]),
        crawls=crawls,
        first=first,
        last=last,
        recipes=read_made(storage)["runs"] if folder.is_release else recipe,
    )


def _stages(folder: Folder, summary: RunSummary) -> dict[str, dict[str, Any]]:
    if folder.is_release:
        return read_made(folder.storage)["figures"]["stages"]
    return stage_figures(summary)


def stage_figures(summary: RunSummary) -> dict[str, dict[str, Any]]:
    """{label: {"in", "out", "reasons": {reason: documents}}}, as a release has them."""
    return {
        label: {
            "in": about["documents_in"],
            "out": about["documents_out"],
            "reasons": {
                reason: sum(amount["documents"] for amount in languages.values())
                for reason, languages in about["dropped"].items()
            },
        }
        for label, about in summary.get("stages", {}).items()
    }


def _schema(storage: Storage, shards: list[Shard]) -> pa.Schema:
    if not shards:
        raise ConfigError(f"{storage.shown}: the mix is empty: there is no shard")
    with storage.table(shards[0]["path"]) as opened:
        return opened.schema


def _shard_facts(storage: Storage, shards: list[Shard]) -> list[ShardFacts]:
    with ThreadPoolExecutor(_READERS) as pool:
        return list(pool.map(lambda shard: _facts_of_shard(storage, shard), shards))


def _facts_of_shard(storage: Storage, shard: Shard) -> ShardFacts:
    digest = hashlib.sha256()
    with storage.open(shard["path"]) as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    with storage.table(shard["path"]) as opened:
        groups = range(opened.num_row_groups)
        unpacked = sum(opened.metadata.row_group(n).total_byte_size for n in groups)
    return ShardFacts(shard, digest.hexdigest(), unpacked)


def _groups(shards: list[ShardFacts]) -> tuple[Group, ...]:
    """All shards, then those of each folder below mix/, if that is how they are laid."""
    by_folder: dict[str, list[ShardFacts]] = {}
    for one in shards:
        folder = one.shard["path"].rpartition("/")[0]
        by_folder.setdefault(folder, []).append(one)
    if set(by_folder) <= {"mix"}:
        return (Group(DEFAULT, "mix/*.parquet", tuple(shards)),)
    return (
        Group(DEFAULT, "mix/*/*.parquet", tuple(shards)),
        *(
            Group(folder.removeprefix("mix/"), f"{folder}/*.parquet", tuple(own))
            for folder, own in sorted(by_folder.items())
        ),
    )


def _origin(
    storage: Storage, shards: list[Shard]
) -> tuple[dict[str | None, int], datetime | None, datetime | None]:
    """Rows by crawl, and when the first and the last page was fetched."""
    crawls: Counter[str | None] = Counter()
    moments: list[datetime] = []
    for shard in shards:
        with storage.table(shard["path"]) as opened:
            columns = ["crawl", "fetched_at"]
            for batch in opened.iter_batches(_BATCH_ROWS, columns=columns):
                for entry in pc.value_counts(batch["crawl"]).to_pylist():
                    crawls[entry["values"]] += entry["counts"]
                ends = pc.min_max(batch["fetched_at"]).as_py()
                own = [moment for moment in ends.values() if moment is not None]
                moments = (
                    [min([*moments, *own]), max([*moments, *own])] if own else moments
                )
    first, last = (moments[0], moments[-1]) if moments else (None, None)
    return (
        dict(sorted(crawls.items(), key=lambda one: (-one[1], one[0] or ""))),
        first,
        last,
    )
