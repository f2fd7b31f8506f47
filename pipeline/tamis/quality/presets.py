"""The bounds of published pipelines, on our columns.

    gopher    Rae et al. 2021, table A1 and section A1.1
    c4        Raffel et al. 2020, section 2.2: its rules for whole documents
    fineweb   Penedo et al. 2024, section 3.6; repeated lines as in the paper (0.1), not
              as in its code (0.01)
    fineweb2  Penedo et al. 2025, section 4.4, as fineweb-2-pipeline.py applies it: the
              rules of Gopher and FineWeb without four, figures per language as published
    tamis     FineWeb-2's rules with its figures clamped, for every language, and a rule
              of our own against shuffled words

A bound is (least, most), both inclusive, None for none. Bounds are tried in the order
of this file: the first that a document breaks is its drop reason.

fineweb2.tsv has figures from huggingface/fineweb-2, configs/*.yml at commit d0defb2
(Apache-2.0), but no word lists. It has 316 of its 1,929 languages: those for which a share
of punctuated lines is set, because they have enough text for it. English has no file
there. A language in two scripts has two rows. Without a row, `fineweb2` has no bounds.

`tamis` clamps each figure to `_CLAMPS`, since some are impossible (a mean word length
of 3141, more duplicate lines than lines). A language without a row has the median of
its script's rows; if its script has no rows either, it has English's bounds.
"""

import csv
from functools import cache, lru_cache
from importlib.resources import files
from statistics import median

from tamis.language.codes import known_language
from tamis.quality.names import Preset

Bound = tuple[float | None, float | None]
Bounds = dict[str, Bound]
# As in the settings: None removes a bound that an earlier preset gave.
Changes = dict[str, Bound | None]

_GOPHER_WORDS: Bounds = {
    "word_count": (50, 100_000),
    "mean_word_length": (3, 10),
    "hash_word_ratio": (None, 0.1),
    "ellipsis_word_ratio": (None, 0.1),
    "bullet_line_ratio": (None, 0.9),
    "ellipsis_line_ratio": (None, 0.3),
    "alphabetic_word_ratio": (0.8, None),
    "stop_word_count": (2, None),
}
_GOPHER_REPETITION: Bounds = {
    "duplicate_paragraph_ratio": (None, 0.3),
    "duplicate_paragraph_char_ratio": (None, 0.2),
    "duplicate_line_ratio": (None, 0.3),
    "duplicate_line_char_ratio": (None, 0.2),
    "top_2gram_char_ratio": (None, 0.2),
    "top_3gram_char_ratio": (None, 0.18),
    "top_4gram_char_ratio": (None, 0.16),
    "duplicate_5gram_char_ratio": (None, 0.15),
    "duplicate_6gram_char_ratio": (None, 0.14),
    "duplicate_7gram_char_ratio": (None, 0.13),
    "duplicate_8gram_char_ratio": (None, 0.12),
    "duplicate_9gram_char_ratio": (None, 0.11),
    "duplicate_10gram_char_ratio": (None, 0.10),
}
_FINEWEB: Bounds = {
    "line_count": (1, None),
    "terminal_punctuation_line_ratio": (0.12, None),
    "short_line_ratio": (None, 0.67),
    "char_duplicate_ratio": (None, 0.1),
    "newline_word_ratio": (None, 0.3),
}
_C4: Bounds = {
    "has_lorem_ipsum": (None, 0),
    "has_curly_bracket": (None, 0),
    "sentence_count": (5, None),
}
_PRESETS: dict[str, Bounds] = {
    "gopher": _GOPHER_REPETITION | _GOPHER_WORDS,
    "c4": _C4,
    "fineweb": _FINEWEB,
}

# Figures of datatrove's code that differ from the papers.
_DATATROVE: dict[str, Bounds] = {"fineweb": {"char_duplicate_ratio": (None, 0.01)}}

