"""Parse a recipe's YAML safely, with the line of every place in it."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from tamis.errors import ConfigError

# A line for each of 2,000 languages has 60 kB. PyYAML reads some 100 kB a second.
_MAX_RECIPE_BYTES = 512 << 10


class _Loader(yaml.SafeLoader):
    """Safe, and with YAML 1.2's booleans and floats.

    `on: html` has a key, `no` is Norwegian, `1e9` is a number.
    """

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Refuse aliases and duplicate keys.

        A few lines of aliases can make an endless document, and one of two equal keys
        would be lost without a message.
        """
        if self.check_event(yaml.AliasEvent):
            raise yaml.MarkedYAMLError(problem="aliases (*) are not read here")
        node = super().compose_node(parent, index)
        if isinstance(node, yaml.MappingNode):
            names = Counter(str(key.value) for key, _ in node.value)
            twice = [name for name, count in names.items() if count > 1]
            if twice:
                raise yaml.MarkedYAMLError(
                    problem=f"{min(twice)!r} occurs twice", problem_mark=node.start_mark
                )
        return node


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":bool")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool",
    re.compile(r"true|True|TRUE|false|False|FALSE"),
    list("tTfF"),
)
# 1e9, which YAML 1.1 takes for a word: it wants 1.0e+9.
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?[0-9][0-9_]*(?:\.[0-9_]*)?[eE][-+]?[0-9]+"),
    list("-+0123456789"),
)


def parse_file(path: Path) -> tuple[dict[str, Any], dict[str, int]]:
    """The document, and the line of each place (`stages[2].sign` -> 21).

    Raises ConfigError if the file is missing, is not YAML, or is not a mapping.
    """
    try:
        with path.open(encoding="utf-8") as file:
            content = file.read(_MAX_RECIPE_BYTES + 1)
    except FileNotFoundError:
        raise ConfigError(
            f"no recipe at {path}: name one, or write one with `tamis init`"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read the recipe {path}: {error}") from error
    if len(content) > _MAX_RECIPE_BYTES:
        raise ConfigError(f"{path} is over {_MAX_RECIPE_BYTES >> 10} KiB: not a recipe")
    try:
        loader = _Loader(content)
        node = loader.get_single_node()
        document = loader.construct_document(node) if node else None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path} is not YAML: {_reason(error)}") from None
    if not isinstance(document, dict):
        raise ConfigError(f"{path}: a recipe is a mapping with `input`, `stages`, ...")
    return document, dict(_lines(node, ""))


def _lines(node: Any, place: str) -> Iterator[tuple[str, int]]:
    yield place, node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            inside = f"{place}.{key.value}" if place else str(key.value)
            yield from _lines(value, inside)
            yield inside, key.start_mark.line + 1
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield from _lines(value, f"{place}[{index}]")


def parse_value(text: str) -> Any:
    """One value, written as in the file. Raises ValueError."""
    try:
        return yaml.load(text, Loader=_Loader)
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(f"no YAML: {_reason(error)}") from None


def _reason(error: Exception) -> str:
    """What is wrong and where, without the line itself: it may hold a secret."""
    if not isinstance(error, yaml.MarkedYAMLError):
        return " ".join(str(error).split())
    said = " ".join(filter(None, [error.context, error.problem]))
    mark = error.problem_mark or error.context_mark
    return f"{said}, line {mark.line + 1}, column {mark.column + 1}" if mark else said


def placed(path: Path, lines: dict[str, int], mistakes: Sequence[str]) -> list[str]:
    """Mistakes in the order of the file, each after its line number."""
    placed = []
    for mistake in mistakes:
        place = mistake.partition(": ")[0]
        while place and place not in lines:
            place = place[: max(place.rfind("."), place.rfind("["), 0)]
        placed.append((lines.get(place, 1), mistake))
    return [f"  {path.name}:{line}: {mistake}" for line, mistake in sorted(placed)]
