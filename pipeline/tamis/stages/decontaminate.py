"""Drop, cut or mark documents that hold questions of benchmarks.

Reads  text, and with `method: ngram13` id, text_chars
Writes contaminated_by, contaminated_instance, contamination
       with `method: ngram13` also contaminated_chars, and text, text_chars for `action: drop`
       or contaminated_spans for `action: mask`: [start, stop, start, stop ...], in code points
       of the text, for a trainer to leave out of its loss
Drops  contaminated

`contamination` is the share of the words of one instance of a benchmark that lie in n-grams
of the document: of the instance of which it has most. `contaminated_by` names the benchmark,
`contaminated_instance` its number there. They are null, or 0, where no n-gram is shared.

**ngram8_share**, a transform, is Tulu 3's rule (Lambert et al. 2024, section 3.2; allenai's
open-instruct, decontamination/search.py at 06472ae): a document in whose 8-grams more than half
of an instance's words lie is dropped. search.py averages the shares of an instance's fields and
counts spaCy's tokens; here question, answer and passage are one text of words.

**ngram13**, a barrier, is GPT-3's (Brown et al. 2020, appendix C; EleutherAI's
lm-evaluation-harness, lm_eval/decontamination/janitor.py at 121b709): 13-grams that at most
ten documents have are cut out with 200 characters on either side, pieces of fewer than 200
characters go, and a document in more than ten pieces goes as a whole. The pieces are counted
before short ones go. janitor.py counts n-grams in place of pieces, and ignores none for being
common; here it is as the paper says. Pieces stay one document, joined by a line feed or a
space of what was between them.

An instance of fewer words than `ngram` cannot be found. Mask_pii above it changes words; put
it below extract_text.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
import pyarrow as pa
from pydantic import (
    BeforeValidator,
    Field,
    ValidatorFunctionWrapHandler,
    model_validator,
)

from tamis.decontamination.steps import (
    COMMON,
    GRAMS,
    HITS,
    LAYER,
    Settings,
    bill_of,
    columns_of,
    common,
    count,
    cut,
)
from tamis.dedup.groups import groups_of, layers_of, steps_of
from tamis.documents.parts import Part, Published
from tamis.stage import (
    Barrier,
    BatchFunction,
    Begun,
    Bill,
    Placement,
    Stage,
    Transform,
    drop,
    with_columns,
)
from tamis.text.buffers import utf8_buffers
from tamis.work.steps import files_of
from tamis.work.tasks import Tasks

_SHARE, _COUNTS = "ngram8_share", "ngram13"
_SETTINGS = {
    _SHARE: ("max_share",),
    _COUNTS: ("max_documents", "window_chars", "min_chars", "max_pieces"),
}


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


class Decontaminate(Stage):
    """Benchmark files (JSON Lines), and by which method their instances are looked for.

    `Decontaminate(...)` is a transform or a barrier, as its method needs: the class that it
    is made of follows from `method`.
    """

    path_settings: ClassVar[tuple[str, ...]] = ("benchmarks",)

    benchmarks: Annotated[
        tuple[str, ...], BeforeValidator(_as_list), Field(min_length=1)
    ]
    method: Literal["ngram8_share", "ngram13"] = "ngram8_share"
    # Words; 8 or 13 by the method.
    ngram: int | None = Field(None, ge=4, le=50)
    action: Literal["drop", "tag", "mask"] = "drop"
    # Of ngram8_share: the largest share of an instance's words.
    max_share: float = Field(0.5, ge=0, le=1)
    # Of ngram13: an n-gram that more documents have is no evidence.
    max_documents: int = Field(10, ge=1)
    window_chars: int = Field(200, ge=0, le=100_000)
    min_chars: int = Field(200, ge=0)
    max_pieces: int = Field(10, ge=1)

    def __new__(cls, *_: Any, **settings: Any) -> Any:
        return super().__new__(_class_for(cls, settings))

    @model_validator(mode="wrap")
    @classmethod
    def _of_its_method(cls, given: Any, build: ValidatorFunctionWrapHandler) -> Any:
        chosen = _class_for(cls, given) if isinstance(given, dict) else cls
        return build(given) if chosen is cls else chosen.model_validate(given)

    @model_validator(mode="after")
    def _has_no_setting_of_the_other_method(self) -> Self:
        if self.method == _SHARE and self.action == "mask":
            raise ValueError("action: mask is for method: ngram13")
        other = _COUNTS if self.method == _SHARE else _SHARE
        fields = type(self).model_fields
        for name in _SETTINGS[other]:
            if getattr(self, name) != fields[name].default:
                raise ValueError(f"{name} is for method: {other}")
        return self

    @classmethod
    def stage_name(cls) -> str:
        return "decontaminate"

    @property
    def words(self) -> int:
        return self.ngram or (8 if self.method == _SHARE else 13)

    def kernel_uses(self) -> tuple[str, ...]:
        return ("grams",)

    def libraries(self) -> tuple[str, ...]:
        return ("icu4py", "regex")

    def files(self) -> tuple[str, ...]:
        return self.benchmarks

    def facts(self) -> list[str]:
        held = self.held()
        return [f"{name}: {number:,} instances" for name, number in held.items()]

    def held(self) -> dict[str, int]:
        from tamis.decontamination.benchmarks import counts_of

        return counts_of(self.benchmarks)


class _ByShare(Decontaminate, Transform):
    """`method: ngram8_share`."""

    tallied: ClassVar[tuple[str, ...]] = ("contaminated_by",)
    tallied_dropped: ClassVar[tuple[str, ...]] = ("contaminated_by",)

    def columns_read(self) -> tuple[str, ...]:
        return ("text",)

    def columns_written(self) -> pa.Schema:
        return pa.schema(
            [
                ("contaminated_by", pa.string()),
                ("contaminated_instance", pa.int64()),
                ("contamination", pa.float32()),
            ]
        )

    def build(self) -> BatchFunction:
        """Return a transform that appends the columns."""
        from tamis.decontamination.benchmarks import opened
        from tamis.decontamination.overlap import overlaps
        from tamis.text.word_column import with_words

        names, numbers, index = opened(self.benchmarks, self.words)

        def decontaminate(batch: pa.RecordBatch) -> pa.RecordBatch:
            batch, words = with_words(batch)
            data, _ = utf8_buffers(batch["text"])
            found = overlaps(data, words, index)
            is_none = found.instance < 0
            rows = np.where(is_none, 0, found.instance)
            columns = {
                "contaminated_by": pa.array(names[rows], pa.string(), mask=is_none),
                "contaminated_instance": pa.array(
                    numbers[rows], pa.int64(), mask=is_none
                ),
                "contamination": pa.array(found.share, pa.float32()),
            }
            batch = with_columns(batch, columns)
            if self.action == "tag":
                return batch
            is_over = found.share > np.float32(self.max_share)
            reasons = np.full(batch.num_rows, "contaminated", object)
            return drop(batch, pa.array(reasons, pa.string(), mask=~is_over))

        return decontaminate


class _ByCounts(Decontaminate, Barrier):
    """`method: ngram13`."""

    folders: ClassVar[tuple[str, ...]] = (LAYER,)

    @model_validator(mode="after")
    def _has_no_prefix(self) -> Self:
        if self.prefix:
            raise ValueError("there is one text, so ngram13 occurs once, without as")
        return self

    def bill(self, documents: int, above: Sequence[Stage]) -> Bill:
        return bill_of(documents)

    def try_files(self) -> None:
        from tamis.decontamination.benchmarks import opened

        opened(self.benchmarks, self.words)

    def mistakes(self, placement: Placement) -> list[str]:
        """A stage below may not change the text: the marked places would be wrong."""
        if self.action != "mask":
            return []
        below = [s for s in placement.below if "text" in s.columns_written().names]
        return [f"marks places in a text that {s.label} changes" for s in below[:1]]

    def columns_read(self) -> tuple[str, ...]:
        return ("id", "text", "text_chars")

    def columns_written(self) -> pa.Schema:
        text = [("text", pa.string())] if self.action == "drop" else []
        return pa.schema([*text, *columns_of(self.action)])

    def run(
        self, parts: Sequence[Part], tasks: Tasks, begun: Begun | None = None
    ) -> Published:
        """One layer per part, in the order of `parts`."""
        if not parts:
            return Published(())
        settings = Settings(
            self.benchmarks,
            self.words,
            self.max_documents,
            self.window_chars,
            self.min_chars,
            self.max_pieces,
            self.action,
        )
        groups = groups_of(parts)
        step = steps_of(self, groups, tasks)
        counted = step("count", count, [(settings, group) for group in groups])
        grams = files_of(counted, GRAMS)
        merged = step("common", common, [(settings, grams)])
        (ignored,) = files_of(merged, COMMON)
        hits = files_of(counted, HITS)
        work = [
            (settings, group, own, ignored)
            for group, own in zip(groups, hits, strict=True)
        ]
        published = step(LAYER, cut, work)
        layers = layers_of(groups, files_of(published, LAYER), parts)
        found: dict[str, Counter[str]] = {"documents": Counter(), "dropped": Counter()}
        for commit in published:
            for name, own_counts in found.items():
                own_counts.update(commit.tally[name])
        tally = {"benchmarks": found, "ngrams": dict(merged[0].tally)}
        return Published(layers, tally=tally)


def _class_for(
    cls: type[Decontaminate], settings: dict[str, Any]
) -> type[Decontaminate]:
    """The class of a stage with these settings; `cls` unless it is that of both methods."""
    if cls is not Decontaminate:
        return cls
    return _ByCounts if settings.get("method") == _COUNTS else _ByShare