# Switched off in fineweb-2-pipeline.py, commit 7ee60b3: extractors have removed
# repeated paragraphs already, `char_duplicate_ratio` covers repeated lines, and verse,
# dialogue and lists have short lines in every language.
_OFF = (
    "duplicate_paragraph_ratio",
    "duplicate_paragraph_char_ratio",
    "duplicate_line_char_ratio",
    "short_line_ratio",
)
# FineWeb-2's rules in its order, with English's figures where they depend on the language.
_FINEWEB2: Bounds = {
    column: bound
    for column, bound in (_GOPHER_REPETITION | _FINEWEB | _GOPHER_WORDS).items()
    if column not in _OFF
}
# `tamis` adds: a shuffled order may be at most 2.7 times as likely
# (statistics.word_order).
_ADDED: Bounds = {"shuffle_log_odds": (None, 1.0)}
_TAMIS: Bounds = {
    column: bound
    for column, bound in (
        _GOPHER_REPETITION | _GOPHER_WORDS | _FINEWEB | _ADDED
    ).items()
    if column not in _OFF
}
# Presets whose bounds depend on the language.
PER_LANGUAGE: tuple[Preset, ...] = ("fineweb2", "tamis")
# English has no file in FineWeb-2. The gold has forum and shop pages, which repeat lines,
# for English only; wider bounds keep 2 % more of it and 0.5 % more of its link lists.
_ENGLISH: Bounds = {
    "duplicate_line_ratio": (None, 0.4),
    "char_duplicate_ratio": (None, 0.2),
}

# Least and most of a threshold.
_CLAMPS: dict[str, tuple[float, float]] = {
    "duplicate_line_ratio": (0.2, 0.4),
    "top_2gram_char_ratio": (0.15, 0.3),
    "top_3gram_char_ratio": (0.13, 0.25),
    "top_4gram_char_ratio": (0.12, 0.22),
    "duplicate_5gram_char_ratio": (0.12, 0.25),
    "duplicate_6gram_char_ratio": (0.11, 0.23),
    "duplicate_7gram_char_ratio": (0.10, 0.21),
    "duplicate_8gram_char_ratio": (0.09, 0.19),
    "duplicate_9gram_char_ratio": (0.08, 0.18),
    "duplicate_10gram_char_ratio": (0.07, 0.16),
    "terminal_punctuation_line_ratio": (0.08, 0.2),
    "newline_word_ratio": (0.15, 0.3),
    "min_mean_word_length": (1, 3),
    "max_mean_word_length": (5, 16),
    "alphabetic_word_ratio": (0.6, 0.8),
}
# Chinese and Japanese words have 1.5 to 2.2 code points, their shuffled characters 1.1.
_HAN_CLAMPS = {"min_mean_word_length": (1.3, 1.3)}
# Scripts that may have no full stops.
_UNPUNCTUATED_CLAMPS = {"terminal_punctuation_line_ratio": (0.0, 0.0)}
_SCRIPT_CLAMPS = {
    "Hani": _HAN_CLAMPS,
    "Jpan": _HAN_CLAMPS,
    "Thai": _UNPUNCTUATED_CLAMPS,
    "Laoo": _UNPUNCTUATED_CLAMPS,
    "Khmr": _UNPUNCTUATED_CLAMPS,
    "Mymr": _UNPUNCTUATED_CLAMPS,
}
# For `profile: everything`: bounds that convict lists, catalogues, tables and code for being
# what they are. A bound is at least so wide; that of repeated words is wider by a factor.
# Found on the development pages: with these 81 % of each kind of junk still drop in every
# language, and wider ones let the boilerplate of English pages in (benchmarks/fairness.py).
_WIDE_LEAST = {
    "word_count": 25,
    "terminal_punctuation_line_ratio": 0.1,
    "alphabetic_word_ratio": 0.6,
    "stop_word_count": 1,
    "sentence_count": 1,
}
_WIDE_MOST = {
    "duplicate_line_ratio": 0.65,
    "char_duplicate_ratio": 0.5,
    "ellipsis_line_ratio": 0.4,
    "hash_word_ratio": 0.3,
    "bullet_line_ratio": 1.0,
    "short_line_ratio": 1.0,
    "has_curly_bracket": 1,
}
_FACTORS = {
    **{f"top_{words}gram_char_ratio": 1.25 for words in (2, 3, 4)},
    **{f"duplicate_{words}gram_char_ratio": 1.5 for words in range(5, 11)},
}
_LEAST = ("terminal_punctuation_line_ratio", "alphabetic_word_ratio")
# For `profile: by_type`. Pages of these types are lists, tables and code; of the second, most
# lines end no sentence. The other types, and pages of unknown type, are prose. With .02 in place
# of .06 a quarter of the boilerplate of Chinese pages would stay (benchmarks/fairness.py).
_LISTS_AND_CODE = ("documentation", "recipe")
_CATALOGUES = ("collection", "listing", "product")
_LEAST_OF_CATALOGUES = {"terminal_punctuation_line_ratio": 0.06}


def preset_bounds(preset: Preset, language: str | None, script: str | None) -> Bounds:
    """Bounds of a preset for documents of one language (639-3) and script (15924).

    Empty for fineweb2 if FineWeb-2 has no figures: it does not filter English.
    """
    changes = preset_changes(preset, language, script)
    return {column: bound for column, bound in changes.items() if bound is not None}


