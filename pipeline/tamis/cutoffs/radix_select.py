"""Find the cutoff of a ranking, the last document to stay, by a radix selection.

Documents are ranked by a key of 128 bits, first the value's and then the id's, the best
first. The key is read as eight digits of 16 bits. Counting the first digit of every
document says which of 65,536 buckets has the cutoff; counting the second digit of that
bucket's documents narrows it down again. So the cutoff is exact for any number of
documents, and memory holds only a table of counts and, when a bucket is small enough,
its keys. Counts add up: neither the order of files nor how they are cut can change the
outcome.

    values  (documents,)  uint64  of the value, see `value_keys`
    ids     (documents,)  uint64  rank equal values: the smaller id is better
"""

from fractions import Fraction
from math import ceil
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Keys = NDArray[np.uint64]

DIGITS = 8
_BITS = 16
_SIGN = np.uint64(1 << 63)


class Key(NamedTuple):
    """A place in the ranking. In a prefix the unknown digits are 0."""

    value: int
    id: int


class Search(NamedTuple):
    """What is known about the cutoff: its first `digits` digits, and its rank.

    The rank is the weight, from 1, that is reached at the cutoff by the documents that
    share these digits; at 0 none of them stays. None before any sum.
    """

    digits: int = 0
    prefix: Key = Key(0, 0)
    rank: int | None = None


def value_keys(values: NDArray[np.float64], *, largest_first: bool) -> Keys:
    """Numbers that ascend from the best value to the worst. NaN is not allowed.

    -0.0 is 0.0. A float's bits ascend with its value once the sign bit is flipped, and
    all bits of a negative one.
    """
    bits = (values + 0.0).view(np.uint64)
    ascending = np.where(bits & _SIGN, ~bits, bits | _SIGN)
    return ~ascending if largest_first else ascending


def places(share: float, documents: int) -> int:
    """Number of documents in a share, rounded up; the decimal counts: 0.07 of 100 is 7."""
    return ceil(Fraction(str(share)) * documents)


def shares_prefix(values: Keys, ids: Keys, search: Search) -> NDArray[np.bool_]:
    """Which documents may still be the cutoff: those that share the known digits."""
    of_value = min(search.digits, DIGITS // 2)
    of_id = search.digits - of_value
    found = np.ones(len(values), bool)
    if of_value:
        shift = np.uint64(64 - _BITS * of_value)
        found &= values >> shift == np.uint64(search.prefix.value) >> shift
    if of_id:
        shift = np.uint64(64 - _BITS * of_id)
        found &= ids >> shift == np.uint64(search.prefix.id) >> shift
    return found


def next_digit(values: Keys, ids: Keys, search: Search) -> NDArray[np.int64]:
    """The digit of each document after the known ones."""
    half = DIGITS // 2
    keys, place = (
        (values, search.digits) if search.digits < half else (ids, search.digits - half)
    )
    shift = np.uint64(64 - _BITS * (place + 1))
    return ((keys >> shift) & np.uint64(2**_BITS - 1)).astype(np.int64)


def narrowed(
    search: Search, digits: NDArray[np.int64], weights: NDArray[np.int64], rank: int
) -> tuple[Search, int]:
    """The search with one more digit, and the place of that digit among `digits`.

    digits   (found,)  ascending, those that some document has
    weights  (found,)  of the documents with each digit
    rank     that of the cutoff, if the search does not know it yet
    """
    rank = rank if search.rank is None else search.rank
    reached = np.cumsum(weights)
    # The first bucket that reaches the rank; rank 0 is in no bucket, and takes the first.
    bucket = min(int(np.searchsorted(reached, max(rank, 1))), len(digits) - 1)
    half = DIGITS // 2
    value, id_ = search.prefix
    if search.digits < half:
        value |= int(digits[bucket]) << (64 - _BITS * (search.digits + 1))
    else:
        id_ |= int(digits[bucket]) << (64 - _BITS * (search.digits - half + 1))
    before = int(reached[bucket] - weights[bucket])
    return Search(search.digits + 1, Key(value, id_), max(rank - before, 0)), bucket


def cutoff(
    values: Keys, ids: Keys, weights: NDArray[np.int64], rank: int
) -> Key | None:
    """The key of the last document to stay, from all that share the prefix.

    It is the first one at which the weights reach `rank`, or the last one of all. None
    if no document stays.
    """
    if rank <= 0 or len(values) == 0:
        return None
    order = np.lexsort((ids, values))
    reached = np.cumsum(weights[order])
    last = order[min(int(np.searchsorted(reached, rank)), len(order) - 1)]
    return Key(int(values[last]), int(ids[last]))


def is_below_cutoff(values: Keys, ids: Keys, last: Key | None) -> NDArray[np.bool_]:
    """Which documents are ranked below the cutoff, the last one to stay."""
    if last is None:
        return np.ones(len(values), bool)
    value, id_ = np.uint64(last.value), np.uint64(last.id)
    below: NDArray[np.bool_] = (values > value) | ((values == value) & (ids > id_))
    return below
