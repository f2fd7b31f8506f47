"""Paths of a recipe are relative to the recipe."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tamis.errors import ConfigError
from tamis.inputs import in_home
from tamis.stage import Stage, over_strings
from tamis.stage_source import FILE_STAGE
from tamis.stages import stage_class
from tamis.toxicity.model import DEFAULT


def beside(document: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The document of a recipe that lies in `folder`, with paths for the current folder.

    What is no recipe stays as it is: the checks that follow say so.
    """

    def placed(path: str) -> str:
        return path_beside(path, folder)

    found = dict(document)
    for name in ("input", "output"):
        if name in found:
            found[name] = over_strings(found[name], placed)
    if isinstance(found.get("refresh"), dict):
        found["refresh"] = dict(found["refresh"])
        for keys in (["corpus"], ["crawls", "lists"]):
            _place(found["refresh"], keys, folder)
    if isinstance(found.get("stages"), list):
        found["stages"] = [_entry_beside(entry, folder) for entry in found["stages"]]
    return found


def path_beside(path: str, folder: Path) -> str:
    """A path of a recipe in `folder`; addresses and absolute paths are what they are."""
    if not path or "://" in path or "::" in path or path == DEFAULT:
        return path
    if path.startswith("~"):
        return str(in_home(path))
    return path if folder == Path() else str(folder / path)


def _entry_beside(entry: Any, folder: Path) -> Any:
    if isinstance(entry, str):
        return _name_beside(entry, folder)
    if not isinstance(entry, dict) or len(entry) != 1:
        return entry
    ((name, settings),) = entry.items()
    own = _name_beside(str(name), folder)
    cls = _class_of(own)
    if cls is not None and isinstance(settings, dict):
        settings = dict(settings)
        for setting in cls.path_settings:
            _place(settings, setting.split("."), folder)
    return {own: settings}


def _name_beside(name: str, folder: Path) -> str:
    """`path/to/file.py:Class` is a path too."""
    match = FILE_STAGE.fullmatch(name)
    if not match:
        return name
    return f"{path_beside(match['path'], folder)}:{match['name']}"


def _class_of(name: str) -> type[Stage] | None:
    try:
        return stage_class(name)
    except ConfigError:
        return None  # said when it is built


def _place(settings: dict[str, Any], keys: list[str], folder: Path) -> None:
    """Place the paths of one setting, which may be within another."""
    name, *inner = keys
    value = settings.get(name)
    if inner and isinstance(value, dict):
        settings[name] = value = dict(value)
        _place(value, inner, folder)
    elif not inner and value is not None:
        settings[name] = over_strings(value, lambda path: path_beside(path, folder))
