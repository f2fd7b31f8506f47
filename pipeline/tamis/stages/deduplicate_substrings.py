"""Remove, or mark, stretches of text that occur word for word in another place.

Reads  id, text, text_chars, domain, host
Writes repeated_tokens, repeated_chars, drop_reason only_repeated_text, and
       text, text_chars       for `action: cut`
       repeated_spans         for `action: mask`: [start, stop, start, stop ...], in
                              code points of the text, for a trainer to leave out of
                              its loss

Stretches of `min_tokens` or more that occur twice within a partition (as RefinedWeb
did, Penedo et al. 2023, with 50 tokens within a hundredth of CommonCrawl; Lee et al.
2022). A partition has a bounded number of bytes: all documents of some domains, or a
random share of all (`partition: id`). Cutting changes the text, so `action: cut` goes
between a save and measure_text; `action: mask` may follow the last save.

    measure     a group of parts   texts -> bytes by bucket, which give the partitions
    scatter     a group of parts   texts -> texts by partition
    find        a partition        texts -> what repeats in each document
    substrings  a group of parts         -> the layers
"""

from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal, Self

import pyarrow as pa
from pydantic import Field, model_validator

from tamis.dedup.bill import partition_memory, substrings_bill
from tamis.dedup.groups import groups_of, layers_of, steps_of
from tamis.dedup.substrings.cut import (
    FOUND,
    SUBSTRINGS,
    Settings,
    columns_of,
    find,
    publish,
)
from tamis.dedup.substrings.partitions import (
    BUCKETS,
    TEXTS,
    measure,
    partitions_of,
    scatter,
)
from tamis.documents.parts import Part, Published
from tamis.sizes import ByteSize
from tamis.stage import Barrier, Begun, Bill, Placement, Stage
from tamis.work.steps import files_of
from tamis.work.tasks import Tasks


class DeduplicateSubstrings(Barrier):
    """The length of a repeat, where repeats are searched, and what is done with them."""

    folders: ClassVar[tuple[str, ...]] = (SUBSTRINGS,)

    min_tokens: int = Field(50, ge=2, le=10_000)
    action: Literal["cut", "mask"] = "cut"
    # first: the first of equal stretches stays, by the name of the input file and the
    # place there. none: no copy stays, as in RefinedWeb.
    keep: Literal["first", "none"] = "first"
    # A document is dropped if fewer characters than this are left.
    min_chars: int = Field(20, ge=1)
    partition: Literal["domain", "id"] = "domain"
    partition_bytes: Annotated[ByteSize, Field(le=1 << 30)] = 32 << 20

    @model_validator(mode="after")
    def _has_no_prefix(self) -> Self:
        if self.prefix:
            raise ValueError("there is one text, so this stage occurs once, without as")
        return self

    def settings(self) -> Settings:
        return Settings(
            min_tokens=self.min_tokens,
            is_cut=self.action == "cut",
            keeps_first=self.keep == "first",
            min_chars=self.min_chars,
        )

    def bill(self, documents: int, above: Sequence[Stage]) -> Bill:
        return substrings_bill(documents, self.partition_bytes)

    def mistakes(self, placement: Placement) -> list[str]:
        """A stage below may not change the text: the marked places would be wrong."""
        if self.action == "cut":
            return []
        below = [s for s in placement.below if "text" in s.columns_written().names]
        return [f"marks places in a text that {s.label} changes" for s in below[:1]]

    def columns_read(self) -> tuple[str, ...]:
        return ("id", "text", "text_chars", "domain", "host")

    def kernel_uses(self) -> tuple[str, ...]:
        return ("repeats",)

    def columns_written(self) -> pa.Schema:
        text = [("text", pa.string())] if self.action == "cut" else []
        return pa.schema([*text, *columns_of(self.settings())])

    def run(
        self, parts: Sequence[Part], tasks: Tasks, begun: Begun | None = None
    ) -> Published:
        """One layer per part, in the order of `parts`."""
        if not parts:
            return Published(())
        settings, by_domain = self.settings(), self.partition == "domain"
        groups = groups_of(parts)
        step = steps_of(self, groups, tasks)
        measured = step("measure", measure, [(group, by_domain) for group in groups])
        sizes: Counter[str] = Counter()
        for commit in measured:
            sizes.update(commit.tally["bytes"])
        partitions = partitions_of(
            [sizes[str(bucket)] for bucket in range(BUCKETS)], self.partition_bytes
        )
        work: list[tuple[Any, ...]] = [
            (group, by_domain, partitions) for group in groups
        ]
        texts = files_of(step("scatter", scatter, work), TEXTS)
        work = [(settings, texts, number) for number in range(partitions.total)]
        memory = partition_memory(self.partition_bytes)
        found = files_of(step("find", find, work, memory=memory), FOUND)
        published = step(
            SUBSTRINGS, publish, [(settings, group, found) for group in groups]
        )
        tally: Counter[str] = Counter(partitions=partitions.total)
        for commit in published:
            tally.update(commit.tally)
        layers = layers_of(groups, files_of(published, SUBSTRINGS), parts)
        return Published(layers, tally=dict(tally))
