"""Connected components of the documents that edges touch, by union-find.

Ordinals go up to 10^10, and edges touch few of them. A bitmap says which ones, and the
number of set bits before an ordinal is its place among the touched ones: its `rank`. So
memory is a quarter of a byte for each document and eight bytes for each touched one, at
most 2^32 of them.

    bits     (words,)    uint64  bit o % 64 of word o // 64 is set when o is touched
    counts   (words,)    int64   touched ordinals before each word
    parents  (touched,)  uint32  parents[i] <= i, roots point at themselves

The smaller place becomes the root, so a component is named after its first document,
and the order of edges changes nothing.
"""

import numpy as np
from numpy.typing import NDArray

from tamis.compiled import kernel

Bits = NDArray[np.uint64]
Ordinals = NDArray[np.uint64]
Parents = NDArray[np.uint32]

_ONE = np.uint64(1)


def no_bits(documents: int) -> Bits:
    """A bitmap with room for `documents` ordinals, none of them set."""
    return np.zeros(documents // 64 + 1, np.uint64)


@kernel
def set_bits(bits: Bits, ordinals: Ordinals) -> None:
    """Mark `ordinals` as touched."""
    for ordinal in ordinals:
        bits[ordinal >> np.uint64(6)] |= _ONE << (ordinal & np.uint64(63))


def running_counts(bits: Bits) -> NDArray[np.int64]:
    """How many bits are set before each word."""
    counts = np.zeros(len(bits), np.int64)
    np.cumsum(np.bitwise_count(bits)[:-1], out=counts[1:])
    return counts


@kernel
def ranks(bits: Bits, counts: NDArray[np.int64], ordinals: Ordinals) -> Parents:
    """Place of each touched ordinal among the touched."""
    places = np.empty(len(ordinals), np.uint32)
    for position in range(len(ordinals)):
        ordinal = ordinals[position]
        word = np.int64(ordinal >> np.uint64(6))
        below = bits[word] & ((_ONE << (ordinal & np.uint64(63))) - _ONE)
        places[position] = counts[word] + _ones(below)
    return places


@kernel
def ordinals_between(bits: Bits, start: int, stop: int) -> Ordinals:
    """The touched ordinals in [start, stop), ascending."""
    found = np.empty(max(stop - start, 0), np.uint64)
    count = 0
    for word in range(start >> 6, min(((stop - 1) >> 6) + 1, len(bits))):
        if bits[word] == 0:
            continue
        for bit in range(64):
            ordinal = (word << 6) | bit
            if start <= ordinal < stop and bits[word] >> np.uint64(bit) & _ONE:
                found[count] = ordinal
                count += 1
    return found[:count].copy()


@kernel
def joins(parents: Parents, left: Parents, right: Parents) -> NDArray[np.bool_]:
    """Unite the ends of each edge; returns which edges joined two components."""
    is_joining = np.zeros(len(left), np.bool_)
    for edge in range(len(left)):
        if parents[left[edge]] == parents[right[edge]]:  # most, after the first bands
            continue
        one, other = _root(parents, left[edge]), _root(parents, right[edge])
        if one != other:
            is_joining[edge] = True
            parents[max(one, other)] = min(one, other)
    return is_joining


@kernel
def compress(parents: Parents) -> None:
    """Let every place point at its root. Parents are smaller, so one pass is enough."""
    for place in range(len(parents)):
        parents[place] = parents[parents[place]]


@kernel
def component_sizes(parents: Parents) -> NDArray[np.uint32]:
    """Number of documents in each place's component, after `compress`."""
    counts = np.zeros(len(parents), np.uint32)
    for place in range(len(parents)):
        counts[parents[place]] += 1
    # Roots come first, so each is read by its members before it is read by itself.
    for place in range(len(parents) - 1, -1, -1):
        counts[place] = counts[parents[place]]
    return counts


@kernel
def _root(parents: Parents, place: np.uint32) -> np.uint32:
    """The root of `place`; the path to it is halved on the way."""
    while parents[place] != place:
        parents[place] = parents[parents[place]]
        place = parents[place]
    return place


@kernel
def _ones(word: np.uint64) -> np.int64:
    """Set bits of a word (Hacker's Delight, section 5-1)."""
    word = word - ((word >> _ONE) & np.uint64(0x5555555555555555))
    word = (word & np.uint64(0x3333333333333333)) + (
        (word >> np.uint64(2)) & np.uint64(0x3333333333333333)
    )
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((word * np.uint64(0x0101010101010101)) >> np.uint64(56))
