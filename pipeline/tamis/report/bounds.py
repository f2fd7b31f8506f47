"""The bounds that a run's filters set for its columns, as run.json has their settings.

Filters say them in three ways: by a preset with bounds of the recipe over it, some of them per
language; by `min_score`, the least of the language's score; and by a setting that is called as
the column of which it is the most, or is `default`. A file of thresholds is read again; if it is gone, the bounds
of its filter are not known here.
"""

from collections.abc import Iterator, Mapping
from typing import Any, get_args

from tamis.errors import ConfigError
from tamis.quality.names import Preset
from tamis.quality.presets import datatrove_bounds, for_everything, preset_changes
from tamis.report.languages import mix_tally
from tamis.stages.filter_language import OTHER_LANGUAGES
from tamis.stages.filter_quality import read_thresholds
from tamis.stages.filter_toxicity import DEFAULT, default_maximum
from tamis.tally import RunSummary

Bound = tuple[float | None, float | None]


def bounds_of(run_summary: RunSummary) -> dict[str, list[Bound]]:
    """By column the bounds [least, most], those of the languages of the mix once each."""
    mixed = mix_tally(run_summary).get("languages", {})
    languages = [code for code, about in mixed.items() if about.get("documents")]
    found: dict[str, dict[Bound, None]] = {}
    for settings in _settings(run_summary):
        prefix = f"{settings['prefix']}_" if settings.get("prefix") else ""
        for language in languages or [None]:
            for column, bound in _bounds(settings, language):
                found.setdefault(prefix + column, {})[bound] = None
    return {column: list(bounds) for column, bounds in found.items()}


def _settings(run_summary: RunSummary) -> Iterator[Mapping[str, Any]]:
    for entry in run_summary["recipe"].get("stages", ()):
        if isinstance(entry, Mapping):
            yield from (own for own in entry.values() if isinstance(own, Mapping))


def _bounds(
    settings: Mapping[str, Any], language: str | None
) -> Iterator[tuple[str, Bound]]:
    if {"preset", "bounds", "per_language"} <= settings.keys():
        yield from _of_presets(settings, language)
        return
    if "min_score" in settings:
        yield "language_score", (_least_score(settings["min_score"], language), None)
    for name, value in settings.items():
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if is_number and name != "min_score":
            yield name, (None, value)
        elif name == "toxicity_max" and value == DEFAULT:
            yield name, (None, default_maximum(language))


def _of_presets(
    settings: Mapping[str, Any], language: str | None
) -> Iterator[tuple[str, Bound]]:
    changes: dict[str, Any] = {}
    given = settings["preset"] or []
    names = [given] if isinstance(given, str) else given
    # In the order of the recipe: a later preset's bound replaces an earlier one's.
    known: tuple[Preset, ...] = get_args(Preset)
    for preset in sorted(set(known) & set(names), key=names.index):
        changes |= preset_changes(preset, language, None)
        changes |= datatrove_bounds(preset) if settings.get("compat") else {}
    if settings.get("profile") == "everything":
        changes = for_everything(changes)
    if settings.get("thresholds") is not None:
        try:
            table = read_thresholds(settings["thresholds"])
        except ConfigError:
            return
        changes |= table.get(language or "", {})
    changes |= settings["bounds"]
    changes |= settings["per_language"].get(language or "", {})
    for column, bound in changes.items():
        if bound is not None:
            least, most = bound
            yield column, (least, most)


def _least_score(least: float | Mapping[str, float], language: str | None) -> float:
    """filter_language's bound: one for all, or one a language and one for the others."""
    if isinstance(least, Mapping):
        return least.get(language or "", least.get(OTHER_LANGUAGES, 0.0))
    return least
