"""How a table of robots.txt is written: sorted runs, then their merge by ranges of keys.

A crawl asks tens of millions of hosts, some of them several times. Answers are gathered
up to a limit and written as a run, sorted by host. The runs are memory-mapped, and
merged one 256th of the keys after another. So memory is that of one run or one range,
for any number of archives.

If a host was asked several times, the latest answer counts; of two in the same second,
the one that compares higher, so that the order of the archives does not matter. A host
that refuses nothing is kept in the runs, where it replaces its earlier answers, and
left out of the table.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tamis.rights.robots import Robots
from tamis.rights.robots_table import SCHEMA, key_of, seal

# A row of a run: its key, groups and signals ("" for none), rsl and date.
Row = tuple[int, str, str, bool, str]

_RUN = pa.schema([*SCHEMA, ("date", pa.string())])
_RUN_ROWS = 200_000
_RUN_BYTES = 1 << 26  # of groups and signals: some hosts have thousands of rules
_BATCH_ROWS = 1 << 16
_RANGES = 256


class Answer(NamedTuple):
    """A host's answer, and its date as the archive spells it."""

    host: str
    date: str
    robots: Robots


class Written(NamedTuple):
    rows: int
    hosts: int  # that were asked, including those that refuse nothing


def write_runs(
    answers: Iterable[Answer],
    folder: Path,
    *,
    run_rows: int = _RUN_ROWS,
    run_bytes: int = _RUN_BYTES,
) -> list[Path]:
    """Sorted runs of the answers: new files in `folder`."""
    paths: list[Path] = []
    rows: list[Row] = []
    size = 0
    for host, date, robots in answers:
        groups = json.dumps(robots.groups) if robots.groups else ""
        signals = json.dumps(robots.signals) if robots.signals else ""
        rows.append((key_of(host), groups, signals, robots.rsl, date))
        size += len(groups) + len(signals)
        if len(rows) >= run_rows or size >= run_bytes:
            paths.append(_spilled(rows, folder))
            rows, size = [], 0
    if rows:
        paths.append(_spilled(rows, folder))
    return paths


def merge_runs(
    runs: Sequence[Path],
    path: Path,
    *,
    agents: Sequence[str] = (),
    ranges: int = _RANGES,
) -> Written:
    """Write the table of the runs' hosts; `path` is replaced when all is written."""
    partial = path.with_name(f"{path.name}.{uuid4().hex}.partial")
    tables = [pa.ipc.open_file(pa.memory_map(str(run))).get_batch(0) for run in runs]
    days = [day.decode() for table in tables for day in table.schema.metadata.values()]
    schema = SCHEMA.with_metadata({"agents": " ".join(agents), **_dates(days)})
    rows = hosts = 0
    try:
        with pa.OSFile(str(partial), "wb") as file, pa.ipc.new_file(file, schema) as to:
            for answers in _in_ranges(tables, ranges):
                latest = _latest(answers)
                says = pc.or_(
                    pc.or_(
                        pc.not_equal(latest["groups"], ""),
                        pc.not_equal(latest["signals"], ""),
                    ),
                    latest["rsl"],
                )
                kept = latest.filter(says).select(SCHEMA.names)
                kept = kept.replace_schema_metadata(schema.metadata)
                if len(kept):  # an empty batch has no first key for the index
                    to.write_table(kept, max_chunksize=_BATCH_ROWS)
                hosts += len(latest)
                rows += len(kept)
        seal(partial)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return Written(rows, hosts)


def _spilled(rows: list[Row], folder: Path) -> Path:
    path = folder / f"{uuid4().hex}.run"
    columns = [
        pa.array(column, field.type)
        for column, field in zip(zip(*rows, strict=True), _RUN, strict=True)
    ]
    table = _latest(pa.table(columns, schema=_RUN)).combine_chunks()
    table = table.replace_schema_metadata(_dates(row[-1] for row in rows))
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, table.schema) as to:
        to.write_table(table)  # one batch
    return path


def _dates(days: Iterable[str]) -> dict[str, str]:
    """The first and the last of the days of answers, as a schema's metadata."""
    found = [day[:10] for day in days if day]
    return {"from": min(found, default=""), "to": max(found, default="")}


def _latest(answers: pa.Table) -> pa.Table:
    """One row for each host, in the order of the keys."""
    # So that of two in the same second the one that refuses more comes first.
    refusals = pc.count_substring(answers["signals"], ", false]")
    ordered = answers.take(
        pc.sort_indices(
            answers.append_column("refusals", refusals),
            [
                ("key", "ascending"),
                ("date", "descending"),
                ("groups", "descending"),
                ("refusals", "descending"),
                ("signals", "descending"),
                ("rsl", "descending"),
            ],
        )
    )
    keys = ordered["key"].to_numpy()
    is_first = np.concatenate([[True], keys[1:] != keys[:-1]])[: len(keys)]
    return ordered.filter(pa.array(is_first))


def _in_ranges(runs: Sequence[pa.RecordBatch], ranges: int) -> Iterator[pa.Table]:
    """The rows of all runs, in `ranges` tables: equal ranges of the keys, in order."""
    bounds = np.array([(number << 64) // ranges for number in range(ranges)], np.uint64)
    cuts = [
        [*np.searchsorted(run["key"].to_numpy(), bounds).tolist(), len(run)]
        for run in runs
    ]
    for number in range(ranges):
        pieces = [
            run.slice(own[number], own[number + 1] - own[number])
            for run, own in zip(runs, cuts, strict=True)
        ]
        answers = pa.Table.from_batches([piece for piece in pieces if len(piece)], _RUN)
        if len(answers):
            yield answers
