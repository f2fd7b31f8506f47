"""How the signals of documents that passed the filters, and of others, are distributed.

What the mix did not draw has passed: it is no worse than what it drew. Bins are the same in every run, whatever the values: one pass fills them, their memory
does not grow with the documents, and two reports can be compared.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tamis.documents.of_run import InputTables
from tamis.report.bounds import Bound, bounds_of
from tamis.report.reading import batches, schema_of, spread
from tamis.schema import PROVENANCE
from tamis.storage import Storage
from tamis.tally import RunSummary

Scale = tuple[str, bool]  # a column, and whether its bins are those for values near 0

MAX_INPUTS = 16
MAX_ROWS = 1_000_000

_UNIT = np.linspace(0.0, 1.0, 21)
_LENGTH = np.linspace(0.0, 20.0, 21)
# For ratios that lie at 0.
_SMALL = np.array([0.0, *(d * 10.0**e for e in (-3, -2, -1) for d in (1, 2, 5)), 1.0])
_COUNT = np.array([0.0, *(d * 10.0**e for e in range(6) for d in (1, 2, 5)), 1e6])
_UNIT_ENDINGS = ("_ratio", "_score", "_share", "_max", "_mean")

# Shown first; the rest of what a recipe measures follows, folded.
_FIRST = (
    "language_score",
    "language_share",
    "text_chars",
    "word_count",
    "mean_word_length",
    "alphabetic_word_ratio",
    "stop_word_ratio",
    "duplicate_line_ratio",
    "top_2gram_char_ratio",
    "duplicate_5gram_char_ratio",
    "quality_score",
    "toxic_word_density",
    "toxicity_max",
)


@dataclass(frozen=True)
class Histogram:
    """Documents per bin. Bin i holds edges[i] <= value < edges[i + 1]; the last one
    also all larger values, the first all smaller ones. `bounds`: [least, most] of filters."""

    name: str
    edges: tuple[float, ...]
    kept: tuple[int, ...]
    dropped: tuple[int, ...]
    bounds: tuple[Bound, ...] = ()

    @property
    def marks(self) -> list[tuple[float, str, float]]:
        """Each bound once: where it is, in bins, whether it is the least, and its value."""
        sides = {
            (side, value)
            for bound in self.bounds
            for side, value in zip(("least", "most"), bound, strict=True)
            if value is not None
        }
        places = range(len(self.edges))
        return [
            (float(np.interp(value, self.edges, places)), side, value)
            for side, value in sorted(sides)
        ]


@dataclass
class Distributions:
    """Histograms of the signals shown `first` and of the `rest`, and what was read."""

    first: list[Histogram] = field(default_factory=list)
    rest: list[Histogram] = field(default_factory=list)
    inputs_read: int = 0
    inputs: int = 0
    kept: int = 0
    dropped: int = 0


def distributions(
    run_summary: RunSummary, storage: Storage, inputs: Sequence[InputTables]
) -> Distributions:
    """Signals of the documents that passed all filters, and of those that one dropped.

    A dropped document counts for the signals that were measured before.
    """
    found = Distributions(inputs=len(inputs))
    counts: dict[Scale, NDArray[np.int64]] = {}
    drawing = [
        label
        for label, tally in run_summary.get("barriers", {}).items()
        if "languages" in tally
    ]
    for tables in spread(inputs, MAX_INPUTS):
        if found.kept + found.dropped >= MAX_ROWS:
            break
        found.inputs_read += 1
        ids = [np.empty(0, np.uint64)]
        for batch in _signals(storage, tables.dropped, "stage"):
            has_passed = pc.is_in(batch["stage"], pa.array(drawing, pa.string()))
            batch = batch.filter(pc.invert(has_passed)).drop_columns(["stage"])
            ids.append(_values(batch, "id").astype(np.uint64))
            found.dropped += batch.num_rows
            _count(counts, batch, 1)
        dropped = np.concatenate(ids)
        for name in tables.saved:
            for batch in _signals(storage, name):
                batch_ids = batch["id"].to_numpy(zero_copy_only=False)
                kept = batch.filter(pa.array(~np.isin(batch_ids, dropped)))
                found.kept += kept.num_rows
                _count(counts, kept, 0)
    first, bounds = _chosen(run_summary), bounds_of(run_summary)
    names = {name for name, is_small in counts if not is_small}
    for name in sorted(names, key=lambda name: (first.get(name, len(first)), name)):
        is_small = (name, True) in counts and _lies_at_0(counts[name, False])
        kept_counts, dropped_counts = counts[name, is_small].tolist()
        edges = tuple((_SMALL if is_small else edges_of(name)).tolist())
        drawn = Histogram(
            name,
            edges,
            tuple(kept_counts),
            tuple(dropped_counts),
            tuple(bounds.get(name, ())),
        )
        (found.first if name in first else found.rest).append(drawn)
    return found


def edges_of(name: str) -> NDArray[np.float64]:
    """20 steps from 0 to 1, to 20 for mean lengths; 0, 1, 2, 5, 10 ... for counts."""
    if name.endswith(_UNIT_ENDINGS):
        return _UNIT
    return _LENGTH if name.startswith("mean_") else _COUNT


def counts_in(
    values: NDArray[np.float64], edges: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Number of values per bin; values outside count in the first or last bin."""
    # 0.65 stored as float32 is just below 0.65, but belongs to the bin from 0.65 on.
    nudge = 1e-5 * np.diff(edges, append=edges[-1] + 1)
    places = np.searchsorted(edges - nudge, values, side="right") - 1
    bins = len(edges) - 1
    return np.bincount(np.clip(places, 0, bins - 1), minlength=bins)


def _chosen(run_summary: RunSummary) -> dict[str, int]:
    """Names to show first and their order: the usual ones, then what dropped most."""
    reasons = {
        reason: sum(about["documents"] for about in languages.values())
        for counts in run_summary["stages"].values()
        for reason, languages in counts["dropped"].items()
    }
    costly = sorted(reasons, key=lambda reason: (-reasons[reason], reason))
    names = dict.fromkeys([*_FIRST, *costly])
    return {name: place for place, name in enumerate(names)}


def _lies_at_0(counts: NDArray[np.int64]) -> bool:
    """Whether half of all values are in the first of 20 bins."""
    return bool(2 * counts[:, 0].sum() > counts.sum())


def _signals(storage: Storage, name: str, *more: str) -> Any:
    """Batches of a file's `id` and its numeric columns, without 64-bit hashes."""
    fields = [
        each.name
        for each in schema_of(storage, name)
        if each.name not in PROVENANCE.names
        and (pa.types.is_floating(each.type) or pa.types.is_signed_integer(each.type))
    ]
    return batches(storage, name, ["id", *more, *fields])


def _count(
    counts: dict[Scale, NDArray[np.int64]], batch: pa.RecordBatch, row: int
) -> None:
    for name in batch.schema.names:
        if name == "id":
            continue
        values = _values(batch, name).astype(np.float64)
        values = values[np.isfinite(values)]
        scales = [edges_of(name), *([_SMALL] if edges_of(name) is _UNIT else [])]
        for is_small, edges in enumerate(scales):
            key = name, bool(is_small)
            total = counts.setdefault(key, np.zeros((2, len(edges) - 1), np.int64))
            total[row] += counts_in(values, edges)


def _values(batch: pa.RecordBatch, name: str) -> NDArray[Any]:
    """A column without its nulls."""
    values: NDArray[Any] = batch[name].drop_null().to_numpy(zero_copy_only=False)
    return values
