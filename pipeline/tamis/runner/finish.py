"""The end of a run: write dropped/, run.json and report.html, remove old files."""

import json
import platform
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tamis.addresses import open_settings, without_secrets
from tamis.documents.of_run import TABLES
from tamis.inputs import InputFile, shown_places, warc_paths
from tamis.recipe.load import Recipe
from tamis.runner.dropped.publish import (
    DroppedInput,
    DroppedWork,
    publish_dropped,
    smallest_keys,
    thresholds,
)
from tamis.runner.dropped.rows import masking_fingerprint
from tamis.runner.estimate import bill_of, estimated
from tamis.runner.store import last_summary, write_run
from tamis.storage import Storage
from tamis.storage.parquet import first_name
from tamis.storage.records import sealed
from tamis.tally import Lost, RunSummary, Tally, add
from tamis.warc.splits import UNKNOWN_SIZE
from tamis.work.commits import Commit, fingerprint_of
from tamis.work.fingerprints import (
    file_sha256,
    icu_version,
    library_version,
    stage_dependencies,
)
from tamis.work.ledger import records_of
from tamis.work.tasks import WHOLE, Task, Tasks

LastAct = Callable[[], None]

_INPUTS_PER_TASK = 1000
_INDENTED_INPUTS = 1000
# Folders whose files are those of the last run, whatever other runs made.
_OF_LAST_RUN = ("mix", "dropped")
# What two runs over the same work differ in.
_OF_ONE_RUN: dict[str, Any] = {"seconds": 0.0, "tasks_executed": {}, "fetched": {}}
_MARK = re.compile(r"-[0-9a-f]{16}\.json$")


def finish(
    recipe: Recipe,
    tasks: Tasks,
    files: Sequence[InputFile],
    *,
    dropped: Sequence[DroppedInput],
    work: DroppedWork,
    tally: Tally,
    missing: Mapping[str, str],
    lost: Lost,
    manifests: Mapping[str, Any],
    files_of_barriers: Collection[str],
    last_acts: Sequence[LastAct],
    executor: str,
    fetched: Callable[[], dict[str, int]],
    seconds: float,
    is_complete: bool,
) -> RunSummary:
    """Publish what was dropped, and write the run summary and the report.

    A complete run also publishes the manifests, lets barriers conclude, and removes the
    mix and the dropped pages of the run before it.
    """
    published = _publish(tasks, dropped, work)
    add(tally, tasks.total("dropped", published))
    resolved = recipe.resolved()
    places, paths = shown_places(files), warc_paths(files)
    resolved["executor"]["kind"] = (
        executor  # the one that ran, not the one in the recipe
    )
    summary: RunSummary = {
        "tamis": library_version("tamis"),
        "complete": is_complete,
        "recipe": resolved,
        "versions": _versions(recipe),
        "dependencies": [
            {"label": stage.label, **open_settings(stage_dependencies(stage))}
            for stage in recipe.stages
            if stage.kind != "save"
        ],
        "models": {
            Path(without_secrets(path)).name: file_sha256(path)
            for stage in recipe.stages
            for path in stage.files()
        },
        "dated": {
            stage.label: lines for stage in recipe.stages if (lines := stage.dated())
        },
        "held": {
            stage.label: held for stage in recipe.stages if (held := stage.held())
        },
        "inputs": [
            {
                "name": file.name,
                "warc_path": paths[file.path],
                "path": places[file.path],
                "bytes": None if file.size == UNKNOWN_SIZE else file.size,
                "stamp": file.stamp,
            }
            for file in files
        ],
        "bill": bill_of(recipe.stages, tally),
        **_estimated(tasks.storage),
        "missing_inputs": dict(missing),
        "lost": lost,
        "tasks_executed": dict(sorted(tasks.executed.items())),
        "fetched": fetched(),
        "seconds": round(seconds, 3),
        **_ordered(recipe, tally),
    }
    tasks.storage.check_lock()
    if is_complete:  # from here on the new mix is published
        for name, content in manifests.items():
            tasks.storage.publish(name, sealed(content, indent=1, sort_keys=True))
    tables = _tables(dropped, published, labels=work.labels)
    before = None if tasks.executed else last_summary(tasks.storage)
    tasks.storage.publish(TABLES, sealed({"inputs": tables}))
    # Indented for people; of very many inputs nobody reads all, and Python takes a minute.
    content = sealed(summary, indent=1 if len(files) <= _INDENTED_INPUTS else None)
    tasks.storage.publish("run.json", content)
    _report(tasks.storage, summary, before)
    write_run(tasks.storage, content, tasks.used, ended=datetime.now(UTC))
    if is_complete:
        for act in last_acts:
            act()
        own = {file.path for commit in published for file in commit.files}
        _sweep(tasks, {*manifests, *files_of_barriers, *own})
    return summary


def _estimated(storage: Storage) -> RunSummary:
    """What `tamis estimate` expected of this folder; nothing if it was not asked."""
    ranges = estimated(storage)
    return {"estimated": ranges} if ranges else {}


