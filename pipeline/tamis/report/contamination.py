"""Contamination by benchmark: exact, from run.json only."""

from dataclasses import dataclass

from tamis.tally import RunSummary

_COLUMN = "contaminated_by"


@dataclass(frozen=True)
class ContaminationRow:
    """A benchmark: the instances in its files, the documents that hold some of one, and
    those of them that were dropped for it."""

    stage: str
    benchmark: str
    instances: int
    documents: int
    dropped: int


def contamination_rows(run_summary: RunSummary) -> list[ContaminationRow]:
    """Every benchmark of the recipe, that with most documents first."""
    rows = []
    for label, held in run_summary.get("held", {}).items():
        documents, dropped = _counts(run_summary, label)
        rows += [
            ContaminationRow(
                stage=label,
                benchmark=name,
                instances=instances,
                documents=documents.get(name, 0),
                dropped=dropped.get(name, 0),
            )
            for name, instances in held.items()
        ]
    return sorted(rows, key=lambda row: (-row.documents, row.stage, row.benchmark))


def _counts(
    run_summary: RunSummary, label: str
) -> tuple[dict[str, int], dict[str, int]]:
    """Documents by benchmark, and those dropped: of a barrier, or by the columns."""
    tally = run_summary.get("barriers", {}).get(label, {}).get("benchmarks")
    if tally is not None:
        return tally["documents"], tally["dropped"]
    prefix = label.rpartition(".")[0]
    column = f"{prefix}_{_COLUMN}" if prefix else _COLUMN
    kept = run_summary.get("columns", {}).get(column, {})
    dropped = run_summary.get("columns_dropped", {}).get(column, {})
    names = {*kept, *dropped}
    return {name: kept.get(name, 0) + dropped.get(name, 0) for name in names}, dropped
