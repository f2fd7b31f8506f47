"""Why a step is done again: what differs from the last run of the folder.

A run summary has `dependencies`, what the output of each stage depends on. They are
compared stage by stage. A step is done again for the changes of its own stages and of all
above it.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from tamis.addresses import open_settings
from tamis.inputs import InputFile
from tamis.recipe.load import Recipe
from tamis.recipe.plan import BarrierStep, Step
from tamis.tally import RunSummary
from tamis.work.fingerprints import stage_dependencies

_MOST_TOLD = 3


class Cost(NamedTuple):
    """Documents that a step was given in the last run, and seconds of one core."""

    documents: int
    seconds: float


def changes(
    recipe: Recipe, files: Sequence[InputFile], before: RunSummary
) -> list[tuple[int, str]]:
    """What differs from an earlier run: place in the recipe's stages, and one line."""
    found = [(0, line) for line in _of_inputs(files, before)]
    if recipe.dropped.model_dump() != before["recipe"].get("dropped"):
        found.append((0, "dropped.text changed"))
    known = {about["label"]: about for about in before.get("dependencies", [])}
    labels = [stage.label for stage in recipe.stages]
    for place, stage in enumerate(recipe.stages):
        if stage.kind == "save":
            continue
        earlier = known.get(stage.label)
        if earlier is None:
            found.append((place, f"{stage.label} is new"))
        else:
            # run.json has no secrets; what differs in them alone cannot be told.
            now = open_settings(stage_dependencies(stage))
            found += [(place, line) for line in _of_stage(stage.label, earlier, now)]
    order = list(known)
    for index, label in enumerate(order):
        if label not in labels:
            later = [labels.index(name) for name in order[index:] if name in labels]
            found.append((min(later, default=len(labels)), f"{label} is gone"))
    return sorted(found, key=lambda change: change[0])


def reason(step: Step, found: Sequence[tuple[int, str]]) -> str:
    """Why a step is done again: the changes above its end, "" for none."""
    end = step.position if isinstance(step, BarrierStep) else step.end - 1
    lines = [line for place, line in found if place <= end]
    more = len(lines) - _MOST_TOLD
    told = "; ".join(lines[:_MOST_TOLD])
    return f"{told}; and {more} more" if more > 0 else told


def cost(step: Step, before: RunSummary) -> Cost:
    """What the step took in the last run, as far as that had it."""
    if isinstance(step, BarrierStep):
        about = before.get("barriers", {}).get(step.name, {})
        return Cost(_documents(before, step.name), float(about.get("seconds", 0.0)))
    labels = [stage.label for stage in step.stages]
    stages: Mapping[str, Any] = before.get("stages", {})
    seconds = sum(float(stages.get(name, {}).get("seconds", 0.0)) for name in labels)
    if step.kind == "source":
        return Cost(int(before.get("source", {}).get("admitted", 0)), seconds)
    return Cost(max((_documents(before, name) for name in labels), default=0), seconds)


def _documents(before: RunSummary, label: str) -> int:
    stages: Mapping[str, Any] = before.get("stages", {})
    return int(stages.get(label, {}).get("documents_in", 0))


def _of_inputs(files: Sequence[InputFile], before: RunSummary) -> Iterator[str]:
    earlier = {about["name"] for about in before["inputs"]}
    now = {file.name for file in files}
    for names, what in ((now - earlier, "new"), (earlier - now, "gone")):
        if len(names) == 1:
            yield f"the input {min(names)} is {what}"
        elif names:
            yield f"{len(names):,} inputs are {what}"
    stamps = {about["name"]: about["stamp"] for about in before["inputs"]}
    for file in files:
        if stamps.get(file.name, file.stamp) != file.stamp:
            yield f"{file.name} changed"


def _of_stage(
    label: str, before: Mapping[str, Any], now: Mapping[str, Any]
) -> Iterator[str]:
    for name in sorted({*before["settings"], *now["settings"]}):
        old, new = (about["settings"].get(name) for about in (before, now))
        if old != new:
            yield f"{label}.{name} changed from {_short(old)} to {_short(new)}"
    for name in sorted({*before["libraries"], *now["libraries"]}):
        old, new = (about["libraries"].get(name, "absent") for about in (before, now))
        if old != new:
            yield f"{label} uses {name} {new}, not {old}"
    if before["version"] != now["version"]:
        yield f"{label} has version {now['version']}, not {before['version']}"
    if (before["files"], before["others"]) != (now["files"], now["others"]):
        yield f"a file that {label} reads changed"
    if before["sources"] != now["sources"]:
        yield f"the code of {label} changed"


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
