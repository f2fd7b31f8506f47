"""Sister languages: so alike that a model takes one for another.

sisters.tsv lists them by group and script; `sisters_of` names the languages of the group
whose pages are mixed up with theirs: Asturian is taken for Spanish, Upper Sorbian for
Polish. Serbian is in two groups, one for each of its scripts.
"""

from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

DEFAULT = "default"
DEFAULT_PATH = str(Path(__file__).with_name("sisters.npz"))


class Group(NamedTuple):
    """Languages (ISO 639-3) that are told apart together, in one script (ISO 15924)."""

    name: str
    script: str
    languages: tuple[str, ...]


@cache
def groups() -> tuple[Group, ...]:
    """All groups, in the table's order."""
    found: dict[tuple[str, str], list[str]] = {}
    for name, script, language, _ in _rows():
        found.setdefault((name, script), []).append(language)
    return tuple(Group(*key, tuple(languages)) for key, languages in found.items())


@cache
def sisters_of(language: str) -> frozenset[str]:
    """The languages that models mix up with this one, in either direction."""
    pairs = [(own, other) for *_, own, others in _rows() for other in others.split()]
    return frozenset(
        own if other == language else other
        for own, other in pairs
        if language in (own, other)
    )


@cache
def are_in_one_group(language: str, other: str) -> bool:
    """Whether both are in a group, so that a short text may be in either."""
    return any({language, other} <= set(group.languages) for group in groups())


@cache
def _rows() -> tuple[tuple[str, str, str, str], ...]:
    text = (files("tamis.language") / "sisters.tsv").read_text(encoding="utf-8")
    rows = []
    for line in text.splitlines()[1:]:
        group, script, language, others, *_ = *line.split("\t"), ""
        rows.append((group, script, language, others))
    return tuple(rows)
