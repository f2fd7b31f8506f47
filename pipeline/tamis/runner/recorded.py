"""The recipe of a finished run, from its run.json.

A run is inspected later with the settings that made it, not with those of some recipe
file. run.json lacks most values of storage options, since they may be secrets: the
caller gives them.
"""

from collections.abc import Container, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tamis.errors import ConfigError
from tamis.recipe.load import load_recipe
from tamis.stage import Stage, Transform
from tamis.stage_source import FILE_STAGE, locator_of
from tamis.stages import stage_class


def recorded_stages(
    summary: Mapping[str, Any],
    storage_options: Mapping[str, Any],
    trusted: Container[str] = (),
) -> tuple[Stage, ...]:
    """The stages with the settings they had.

    Stages defined in files are loaded only if `trusted` has them, since a run may come
    from elsewhere. Raises ConfigError for others, and for stages that this version does
    not know.
    """
    stages = []
    for entry in summary["recipe"]["stages"]:
        ((name, settings),) = entry.items()
        if FILE_STAGE.fullmatch(name) and name not in trusted:
            raise ConfigError(
                f"run.json: its recipe has the stage {name} of a file, which is not run "
                f"without your consent: name the recipe with --recipe"
            )
        cls = stage_class(name)
        if cls is None:
            raise ConfigError(
                f"run.json: its recipe has a stage {name!r}, unknown here"
            )
        if "storage_options" in cls.model_fields:
            settings = {**settings, "storage_options": dict(storage_options)}
        try:
            stages.append(cls.model_validate(settings))
        except ValidationError as error:
            version = summary.get("tamis", "another version")
            raise ConfigError(
                f"run.json: the settings of {name}, made by tamis {version}, cannot be "
                f"read: {error.errors()[0]['msg']}"
            ) from error
    return tuple(stages)


def opened_by(
    recipe: Path | None,
) -> tuple[dict[str, Any], set[str], tuple[str, ...]]:
    """Storage options, stages and inputs of a recipe file; empty without one."""
    if recipe is None:
        return {}, set(), ()
    loaded = load_recipe(recipe)
    stages = {locator_of(stage) for stage in loaded.stages}
    return loaded.storage_options, stages, loaded.input


def storage_options_of(recipe: Path | None) -> dict[str, Any]:
    """Storage options of a recipe file; none without one."""
    return opened_by(recipe)[0]


def stages_for_text(stages: Sequence[Stage]) -> list[Transform]:
    """The transforms that the text of a page depends on.

    These write `text` or `html`, or a column that one of them reads.
    """
    needed = {"text", "html"}
    chosen: list[Transform] = []
    for stage in reversed(stages):
        prefix = f"{stage.prefix}_" if stage.prefix else ""
        written = {prefix + name for name in stage.columns_written().names}
        if isinstance(stage, Transform) and needed & written:
            chosen.append(stage)
            needed |= stage.columns_needed(set())
    return chosen[::-1]
