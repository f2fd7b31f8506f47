"""What `tamis estimate` expected, beside what the run was."""

from typing import NamedTuple

from tamis.tally import RunSummary


class BillRow(NamedTuple):
    """A number of the run, and the ends of the interval that was expected."""

    what: str
    low: float
    expected: float
    high: float
    was: float

    @property
    def is_within(self) -> bool:
        return self.low <= self.was <= self.high


def bill_rows(summary: RunSummary) -> list[BillRow]:
    """A row for each number that was estimated; none where nothing was."""
    estimated = summary.get("estimated", {})
    bill = summary.get("bill", {})
    rows = []
    for what, (low, expected, high) in estimated.items():
        if what in bill:
            rows.append(BillRow(what, low, expected, high, bill[what]))
    return rows
