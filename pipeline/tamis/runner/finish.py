"""The end of a run: dropped/, run.json, report.html, and nothing left lying about."""

import json
import platform
import re
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tamis.inputs import InputFile
from tamis.recipe.load import Recipe, resolved
from tamis.remote.failures import without_secrets
from tamis.report.page import render_page
from tamis.report.reading import TABLES
from tamis.runner.barriers import LastAct
from tamis.runner.dropped.publish import (
    DroppedInput,
    DroppedWork,
    publish_dropped,
    smallest_keys,
    thresholds,
)
from tamis.runner.dropped.rows import masking_print
from tamis.runner.passes.splits import PLAN
from tamis.runner.tally import add
from tamis.stage import kind
from tamis.storage import Storage
from tamis.warc.splits import UNKNOWN_SIZE
from tamis.work.commits import Commit, fingerprint
from tamis.work.fingerprints import file_sha256, icu_version, library_version
from tamis.work.tasks import Task, Tasks

_INPUTS_PER_TASK = 1000
_KEPT = {PLAN, TABLES, "run.json", "report.html", "lock.json"}
# What this package names a file: nothing else in the folder is ours to remove.
_OURS = re.compile(r"-[0-9a-f]{16}\.\w+$|^work/(tmp|marks)/|^mix/manifest\.json$")


def finish(
    recipe: Recipe,
    tasks: Tasks,
    files: Sequence[InputFile],
    inputs: Sequence[DroppedInput],
    work: DroppedWork,
    tally: dict[str, Any],
    missing: Mapping[str, str],
    books: Mapping[str, Any],
    last_acts: Sequence[LastAct] = (),
    *,
    seconds: float,
    is_complete: bool,
) -> dict[str, Any]:
    """Publish what was dropped, write the books, then the `last_acts` of barriers; remove
    what no record names.
    """
    dropped = _publish(tasks, inputs, work)
    for commit in dropped:
        add(tally, commit.tally)
    book = {
        "tamis": library_version("tamis"),
        "complete": is_complete,
        "recipe": resolved(recipe),
        "versions": _versions(recipe),
        "models": {
            Path(path).name: file_sha256(path)
            for config in recipe.stages
            for path in config.models()
        },
        "inputs": [
            {
                "path": without_secrets(file.path),
                "bytes": None if file.size == UNKNOWN_SIZE else file.size,
                "stamp": file.stamp,
            }
            for file in files
        ],
        "missing_inputs": dict(missing),
        "tasks_executed": dict(sorted(tasks.executed.items())),
        "seconds": round(seconds, 3),
        **_ordered(recipe, tally),
    }
    tasks.storage.check_lock()
    if is_complete:  # from here on the new mix is the one that counts
        for name, content in books.items():
            written = json.dumps(content, indent=1, sort_keys=True).encode()
            tasks.storage.write(name, written)
    tasks.storage.write(TABLES, json.dumps(_tables(inputs, dropped)).encode())
    tasks.storage.write("run.json", json.dumps(book, indent=1).encode())
    tasks.storage.write("report.html", render_page(book, tasks.storage).encode())
    if is_complete:
        for act in last_acts:
            act()
        _sweep(tasks, books)
    return book


def _tables(
    inputs: Sequence[DroppedInput], dropped: Sequence[Commit]
) -> dict[str, dict[str, Any]]:
    """The files that hold each input's documents: those of this run and no other."""
    return {
        source.name: {
            "dropped": commit.of("dropped")[0].path,
            "saved": [file.path for file in source.part.files],
            "duplicates": next(
                (
                    layer.path
                    for layer in reversed(source.part.layers)
                    if layer.dataset == "duplicates"
                ),
                None,
            ),
        }
        for source, commit in zip(inputs, dropped, strict=True)
    }


def _publish(
    tasks: Tasks, inputs: Sequence[DroppedInput], work: DroppedWork
) -> list[Commit]:
    """One commit for each input."""
    if not inputs:
        return []
    masking = masking_print()
    prints = [
        fingerprint(
            [file.path for file in source.sidecars],
            source.part.fingerprint,
            [work.keep_text, work.labels, str(work.signals), masking],
        )
        for source in inputs
    ]
    chunks = [
        (
            prints[first : first + _INPUTS_PER_TASK],
            inputs[first : first + _INPUTS_PER_TASK],
        )
        for first in range(0, len(inputs), _INPUTS_PER_TASK)
    ]
    drawn = tasks.run(
        "samples",
        [
            Task(f"chunk-{number}", fingerprint(some), smallest_keys, (work, chunk))
            for number, (some, chunk) in enumerate(chunks)
        ],
    )
    limits = thresholds([commit.tally for commit in drawn])
    limits_print = fingerprint(sorted([*group, key] for group, key in limits.items()))
    return tasks.run(
        "dropped",
        [
            Task(
                source.name,
                fingerprint(print_, limits_print),
                publish_dropped,
                (work, source, limits),
            )
            for print_, source in zip(prints, inputs, strict=True)
        ],
    )


def _ordered(recipe: Recipe, tally: dict[str, Any]) -> dict[str, Any]:
    """The tally with its stages in the recipe's order, barriers' seconds added."""
    stages = tally.get("stages", {})
    for name, about in tally.get("barriers", {}).items():
        stages.get(name, {})["seconds"] = about.get("seconds", 0.0)
    labels = [config.label for config in recipe.stages if kind(config) != "save"]
    return {
        "stages": {label: stages[label] for label in labels if label in stages},
        **{key: value for key, value in tally.items() if key != "stages"},
    }


def _versions(recipe: Recipe) -> dict[str, str]:
    names = {name for config in recipe.stages for name in config.depends_on()}
    names |= {"pyarrow", "numpy", "numba", "ray"}
    return {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "icu": icu_version(),
        **{name: library_version(name) for name in sorted(names)},
    }


def _sweep(tasks: Tasks, books: Iterable[str]) -> None:
    """Remove every file of ours that no commit record of this run names."""
    storage: Storage = tasks.storage
    named = {*_KEPT, *tasks.used, *books}
    folders = {"commits", "work", "mix", "dropped"}
    records = [name for name in storage.names("commits") if name.endswith(".json")]
    with ThreadPoolExecutor(16) as pool:
        for record, content in zip(
            records, pool.map(storage.read_json, records), strict=True
        ):
            paths = [file["path"] for file in content["files"]]
            folders |= {path.partition("/")[0] for path in paths}
            if record in tasks.used:
                named |= set(paths)
    storage.check_lock()
    for folder in sorted(folders):
        storage.remove(
            name
            for name in storage.names(folder)
            if name not in named and _OURS.search(name)
        )
