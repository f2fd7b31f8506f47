"""The funnel: documents and characters into and out of each stage, and the reasons."""

from dataclasses import dataclass

from rich.table import Table

from tamis.tally import RunSummary

_REASONS_SHOWN = 3


@dataclass(frozen=True)
class FunnelRow:
    """One stage. `dropped`: number of documents by reason, largest first."""

    stage: str
    documents_in: int
    documents_out: int
    characters_in: int
    characters_out: int
    seconds: float
    dropped: dict[str, int]


def funnel_rows(run_summary: RunSummary) -> list[FunnelRow]:
    """The stages of run.json in the recipe's order."""
    rows = []
    for stage, counts in run_summary["stages"].items():
        reasons = {
            reason: sum(about["documents"] for about in languages.values())
            for reason, languages in counts["dropped"].items()
        }
        ordered = sorted(reasons.items(), key=lambda entry: (-entry[1], entry[0]))
        rows.append(
            FunnelRow(
                stage=stage,
                documents_in=counts["documents_in"],
                documents_out=counts["documents_out"],
                characters_in=counts["characters_in"],
                characters_out=counts["characters_out"],
                seconds=counts.get("seconds", 0.0),
                dropped=dict(ordered),
            )
        )
    return rows


@dataclass(frozen=True)
class Loss:
    """What one stage dropped of one language for one reason."""

    stage: str
    reason: str
    language: str
    documents: int
    characters: int


def loss_rows(run_summary: RunSummary) -> list[Loss]:
    """What was dropped, by stage, reason and language: most documents first."""
    rows = [
        Loss(stage, reason, language, about["documents"], about["characters"])
        for stage, counts in run_summary["stages"].items()
        for reason, languages in counts["dropped"].items()
        for language, about in languages.items()
    ]
    return sorted(rows, key=lambda row: -row.documents)


def funnel_table(run_summary: RunSummary) -> Table:
    """The funnel for a terminal."""
    table = Table(title="Funnel", title_justify="left")
    table.add_column("stage", no_wrap=True)
    for name in ("in", "dropped", "out", "characters"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("reasons")
    for row in funnel_rows(run_summary):
        lost = row.documents_in - row.documents_out
        reasons = [f"{reason} {count:,}" for reason, count in row.dropped.items()]
        more = len(reasons) - _REASONS_SHOWN
        table.add_row(
            row.stage,
            f"{row.documents_in:,}",
            f"{lost:,}" if lost else "",
            f"{row.documents_out:,}",
            f"{row.characters_out:,}" if row.characters_out else "",
            ", ".join(reasons[:_REASONS_SHOWN])
            + (f", {more} more" if more > 0 else ""),
        )
    return table
