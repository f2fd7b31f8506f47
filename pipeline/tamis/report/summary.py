"""The page's small tables, all from run.json: totals, charsets, rights, seconds."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tamis.report.languages import mix_tally
from tamis.tally import RunSummary

_RIGHTS = "rights."  # of the struct that read_rights writes


@dataclass(frozen=True)
class Summary:
    """`core_seconds` are of all stages and tasks; `seconds` are wall time, last run."""

    pages: int
    documents: int | None
    rows: int
    tokens: int
    characters: int
    languages: int
    seconds: float
    core_seconds: float

    @property
    def kept(self) -> float | None:
        """Share of the pages that is in the mix, 0 to 1."""
        if self.documents is None or not self.pages:
            return None
        return self.documents / self.pages

    @property
    def seconds_per_page(self) -> float:
        return self.core_seconds / self.pages if self.pages else 0.0


@dataclass(frozen=True)
class RefusedRow:
    type: str
    status: str
    mime: str
    records: int


@dataclass(frozen=True)
class RightsRow:
    """Number of pages by the value of a signal; `neither` for pages without it."""

    signal: str
    yes: int
    no: int
    neither: int


@dataclass(frozen=True)
class SecondsRow:
    """One stage; `pages` is the number of its input pages."""

    stage: str
    seconds: float
    pages: int
    share: float

    @property
    def per_page(self) -> float:
        return self.seconds / self.pages if self.pages else 0.0


def summary_of(run_summary: RunSummary) -> Summary:
    """The totals of the run; `documents` is None if no mix was made."""
    stages = list(run_summary["stages"].values())
    languages = mix_tally(run_summary).get("languages")
    mixed = list((languages or {}).values())
    return Summary(
        pages=stages[0]["documents_in"] if stages else 0,
        documents=_sum(mixed, "documents") if languages is not None else None,
        rows=_sum(mixed, "rows"),
        tokens=_sum(mixed, "tokens"),
        characters=_sum(mixed, "characters"),
        languages=sum(about["documents"] > 0 for about in mixed),
        seconds=run_summary["seconds"],
        core_seconds=sum(counts.get("seconds", 0.0) for counts in stages),
    )


def refused_rows(run_summary: RunSummary) -> list[RefusedRow]:
    """Records that became no document, most first; `-` for no status or no type."""
    rows = [
        RefusedRow(kind, _or_hyphen(status), _or_hyphen(mime), records)
        for kind, statuses in run_summary.get("source", {}).get("refused", {}).items()
        for status, mimes in statuses.items()
        for mime, records in mimes.items()
    ]
    return sorted(rows, key=lambda row: (-row.records, row.type, row.status, row.mime))


def value_rows(run_summary: RunSummary, column: str) -> list[tuple[str, int]]:
    """Number of documents for each value of a counted column, largest first."""
    counts = run_summary.get("columns", {}).get(column, {})
    return sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))


def rights_rows(run_summary: RunSummary) -> list[RightsRow]:
    """What publishers say about reuse, by signal; empty if no stage read it."""
    columns = run_summary.get("columns", {})
    return [
        RightsRow(
            name.removeprefix(_RIGHTS),
            counts.get("True", 0),
            counts.get("False", 0),
            counts.get("null", 0),
        )
        for name, counts in columns.items()
        if name.startswith(_RIGHTS) and not name.startswith(f"{_RIGHTS}license")
    ]


def seconds_rows(run_summary: RunSummary) -> list[SecondsRow]:
    """Seconds of one core by stage, in the recipe's order."""
    total = sum(counts.get("seconds", 0.0) for counts in run_summary["stages"].values())
    return [
        SecondsRow(
            stage=stage,
            seconds=counts.get("seconds", 0.0),
            pages=counts["documents_in"],
            share=counts.get("seconds", 0.0) / total if total else 0.0,
        )
        for stage, counts in run_summary["stages"].items()
    ]


def _sum(tallies: list[Mapping[str, Any]], name: str) -> int:
    return sum(tally[name] for tally in tallies)


def _or_hyphen(value: str) -> str:
    return "-" if value in ("None", "") else value
