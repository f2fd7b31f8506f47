"""How the signals of kept and dropped documents are distributed.

Bins are the same in every run, whatever the values: one pass fills them, their memory
does not grow with the documents, and two reports can be compared.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tamis.documents.of_run import InputTables
from tamis.report.reading import batches, schema_of, spread
from tamis.schema import PROVENANCE
from tamis.storage import Storage
from tamis.tally import RunSummary

MAX_INPUTS = 16
MAX_ROWS = 1_000_000

_UNIT = np.linspace(0.0, 1.0, 21)
_LENGTH = np.linspace(0.0, 20.0, 21)
_COUNT = np.array([0.0, *(d * 10.0**e for e in range(6) for d in (1, 2, 5)), 1e6])
_UNIT_ENDINGS = ("_ratio", "_score", "_share", "_max", "_mean")

# Shown first; the rest of what a recipe measures follows, folded.
_FIRST = (
    "language_score",
    "text_chars",
    "word_count",
    "mean_word_length",
    "alphabetic_word_ratio",
    "stop_word_ratio",
    "duplicate_line_ratio",
    "top_2gram_char_ratio",
    "duplicate_5gram_char_ratio",
    "toxic_word_density",
    "toxicity_max",
)


@dataclass(frozen=True)
class Histogram:
    """Documents per bin. Bin i holds edges[i] <= value < edges[i + 1]; the last one
    also all larger values, the first all smaller ones."""

    name: str
    edges: tuple[float, ...]
    kept: tuple[int, ...]
    dropped: tuple[int, ...]


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
    """Signals of the documents that no stage dropped, and of those that one dropped.

    A dropped document counts for the signals that were measured before.
    """
    found = Distributions(inputs=len(inputs))
    counts: dict[str, NDArray[np.int64]] = {}
    for tables in spread(inputs, MAX_INPUTS):
        if found.kept + found.dropped >= MAX_ROWS:
            break
        found.inputs_read += 1
        ids = [np.empty(0, np.uint64)]
        for batch in _signals(storage, tables.dropped):
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
    first = _chosen(run_summary)
    for name in sorted(counts, key=lambda name: (first.get(name, len(first)), name)):
        kept_counts, dropped_counts = counts[name].tolist()
        edges = tuple(edges_of(name).tolist())
        drawn = Histogram(name, edges, tuple(kept_counts), tuple(dropped_counts))
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


def _signals(storage: Storage, name: str) -> Any:
    """Batches of a file's `id` and its numeric columns, without 64-bit hashes."""
    fields = [
        each.name
        for each in schema_of(storage, name)
        if each.name not in PROVENANCE.names
        and (pa.types.is_floating(each.type) or pa.types.is_signed_integer(each.type))
    ]
    return batches(storage, name, ["id", *fields])


def _count(
    counts: dict[str, NDArray[np.int64]], batch: pa.RecordBatch, row: int
) -> None:
    for name in batch.schema.names:
        if name == "id":
            continue
        edges = edges_of(name)
        values = _values(batch, name).astype(np.float64)
        total = counts.setdefault(name, np.zeros((2, len(edges) - 1), np.int64))
        total[row] += counts_in(values[np.isfinite(values)], edges)


def _values(batch: pa.RecordBatch, name: str) -> NDArray[Any]:
    """A column without its nulls."""
    values: NDArray[Any] = batch[name].drop_null().to_numpy(zero_copy_only=False)
    return values
