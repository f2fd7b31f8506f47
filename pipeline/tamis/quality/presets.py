"""The bounds that published pipelines keep documents within, on our columns.

    gopher    Rae et al. 2021, table A1 and section A1.1
    c4        Raffel et al. 2020, section 2.2: its rules for whole documents
    fineweb   Penedo et al. 2024, section 3.6; repeated lines as in the paper (0.1), not
              as in its code (0.01)
    fineweb2  Penedo et al. 2025, sections 4.2 to 4.5: Gopher's and FineWeb's rules with
              thresholds per language (fineweb2.tsv), plus a rule of our own

A bound is (least, most), both inclusive, None for none. Bounds are tried in the order
in which they stand here: the first that a document breaks is its drop reason.

fineweb2.tsv holds figures from huggingface/fineweb-2, configs/*.yml at commit d0defb2
(Apache-2.0), of the 316 languages for which it sets a share of punctuated lines, that
is, which have enough text for it; no word lists. Some are far out (a mean word length
of 3141, more duplicate lines than lines), so each is clamped to `_CLAMPS`. A language
without a row has the median of its script's rows, one whose script has none has
English's bounds.
"""

import csv
from functools import cache, lru_cache
from importlib.resources import files
from statistics import median
from typing import Literal

from tamis.language.codes import known_language

Preset = Literal["gopher", "c4", "fineweb", "fineweb2"]
Bound = tuple[float | None, float | None]
Bounds = dict[str, Bound]

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

# Where datatrove's code has other figures than the papers.
_DATATROVE: dict[str, Bounds] = {"fineweb": {"char_duplicate_ratio": (None, 0.01)}}

# What fineweb2 leaves out: extractors have dropped repeated paragraphs already, and
# verse, talk and lists are short lines in every language.
_OFF = (
    "duplicate_paragraph_ratio",
    "duplicate_paragraph_char_ratio",
    "duplicate_line_char_ratio",
    "short_line_ratio",
)
# What it adds: no more likely shuffled than 2.7 times (statistics.order).
_ADDED: Bounds = {"shuffle_log_odds": (None, 1.0)}
# English has no file in FineWeb-2. The gold has forum and shop pages for English only,
# which repeat lines; wider bounds keep 2 % more of it and 0.5 % more of its link lists.
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
# Scripts that may do without a full stop.
_UNPUNCTUATED_CLAMPS = {"terminal_punctuation_line_ratio": (0.0, 0.0)}
_SCRIPT_CLAMPS = {
    "Hani": _HAN_CLAMPS,
    "Jpan": _HAN_CLAMPS,
    "Thai": _UNPUNCTUATED_CLAMPS,
    "Laoo": _UNPUNCTUATED_CLAMPS,
    "Khmr": _UNPUNCTUATED_CLAMPS,
    "Mymr": _UNPUNCTUATED_CLAMPS,
}
_LEAST = ("terminal_punctuation_line_ratio", "alphabetic_word_ratio")


def preset_bounds(preset: Preset, language: str | None, script: str | None) -> Bounds:
    """Bounds of a preset for documents of one language (639-3) and script (15924).

    Only fineweb2 looks at the two.
    """
    if preset != "fineweb2":
        return _PRESETS[preset]
    return _fineweb2(language or "", script or "")


def datatrove_bounds(preset: Preset) -> Bounds:
    """The preset's bounds for which datatrove 0.10.1 has a figure of its own."""
    return _DATATROVE.get(preset, {})


@cache
def _fineweb2(language: str, script: str) -> Bounds:
    every = _GOPHER_REPETITION | _GOPHER_WORDS | _FINEWEB | _ADDED
    general = {column: every[column] for column in every if column not in _OFF}
    if language == "eng":
        return general | _ENGLISH
    row = _rows().get((language, script)) or _script_rows().get(script)
    return general if row is None else general | _clamped(row, script)


def _clamped(row: dict[str, float], script: str) -> Bounds:
    """Bounds from the figures of one language."""
    clamps = _CLAMPS | _SCRIPT_CLAMPS.get(script, {})
    kept = {
        column: min(max(value, clamps[column][0]), clamps[column][1])
        for column, value in row.items()
    }
    bounds: Bounds = {
        "mean_word_length": (
            kept.pop("min_mean_word_length"),
            kept.pop("max_mean_word_length"),
        )
    }
    for column, value in kept.items():
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
