"""Merge joins of this run's sorted hashes with those of the index.

hashes  (rows,)   uint64  ascending; a hash may occur many times
known   (known,)  uint64  ascending; a hash may occur many times
"""

import numpy as np
from numpy.typing import NDArray

from tamis.compiled import kernel
from tamis.dedup.kernels.sorting import sort_pairs
from tamis.text.buffers import read_only

Hashes = NDArray[np.uint64]
Rows = NDArray[np.int64]


@kernel
def matching_rows(hashes: Hashes, known: Hashes) -> tuple[Rows, Rows]:
    """Every pair of places whose hashes are equal: in `hashes`, and in `known`."""
    count = place = 0
    for row in range(len(hashes)):
        place = _first_at_least(known, place, hashes[row])
        count += _equal_from(known, place, hashes[row])
    rows, places = np.empty(count, np.int64), np.empty(count, np.int64)
    count = place = 0
    for row in range(len(hashes)):
        place = _first_at_least(known, place, hashes[row])
        for other in range(place, place + _equal_from(known, place, hashes[row])):
            rows[count], places[count] = row, other
            count += 1
    return rows, places


@kernel
def _first_at_least(known: Hashes, place: int, value: np.uint64) -> int:
    while place < len(known) and known[place] < value:
        place += 1
    return place


@kernel
def _equal_from(known: Hashes, place: int, value: np.uint64) -> int:
    stop = place
    while stop < len(known) and known[stop] == value:
        stop += 1
    return stop - place


def oldest_of_each(groups: Hashes, added: NDArray[np.uint32], keepers: Hashes) -> Rows:
    """The row of each group that was added first; the lowest keeper breaks ties.

    In ascending order of the groups.
    """
    order = _order(groups)
    return _oldest(read_only(groups), read_only(added), read_only(keepers), order)


def oldest_of_pairs(groups: Hashes, added: NDArray[np.uint32], keepers: Hashes) -> Rows:
    """The first row of each pair of group and keeper, in the order of the pairs."""
    order = _order(keepers)
    order = order[_order(groups[order])]
    is_first = np.ones(len(order), np.bool_)
    is_first[1:] = (groups[order][1:] != groups[order][:-1]) | (
        keepers[order][1:] != keepers[order][:-1]
    )
    return order[is_first]


def _order(values: Hashes) -> Rows:
    """The rows in the order of their values, stable."""
    used = int(values.max(initial=0)).bit_length()
    # The sort looks at high bits first; those of ordinals are all 0.
    shifted = values << np.uint64(64 - used) if used else values
    _, order = sort_pairs(shifted, np.arange(len(values), dtype=np.uint64))
    return order.astype(np.int64)


@kernel
def _oldest(
    groups: Hashes, added: NDArray[np.uint32], keepers: Hashes, order: Rows
) -> Rows:
    found = np.empty(len(order), np.int64)
    count = 0
    for row in order:
        if count == 0 or groups[found[count - 1]] != groups[row]:
            found[count] = row
            count += 1
            continue
        best = found[count - 1]
        if added[row] < added[best] or (
            added[row] == added[best] and keepers[row] < keepers[best]
        ):
            found[count - 1] = row
    return found[:count].copy()


def ranks_within(hashes: Hashes) -> Rows:
    """Number of earlier rows with the same hash, for each row."""
    rows = np.arange(len(hashes))
    is_first = np.ones(len(hashes), np.bool_)
    is_first[1:] = hashes[1:] != hashes[:-1]
    return rows - np.maximum.accumulate(np.where(is_first, rows, 0))
