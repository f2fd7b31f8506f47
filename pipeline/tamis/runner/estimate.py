"""Estimate what a run will need, from the size of its inputs."""

from collections.abc import Sequence
from dataclasses import dataclass

from tamis.stage import Bill, Source, Stage

_OUTPUT_BYTES_PER_PAGE = 8_000
# Of all stages without a bill of their own, together.
_SECONDS_PER_PAGE = 0.0025


@dataclass(frozen=True)
class Estimate:
    """Pages to read, bytes of output, hours of one core.

    `bills` are the shares of the stages that keep files under work/, by label.
    """

    pages: int
    disk_bytes: int
    core_hours: float
    bills: dict[str, Bill]


def estimate(input_bytes: int, stages: Sequence[Stage]) -> Estimate:
    """The estimate for compressed archives of that size, within a factor of two."""
    source = stages[0]
    assert isinstance(source, Source)
    pages = input_bytes // source.bytes_per_document()
    hours = pages * _SECONDS_PER_PAGE / 3600
    disk_bytes = pages * _OUTPUT_BYTES_PER_PAGE
    bills: dict[str, Bill] = {}
    for index, stage in enumerate(stages):
        bill = stage.bill(pages, stages[:index])
        if bill is None:
            continue
        hours += bill.core_hours
        disk_bytes += bill.work_bytes + bill.layer_bytes
        if bill.work_bytes:
            bills[stage.label] = bill
    return Estimate(pages, disk_bytes, hours, bills)
