"""How the signals of kept and dropped documents are distributed.

Bins are the same in every run, whatever the values: one pass fills them, the memory
they take does not grow with the documents, and two reports can be laid side by side.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tamis.report.reading import InputTables, batches, schema_of, spread
from tamis.schema import PROVENANCE
from tamis.storage import Storage

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
    also what lies above it, the first what lies below."""

    name: str
    edges: tuple[float, ...]
    kept: tuple[int, ...]
    dropped: tuple[int, ...]


@dataclass
class Distributions:
    """`first` and `rest` of the signals, and how many rows of how many inputs gave them."""

    first: list[Histogram] = field(default_factory=list)
    rest: list[Histogram] = field(default_factory=list)
    inputs_read: int = 0
    inputs: int = 0
    kept: int = 0
    dropped: int = 0


def distributions(
    book: Mapping[str, Any], storage: Storage, inputs: Sequence[InputTables]
) -> Distributions:
    """Signals of documents that no stage dropped, and of those that one did.

    A dropped document counts where the signal was measured before it went.
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
        gone = np.concatenate(ids)
        for name in tables.saved:
            for batch in _signals(storage, name):
                is_kept = np.isin(batch["id"].to_numpy(zero_copy_only=False), gone)
                kept = batch.filter(pa.array(~is_kept))
                found.kept += kept.num_rows
                _count(counts, kept, 0)
    first = _chosen(book)
    for name in sorted(counts, key=lambda name: (first.get(name, len(first)), name)):
        kept_counts, dropped_counts = counts[name].tolist()
        edges = tuple(edges_of(name).tolist())
        drawn = Histogram(name, edges, tuple(kept_counts), tuple(dropped_counts))
        (found.first if name in first else found.rest).append(drawn)
    return found


def edges_of(name: str) -> NDArray[np.float64]:
    """Twenty steps from 0 to 1, or to 20 for a mean length; 0, 1, 2, 5, 10 ... for a count."""
    if name.endswith(_UNIT_ENDINGS):
        return _UNIT
    return _LENGTH if name.startswith("mean_") else _COUNT


def counts_in(
    values: NDArray[np.float64], edges: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Values per bin; what lies outside counts in the bin at that end."""
    # A 0.65 that was stored as float32 lies just below 0.65, and belongs above it.
    nudge = 1e-5 * np.diff(edges, append=edges[-1] + 1)
    places = np.searchsorted(edges - nudge, values, side="right") - 1
    bins = len(edges) - 1
    return np.bincount(np.clip(places, 0, bins - 1), minlength=bins)


def _chosen(book: Mapping[str, Any]) -> dict[str, int]:
    """Names to show first, with their order: the usual ones, then what dropped most."""
    reasons = {
        reason: sum(about["documents"] for about in languages.values())
        for counts in book["stages"].values()
        for reason, languages in counts["dropped"].items()
    }
    costly = sorted(reasons, key=lambda reason: (-reasons[reason], reason))
    names = dict.fromkeys([*_FIRST, *costly])
    return {name: place for place, name in enumerate(names)}


def _signals(storage: Storage, name: str) -> Any:
    """Batches of a file's `id` and its numbers; 64-bit hashes are none."""
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
