"""What changed from one release, or run, to another: one table, whatever is compared.

Figures of both are compared one by one; of the documents it says which came in and which
left, by language and reason. Of many documents a sample is compared, the same one in both:
documents whose hashed id is a multiple of a power of two.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pydantic import TypeAdapter, with_config
from typing_extensions import TypedDict

from tamis.storage import Storage

RELEASE = "release.json"
SAMPLED_IDS = 2_000_000
_MIX = np.uint64(0x9E3779B97F4A7C15)


class Figures(TypedDict):
    """What is compared, of a release.

    languages  {code: {"documents", "tokens", ...}} of the mix
    stages     {label: {"in", "out", "reasons": {reason: documents}}}
    means      of each numeric column, over the documents of the release
    lost       largest share of the records that damage cost a run
    """

    documents: int
    tokens: int
    languages: dict[str, dict[str, Any]]
    stages: dict[str, dict[str, Any]]
    means: dict[str, float]
    lost: float


class Change(NamedTuple):
    """A figure before and after; null where one of them has none.

    `of`: tokens, documents, language_share, drop_rate, mean, lost, new_documents,
    entered, left.
    """

    of: str
    name: str
    before: float | None
    after: float | None

    @property
    def by(self) -> float:
        """The difference; of tokens and documents as a share of what there was."""
        before, after = self.before or 0.0, self.after or 0.0
        if self.of in ("tokens", "documents"):
            return (after - before) / before if before else 0.0
        return after - before


@with_config(extra="forbid")
class Made(TypedDict):
    """release.json: what a release is made of, and how it differs from the one before.

    runs      {name: hash of the recipe of which the run was made}
    against   the release that it is compared with; null for the first
    ids       the file that has the ids of one document in `every`
    changes   rows of `Change`
    """

    id: str
    runs: dict[str, str]
    figures: Figures
    against: str | None
    every: int
    ids: str
    changes: list[tuple[str, str, float | None, float | None]]


_MADE = TypeAdapter(Made)


def read_made(release: Storage) -> Made:
    """release.json. Raises StorageError."""
    found: Made = release.read_record(RELEASE, _MADE)
    figures = found["figures"]
    kinds = (
        (figures["languages"], ("documents", "tokens")),
        (figures["stages"], ("in", "out")),
    )
    for rows, names in kinds:
        for name, about in rows.items():
            if not all(isinstance(about.get(one), int) for one in names):
                raise release.damaged(RELEASE, f"it does not say how much {name!r} is")
    return found


def changes_of(made: Made) -> list[Change]:
    return [Change(*change) for change in made["changes"]]


def figures_changed(before: Figures, after: Figures) -> list[Change]:
    """Every figure of the two, the same kinds of figures together."""
    rows = [
        Change("documents", "", before["documents"], after["documents"]),
        Change("tokens", "", before["tokens"], after["tokens"]),
        Change("lost", "", before["lost"], after["lost"]),
    ]
    shares = [_shares(figures) for figures in (before, after)]
    rates = [_drop_rates(figures) for figures in (before, after)]
    means = [before["means"], after["means"]]
    for of, (first, second) in (
        ("language_share", shares),
        ("drop_rate", rates),
        ("mean", means),
    ):
        names = dict.fromkeys([*first, *second])
        rows += [Change(of, name, first.get(name), second.get(name)) for name in names]
    return rows


def left_of(before: pa.Table, after: pa.Table) -> pa.Table:
    """The rows of `before` whose documents are not in `after`."""
    known = after["id"].combine_chunks()
    return before.filter(pc.invert(pc.is_in(before["id"], known)))


def documents_changed(
    before: pa.Table, after: pa.Table, reasons: Mapping[int, str], every: int
) -> list[Change]:
    """As `documents_moved`, with the reasons of documents that left by id."""
    left = left_of(before, after)
    why = [reasons.get(id_) for id_ in left["id"].to_pylist()]
    return documents_moved(before, after, left, pa.array(why, pa.string()), every)


def documents_moved(
    before: pa.Table, after: pa.Table, left: pa.Table, reasons: pa.Array, every: int
) -> list[Change]:
    """Documents that came in and that left, by language and reason.

    Tables have `id`, `language` and `crawl`, of one document in `every`. `reasons` are
    those of the rows of `left`, null where nothing is known; what came in has its crawl as
    the reason, unless the crawl was there before.
    """
    entered = left_of(after, before)
    is_known = pc.is_in(entered["crawl"], before["crawl"].unique())
    crawls = pc.fill_null(entered["crawl"], "None")
    new = pc.binary_join_element_wise("new: ", crawls, "")
    came = _by_reason(entered["language"], pc.if_else(is_known, "drawn now", new))
    went = _by_reason(left["language"], pc.fill_null(reasons, "not there"))
    share = entered.num_rows / after.num_rows if after.num_rows else 0.0
    return [
        Change("new_documents", "", 0.0, share),
        *(Change("entered", name, None, n * every) for name, n in came),
        *(Change("left", name, n * every, None) for name, n in went),
    ]


def _by_reason(languages: pa.ChunkedArray, reasons: Any) -> list[tuple[str, int]]:
    """How many documents there are of each language and reason, the most first."""
    named = pc.if_else(pc.equal(languages, ""), None, languages)
    both = pc.binary_join_element_wise(pc.fill_null(named, "unknown"), reasons, ", ")
    counts = pc.value_counts(both).to_pylist()
    return Counter({one["values"]: one["counts"] for one in counts}).most_common()


def beyond(changes: Sequence[Change], bounds: Mapping[str, float | None]) -> list[str]:
    """A line for each change that is beyond its bound, the largest of each kind."""
    found = []
    for bound, most in bounds.items():
        of = {"score_mean": "mean"}.get(bound, bound)
        own = [
            change
            for change in changes
            if change.of == of and (of != "mean" or change.name.endswith("score"))
        ]
        if most is None or not own:
            continue
        worst = max(own, key=lambda change: _size(change))
        if _size(worst) > most:
            name = f" of {worst.name}" if worst.name else ""
            found.append(
                f"{bound}{name}: {_number(worst.before)} -> {_number(worst.after)}, over "
                f"the bound {most:g}"
            )
    return found


def sample_every(documents: int) -> int:
    """One document in so many is compared: a power of two, so that a sample of one in
    four is part of one in two.
    """
    return 1 << max(0, -(-documents // SAMPLED_IDS) - 1).bit_length()


def sampled(ids: NDArray[np.uint64], every: int) -> NDArray[np.bool_]:
    """Which documents are in a sample of one in `every`."""
    if every == 1:
        return np.ones(len(ids), np.bool_)
    hashed = (ids * _MIX) >> np.uint64(32)
    found: NDArray[np.bool_] = (hashed % np.uint64(every)) == 0
    return found


def _size(change: Change) -> float:
    # These are bounds on what is, not on how it changed.
    if change.of in ("lost", "new_documents"):
        return change.after or 0.0
    return abs(change.by)


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.6g}"


def _shares(figures: Figures) -> dict[str, float]:
    total = sum(about["tokens"] for about in figures["languages"].values())
    return {
        language: about["tokens"] / total if total else 0.0
        for language, about in figures["languages"].items()
    }


def _drop_rates(figures: Figures) -> dict[str, float]:
    rates = {}
    for label, about in figures["stages"].items():
        entered = about["in"]
        if entered:
            rates[label] = (entered - about["out"]) / entered
            for reason, count in about["reasons"].items():
                rates[f"{label}: {reason}"] = count / entered
    return rates
