"""Drop documents that are not in a language the recipe asks for.

Reads  language, language_score; sister_score with a `min_sister_score`
Writes drop_reason  language_unknown, language_not_wanted, language_low_score,
                    language_sister
"""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, field_validator

from tamis.language.codes import by_language, canonical_language
from tamis.language.sisters import sisters_of
from tamis.stage import BatchFunction, Transform, drop

Score = Annotated[float, Field(ge=0, le=1)]

# In a `min_score` map, the entry for every language that the map does not name.
OTHER_LANGUAGES = "default"


class FilterLanguage(Transform):
    """Which languages stay, and the scores they need.

    Before extraction, on `raw` columns, drop only what is surely another language:

        filter_language: {as: raw, min_score: 0, min_unwanted_score: 0.5,
                          keep_unknown: true}
    """

    version: ClassVar[int] = 2
    language_settings: ClassVar[tuple[str, ...]] = ("min_score",)

    # Empty keeps every language. Filled from the recipe's top level.
    languages: tuple[str, ...] = ()
    # One bound, or one per language: {default: 0.65, dan: 0.4}. RefinedWeb, FineWeb and
    # DCLM use 0.65 with lid.176.
    min_score: Score | dict[str, Score] = 0.65
    # A document in an unwanted language is dropped only if its score is at least this.
    min_unwanted_score: Score = 0.0
    keep_unknown: bool = False
    # Whether languages that are mixed up with those of the recipe stay with them:
    # Asturian and Ladino with Spanish (see language/sisters.tsv).
    sisters: Literal["drop", "keep"] = "drop"
    # Least chance of a language against its sisters. 0.5 drops what is likelier one of
    # them and stays only because the recipe names no other.
    min_sister_score: Score = 0.0

    @field_validator("languages")
    @classmethod
    def _canonical(cls, languages: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(sorted(set(map(canonical_language, languages))))

    @field_validator("min_score")
    @classmethod
    def _canonical_keys(
        cls, min_score: float | dict[str, float]
    ) -> float | dict[str, float]:
        if not isinstance(min_score, dict):
            return min_score
        return by_language(min_score, others=(OTHER_LANGUAGES,))

    def columns_read(self) -> tuple[str, ...]:
        by_sister = ("sister_score",) if self.min_sister_score > 0 else ()
        return ("language", "language_score", *by_sister)

    def kept_languages(self) -> tuple[str, ...]:
        """The languages that stay; none if all do."""
        if self.sisters == "drop":
            return self.languages
        sisters = set().union(*map(sisters_of, self.languages))
        return tuple(sorted({*self.languages, *sisters}))

    def build(self) -> BatchFunction:
        """Return a transform that fills `drop_reason`; see `reasons`."""

        def filter_language(batch: pa.RecordBatch) -> pa.RecordBatch:
            own = reasons(batch["language"], batch["language_score"], self)
            if self.min_sister_score > 0:
                own = pc.coalesce(own, sister_reasons(batch["sister_score"], self))
            return drop(batch, own)

        return filter_language


def reasons(language: Any, score: Any, stage: FilterLanguage) -> pa.StringArray:
    """Why each row is dropped; null keeps it. A null score passes every bound.

    An unwanted language drops a row whose score is at least `min_unwanted_score`. Below
    that score the language is uncertain; such a row, like a row in a wanted language,
    is dropped only if its score is below `min_score`.
    """
    is_unknown = pc.is_null(language)
    if stage.languages:
        asked = pa.array(stage.kept_languages(), pa.string())
        # As float32 like the scores; see `bounds`.
        sure = pa.scalar(stage.min_unwanted_score, pa.float32())
        is_unwanted = pc.and_(
            pc.invert(pc.is_in(language, asked)),
            pc.fill_null(pc.greater_equal(score, sure), True),
        )
    else:
        is_unwanted = pa.repeat(False, len(language))
    is_low = pc.fill_null(pc.less(score, bounds(language, stage.min_score)), False)
    # case_when takes its conditions as one struct; the first true one decides.
    return pc.case_when(
        pc.make_struct(is_unknown, is_unwanted, is_low),
        pa.scalar(None if stage.keep_unknown else "language_unknown", pa.string()),
        pa.scalar("language_not_wanted"),
        pa.scalar("language_low_score"),
    )


def sister_reasons(score: Any, stage: FilterLanguage) -> pa.StringArray:
    """Why each row is dropped; null keeps it, as it does rows of a language without sisters."""
    least = pa.scalar(stage.min_sister_score, pa.float32())
    is_low = pc.fill_null(pc.less(score, least), False)
    return pc.if_else(is_low, "language_sister", pa.scalar(None, pa.string()))


def bounds(language: Any, min_score: float | Mapping[str, float]) -> pa.FloatArray:
    """The bound each row must meet, as float32 like the scores; 0 where none is set.

    Compared as float64 a score of 0.65, stored as 0.64999998, would miss its bound.
    """
    if not isinstance(min_score, Mapping):
        return pa.repeat(pa.scalar(min_score, pa.float32()), len(language))
    named = {x: bound for x, bound in min_score.items() if x != OTHER_LANGUAGES}
    place = pc.index_in(language, pa.array(list(named), pa.string()))
    own = pa.array(list(named.values()), pa.float32()).take(place)
    return pc.fill_null(
        own, pa.scalar(min_score.get(OTHER_LANGUAGES, 0.0), pa.float32())
    )
