"""Weigh the languages, draw documents, shuffle them, and write the training mix.

Reads   text, text_chars, language, cluster_size where deduplicate wrote it
Writes  mix/ (shards, then manifest.json, which switches the mix as a whole)
Drops   not_sampled, domain_share

Four steps, each of bounded tasks: count tokens by language and domain; decide how
often each language is taken; scatter rows into buckets by the top bits of their
shuffle key; sort each bucket and cut it into shards. Bucket count and rows per shard
depend on the total size alone, so that the bytes do not change with splits or workers.
"""

from collections.abc import Mapping, Sequence
from math import inf
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field, field_validator

from pipeline.documents import Part, Published
from pipeline.language.codes import canonical_language
from pipeline.mix.tokens import bytes_per_character
from pipeline.mix.weights import (
    domain_cap,
    epochs_of,
    explicit_shares,
    temperature_shares,
)
from pipeline.prints import stage_print
from pipeline.sizes import ByteSize
from pipeline.stage import StageConfig
from pipeline.stages.mix_tasks import (
    MIX,
    Draw,
    count_part,
    gather_bucket,
    scatter_parts,
)
from pipeline.tasks import Commit, Task, Tasks, fingerprint

_PART_BYTES_PER_TASK = 1 << 30


class MixCorpus(StageConfig):
    """What goes into the mix, how often, and how it is cut."""

    stage: Literal["mix_corpus"] = "mix_corpus"
    libraries: ClassVar[tuple[str, ...]] = ("pyarrow", "tokenizers")

    seed: int = Field(0, ge=0, lt=2**63)
    alpha: float = Field(0.3, ge=0.0, le=1.0)  # share ~ p^alpha; 1 = as found
    weights: dict[str, float] | None = None  # instead of alpha: share per language
    budget_tokens: int | None = Field(None, ge=1)  # null: nothing is left out
    max_epochs: float = Field(4.0, gt=0.0)
    max_share_per_domain: float | None = Field(None, gt=0.0, le=1.0)
    tokenizer: str | None = None  # a local tokenizer.json; null: estimated
    shard_bytes: ByteSize = 256 << 20
    # Uncompressed bytes that one task sorts: its memory is some two of these.
    bucket_bytes: Annotated[ByteSize, Field(le=1 << 30)] = 256 << 20

    @field_validator("weights")
    @classmethod
    def _are_positive(cls, weights: dict[str, float] | None) -> dict[str, float] | None:
        if weights is None:
            return None
        if not all(0 <= weight < inf for weight in weights.values()):
            raise ValueError("weights are numbers of 0 or more")
        if sum(weights.values()) == 0:
            raise ValueError("one weight at least must be above 0")
        return {canonical_language(code): weights[code] for code in weights}

    def columns_read(self) -> tuple[str, ...]:
        return ("text", "text_chars", "language", "url", "domain", "warc_path")

    def files(self) -> tuple[str, ...]:
        return (self.tokenizer,) if self.tokenizer else ()


def run(config: MixCorpus, parts: Sequence[Part], tasks: Tasks) -> Published:
    """Write mix/ and give back, per part, what was left out and how often the rest is taken."""
    counted = tasks.run("mix_corpus-count", _count_tasks(config, parts))
    counts = _sum(counted)
    draw = _draw(config, counts, _caps(config, tasks, counted))
    print_ = fingerprint(stage_print(config), draw.epochs, draw.caps, draw.buckets)
    scattered = tasks.run(
        "mix_corpus-scatter",
        [
            Task(
                key=f"group-{number:05d}",
                fingerprint=fingerprint(print_, [part.fingerprint for part in group]),
                function=scatter_parts,
                arguments=(draw, group),
            )
            for number, group in enumerate(_groups(parts))
        ],
    )
    shards = _gather(config, draw, print_, scattered, tasks)
    layers = {
        file.path.rpartition("/")[2].rpartition("-")[0]: file
        for commit in scattered
        for file in commit.of("mixed")
    }
    manifest = _manifest(config, draw, scattered, shards)
    files = tuple(file for commit in shards for file in commit.of("mix"))
    tally = {"languages": manifest["languages"], "shards": len(files)}
    return Published(
        layers=tuple(layers[part.name] for part in parts),
        files=files,
        books={"mix/manifest.json": manifest},
        tally=tally,
    )


def _count_tasks(config: MixCorpus, parts: Sequence[Part]) -> list[Task]:
    by_domain = config.max_share_per_domain is not None
    about = stage_print(config)
    # Another share or seed needs no new count; another tokenizer or library does.
    settings = [about["version"], about["libraries"], about["files"], by_domain]
    return [
        Task(
            key=part.name,
            fingerprint=fingerprint(settings, part.fingerprint),
            function=count_part,
            arguments=(part, config.tokenizer, by_domain),
        )
        for part in parts
    ]


