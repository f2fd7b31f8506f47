"""The tasks of a table pass: one for each saved file.

If a page killed workers, its file is divided into several tasks.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from tamis.documents.parts import Part, SavedRows
from tamis.runner.passes.chain import run_file
from tamis.runner.passes.work import Crashes, PassWork
from tamis.storage.parquet import first_name
from tamis.work.commits import Commit, File, fingerprint_of
from tamis.work.tasks import Task


def file_task(
    work: PassWork, fingerprint: str, rows: SavedRows, *, crashes: Crashes = ()
) -> Task:
    """A task that takes the rows through the pass, without those in `crashes`."""
    file, start, stop = rows.file, rows.start, rows.stop
    path = first_name(file.path)
    key = path.rpartition("/")[2].removesuffix(".parquet")
    if (start, stop) != (0, file.rows):
        key = f"{key}-{start}-{stop}"

    def isolate(mark: Any) -> Sequence[Task]:
        if crashes or not mark or "row" not in mark:
            return ()
        row, crash = int(mark["row"]), (int(mark["id"]), str(mark["stage"]))
        ranges: list[tuple[int, int, Crashes]] = [
            (start, row, ()),
            (row, row + 1, (crash,)),
            (row + 1, stop, ()),
        ]
        return [
            file_task(
                work, fingerprint, replace(rows, start=first, stop=last), crashes=why
            )
            for first, last, why in ranges
            if first < last
        ]

    def alone(mark: Any) -> tuple[Any, ...]:
        row = int(mark["row"])
        return (work, replace(rows, start=row, stop=row + 1))

    # Layers count by content: settings that give the same layer redo nothing below it.
    layers = [[label, first_name(layer.path)] for label, layer in rows.layers]
    below = [rows.first, *layers] if layers else []
    return Task(
        key=key + ("-crash" if crashes else ""),
        fingerprint=fingerprint_of(fingerprint, path, start, stop, crashes, *below),
        function=run_file,
        arguments=(work, rows, crashes),
        isolate=isolate,
        alone=alone,
    )


def saved_rows(
    commits: Sequence[Commit], labels: Sequence[str | None], part: Part | None
) -> list[SavedRows]:
    """The files that an input's tasks saved, with their layers.

    `labels` are the stages of the layers of `part`, which is null without layers.
    """
    layers: tuple[tuple[str | None, File], ...] = ()
    if part is not None:
        layers = tuple(zip(labels, part.layers, strict=True))
    found: list[SavedRows] = []
    first = 0
    for commit in commits:
        for saved in commit.of(saved_name(commit)):
            found.append(SavedRows(saved, 0, saved.rows, layers, first))
            first += saved.rows
    return found


def saved_name(commit: Commit) -> str:
    """The save that a task of a pass wrote to: its first file."""
    return commit.files[0].dataset
