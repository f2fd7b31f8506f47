"""Drop documents whose statistics do not look like prose in their language.

Reads  the columns that have bounds; language, script and page_type where the bounds depend
       on them
Writes drop_reason  the name of the first column whose bound the document breaks, or
                    NAME_share where it is not in the top share by the column NAME

A bound is [least, most], both inclusive, null for none. A preset gives the first set,
which `profile: everything` widens for lists, catalogues, tables and code, and `profile: by_type`
for pages that extract_text takes for such (column page_type); `thresholds`, `bounds` and
`per_language` replace single bounds, in this order; null instead of a bound removes it:

    filter_quality:
      preset: tamis
      bounds: {word_count: [30, null], stop_word_count: null}
      per_language: {tha: {sentence_count: [3, null]}}

With `keep_share` the stage sees the whole run. Among the documents of a language that
break no bound, exactly this share stays: those with the best values of a column.

    filter_quality:
      keep_share: {eng: 0.1, default: 0.3}
      share_column: quality_score
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import yaml
from numpy.typing import NDArray
from pydantic import (
    AfterValidator,
    Field,
    TypeAdapter,
    ValidationError,
    field_validator,
)

from tamis.documents.parts import Part, Published
from tamis.errors import ConfigError
from tamis.language.codes import by_language
from tamis.quality.names import Preset, Profile
from tamis.quality.presets import (
    PER_LANGUAGE,
    Bound,
    Bounds,
    Changes,
    datatrove_bounds,
    for_everything,
    for_type,
    has_figures,
    preset_changes,
    preset_columns,
)
from tamis.quality.top_share import LAYERS, Share, keep_top_share
from tamis.stage import (
    Barrier,
    BatchFunction,
    Begun,
    Kind,
    Placement,
    Transform,
    drop,
)
from tamis.stages.filter_language import FilterLanguage
from tamis.work.fingerprints import refuse_irregular
from tamis.work.tasks import Tasks

BoundsOf = Callable[[str | None, str | None, str | None], Bounds]

_DEFAULT = "default"
# A missing language, script or type, and the separator of the three in one string. It is a tab
# because a code may have an underscore, as pt_BR has.
_UNKNOWN, _BETWEEN = "", "\t"


def _ordered(bound: Bound) -> Bound:
    least, most = bound
    if least is not None and most is not None and least > most:
        raise ValueError(f"the least, {least}, is more than the most, {most}")
    return bound


Overrides = dict[str, Annotated[Bound, AfterValidator(_ordered)] | None]
PerLanguage = Annotated[dict[str, Overrides], AfterValidator(by_language)]

_THRESHOLDS: TypeAdapter[PerLanguage] = TypeAdapter(PerLanguage)


class FilterQuality(Transform, Barrier):
    """Bounds that a document must be within. See tamis.quality.presets."""

    version: ClassVar[int] = 2
    language_settings: ClassVar[tuple[str, ...]] = ("per_language", "keep_share")
    path_settings: ClassVar[tuple[str, ...]] = ("thresholds",)
    folders: ClassVar[tuple[str, ...]] = (LAYERS,)

    # One preset or several; a later preset's bound replaces an earlier one's.
    preset: Preset | tuple[Preset, ...] | None = "tamis"
    # everything: presets' bounds that convict lists, catalogues, tables and code for being
    # what they are let these pass; junk still drops. by_type: they pass for pages that are such
    # by their page_type; all others are held to prose.
    profile: Profile = "prose"
    # datatrove: the figures of its code, where code and paper differ.
    compat: Literal["datatrove"] | None = None
    # A YAML file {language: {column: [least, most]}}, as `tamis calibrate` writes it.
    thresholds: str | None = None
    bounds: Overrides = Field(default_factory=dict)
    # ISO 639-3: bounds for the documents of that language.
    per_language: PerLanguage = Field(default_factory=dict)
    # {eng: 0.1, default: 0.3}: the share of a language's documents that stays, in [0, 1].
    keep_share: dict[str, Annotated[float, Field(ge=0, le=1)]] = Field(
        default_factory=dict
    )
    # The column to rank by; a document without a value is not ranked, and stays.
    share_column: str = "quality_score"
    share_keeps: Literal["largest", "smallest"] = "largest"

    @field_validator("keep_share")
    @classmethod
    def _name_languages(cls, shares: dict[str, float]) -> dict[str, float]:
        return by_language(shares, others=(_DEFAULT,))

    @property
    def kind(self) -> Kind:
        return "barrier" if self.keep_share else "transform"

    def columns_read(self) -> tuple[str, ...]:
        of_presets = [c for preset in _presets(self) for c in preset_columns(preset)]
        names: dict[str, None] = {
            column: None
            for column in (*of_presets, *self.bounds)
            if column not in self.bounds or self.bounds[column] is not None
        }
        tables = [self.per_language]
        if self.thresholds is not None:
            tables.append(read_thresholds(self.thresholds))
        for bounds in (bounds for table in tables for bounds in table.values()):
            names |= {column: None for column in bounds if bounds[column] is not None}
        if self.keep_share:
            names |= {"language": None, self.share_column: None}
        if self.profile == "by_type":
            names = {"page_type": None} | names
        if _is_per_language(self):
            names = {"language": None, "script": None} | names
        return tuple(names)

    def files(self) -> tuple[str, ...]:
        return () if self.thresholds is None else (self.thresholds,)

    def mistakes(self, placement: Placement) -> list[str]:
        """The preset fineweb2 alone, with none of its languages, filters nothing."""
        is_alone = set(_presets(self)) == {"fineweb2"} and not (
            self.bounds or self.thresholds or self.per_language or self.keep_share
        )
        wanted = {
            language
            for stage in placement.above
            if isinstance(stage, FilterLanguage)
            for language in stage.languages
        }
        if not is_alone or not wanted or any(map(has_figures, wanted)):
            return []
        return [
            f".preset: fineweb2 has no bounds for {', '.join(sorted(wanted))}, so that "
            "no document would drop; tamis has some for every language"
        ]

    def build(self) -> BatchFunction:
        """Return a transform that fills `drop_reason`; see `first_broken_bound`."""
        thresholds = {} if self.thresholds is None else read_thresholds(self.thresholds)
        is_per_language = _is_per_language(self)
        is_by_type = self.profile == "by_type"

        def bounds_of(
            language: str | None, script: str | None, page_type: str | None
        ) -> Bounds:
            return bounds_for(
                self, thresholds, language, script=script, page_type=page_type
            )

        def filter_quality(batch: pa.RecordBatch) -> pa.RecordBatch:
            none = pa.nulls(batch.num_rows, pa.string())
            groups = _groups(
                batch["language"] if is_per_language else none,
                batch["script"] if is_per_language else none,
                batch["page_type"] if is_by_type else none,
            )
            return drop(batch, first_broken_bound(batch, groups, bounds_of))

        return filter_quality

    def run(
        self, parts: Sequence[Part], tasks: Tasks, begun: Begun | None = None
    ) -> Published:
        """One layer per part: documents that break a bound or are not in the top share."""
        shares = dict(self.keep_share)
        default = shares.pop(_DEFAULT, 1.0)
        is_largest_first = self.share_keeps == "largest"
        share = Share(self, self.share_column, is_largest_first, shares, default)
        return keep_top_share(share, parts, tasks)


def bounds_for(
    stage: FilterQuality,
    thresholds: PerLanguage,
    language: str | None,
    *,
    script: str | None,
    page_type: str | None = None,
) -> Bounds:
    """The bounds for documents of one language, script and type of page."""
    bounds: Changes = {}
    for preset in _presets(stage):
        bounds |= preset_changes(preset, language, script)
        if stage.compat:
            bounds |= datatrove_bounds(preset)
    if stage.profile == "everything":
        bounds = for_everything(bounds)
    elif stage.profile == "by_type":
        bounds = for_type(bounds, page_type)
    bounds |= thresholds.get(language or "", {})
    bounds |= stage.bounds
    bounds |= stage.per_language.get(language or "", {})
    return {column: bound for column, bound in bounds.items() if bound is not None}


def first_broken_bound(
    batch: pa.RecordBatch, groups: Any, bounds_of: BoundsOf
) -> pa.StringArray:
    """Name of the first column whose bound each row breaks; null keeps the row.

    groups     one string per row: language, script and page type, tabs between them
    bounds_of  the bounds of such a group, in the order in which they are tried

    A null value breaks nothing: a statistic that was not measured cannot condemn a
    document. A bound is rounded to the column's type, so 0.3 is 0.3 in a float32 too.
    """
    encoded = groups.dictionary_encode()
    group_of = encoded.indices.to_numpy(zero_copy_only=False)
    reasons = np.full(batch.num_rows, None, object)
    for group, name in enumerate(encoded.dictionary.to_pylist()):
        language, script, kind = (code or None for code in name.split(_BETWEEN))
        rows = np.flatnonzero(group_of == group)
        for column, bound in bounds_of(language, script, kind).items():
            broken = is_broken(batch[column].take(pa.array(rows)), bound)
            reasons[rows[broken]] = column
            rows = rows[~broken]
    return pa.array(reasons, pa.string())


def is_broken(column: Any, bound: Bound) -> NDArray[np.bool_]:
    """Which values of a numeric or boolean array are outside the bound."""
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.int8())
    is_single = pa.types.is_float32(column.type)
    # Null becomes NaN, which is neither less nor more than anything.
    values = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
    broken = np.zeros(len(values), np.bool_)
    least, most = (
        float(np.float32(side)) if is_single and side is not None else side
        for side in bound
    )
    if least is not None:
        broken |= values < least
    if most is not None:
        broken |= values > most
    return broken


def _groups(language: Any, script: Any, page_type: Any) -> pa.StringArray:
    return pc.binary_join_element_wise(
        language,
        script,
        page_type,
        _BETWEEN,
        null_handling="replace",
        null_replacement=_UNKNOWN,
    )


def _presets(stage: FilterQuality) -> tuple[Preset, ...]:
    if stage.preset is None:
        return ()
    return (stage.preset,) if isinstance(stage.preset, str) else stage.preset


def _is_per_language(stage: FilterQuality) -> bool:
    return (
        any(preset in PER_LANGUAGE for preset in _presets(stage))
        or stage.thresholds is not None
        or bool(stage.per_language)
    )


def read_thresholds(path: str) -> PerLanguage:
    """The YAML table of bounds. Raises ConfigError, which names the file."""
    refuse_irregular(path)
    try:
        return _THRESHOLDS.validate_python(
            yaml.safe_load(Path(path).read_text(encoding="utf-8"))
        )
    except (OSError, yaml.YAMLError, ValidationError) as error:
        raise ConfigError(f"filter_quality.thresholds: {path}: {error}") from error
