"""Remove from every text the lines, or paragraphs, that other documents have too.

Reads  id, text, text_chars, domain, host
Writes text, text_chars, repeated_lines and overlapping_lines (how many were removed),
       cut_chars (their characters and the white space with them), drop_reason
       only_repeated_lines

It runs between a save and measure_text. `max_count` removes boilerplate from every
document: lines that more domains, or documents, have (CCNet, Wenzek et al. 2020, and
dactory remove any second copy). `overlap` removes a line if other documents have most
of its n-grams, but keeps it in the first document that has them (as DCLM does, Li et
al. 2024, section 4.2). Documents are ordered by input file name and place in the file.

    gather  a group of parts    texts  -> runs of (hash, domain or document), sorted
    count   a range of hashes   runs   -> the hashes over the limit, by run
    lines   a group of parts    texts  -> the layers: which bytes to remove
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any, ClassVar, Literal, Self

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field, model_validator

from tamis.dedup.bill import lines_bill
from tamis.dedup.groups import groups_of, layers_of, steps_of
from tamis.dedup.lines.cut import LINES, columns_of, cut
from tamis.dedup.lines.runs import count, dataset, gather, ranges, verdicts
from tamis.dedup.lines.walk import Settings
from tamis.documents.parts import Part, Published
from tamis.stage import Barrier, Begun, Bill, Stage
from tamis.work.commits import Commit
from tamis.work.steps import files_of
from tamis.work.tasks import Tasks


class Overlap(BaseModel):
    """Remove a line if more than `min_ratio` of its n-grams are in earlier documents."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    # DCLM, section 4.2: 13 words and 0.8. Runs of 5 cost MMLU twelve points (table 19).
    ngram: int = Field(13, ge=2, le=100)
    min_ratio: float = Field(0.8, gt=0.0, lt=1.0)


class DeduplicateLines(Barrier):
    """What is compared, what is counted, and how often a line may occur."""

    folders: ClassVar[tuple[str, ...]] = (LINES,)

    unit: Literal["line", "paragraph"] = "line"
    count: Literal["domains", "documents"] = "domains"
    max_count: int = Field(5, ge=1, le=1000)
    # Shorter lines are neither counted nor removed.
    min_words: int = Field(1, ge=1, le=100)
    overlap: Overlap | None = None

    @model_validator(mode="after")
    def _has_no_prefix(self) -> Self:
        if self.prefix:
            raise ValueError("there is one text, so this stage occurs once, without as")
        return self

    def settings(self) -> Settings:
        return Settings(
            by_paragraph=self.unit == "paragraph",
            by_domain=self.count == "domains",
            max_count=self.max_count,
            min_words=self.min_words,
            ngram=self.overlap.ngram if self.overlap else 0,
            min_ratio=self.overlap.min_ratio if self.overlap else 0.0,
        )

    def bill(self, documents: int, above: Sequence[Stage]) -> Bill:
        return lines_bill(documents, with_ngrams=self.overlap is not None)

    def columns_read(self) -> tuple[str, ...]:
        return ("id", "text", "text_chars", "domain", "host")

    def kernel_uses(self) -> tuple[str, ...]:
        return ("repeats",)

    def columns_written(self) -> pa.Schema:
        return pa.schema([("text", pa.string()), *columns_of(self.settings())])

    def run(
        self, parts: Sequence[Part], tasks: Tasks, begun: Begun | None = None
    ) -> Published:
        """One layer per part, in the order of `parts`."""
        if not parts:
            return Published(())
        settings = self.settings()
        groups = groups_of(parts)
        documents = groups[-1].stop
        step = steps_of(self, groups, tasks)
        gathered = step("gather", gather, [(settings, g, documents) for g in groups])
        runs = {kind: files_of(gathered, dataset(kind)) for kind in settings.kinds}
        rows = {
            kind: sum(commit.tally["rows"][kind] for commit in gathered)
            for kind in settings.kinds
        }
        work = [(settings, own) for own in ranges(runs, rows)]
        counted = step("count", count, work)
        over = {kind: files_of(counted, verdicts(kind)) for kind in settings.kinds}
        firsts = _first_runs(gathered)
        cuts = step(
            LINES,
            cut,
            [
                (settings, group, first, over)
                for group, first in zip(groups, firsts, strict=True)
            ],
        )
        layers = layers_of(groups, files_of(cuts, LINES), parts)
        return Published(layers, tally=_tally(counted, cuts))


def _first_runs(gathered: Sequence[Commit]) -> list[int]:
    """Number of each group's first run, counting the runs of all groups."""
    firsts, runs = [], 0
    for commit in gathered:
        firsts.append(runs)
        runs += commit.tally["runs"]
    return firsts


def _tally(counted: Sequence[Commit], cuts: Sequence[Commit]) -> dict[str, Any]:
    """Lines and characters removed; distinct hashes seen, and those over the limit."""
    tally: Counter[str] = Counter()
    for commit in cuts:
        tally.update(commit.tally)
    for commit in counted:
        kind = commit.tally["kind"]
        tally[f"distinct_{kind}"] += commit.tally["hashes"]
        tally[f"distinct_{kind}_over"] += commit.tally["over"]
    return dict(tally)
