"""Estimate what a run will need, from the size of its inputs."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NamedTuple

from pydantic import TypeAdapter

from tamis.errors import StorageError
from tamis.stage import Bill, Source, Stage
from tamis.storage import Storage
from tamis.tally import RunSummary, Tally
from tamis.work.executors import TASK_BYTES

FORECAST = "estimate.json"  # what `tamis estimate` found of a recipe's input

_OUTPUT_BYTES_PER_PAGE = 8_000
# Of all stages without a bill of their own, together.
_SECONDS_PER_PAGE = 0.0025
# While a core does its last task others have none left: benchmarks/cluster_scale.py.
_TASKS_PER_CORE = 20


_PAGES = 1_000  # of a run whose rate says something of this machine
_RANGES = TypeAdapter(dict[str, Any])


class Rates(NamedTuple):
    """What a page cost in an earlier run: core seconds in front of barriers, and bytes."""

    seconds: float
    pages: int


@dataclass(frozen=True)
class Estimate:
    """Pages to read, bytes of output, hours of one core.

    `bills` are the shares of the stages that keep files under work/, by label;
    `memory_bytes` is that of the largest task, `largest` its stage.
    """

    pages: int
    disk_bytes: int
    core_hours: float
    bills: dict[str, Bill]
    memory_bytes: int = TASK_BYTES
    largest: str = ""
    measured: Rates | None = None


def estimate(
    input_bytes: int, stages: Sequence[Stage], measured: Rates | None = None
) -> Estimate:
    """The estimate for compressed archives of that size, within a factor of two.

    `measured`: what a page cost here, instead of on the machine of the benchmarks.
    """
    source = stages[0]
    assert isinstance(source, Source)
    pages = input_bytes // source.bytes_per_document()
    hours = pages * (measured.seconds if measured else _SECONDS_PER_PAGE) / 3600
    disk_bytes = pages * _OUTPUT_BYTES_PER_PAGE
    bills: dict[str, Bill] = {}
    memory, largest = TASK_BYTES, ""
    for index, stage in enumerate(stages):
        bill = stage.bill(pages, stages[:index])
        if bill is None:
            continue
        hours += bill.core_hours
        disk_bytes += bill.work_bytes + bill.layer_bytes
        if bill.work_bytes:
            bills[stage.label] = bill
        if bill.memory_bytes > memory:
            memory, largest = bill.memory_bytes, stage.label
    return Estimate(pages, disk_bytes, hours, bills, memory, largest, measured)


def rates_of(summary: RunSummary | None) -> Rates | None:
    """What a page cost in a run; null for one of few pages, which says little."""
    bill = summary.get("bill") if summary else None
    if not bill or bill["pages"] < _PAGES:
        return None
    return Rates(bill["core_hours"] * 3600 / bill["pages"], int(bill["pages"]))


def bill_of(stages: Sequence[Stage], tally: Tally) -> dict[str, float]:
    """What a run read, kept and took, in front of the first barrier that compares documents.

    pages       that the source admitted
    documents   behind the filters, before duplicates go
    core_hours  of all stages but barriers
    """
    counts = tally.get("stages", {})
    barriers = {stage.label for stage in stages if stage.kind == "barrier"}
    own = {label: about for label, about in counts.items() if label not in barriers}
    # The last stage above the barriers behind the last save.
    last = max((n for n, stage in enumerate(stages) if stage.kind == "save"), default=0)
    end = next(
        (n for n in range(last, len(stages)) if stages[n].label in barriers),
        len(stages),
    )
    labels = [stage.label for stage in stages[:end] if stage.label in own]
    return {
        "pages": tally.get("source", {}).get("admitted", 0),
        "documents": own[labels[-1]]["documents_out"] if labels else 0,
        "core_hours": sum(about.get("seconds", 0.0) for about in own.values()) / 3600,
    }


def estimated(storage: Storage) -> dict[str, list[float]]:
    """Low, expected and high of what a bill has, as estimate.json of a folder has them."""
    if not storage.exists(FORECAST):
        return {}
    with suppress(StorageError):
        found = storage.read_record(FORECAST, _RANGES)
        names = {
            "pages": "pages",
            "documents": "documents",
            "core_hours": "stage_hours",
        }
        return {
            name: [float(end) for end in found[own]]
            for name, own in names.items()
            if isinstance(found.get(own), list) and len(found[own]) == 3
        }
    return {}


def cores_kept_busy(tasks: int) -> int:
    """How many cores a pass of so many tasks keeps busy for 95 % of its time."""
    return max(1, tasks // _TASKS_PER_CORE)
