"""Drop documents that their hosts refuse today, by a later table of robots.txt files.

Reads  host, url
Writes drop_reason  rights_robots_refused, rights_ai_train_refused, rights_rsl

It stands behind a save, and reads two columns: a corpus that was extracted years ago
honours what its hosts say now, and no page is extracted again. In a refresh it is part of
each release, and not of the runs.
"""

from typing import TYPE_CHECKING, Any, ClassVar, Literal

import pyarrow as pa

from tamis.stage import BatchFunction, Transform, drop
from tamis.stages.filter_rights import REASONS
from tamis.stages.read_rights import opened_table, path_of

if TYPE_CHECKING:
    from tamis.rights.robots import Verdict
    from tamis.rights.robots_table import RobotsTable

Refusal = Literal["robots", "ai_train", "rsl"]


class FilterRobots(Transform):
    """The table, and which of its statements drop a document."""

    path_settings: ClassVar[tuple[str, ...]] = ("table",)
    of_releases: ClassVar[bool] = True

    # The table that `tamis robots` made, such as that of the newest crawl.
    table: str
    refuse: tuple[Refusal, ...] = ("robots", "ai_train", "rsl")

    def columns_read(self) -> tuple[str, ...]:
        return ("host", "url")

    def files(self) -> tuple[str, ...]:
        return (self.table,)

    def facts(self) -> list[str]:
        return self.dated()

    def dated(self) -> list[str]:
        return [opened_table(self.table, "filter_robots.table").stated()]

    def build(self) -> BatchFunction:
        """Return a transform that fills `drop_reason`; see `reasons`."""
        table = opened_table(self.table, "filter_robots.table")

        def filter_robots(batch: pa.RecordBatch) -> pa.RecordBatch:
            return drop(batch, reasons(batch, table, self.refuse))

        return filter_robots


def reasons(
    batch: pa.RecordBatch, table: "RobotsTable", refuse: tuple[Refusal, ...]
) -> pa.StringArray:
    """The first refusal, in the order of `refuse`, of each row; null keeps the row."""
    pairs = zip(batch["host"].to_pylist(), batch["url"].to_pylist(), strict=True)
    verdicts = (table.verdict(host or "", path_of(url or "")) for host, url in pairs)
    return pa.array([_reason(verdict, refuse) for verdict in verdicts], pa.string())


def _reason(verdict: "Verdict", refuse: tuple[Refusal, ...]) -> str | None:
    said: dict[Any, bool] = {
        "robots": verdict.is_refused,
        "ai_train": verdict.ai_train is False,
        "rsl": verdict.rsl,
    }
    return next((REASONS[name] for name in refuse if said[name]), None)
