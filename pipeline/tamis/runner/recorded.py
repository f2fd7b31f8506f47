"""The recipe of a finished run, as its run.json has it.

What is looked at later is looked at with the settings that made it, not with those of
a recipe that happens to lie about. Storage options are no part of run.json, which keeps
their names only as they may hold secrets: whoever reads a run hands them in.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tamis.errors import ConfigError
from tamis.recipe.load import load_recipe, stage_classes
from tamis.stage import StageConfig, kind


def recorded_stages(
    book: Mapping[str, Any], storage_options: Mapping[str, Any]
) -> tuple[StageConfig, ...]:
    """The stages with the settings they had.

    Raises ConfigError where this version of tamis does not know them.
    """
    stages = []
    for entry in book["recipe"]["stages"]:
        ((name, settings),) = entry.items()
        cls = stage_classes().get(name)
        if cls is None:
            raise ConfigError(
                f"run.json: its recipe has a stage {name!r}, unknown here"
            )
        if "storage_options" in cls.model_fields:
            settings = {**settings, "storage_options": dict(storage_options)}
        try:
            stages.append(cls.model_validate(settings))
        except ValidationError as error:
            version = book.get("tamis", "another version")
            raise ConfigError(
                f"run.json: the settings of {name}, made by tamis {version}, cannot be "
                f"read: {error.errors()[0]['msg']}"
            ) from error
    return tuple(stages)


def storage_options_of(recipe: Path | None) -> dict[str, Any]:
    """Those of a recipe file; none without one."""
    return load_recipe(recipe).storage_options if recipe else {}


def stages_for_text(stages: Sequence[StageConfig]) -> list[StageConfig]:
    """The transforms without which the text of a page would be another.

    Those that write `text` or `html`, and those whose columns they go by.
    """
    needed, chosen = {"text", "html"}, []
    for config in reversed(stages):
        prefix = f"{config.prefix}_" if config.prefix else ""
        written = {prefix + name for name in config.columns_written().names}
        if kind(config) == "transform" and needed & written:
            chosen.append(config)
            needed |= set(config.columns_read())
    return chosen[::-1]
