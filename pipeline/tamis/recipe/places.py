"""Paths of a recipe are relative to the recipe."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from tamis.addresses import is_local
from tamis.errors import ConfigError
from tamis.inputs import in_home
from tamis.recipe.entries import short_name
from tamis.stage import Stage, over_strings
from tamis.stage_source import FILE_STAGE
from tamis.stages import stage_class
from tamis.toxicity.model import DEFAULT


def beside(document: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The document of a recipe that lies in `folder`, with paths for the current folder.

    What is no recipe stays as it is: the checks that follow say so.
    """

    def placed(_: str, path: str) -> str:
        return path_beside(path, folder)

    return _placed(document, placed)


def local_paths(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Every path of a disk that a recipe names, and where it does."""
    found: list[tuple[str, str]] = []

    def noted(place: str, path: str) -> str:
        if path and path != DEFAULT and is_local(path):
            found.append((place, path))
        return path

    _placed(document, noted)
    return found


# What becomes of a path, by its place in the recipe.
_Change = Callable[[str, str], str]


def _placed(document: Mapping[str, Any], change: _Change) -> dict[str, Any]:
    found = dict(document)
    for name in ("input", "output"):
        if name in found:
            found[name] = over_strings(found[name], partial(change, name))
    if isinstance(found.get("refresh"), dict):
        found["refresh"] = own = dict(found["refresh"])
        for keys in (["corpus"], ["crawls", "lists"]):
            _place(own, keys, partial(change, f"refresh.{'.'.join(keys)}"))
    if isinstance(found.get("stages"), list):
        found["stages"] = [_entry_placed(entry, change) for entry in found["stages"]]
    return found


def path_beside(path: str, folder: Path) -> str:
    """A path of a recipe in `folder`; addresses and absolute paths are what they are."""
    if not path or "://" in path or "::" in path or path == DEFAULT:
        return path
    if path.startswith("~"):
        return str(in_home(path))
    return path if folder == Path() else str(folder / path)


def _entry_placed(entry: Any, change: _Change) -> Any:
    if isinstance(entry, str):
        return _name_placed(entry, change)
    if not isinstance(entry, dict) or len(entry) != 1:
        return entry
    ((name, settings),) = entry.items()
    own = _name_placed(str(name), change)
    cls = _class_of(own)
    if cls is not None and isinstance(settings, dict):
        settings = dict(settings)
        for setting in cls.path_settings:
            place = partial(change, f"{short_name(own)}.{setting}")
            _place(settings, setting.split("."), place)
    return {own: settings}


def _name_placed(name: str, change: _Change) -> str:
    """`path/to/file.py:Class` is a path too."""
    match = FILE_STAGE.fullmatch(name)
    if not match:
        return name
    return f"{change('stages', match['path'])}:{match['name']}"


def _class_of(name: str) -> type[Stage] | None:
    try:
        return stage_class(name)
    except ConfigError:
        return None  # said when it is built


def _place(
    settings: dict[str, Any], keys: list[str], change: Callable[[str], str]
) -> None:
    """Place the paths of one setting, which may be within another."""
    name, *inner = keys
    value = settings.get(name)
    if inner and isinstance(value, dict):
        settings[name] = value = dict(value)
        _place(value, inner, change)
    elif not inner and value is not None:
        settings[name] = over_strings(value, change)
