"""The recipe that `tamis init` writes: the package's stages.yaml, with a user's own places.

There is one text, the one that the repository runs on its samples. Only values at its top
change, and the lists of the samples go. Its comments stay.
"""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from tamis.addresses import is_local
from tamis.errors import ConfigError, InputError
from tamis.inputs import resolve
from tamis.language.codes import canonical_language
from tamis.recipe.load import load_recipe

EXAMPLE = Path(__file__).parents[1] / "example"
_RECIPE = EXAMPLE / "stages.yaml"
_SAMPLE_LISTS = "{lists: [samples/blocklists]}"
_OWN_LISTS = "{}                                    # lists: [ut1/] drops the sites of blocklists"


def starting_recipe(
    folder: Path,
    inputs: Sequence[str],
    languages: Sequence[str],
    output: str | None,
    like: Path = _RECIPE,
) -> str:
    """The text of a recipe in `folder`; paths are given as seen from the current one.

    It is that of `like`, a recipe of the package. Without `inputs` the default one reads
    the samples. What is not given is as in the package's recipe.
    Raises ConfigError or InputError, in one line, for what no run would take.
    """
    _refuse_absent(inputs)
    values: dict[str, Any] = {}
    if inputs:
        paths = [_from(folder, path) for path in inputs]
        values["input"] = paths[0] if len(paths) == 1 else paths
    if output:
        values["output"] = _from(folder, output)
    if languages:
        values["languages"] = _codes(languages)
    try:
        load_recipe(like, top_level=values)
    except ConfigError as error:
        mistakes = str(error).splitlines()
        raise ConfigError("; ".join(map(str.strip, mistakes[1:] or mistakes))) from None
    text = like.read_text("utf-8")
    if "input" in values and not re.search("^input:", text, re.MULTILINE):
        text = re.sub("^output:", "input: ARCHIVES\noutput:", text, flags=re.MULTILINE)
    for name, value in values.items():
        text = _with_value(text, name, value)
    return text.replace(_SAMPLE_LISTS, _OWN_LISTS) if inputs else text


def example_files() -> dict[str, Path]:
    """The samples, by their names beside a recipe."""
    found = sorted(path for path in EXAMPLE.rglob("*") if path.is_file())
    return {
        path.relative_to(EXAMPLE).as_posix(): path for path in found if path != _RECIPE
    }


def _codes(languages: Sequence[str]) -> list[str]:
    try:
        return list(dict.fromkeys(map(canonical_language, languages)))
    except ValueError as error:
        raise ConfigError(f"--languages: {error}") from None


def _refuse_absent(inputs: Sequence[str]) -> None:
    """Raise for archives on this disk that are not there; no server is asked."""
    here = [path for path in inputs if _is_here(path)]
    problems = [file.problem for file in resolve(here) if file.problem] if here else []
    if problems:
        raise InputError(problems[0])


def _is_here(path: str) -> bool:
    return is_local(path) and "://" not in path


def _from(folder: Path, path: str) -> str:
    """`path` as seen from the recipe's folder, as recipes have their paths."""
    if not _is_here(path) or Path(path).is_absolute():
        return path
    if folder.absolute() == Path.cwd():
        return path
    end = "/" if path.endswith("/") else ""
    return os.path.relpath(Path(path).absolute(), folder.absolute()) + end


def _with_value(text: str, name: str, value: Any) -> str:
    """The text with another value of a setting at its top; its comment stays."""
    pattern = rf"^{name}: *(?:\[.*?\]|\S+)(?P<spaces> *)(?=#|$)"

    def written(old: re.Match[str]) -> str:
        new = f"{name}: {_spelled(value)}"
        # A comment stays in its column, if there is room.
        width = len(old.group())
        return new.ljust(width) if len(new) < width else new + " " * bool(old["spaces"])

    changed, count = re.subn(pattern, written, text, count=1, flags=re.MULTILINE)
    assert count == 1, f"stages.yaml has no {name}"
    return changed


def _spelled(value: Any) -> str:
    """YAML on one line."""
    listed = yaml.safe_dump(
        value if isinstance(value, list) else [value],
        default_flow_style=True,
        allow_unicode=True,
        width=float("inf"),
    ).rstrip("\n")
    return listed if isinstance(value, list) else listed[1:-1]
