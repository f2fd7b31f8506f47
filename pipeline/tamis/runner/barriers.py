"""Barriers that read and write what outlives the run: how they look ahead, begin and
conclude.
"""

import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from tamis.documents.parts import Part
from tamis.stage import StageConfig
from tamis.work.tasks import Tasks

LastAct = Callable[[], None]


def look_ahead(stages: Sequence[StageConfig]) -> None:
    """Raises ConfigError where what outlives the run does not fit the recipe."""
    for config in stages:
        module = sys.modules[type(config).__module__]
        if hasattr(module, "look_ahead"):
            module.look_ahead(config, stages)


def begin(
    config: StageConfig,
    parts: Sequence[Part],
    tasks: Tasks,
    stages: Sequence[StageConfig],
    *,
    is_dry: bool,
) -> tuple[list[Any], list[LastAct]]:
    """What the barrier reads beside its parts, if anything, as it enters the fingerprint;
    and what it does once all is done.
    """
    module = sys.modules[type(config).__module__]
    if not hasattr(module, "begin"):
        return [], []
    begun = module.begin(config, parts, tasks.storage, stages, is_dry=is_dry)
    if begun is None:
        return [], []
    return [begun], [partial(module.conclude, config, list(parts), tasks, begun)]