def _sum(counted: Sequence[Commit]) -> dict[str, dict[str, int]]:
    """{language: {"documents", "characters", "tokens"}} of all parts, by name."""
    total: dict[str, dict[str, int]] = {}
    for commit in counted:
        for language, counts in commit.tally["languages"].items():
            sums = total.setdefault(language, dict.fromkeys(counts, 0))
            for name, value in counts.items():
                sums[name] += value
    return dict(sorted(total.items()))


def _caps(
    config: MixCorpus, tasks: Tasks, counted: Sequence[Commit]
) -> dict[str, dict[str, float]]:
    """{language: {domain: share of its tokens that may stay}} of domains over the cap."""
    if config.max_share_per_domain is None:
        return {}
    tables = []
    for commit in counted:
        for file in commit.of("work/domains"):
            with tasks.storage.open(file.path) as opened:
                tables.append(pq.read_table(opened))
    if not tables:
        return {}
    sums = pa.concat_tables(tables).group_by(["language", "domain"])
    domains = sums.aggregate([("tokens", "sum")]).sort_by(
        [("language", "ascending"), ("domain", "ascending")]
    )
    caps: dict[str, dict[str, float]] = {}
    names = np.asarray(domains["language"])
    for language in sorted(set(names)):
        rows = domains.filter(pa.array(names == language))
        tokens = np.asarray(rows["tokens_sum"]).astype(np.float64)
        cap = domain_cap(tokens, config.max_share_per_domain)
        caps[language] = {
            domain: cap / count
            for domain, count in zip(rows["domain"].to_pylist(), tokens, strict=True)
            if count > cap and domain is not None
        }
    return caps


def _draw(
    config: MixCorpus,
    counts: Mapping[str, Mapping[str, int]],
    caps: dict[str, dict[str, float]],
) -> Draw:
    available = {language: float(sums["tokens"]) for language, sums in counts.items()}
    share = (
        explicit_shares(available, config.weights)
        if config.weights is not None
        else temperature_shares(available, config.alpha)
    )
    epochs = epochs_of(
        available,
        share,
        budget=config.budget_tokens,
        max_epochs=config.max_epochs,
    )
    size = sum(
        counts[language]["characters"] * bytes_per_character(language) * times
        for language, times in epochs.items()
    )
    rows = sum(counts[language]["documents"] * epochs[language] for language in epochs)
    buckets = 1
    while buckets * config.bucket_bytes < size:
        buckets *= 2
    shards = max(1, -int(-size // config.shard_bytes))
    return Draw(
        seed=config.seed,
        epochs=epochs,
        caps=caps,
        buckets=buckets,
        rows_per_shard=max(1, -int(-rows // shards)),
        tokenizer=config.tokenizer,
        buffer_bytes=config.bucket_bytes,
    )


def _groups(parts: Sequence[Part]) -> list[list[Part]]:
    """Parts in their order, put together up to some gigabytes a task."""
    groups: list[list[Part]] = []
    size = 0
    for part in parts:
        part_bytes = sum(file.bytes for file in part.files)
        if not groups or size + part_bytes > _PART_BYTES_PER_TASK:
            groups.append([])
            size = 0
        groups[-1].append(part)
        size += part_bytes
    return groups


def _gather(
    config: MixCorpus,
    draw: Draw,
    print_: str,
    scattered: Sequence[Commit],
    tasks: Tasks,
) -> list[Commit]:
    pieces = [file for commit in scattered for file in commit.of("work/buckets")]
    places = [
        commit.tally["buckets"] for commit in scattered if commit.of("work/buckets")
    ]
    prints = [file.path for file in pieces]
    return tasks.run(
        "mix_corpus-gather",
        [
            Task(
                key=f"bucket-{bucket:05d}",
                fingerprint=fingerprint(print_, prints, bucket),
                function=gather_bucket,
                arguments=(
                    draw,
                    bucket,
                    pieces,
                    [place.get(str(bucket), []) for place in places],
                ),
            )
            for bucket in range(draw.buckets)
        ],
    )


def _manifest(
    config: MixCorpus,
    draw: Draw,
    scattered: Sequence[Commit],
    shards: Sequence[Commit],
) -> dict[str, Any]:
    """What mix/ holds. Nothing in it depends on when or where it was made."""
    languages: dict[str, dict[str, Any]] = {}
    for commit in scattered:
        for language, counts in commit.tally["languages"].items():
            sums = languages.setdefault(language, dict.fromkeys(counts, 0))
            for name, value in counts.items():
                sums[name] += value
    tokens = sum(counts["tokens"] for counts in languages.values())
    for language, counts in languages.items():
        counts["epochs"] = round(draw.epochs[language], 6)
        counts["share"] = round(counts["tokens"] / tokens, 6) if tokens else 0.0
    return {
        "seed": config.seed,
        "tokens_counted_by": "tokenizer" if config.tokenizer else "characters",
        "languages": dict(sorted(languages.items())),
        "columns": [{"name": field.name, "type": str(field.type)} for field in MIX],
        "shards": [
            {"path": file.path, "rows": file.rows, "bytes": file.bytes}
            for commit in shards
            for file in commit.of("mix")
        ],
    }
