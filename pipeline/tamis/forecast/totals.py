"""Totals of a population of splits from a random sample of them, with their intervals.

The combined ratio estimator of a stratified sample (Cochran 1977, sections 6.3 and 6.11):
splits of more bytes have more of everything, so the total is that of the bytes, which is
known, times the sample's ratio.

    bytes   (n,)  of the sampled splits
    strata  (n,)  which stratum each is of
    values  (n,)  what each of them had, 0 or more

The interval is that of the total's logarithm, as totals are positive and skewed, with
Student's t for n - strata degrees of freedom. What was read whole has no interval.
"""

from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

LEVEL = 0.90


class Population(NamedTuple):
    """All splits: their bytes together, and how many there are in each stratum."""

    bytes: float
    strata: tuple[int, ...]

    @property
    def splits(self) -> int:
        return sum(self.strata)


class Sampled(NamedTuple):
    """Bytes and stratum of each split of a sample."""

    bytes: Values
    strata: NDArray[np.int64]


class Range(NamedTuple):
    """A total, and the ends of its 90 % interval."""

    low: float
    total: float
    high: float

    def times(self, factor: float) -> "Range":
        return Range(self.low * factor, self.total * factor, self.high * factor)


def total_of(values: Values, sampled: Sampled, population: Population) -> Range:
    """The population's total. Of a sample without any, the rule of three bounds it.

    Raises ValueError for a stratum of which fewer than two splits, and not all, are there.
    """
    size = len(values)
    if size == population.splits:
        whole = float(values.sum())
        return Range(whole, whole, whole)
    counts = np.bincount(sampled.strata, minlength=len(population.strata))
    strata = np.array(population.strata)
    if (counts < np.minimum(2, strata)).any():
        raise ValueError("a sample needs two splits of each stratum")
    weights = (strata / np.maximum(counts, 1))[sampled.strata]
    ratio = float((weights * values).sum() / (weights * sampled.bytes).sum())
    total = ratio * population.bytes
    if total == 0:
        return Range(0.0, 0.0, 3.0 * population.splits / size)
    variance = 0.0
    for stratum, (have, of) in enumerate(zip(counts.tolist(), strata, strict=True)):
        own = sampled.strata == stratum
        errors = values[own] - ratio * sampled.bytes[own]
        if have < of:
            spread = float(((errors - errors.mean()) ** 2).sum()) / (have - 1)
            variance += of**2 * (1 - have / of) * spread / have
    freedom = max(1, size - len(counts))
    factor = float(np.exp(students_t(freedom) * variance**0.5 / total))
    return Range(total / factor, total, total * factor)


def students_t(freedom: int) -> float:
    """The quantile of Student's t that leaves 5 % above it.

    By Hill's expansion (1970, algorithm 396) from that of the normal distribution; exact
    for one and two degrees of freedom.
    """
    tail = (1 - LEVEL) / 2
    if freedom == 1:
        return float(1 / np.tan(np.pi * tail))
    if freedom == 2:
        alpha = 4 * tail * (1 - tail)
        return float((1 - 2 * tail) * (2 / alpha) ** 0.5)
    z = NormalDist().inv_cdf(1 - tail)
    terms = (
        z,
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
    )
    return float(sum(term / freedom**power for power, term in enumerate(terms)))


def duplicate_range(half: float, whole: float, sampled: float) -> tuple[float, float]:
    """Between which shares the duplicates of the whole lie, from those of two samples.

    `half` and `whole` are the shares among half of the sample and among all of it, of which
    a share `sampled` of the population is in the sample. More documents have more
    copies: at least as many as the sample; at most, as many more with each doubling as the
    last one brought. This is no interval of a known level, and is said so.
    """
    doublings = max(0.0, float(np.log2(1 / sampled)))
    high = whole + max(0.0, whole - half) * doublings
    return whole, min(1.0, max(whole, high))