def _report(storage: Storage, summary: RunSummary, before: RunSummary | None) -> None:
    """Write report.html, if it would show anything else than that of the run `before`."""
    if before is not None and storage.exists("report.html"):
        # As JSON has it: tuples are lists there.
        now = json.loads(json.dumps({**summary, **_OF_ONE_RUN}))
        if now == json.loads(json.dumps({**before, **_OF_ONE_RUN})):
            return
    from tamis.report.page import render_page

    storage.publish("report.html", render_page(summary, storage).encode())


def _tables(
    inputs: Sequence[DroppedInput],
    dropped: Sequence[Commit],
    *,
    labels: Sequence[str | None],
) -> dict[str, dict[str, Any]]:
    """The files that hold each input's documents in this run."""
    return {
        source.name: {
            "dropped": commit.of("dropped")[0].path,
            "saved": [file.path for file in source.part.files],
            "rows": [file.rows for file in source.part.files],
            "bytes": [file.bytes for file in source.part.files],
            "layers": [
                [label, layer.path]
                for label, layer in zip(labels, source.part.layers, strict=True)
            ],
            "duplicates": next(
                (
                    layer.path
                    for layer in reversed(source.part.layers)
                    if layer.dataset == "duplicates"
                ),
                None,
            ),
            "inputs": list(source.part.input_names),
        }
        for source, commit in zip(inputs, dropped, strict=True)
    }


def _publish(
    tasks: Tasks, inputs: Sequence[DroppedInput], work: DroppedWork
) -> list[Commit]:
    """One commit for each input."""
    if not inputs:
        return []
    masking = masking_fingerprint()
    fingerprints = [
        fingerprint_of(
            [first_name(file.path) for file in source.sidecars],
            source.part.fingerprint,
            [work.keep_text, work.labels, str(work.signals), masking, work.masks],
        )
        for source in inputs
    ]
    chunks = [
        (
            fingerprints[first : first + _INPUTS_PER_TASK],
            inputs[first : first + _INPUTS_PER_TASK],
        )
        for first in range(0, len(inputs), _INPUTS_PER_TASK)
    ]
    drawn = tasks.run(
        "samples",
        [
            Task(f"chunk-{number}", fingerprint_of(some), smallest_keys, (work, chunk))
            for number, (some, chunk) in enumerate(chunks)
        ],
    )
    limits = thresholds([commit.tally for commit in drawn])
    limits_fingerprint = fingerprint_of(
        sorted([*group, key] for group, key in limits.items())
    )
    return tasks.run(
        "dropped",
        [
            Task(
                source.name,
                fingerprint_of(fingerprint, limits_fingerprint),
                publish_dropped,
                (work, source, limits),
            )
            for fingerprint, source in zip(fingerprints, inputs, strict=True)
        ],
    )


def _ordered(recipe: Recipe, tally: Tally) -> Tally:
    """The tally with its stages in the recipe's order, barriers' seconds added."""
    stages = tally.get("stages", {})
    for name, about in tally.get("barriers", {}).items():
        if name in stages:
            stages[name]["seconds"] = about.get("seconds", 0.0)
    labels = [stage.label for stage in recipe.stages if stage.kind != "save"]
    tally["stages"] = {label: stages[label] for label in labels if label in stages}
    return tally


def _versions(recipe: Recipe) -> dict[str, str]:
    names = {name for stage in recipe.stages for name in stage.libraries()}
    names |= {"pyarrow", "numpy", "numba", "ray"}
    return {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "icu": icu_version(),
        **{name: library_version(name) for name in sorted(names)},
    }


def _sweep(tasks: Tasks, named: Collection[str]) -> None:
    """Leave in mix/ and dropped/ what this run published, and nothing half-written.

    Only files go that a record of this folder lists, and none behind a link. Saved
    documents, layers and work of other configurations stay, so that a configuration that
    comes back finds them. Records are read only where an earlier run left something.
    """
    storage = tasks.storage
    others = {n for folder in _OF_LAST_RUN for n in storage.names(folder)}.difference(
        named
    )
    listed: set[str] = set()
    for _, commit in records_of(storage) if others else ():
        listed |= others.intersection(file.path for file in commit.files)
        if commit.key == WHOLE:
            listed |= others.intersection(commit.tally.get("manifests", ()))
    marks = [n for n in storage.names("work/marks") if _MARK.search(n)]
    going = [*sorted(listed), *marks]
    own = [name for name in going if not storage.is_behind_link(name)]
    if len(own) < len(going):
        tasks.progress.note(
            f"{storage.shown}: {len(going) - len(own):,} files of earlier runs stay in "
            f"{_folders(set(going) - set(own))}, as a link leads there"
        )
    storage.check_lock()
    storage.remove([*own, *storage.unfinished()])


def _folders(names: Iterable[str]) -> str:
    """The folders of the files, as messages name them."""
    return ", ".join(sorted({f"{name.rpartition('/')[0]}/" for name in names}))
