"""What a finished run should be looked at for: on the terminal and in the report."""

from collections.abc import Iterator

from tamis.tally import RunSummary


def alarm_lines(run_summary: RunSummary) -> Iterator[str]:
    """One line for each alarm of a barrier, in the order of the recipe."""
    for tally in run_summary.get("barriers", {}).values():
        yield from tally.get("alarms", ())
