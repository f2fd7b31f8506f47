"""Drop documents that the columns of score_toxicity call toxic.

Reads  language, toxic_word_density, toxic_word_distinct
       toxicity_max, toxicity_mean where score_toxicity wrote them,
       toxicity_share where a limit is set on it,
       and borderline_score, which score_borderline writes
Writes drop_reason: toxic_words or toxic_text

Both word columns must be over their limits: many hits of one word may be the subject of
the text, and many different words occur in any novel. A null is over no limit.

Words alone convict pages that quote them: a study of swearing, a guide against insults.
So where a model knows the language (`toxicity_max` is not null) it has to agree: `agree:
both`. The model's own limits convict alone, as the lists of most languages are too short
for their threads.

German and French have a lower default limit, which needs more than one window: in a text
of one window a single name can be the whole score (the town of Bitche has .88).
"""

from collections.abc import Iterable, Sequence
from itertools import repeat
from typing import Any, ClassVar, Final, Literal

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat, field_validator

from tamis.language.codes import by_language
from tamis.stage import BatchFunction, Transform, drop
from tamis.toxicity.model import COLUMNS

# `toxicity_max: default`. 0.9 costs none of 2,407 clean texts. The packaged weights are less
# sure of German and French: no clean window of theirs is over 0.7 (of 1,178 and 240), and 95
# and 97 of 100 threads of toxic comments are; over 0.9 it is 34 and 28.
DEFAULT: Final = "default"
_MAXIMUM = 0.9
_OWN_MAXIMA = {"deu": 0.7, "fra": 0.7}

_BY_MODELS = (*COLUMNS, "borderline_score")


class Limits(BaseModel):
    """Limits of one language; those not given are the stage's limits for all."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    toxic_word_density: NonNegativeFloat | None = None
    toxic_word_distinct: int | None = Field(None, ge=1)
    toxicity_max: float | None = None
    toxicity_mean: float | None = None
    toxicity_share: float | None = None
    borderline_score: float | None = None


class FilterToxicity(Transform):
    """The limits that a document may not exceed; null for no limit.

    `agree`: who decides. both: words, where the model's maximum is at least `agree_above`
    or there is none, and the model's limits; either: words and the model's limits, each
    alone; words, model: these limits only.

    The word limits were chosen on the reviewed main texts of 1,903 real pages in 17
    languages with a list, of which none has more than 5 hits per 1,000 words, and on
    threads of 30 toxic comments: by words alone all 100 English ones are over both limits,
    and 97 of 100 Portuguese ones; the lists of other languages are too short. The packaged
    model puts none of 1,611 such pages over a maximum of 0.7. By default German and French
    are held to a `toxicity_max` of 0.7 if they have more than one window, and all to 0.9.
    """

    version: ClassVar[int] = 4
    language_settings: ClassVar[tuple[str, ...]] = ("per_language",)

    # Hits per 1,000 words (over), and how many different entries (at least).
    toxic_word_density: NonNegativeFloat | None = 10.0
    toxic_word_distinct: int = Field(3, ge=1)
    # Probabilities of the model's windows: a document over any of these is dropped.
    # The default holds where score_toxicity has a model.
    toxicity_max: float | Literal["default"] | None = DEFAULT
    toxicity_mean: float | None = None
    toxicity_share: float | None = None
    agree: Literal["both", "either", "words", "model"] = "both"
    agree_above: float = Field(0.5, ge=0, le=1)
    # The score of a second model, for the documents that the first is not sure of.
    borderline_score: float | None = None

    per_language: dict[str, Limits] = Field(default_factory=dict)

    @field_validator("per_language")
    @classmethod
    def _name_languages(cls, limits: dict[str, Limits]) -> dict[str, Limits]:
        return by_language(limits)

    def columns_read(self) -> tuple[str, ...]:
        words = ("toxic_word_density", "toxic_word_distinct")
        has_words = self.agree != "model" and self._is_limited("toxic_word_density")
        return (
            "language",
            *(words if has_words else ()),
            *filter(self._is_asked, _BY_MODELS if self.agree != "words" else ()),
        )

    def columns_needed(self, available: set[str]) -> set[str]:
        prefix = f"{self.prefix}_" if self.prefix else ""
        more: set[str] = set()
        for name in ("toxicity_max", "toxicity_mean"):
            known = {prefix + name, name} & available
            more |= {prefix + name} & known or known
        return super().columns_needed(available) | more

    def limits(
        self,
        column: str,
        languages: Sequence[str | None],
        has_one_window: Iterable[bool] = repeat(False),
    ) -> pa.Array:
        """The limit on a column for each document, null where there is none."""
        common = getattr(self, column)
        own = {
            language: getattr(limits, column)
            for language, limits in self.per_language.items()
            if getattr(limits, column) is not None
        }
        values = [own.get(language or "", common) for language in languages]
        return pa.array(
            [
                (_MAXIMUM if is_alone else default_maximum(language))
                if value == DEFAULT
                else value
                for value, language, is_alone in zip(
                    values, languages, has_one_window, strict=False
                )
            ],
            pa.float64(),
        )

    def _is_asked(self, column: str) -> bool:
        """Whether there must be such a column: the default limit holds where there is one."""
        own = any(
            getattr(one, column) is not None for one in self.per_language.values()
        )
        return own or getattr(self, column) not in (None, DEFAULT)

    def _is_limited(self, column: str) -> bool:
        everywhere = [self, *self.per_language.values()]
        return any(getattr(limits, column) is not None for limits in everywhere)

    def build(self) -> BatchFunction:
        """Return a transform that fills `drop_reason`; see `toxic_reasons`."""

        def filter_toxicity(batch: pa.RecordBatch) -> pa.RecordBatch:
            return drop(batch, toxic_reasons(batch, self))

        return filter_toxicity


def default_maximum(language: str | None) -> float:
    """The limit on toxicity_max that `default` means, for more than one window."""
    return _OWN_MAXIMA.get(language or "", _MAXIMUM)


def toxic_reasons(batch: pa.RecordBatch, stage: FilterToxicity) -> pa.StringArray:
    """`toxic_words` or `toxic_text` for each row over the limits, null for the others."""
    languages = batch["language"].to_pylist()
    reasons = pa.nulls(batch.num_rows, pa.string())

    there = batch.schema.names
    has_one_window: Iterable[bool] = repeat(False)
    if {"toxicity_max", "toxicity_mean"} <= set(there):
        # The mean of one window is its probability.
        is_equal = pc.equal(batch["toxicity_max"], batch["toxicity_mean"])
        has_one_window = pc.fill_null(is_equal, False).to_pylist()

    def is_over(column: str) -> Any:
        limits = stage.limits(column, languages, has_one_window)
        return pc.greater(batch[column], limits)

    if "toxic_word_density" in stage.columns_read():
        fewest = stage.limits("toxic_word_distinct", languages)
        is_varied = pc.greater_equal(batch["toxic_word_distinct"], fewest)
        are_over = pc.and_(is_over("toxic_word_density"), is_varied)
        if stage.agree == "both" and "toxicity_max" in there:
            agrees = pc.greater_equal(batch["toxicity_max"], stage.agree_above)
            are_over = pc.and_(are_over, pc.fill_null(agrees, True))
        reasons = _where(are_over, "toxic_words")
    for column in _BY_MODELS if stage.agree != "words" else ():
        if column in there and stage._is_limited(column):
            reasons = pc.coalesce(reasons, _where(is_over(column), "toxic_text"))
    return reasons


def _where(is_broken: Any, reason: str) -> pa.StringArray:
    return pc.if_else(is_broken, reason, pa.scalar(None, pa.string()))
