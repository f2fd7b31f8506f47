"""Estimate what a run will need, from the size of its inputs."""

from collections.abc import Sequence
from dataclasses import dataclass

from tamis.stage import Bill, Source, Stage
from tamis.work.executors import TASK_BYTES

_OUTPUT_BYTES_PER_PAGE = 8_000
# Of all stages without a bill of their own, together.
_SECONDS_PER_PAGE = 0.0025
# While a core does its last task others have none left: benchmarks/cluster_scale.py.
_TASKS_PER_CORE = 20


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


def estimate(input_bytes: int, stages: Sequence[Stage]) -> Estimate:
    """The estimate for compressed archives of that size, within a factor of two."""
    source = stages[0]
    assert isinstance(source, Source)
    pages = input_bytes // source.bytes_per_document()
    hours = pages * _SECONDS_PER_PAGE / 3600
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
    return Estimate(pages, disk_bytes, hours, bills, memory, largest)


def cores_kept_busy(tasks: int) -> int:
    """How many cores a pass of so many tasks keeps busy for 95 % of its time."""
    return max(1, tasks // _TASKS_PER_CORE)
