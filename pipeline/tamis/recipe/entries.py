"""Build stages from entries of a recipe: `sign: {bands: 20}` -> `Sign(bands=20)`."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from tamis.errors import ConfigError, nearest
from tamis.stage import Stage
from tamis.stage_source import FILE_STAGE
from tamis.stages import known_names, stage_class

_MOST_MISTAKES = 20  # of one stage that are told
_TYPE = re.compile(
    r"(literal|tuple|list|dict|set|frozenset|nullable|union|function-\w+"
    r"|is-instance|lax-or-strict|json-or-python|chain|definition-ref)\[|[A-Z]\w*$"
    r"|(str|int|float|bool|none|bytes|date|datetime|decimal|path|url|constrained-\w+)$"
)
_CLASS = re.compile(r" or instance of \w+")
_YAML_WORDS = {"valid tuple": "valid list", "valid dictionary": "valid mapping"}
_NAMED = re.compile(r"'([^']+)'")


def built_stages(
    entries: Sequence[Any], inherited: Mapping[str, Any], mistakes: list[str]
) -> list[Stage]:
    """The stages of a recipe from its entries; adds what is wrong to `mistakes`."""
    stages: list[Stage] = []
    for index, entry in enumerate(entries):
        place = f"stages[{index}]"
        if isinstance(entry, Stage):
            stages.append(_with_inherited(entry, inherited))
            continue
        name, settings = _named(entry)
        if name is None:
            mistakes.append(
                f"{place}: give one stage name with its settings, as `- sign: {{}}`"
            )
            continue
        try:
            cls = stage_class(name)
        except ConfigError as error:  # a file, or a package, that holds no stage
            mistakes.append(f"{place}.{name}: {error}")
            continue
        if cls is None:
            known = known_names()
            mistakes.append(
                f"{place}.{name}: no such stage; there are {', '.join(known)}"
                f"{nearest(name, known)}"
            )
            continue
        if "stage" in settings:
            mistakes.append(f"{place}.{name}.stage: extra inputs are not permitted")
            continue
        if nul := nul_in(settings, f"{place}.{name}"):
            mistakes += nul
            continue
        fields = cls.model_fields
        shared = {key: value for key, value in inherited.items() if key in fields}
        try:
            stages.append(cls.model_validate({**shared, **settings}))
        except ValidationError as error:
            known = [name for name in fields if name not in ("stage", "prefix")]
            mistakes += explained(error, f"{place}.{name}", [*known, "as"])
    return stages


def _with_inherited(stage: Stage, inherited: Mapping[str, Any]) -> Stage:
    """A stage object, with inherited values for what it did not set."""
    missing = {
        name: value
        for name, value in inherited.items()
        if name in type(stage).model_fields and name not in stage.model_fields_set
    }
    if not missing:
        return stage
    given = {name: getattr(stage, name) for name in stage.model_fields_set}
    return type(stage).model_validate({**given, **missing})


def _named(entry: Any) -> tuple[str | None, dict[str, Any]]:
    """Name and settings of an entry: `sign`, or a mapping of one key."""
    if isinstance(entry, str):
        return entry, {}
    if not isinstance(entry, dict) or len(entry) != 1:
        return None, {}
    ((name, settings),) = entry.items()
    if not isinstance(settings, dict):
        settings = long_form(str(name), settings)
    return str(name), settings


def long_form(stage: str, settings: Any) -> dict[str, Any]:
    """`save: extracted` becomes `save: {name: extracted}`; null becomes no settings."""
    if settings is None:
        return {}
    return {"name": settings} if stage == "save" else {"": settings}


def short_name(name: str) -> str:
    """The name in the funnel: `my/stages.py:KeepLong` is keep_long."""
    if not FILE_STAGE.fullmatch(name):
        return name
    cls = stage_class(name)
    return cls.stage_name() if cls else name


def explained(
    error: ValidationError, place: str, known: Sequence[str] = ()
) -> list[str]:
    """One line per mistake, with the nearest name that is known for an unknown one."""
    lines: dict[str, list[str]] = {}
    meant: dict[str, str] = {}
    for mistake in _fitting(error.errors(include_url=False)):
        where = place
        for key in mistake["loc"]:
            if isinstance(key, int):
                where += f"[{key}]"
            elif not _TYPE.match(key):  # pydantic names the types that a value may have
                where += f".{key}"
        where = where.lstrip(".")
        message = _in_words_of_yaml(mistake["msg"][0].lower() + mistake["msg"][1:])
        if mistake["type"] == "extra_forbidden" and len(mistake["loc"]) == 1:
            meant[where] = nearest(str(mistake["loc"][0]), known)
        if mistake["type"] == "literal_error" and isinstance(mistake["input"], str):
            meant[where] = nearest(mistake["input"], _NAMED.findall(message))
        lines.setdefault(where, []).append(message)
    told = [
        f"{where}: {_together(said)}{meant.get(where, '')}"
        for where, said in lines.items()
    ]
    if len(told) > _MOST_MISTAKES:
        left = len(told) - _MOST_MISTAKES
        more = f"{place or 'the recipe'}: and {left:,} more mistakes"
        return [*told[:_MOST_MISTAKES], more]
    return told


def _fitting(mistakes: Sequence[ErrorDetails]) -> list[ErrorDetails]:
    """Of a value with several types the mistakes of those that got furthest into it.

    `{fra: x}` is a mapping with a wrong number, and no text that should be a number.
    """
    deepest: dict[tuple[int | str, ...], int] = {}
    unions = [_union_of(mistake["loc"]) for mistake in mistakes]
    for mistake, union in zip(mistakes, unions, strict=True):
        depth = len(_keys(mistake["loc"]))
        deepest[union] = max(deepest.get(union, 0), depth)
    return [
        mistake
        for mistake, union in zip(mistakes, unions, strict=True)
        if union == mistake["loc"] or len(_keys(mistake["loc"])) == deepest[union]
    ]


def _union_of(place: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """The part of a place before the first name of a type; the place itself if it has none."""
    types = [
        n for n, key in enumerate(place) if isinstance(key, str) and _TYPE.match(key)
    ]
    return place[: types[0]] if types else place


def _keys(place: tuple[int | str, ...]) -> list[int | str]:
    return [key for key in place if isinstance(key, int) or not _TYPE.match(key)]


def _in_words_of_yaml(message: str) -> str:
    for python, yaml in _YAML_WORDS.items():
        message = message.replace(python, yaml)
    return _CLASS.sub("", message)


def _together(messages: Sequence[str]) -> str:
    """Several messages about one place: `input should be a valid string or a valid list`."""
    begin = "input should be "
    first, *others = dict.fromkeys(messages)
    return " or ".join([first, *(other.removeprefix(begin) for other in others)])


def nul_in(value: Any, place: str = "") -> list[str]:
    """Mistakes for settings with the character NUL, which no path and no text has."""
    if isinstance(value, str):
        return [f"{place}: has the character NUL"] if "\0" in value else []
    found: list[str] = []
    if isinstance(value, Mapping):
        for key, part in value.items():
            found += nul_in(part, f"{place}.{key}" if place else str(key))
    elif isinstance(value, list | tuple):
        for index, part in enumerate(value):
            found += nul_in(part, f"{place}[{index}]")
    return found
