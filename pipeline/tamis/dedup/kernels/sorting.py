"""Sort (hash, ordinal) pairs by all 64 bits of the hash, in linear time.

A scatter by the highest byte cuts the pairs into pieces. A piece is radix-sorted by its
high bytes, as many as leave one or two pairs in each place. An insertion sort, which
then moves almost nothing, handles the remaining bits. Equal hashes keep their order, so
pairs with ascending ordinals stay ascending in every bucket. 13 ns a pair for 3*10^7
random hashes on one Zen 4 core.

    hashes    (pairs,)  uint64
    ordinals  (pairs,)  uint32 or uint64
"""

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from tamis.compiled import kernel

Hashes = NDArray[np.uint64]
Ordinals = NDArray[Any]
Ordinal = TypeVar("Ordinal", np.uint32, np.uint64)

_DIGIT_BITS = 8
_VALUES = 1 << _DIGIT_BITS
_MASK = np.uint64(_VALUES - 1)
_PIECE_PAIRS = 1 << 16
_MAX_SCATTER_BITS = 8  # more places than lines of the first cache cost double
_MAX_MOVES = 32  # a pair; random hashes need about one


def sort_pairs(
    hashes: Hashes,
    ordinals: NDArray[Ordinal],
    room: tuple[Hashes, NDArray[Ordinal]] | None = None,
) -> tuple[Hashes, NDArray[Ordinal]]:
    """Both arrays in ascending order of the hash, stable. The input does not change.

    The result is written to `room`, arrays at least as long. Reusing it for many sorts
    saves the allocation of new pages, which can cost as much as the sort.
    """
    # Allocated here and not in a kernel, because numpy requests huge pages: a scatter
    # writes to many places that are far apart.
    room = room or (np.empty_like(hashes), np.empty_like(ordinals))
    out = room[0][: len(hashes)], room[1][: len(hashes)]
    bits = min((len(hashes) // _PIECE_PAIRS).bit_length(), _MAX_SCATTER_BITS)
    if bits:
        stops = _scatter(hashes, ordinals, *out, bits)
    else:
        out[0][:], out[1][:] = hashes, ordinals
        stops = np.array([0, len(hashes)])
    largest = int(np.diff(stops).max())
    spare = np.empty(largest, hashes.dtype), np.empty(largest, ordinals.dtype)
    _sort_pieces(*out, *spare, stops, 64 - bits)
    return out


@kernel
def _scatter(
    hashes: Hashes,
    ordinals: Ordinals,
    out_hashes: Hashes,
    out_ordinals: Ordinals,
    bits: int,
) -> NDArray[np.int64]:
    """Order the pairs by the highest `bits`; returns where each value of these begins."""
    shift = np.uint64(64 - bits)
    stops = np.zeros((1 << bits) + 1, np.int64)
    for pair in range(len(hashes)):
        stops[np.int64(hashes[pair] >> shift) + 1] += 1
    for value in range(1 << bits):
        stops[value + 1] += stops[value]
    places = stops[:-1].copy()
    for pair in range(len(hashes)):
        own = np.int64(hashes[pair] >> shift)
        place = places[own]
        places[own] = place + 1
        out_hashes[place] = hashes[pair]
        out_ordinals[place] = ordinals[pair]
    return stops


@kernel
def _sort_pieces(
    hashes: Hashes,
    ordinals: Ordinals,
    spare_hashes: Hashes,
    spare_ordinals: Ordinals,
    stops: NDArray[np.int64],
    bits: int,
) -> None:
    """Sort the pairs between any two neighbours in `stops` by their lowest `bits`."""
    for piece in range(len(stops) - 1):
        start, stop = stops[piece], stops[piece + 1]
        own_hashes, own_ordinals = hashes[start:stop], ordinals[start:stop]
        digits = 1
        while (stop - start) >> (digits * _DIGIT_BITS + 2) > 0:
            digits += 1
        lowest = max(bits - digits * _DIGIT_BITS, 0)
        _radix_sort(
            own_hashes, own_ordinals, spare_hashes, spare_ordinals, lowest, digits
        )
        if not _insertion_sort(own_hashes, own_ordinals):
            # The values are no hashes: many share their high bits and differ below.
            lowest, digits = 0, 64 // _DIGIT_BITS
            _radix_sort(
                own_hashes, own_ordinals, spare_hashes, spare_ordinals, lowest, digits
            )


@kernel
def _radix_sort(
    hashes: Hashes,
    ordinals: Ordinals,
    spare_hashes: Hashes,
    spare_ordinals: Ordinals,
    lowest: int,
    digits: int,
) -> None:
    """Sort, stable, by `digits` digits from bit `lowest` up."""
    count = len(hashes)
    places = np.empty(_VALUES, np.int64)
    from_hashes, from_ordinals = hashes, ordinals
    to_hashes, to_ordinals = spare_hashes[:count], spare_ordinals[:count]
    for digit in range(digits):
        shift = np.uint64(lowest + digit * _DIGIT_BITS)
        for value in range(_VALUES):
            places[value] = 0
        for pair in range(count):
            places[np.int64((from_hashes[pair] >> shift) & _MASK)] += 1
        stop = 0
        for value in range(_VALUES):
            start, stop = stop, stop + places[value]
            places[value] = start
        for pair in range(count):
            own = np.int64((from_hashes[pair] >> shift) & _MASK)
            place = places[own]
            places[own] = place + 1
            to_hashes[place] = from_hashes[pair]
            to_ordinals[place] = from_ordinals[pair]
        from_hashes, to_hashes = to_hashes, from_hashes
        from_ordinals, to_ordinals = to_ordinals, from_ordinals
    if digits % 2:
        for pair in range(count):
            hashes[pair] = spare_hashes[pair]
            ordinals[pair] = spare_ordinals[pair]


@kernel
def _insertion_sort(hashes: Hashes, ordinals: Ordinals) -> bool:
    """Sort pairs that are nearly in order; false if there is too much to move.

    The order so far is stable in both cases.
    """
    moves = 0
    for pair in range(1, len(hashes)):
        own_hash, own_ordinal = hashes[pair], ordinals[pair]
        place = pair
        while place > 0 and hashes[place - 1] > own_hash:
            hashes[place] = hashes[place - 1]
            ordinals[place] = ordinals[place - 1]
            place -= 1
        hashes[place], ordinals[place] = own_hash, own_ordinal
        moves += pair - place
        if moves > _MAX_MOVES * len(hashes):
            return False
    return True
