"""Weigh the languages, draw documents, shuffle them, and write the training mix.

Reads   text, text_chars, language; cluster_size where deduplicate wrote it,
        repeated_spans where deduplicate_substrings did; markdown where there is one;
        pii_email and the like where mask_pii did: then url is masked, too
Writes  mix/ (shards, then _manifest.json, which publishes the whole mix at once)
Drops   not_sampled, domain_share, tokenizer_failed

Each step is a set of tasks that hold a bounded part of the corpus:

    count      a part             how much there is of each language (tamis/mix/count.py)
    domains    some parts         tokens of each domain, if capped (tamis/mix/domains.py)
    epochs     a part             tokens in whole epochs (tamis/mix/draw.py)
    copies     a part             the last document to take of each language
    scatter    some parts         take documents, distribute rows by their shuffle key
    rescatter  some pieces        a second time, if there are more than 256 buckets
    gather     a shard's buckets  sort, write (tamis/mix/shuffle.py)

Documents are taken in the order of a key (a hash of seed and id): whole epochs first,
then by key to the document with which the tokens of its language are reached. So each
language has what it should have to one document, and less only if `max_epochs` does not
allow more; what it should have is in the manifest beside what it has.

The number of shards depends on the size of the mix alone, so that its bytes do not
change with splits, workers or memory.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from math import ceil, inf
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, field_validator

from tamis.documents.parts import Part, Published
from tamis.errors import ConfigError
from tamis.language.codes import by_language
from tamis.mix.count import TOKENS, count_part, open_tokenizer
from tamis.mix.draw import Order, domain_cutoffs, epochs_counted, language_cutoffs
from tamis.mix.kernels.cut import Cut, cut_by_folder, cut_of
from tamis.mix.kernels.places import MAX_EPOCHS
from tamis.mix.kernels.rehydration import FINEWEB2
from tamis.mix.kernels.tokens import bytes_per_character
from tamis.mix.kernels.weights import (
    epochs_of,
    explicit_shares,
    temperature_shares,
    wanted_tokens,
)
from tamis.mix.rows import MIX, Draw, folder_of
from tamis.mix.shares import Wanted, share_alarms, shares_of
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

    version: ClassVar[int] = 6
    path_settings: ClassVar[tuple[str, ...]] = ("tokenizer",)
    folders: ClassVar[tuple[str, ...]] = ("mix", "mixed")

    not_fingerprinted: ClassVar[tuple[str, ...]] = ("bucket_bytes",)
    language_settings: ClassVar[tuple[str, ...]] = ("weights",)

    seed: int = Field(0, ge=0, lt=2**63)
    alpha: float = Field(0.3, ge=0.0, le=1.0)  # share ~ p^alpha; 1 = as found
    weights: dict[str, float] | None = None  # instead of alpha: share per language
    budget_tokens: Count | None = None  # null: nothing is left out
    max_epochs: float = Field(4.0, gt=0.0, le=MAX_EPOCHS)
    # How often to take a document, by its number of copies: {least cluster size: times}.
    rehydrate: Literal["fineweb2"] | Rehydration | None = None
    max_share_per_domain: float | None = Field(None, ge=1e-5, le=1.0)
    tokenizer: str | None = None  # a local tokenizer.json; null: estimated
    # by_language: a folder of shards for each language, mix/fra/ ...
    layout: Literal["one", "by_language"] = "one"
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
        if sum(weights.values()) == inf:  # every share would be 0, and the mix empty
            raise ValueError("the sum of the weights is too large")
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

    def foreign_files(self) -> tuple[str, ...]:
        return self.files()

    def try_files(self) -> None:
        if self.tokenizer:
            open_tokenizer(self.tokenizer)

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
        # Markdown is about as long as the text.
        times_text = 2 if any(one.tally["has_markdown"] for one in counted) else 1
        uncounted = sum(one.tally["uncounted"] for one in counted)
        if uncounted:
            tasks.progress.note(
                f"mix_corpus.tokenizer: fails at {uncounted:,} documents, which are "
                f"dropped as tokenizer_failed"
            )
        parts = [
            part.with_layer(commit.of(TOKENS)[0], commit.fingerprint)
            for part, commit in zip(parts, counted, strict=True)
        ]
        draw, wanted = _draw(
            self, counted, counts, parts, tasks=tasks, times_text=times_text
        )
        steps = Steps(self.label, tasks, depends, asdict(draw))
        scattered = scatter_all(draw, parts, steps)
        shards = gather_all(draw.cut, leaves(draw.cut, scattered, steps), steps)
        layers = {
            file.path.rpartition("/")[2].rpartition("-")[0]: file
            for file in files_of(scattered, "mixed")
        }
        manifest = _manifest(self, wanted, scattered, shards=shards)
        files = files_of(shards, "mix")
        return Published(
            layers=tuple(layers[part.name] for part in parts),
            files=files,
            manifests={"mix/_manifest.json": manifest},
            tally={
                "languages": manifest["languages"],
                "shards": len(files),
                "alarms": share_alarms(manifest["languages"]),
            },
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
    counted: Sequence[Commit],
    counts: Mapping[str, Mapping[str, int]],
    parts: Sequence[Part],
    *,
    tasks: Tasks,
    times_text: int,
) -> tuple[Draw, dict[str, Wanted]]:
    """What is taken, and what each language should have; `parts` have their tokens."""
    times = stage.rehydration
    steps = Steps(stage.label, tasks, stage.version, stage.seed, times)
    caps: dict[str, dict[str, int]] = {}
    if stage.max_share_per_domain is not None:
        totals = {language: sums["tokens"] for language, sums in counts.items()}
        caps = find_caps(stage.max_share_per_domain, counted, totals, steps=steps)
    steps = Steps(stage.label, tasks, stage.version, stage.seed, times, caps)
    domains = domain_cutoffs(
        caps, parts, seed=stage.seed, rehydration=times, steps=steps
    )
    order = Order(stage.seed, times, domains)
    # Every epoch has as many tokens, unless a document is taken 1.5 times in each.
    is_whole = all(float(number).is_integer() for number in times.values())
    epochs = 1 if is_whole else ceil(stage.max_epochs)
    whole = epochs_counted(order, parts, epochs, steps=steps)
    wanted = _wanted(stage, counts, whole)
    targets = {language: wanted[language].target for language in whole}
    cutoffs = language_cutoffs(order, targets, whole, parts, steps=steps)
    sizes = {
        language: about.target
        / max(counts[language]["tokens"], 1)
        * (
            times_text * counts[language]["characters"] * bytes_per_character(language)
            + counts[language]["documents"] * _ROW_BYTES
        )
        for language, about in wanted.items()
        if language in counts
    }
    return Draw(order, cutoffs, _cut(stage, sizes)), wanted


def _cut(stage: MixCorpus, sizes: Mapping[str, float]) -> Cut:
    """The cut of a mix that has so many bytes of each language."""
    if stage.layout == "one":
        return cut_of(
            sum(sizes.values()),
            shard_bytes=stage.shard_bytes,
            bucket_bytes=stage.bucket_bytes,
        )
    folders: dict[str, float] = {}
    for language, size in sizes.items():
        name = folder_of(language)
        folders[name] = folders.get(name, 0.0) + size
    return cut_by_folder(
        folders, shard_bytes=stage.shard_bytes, bucket_bytes=stage.bucket_bytes
    )


def _wanted(
    stage: MixCorpus,
    counts: Mapping[str, Mapping[str, int]],
    whole: Mapping[str, Sequence[int]],
) -> dict[str, Wanted]:
    """What each language should have, and what it will be given."""
    available = {language: float(tokens[0]) for language, tokens in whole.items()}
    share = (
        explicit_shares(available, stage.weights)
        if stage.weights is not None
        else temperature_shares(available, stage.alpha)
    )
    budget, most = stage.budget_tokens, stage.max_epochs
    epochs = epochs_of(available, share, budget=budget, max_epochs=most)
    tokens = wanted_tokens(available, share, budget=budget)
    found = {}
    for language in sorted({*available, *share}):
        times, own = epochs.get(language, 0.0), available.get(language, 0.0)
        target = round(times * own)
        if times == most == len(whole.get(language, ())):
            target = whole[language][-1]  # whole epochs: the last copies too
        found[language] = Wanted(
            share=share.get(language, 0.0),
            tokens=round(tokens.get(language, 0.0)),
            target=target,
            epochs=times,
            before_caps=most * counts.get(language, {}).get("tokens", 0),
            is_full=times >= most,
        )
    return found


def _manifest(
    stage: MixCorpus,
    wanted: Mapping[str, Wanted],
    scattered: Sequence[Commit],
    *,
    shards: Sequence[Commit],
) -> dict[str, Any]:
    """A description of mix/ that does not depend on when or where it was made."""
    return {
        "seed": stage.seed,
        "tokens_counted_by": "tokenizer" if stage.tokenizer else "characters",
        "languages": shares_of(
            wanted, [commit.tally["languages"] for commit in scattered]
        ),
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
