"""The place of each copy of a document in the order in which the mix takes them.

A document whose key is the share u of all keys, and which is taken `times` an epoch, has
its copies at (0 + u) / times, (1 + u) / times ... epochs. So in whole epochs every
document is taken `times`, rounded up or down by its key, and within an epoch documents
that are taken once follow their keys. Places are fixed-point: the upper 16 bits are the
epoch, the lower 48 the place in it.

    keys    (documents,)  uint64   uniform
    times   (documents,)  float64  0 or more; 1 for a document that is taken once
    copies  (n,)          int64    0 for the first copy
"""

import numpy as np
from numpy.typing import NDArray

Keys = NDArray[np.uint64]
Times = NDArray[np.float64]
Copies = NDArray[np.int64]

MAX_EPOCHS = 10_000  # so that a place has a few bits left
_FRACTION_BITS = 48
_TO_FRACTION = np.uint64(64 - _FRACTION_BITS)
_ONE_EPOCH = float(1 << _FRACTION_BITS)
_LAST_EPOCH = 65_535.0
_TWO_TO_64 = 2.0**64


def epoch_place(epoch: int) -> int:
    """The first place of an epoch."""
    return epoch << _FRACTION_BITS


def place_of(copies: Copies, keys: Keys, times: Times) -> Keys:
    """The place of a copy of each document; `times` are above 0, copies 0 or more."""
    is_once = times == 1
    once = copies.astype(np.uint64) << np.uint64(_FRACTION_BITS)
    once |= keys >> _TO_FRACTION
    shared = (copies + keys / _TWO_TO_64) / np.where(is_once, 1.0, times)
    shared = np.minimum(shared, _LAST_EPOCH)  # reached by no mix
    return np.where(is_once, once, (shared * _ONE_EPOCH).astype(np.uint64))


def copies_before(epoch: int, keys: Keys, times: Times) -> Copies:
    """How many copies of each document are taken in the epochs before `epoch`."""
    bound = np.uint64(epoch_place(epoch))
    some = np.flatnonzero(times > 0)
    keys, own = keys[some], times[some]
    copies = np.ceil(epoch * own - keys / _TWO_TO_64).clip(0).astype(np.int64)
    # Float arithmetic may be off by one copy; the place decides.
    is_over = (copies > 0) & (place_of(np.maximum(copies - 1, 0), keys, own) >= bound)
    copies -= is_over
    copies += ~is_over & (place_of(copies, keys, own) < bound)
    found = np.zeros(len(times), np.int64)
    found[some] = copies
    return found


def copies_in(epoch: int, keys: Keys, times: Times) -> tuple[NDArray[np.int64], Keys]:
    """(row, place) of every copy that is taken in one epoch, by rows."""
    first = copies_before(epoch, keys, times)
    counts = copies_before(epoch + 1, keys, times) - first
    rows = np.repeat(np.arange(len(keys)), counts)
    copies = np.arange(len(rows)) + np.repeat(
        first - (np.cumsum(counts) - counts), counts
    )
    return rows, place_of(copies, keys[rows], times[rows])