def preset_changes(preset: Preset, language: str | None, script: str | None) -> Changes:
    """As `preset_bounds`, with None for a rule that the preset switches off.

    With [gopher, fineweb, fineweb2] only FineWeb-2's bounds apply to a French document,
    and only those of the other two to an English one.
    """
    if preset == "tamis":
        return {**_tamis(language or "", script or "")}
    if preset == "fineweb2":
        return {**_fineweb2(language or "", script or "")}
    return {**_PRESETS[preset]}


def for_everything(bounds: Changes) -> Changes:
    """The bounds of presets as `profile: everything` has them; none becomes tighter."""
    wide: Changes = {}
    for column, bound in bounds.items():
        least, most = bound or (None, None)
        if least is not None:
            least = min(least, _WIDE_LEAST.get(column, least))
        if most is not None:
            most = max(most * _FACTORS.get(column, 1), _WIDE_MOST.get(column, most))
        wide[column] = None if bound is None else (least, most)
    return wide


def for_type(bounds: Changes, page_type: str | None) -> Changes:
    """The bounds of presets as `profile: by_type` has them for pages of one type."""
    if page_type in _LISTS_AND_CODE:
        return for_everything(bounds)
    if page_type not in _CATALOGUES:
        return bounds
    wide = for_everything(bounds)
    for column, most in _LEAST_OF_CATALOGUES.items():
        least, other = wide.get(column) or (None, None)
        if least is not None:
            wide[column] = (min(least, most), other)
    return wide


def preset_columns(preset: Preset) -> tuple[str, ...]:
    """Columns for which the preset has a bound in one language or another."""
    every = {"fineweb2": _FINEWEB2, "tamis": _TAMIS, **_PRESETS}
    return tuple(every[preset])


def datatrove_bounds(preset: Preset) -> Bounds:
    """The preset's bounds for which datatrove 0.10.1 has another figure."""
    return _DATATROVE.get(preset, {})


def has_figures(language: str) -> bool:
    """Whether fineweb2.tsv has a row for a language (639-3), in whatever script."""
    return any(language == known for known, _ in _rows())


def usual_script(language: str) -> str:
    """Script of the language's first row in fineweb2.tsv; Latn where it has none."""
    return next((script for known, script in _rows() if known == language), "Latn")


@cache
def _tamis(language: str, script: str) -> Bounds:
    if language == "eng":
        return _TAMIS | _ENGLISH
    row = _rows().get((language, script)) or _script_rows().get(script)
    return _TAMIS if row is None else _TAMIS | _bounds(_clamped(row, script))


@cache
def _fineweb2(language: str, script: str) -> Changes:
    row = _rows().get((language, script))
    if row is None:
        return {}
    return {**dict.fromkeys(_OFF), **_FINEWEB2, **_bounds(row)}


def _clamped(row: dict[str, float], script: str) -> dict[str, float]:
    clamps = _CLAMPS | _SCRIPT_CLAMPS.get(script, {})
    return {
        column: min(max(value, clamps[column][0]), clamps[column][1])
        for column, value in row.items()
    }


def _bounds(row: dict[str, float]) -> Bounds:
    """Bounds from the figures of one language."""
    figures = dict(row)
    bounds: Bounds = {
        "mean_word_length": (
            figures.pop("min_mean_word_length"),
            figures.pop("max_mean_word_length"),
        )
    }
    for column, value in figures.items():
        bounds[column] = (value, None) if column in _LEAST else (None, value)
    return bounds


@lru_cache(maxsize=1)
def _rows() -> dict[tuple[str, str], dict[str, float]]:
    """Figures of fineweb2.tsv by language and script."""
    text = (files("tamis.quality") / "fineweb2.tsv").read_text(encoding="utf-8")
    rows = {}
    for row in csv.DictReader(text.splitlines(), delimiter="\t"):
        # FineWeb-2 says fas and fil where identify_language says pes and tgl; two of
        # its codes, eml and nah, name groups of languages.
        written = row.pop("language")
        key = known_language(written) or written, row.pop("script")
        rows[key] = {column: float(value) for column, value in row.items()}
    return rows


@lru_cache(maxsize=1)
def _script_rows() -> dict[str, dict[str, float]]:
    """Median figures of each script's languages."""
    of_script: dict[str, list[dict[str, float]]] = {}
    for (_, script), row in _rows().items():
        of_script.setdefault(script, []).append(row)
    return {
        script: {column: median(row[column] for row in rows) for column in rows[0]}
        for script, rows in of_script.items()
    }
