"""Weigh the languages, draw documents, shuffle them, and write the training mix.

Reads   text, text_chars, language; cluster_size where deduplicate wrote it,
        repeated_spans where deduplicate_substrings did; markdown where there is one;
        pii_email and the like where mask_pii did: then url is masked, too
Writes  mix/ (shards, then _manifest.json, which publishes the whole mix at once)
Drops   not_sampled, domain_share

Each step is a set of tasks that hold a bounded part of the corpus:

    count      a part             how much there is of each language (tamis/mix/count.py)
    domains    some parts         tokens of each domain, if capped (tamis/mix/domains.py)
    scatter    some parts         draw documents, distribute rows by their shuffle key
    rescatter  some pieces        a second time, if there are more than 256 buckets
    gather     a shard's buckets  sort, write (tamis/mix/shuffle.py)

The number of shards depends on the size of the mix alone, so that its bytes do not
change with splits, workers or memory.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from math import inf
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, field_validator

from tamis.documents.parts import Part, Published
from tamis.errors import ConfigError
from tamis.language.codes import by_language
from tamis.mix.count import count_part
from tamis.mix.kernels.cut import cut_of
from tamis.mix.kernels.rehydration import FINEWEB2
from tamis.mix.kernels.tokens import bytes_per_character
from tamis.mix.kernels.weights import epochs_of, explicit_shares, temperature_shares
from tamis.mix.rows import MIX, Draw
from tamis.mix.tasks import find_caps, gather_all, leaves, scatter_all
from tamis.sizes import ByteSize, Count
from tamis.stage import Barrier, Begun, Placement
from tamis.storage.parquet import digest_in
from tamis.work.commits import Commit
from tamis.work.fingerprints import Dependencies, stage_dependencies
from tamis.work.steps import Piece, Steps, files_of
from tamis.work.tasks import Tasks

_ROW_BYTES = 500  # of a row without its text, nearly all of it provenance

Rehydration = dict[Annotated[int, Field(ge=1)], Annotated[float, Field(ge=0, le=100)]]


class MixCorpus(Barrier):
    """What goes into the mix, how often, and how it is cut."""

    version: ClassVar[int] = 5
    path_settings: ClassVar[tuple[str, ...]] = ("tokenizer",)
    folders: ClassVar[tuple[str, ...]] = ("mix", "mixed")

    not_fingerprinted: ClassVar[tuple[str, ...]] = ("bucket_bytes",)
    language_settings: ClassVar[tuple[str, ...]] = ("weights",)

    seed: int = Field(0, ge=0, lt=2**63)
    alpha: float = Field(0.3, ge=0.0, le=1.0)  # share ~ p^alpha; 1 = as found
    weights: dict[str, float] | None = None  # instead of alpha: share per language
    budget_tokens: Count | None = None  # null: nothing is left out
    max_epochs: float = Field(4.0, gt=0.0)
    # How often to take a document, by its number of copies: {least cluster size: times}.
    rehydrate: Literal["fineweb2"] | Rehydration | None = None
    max_share_per_domain: float | None = Field(None, ge=1e-5, le=1.0)
    tokenizer: str | None = None  # a local tokenizer.json; null: estimated
    shard_bytes: ByteSize = 256 << 20
    # Uncompressed bytes that a task sorts at a time. It needs about three times as much.
    bucket_bytes: Annotated[ByteSize, Field(le=1 << 30)] = 64 << 20

    @field_validator("weights")
    @classmethod
    def _are_positive(cls, weights: dict[str, float] | None) -> dict[str, float] | None:
        if weights is None:
            return None
        if not all(0 <= weight < inf for weight in weights.values()):
            raise ValueError("weights are numbers of 0 or more")
        if sum(weights.values()) == 0:
            raise ValueError("one weight at least must be above 0")
        return by_language(weights)

    @property
    def rehydration(self) -> dict[int, float]:
        """{least cluster size: times}; empty if cluster sizes do not matter."""
        return FINEWEB2 if self.rehydrate == "fineweb2" else self.rehydrate or {}

    def libraries(self) -> tuple[str, ...]:
        return ("pyarrow", "tokenizers")

    def columns_read(self) -> tuple[str, ...]:
        names = ("text", "text_chars", "language", "url", "domain", "warc_path")
        return (*names, "cluster_size") if self.rehydrate else names

    def files(self) -> tuple[str, ...]:
        return (self.tokenizer,) if self.tokenizer else ()

    def mistakes(self, placement: Placement) -> list[str]:
        if placement.below:
            return [
                "must be the last stage: a mixed document cannot be dropped any more"
            ]
        return []

    def run(
        self, parts: Sequence[Part], tasks: Tasks, begun: Begun | None = None
    ) -> Published:
        """Write mix/; return per part which documents are left out, and how often each
        other one is taken.
        """
        depends = stage_dependencies(self)
        counted = _counted(self, depends, parts, tasks=tasks)
        counts = _sum(counted)
        for line in _unmatched(self, counts):
            tasks.progress.note(line)
        caps: dict[str, dict[str, float]] = {}
        if self.max_share_per_domain is not None:
            totals = {language: sums["tokens"] for language, sums in counts.items()}
            steps = Steps(self.label, tasks, self.version)
            caps = find_caps(self.max_share_per_domain, counted, totals, steps=steps)
        # Markdown is about as long as the text.
        times_text = 2 if any(one.tally["has_markdown"] for one in counted) else 1
        draw = _draw(self, counts, caps, times_text=times_text)
        steps = Steps(
            self.label, tasks, depends, draw.epochs, draw.caps, asdict(draw.cut)
        )
        scattered = scatter_all(draw, parts, steps)
        shards = gather_all(draw.cut, leaves(draw.cut, scattered, steps), steps)
        layers = {
            file.path.rpartition("/")[2].rpartition("-")[0]: file
            for file in files_of(scattered, "mixed")
        }
        manifest = _manifest(self, draw, scattered, shards=shards)
        files = files_of(shards, "mix")
        return Published(
            layers=tuple(layers[part.name] for part in parts),
            files=files,
            manifests={"mix/_manifest.json": manifest},
            tally={"languages": manifest["languages"], "shards": len(files)},
        )


def _counted(
    stage: MixCorpus, depends: Dependencies, parts: Sequence[Part], *, tasks: Tasks
) -> list[Commit]:
    """How much there is of each language, part by part."""
    by_domain = stage.max_share_per_domain is not None
    times = stage.rehydration
    # A new tokenizer or library needs a new count; a new share or seed does not.
    about = [depends["version"], depends["libraries"], depends["files"]]
    steps = Steps(stage.label, tasks, *about, by_domain, times)
    pieces = [
        Piece(part.name, (part, stage.tokenizer, times, by_domain), (part.fingerprint,))
        for part in parts
    ]
    return steps.run("count", count_part, pieces)


def _sum(counted: Sequence[Commit]) -> dict[str, dict[str, int]]:
    """{language: {"documents", "characters", "tokens"}} of all parts, by name."""
    total: dict[str, dict[str, int]] = {}
    for commit in counted:
        for language, counts in commit.tally["languages"].items():
            sums = total.setdefault(language, dict.fromkeys(counts, 0))
            for name, value in counts.items():
                sums[name] += value
    return dict(sorted(total.items()))


def _unmatched(stage: MixCorpus, counts: Mapping[str, Any]) -> list[str]:
    """A note for each weight whose language has no documents.

    Raises ConfigError if there are documents but none in a weighted language.
    """
    there = [language for language, sums in counts.items() if sums["tokens"] > 0]
    wanted = [language for language, weight in (stage.weights or {}).items() if weight]
    if not there or not wanted:
        return []
    if not set(there) & set(wanted):
        raise ConfigError(
            f"mix_corpus.weights: they are for {', '.join(wanted)}, and the documents are "
            f"in {', '.join(there)}: the mix would be empty"
        )
    absent = [language for language in wanted if language not in there]
    return [f"mix_corpus.weights: no document is in {code}" for code in absent]


def _draw(
    stage: MixCorpus,
    counts: Mapping[str, Mapping[str, int]],
    caps: dict[str, dict[str, float]],
    *,
    times_text: int,
) -> Draw:
    available = {language: float(sums["tokens"]) for language, sums in counts.items()}
    share = (
        explicit_shares(available, stage.weights)
        if stage.weights is not None
        else temperature_shares(available, stage.alpha)
    )
    epochs = epochs_of(
        available,
        share,
        budget=stage.budget_tokens,
        max_epochs=stage.max_epochs,
    )
    size = sum(
        times
        * (
            times_text * counts[language]["characters"] * bytes_per_character(language)
            + counts[language]["documents"] * _ROW_BYTES
        )
        for language, times in epochs.items()
    )
    return Draw(
        seed=stage.seed,
        epochs=epochs,
        caps=caps,
        rehydration=stage.rehydration,
        tokenizer=stage.tokenizer,
        cut=cut_of(
            size, shard_bytes=stage.shard_bytes, bucket_bytes=stage.bucket_bytes
        ),
    )


def _manifest(
    stage: MixCorpus,
    draw: Draw,
    scattered: Sequence[Commit],
    *,
    shards: Sequence[Commit],
) -> dict[str, Any]:
    """A description of mix/ that does not depend on when or where it was made."""
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
        "seed": stage.seed,
        "tokens_counted_by": "tokenizer" if stage.tokenizer else "characters",
        "languages": dict(sorted(languages.items())),
        "columns": [{"name": field.name, "type": str(field.type)} for field in MIX],
        "shards": [
            {
                "path": file.path,
                "rows": file.rows,
                "bytes": file.bytes,
                "digest": digest_in(file.path),
            }
            for commit in shards
            for file in commit.of("mix")
        ],
    }
